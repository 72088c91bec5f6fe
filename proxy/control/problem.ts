// Errors as REST tells them: problem details of RFC 9457, with our code, the remedy and, where a body was wrong,
// the path of each wrong field. What only a bug can cause says nothing of the inside.
import Type from 'typebox'
import { OperatorError, type OperatorErrorCode, operatorErrors } from '../errors.ts'
import { type PlanProblem, problemMessage } from '../plans/problem.ts'

export const problemMediaType = 'application/problem+json'

/** One wrong place of a body. */
export const FieldProblem = Type.Object({
  path: Type.String({ description: 'Dotted path of the wrong field within the body' }),
  message: Type.String(),
  nearest: Type.Optional(Type.String({ description: 'The nearest right word' })),
  allowed: Type.Optional(Type.Array(Type.String())),
})
export type FieldProblem = Type.Static<typeof FieldProblem>

export const Problem = Type.Object(
  {
    type: Type.String({ description: 'A URN for the code' }),
    title: Type.String(),
    status: Type.Integer(),
    code: Type.String(),
    detail: Type.String({ description: 'What is wrong' }),
    remedy: Type.String({ description: 'What to do about it' }),
    problems: Type.Optional(Type.Array(FieldProblem)),
  },
  { title: 'Problem', description: 'RFC 9457 problem details' },
)
export type Problem = Type.Static<typeof Problem>

/** Everything that REST alone can refuse, beside the operator errors that it shares with the command line. */
const restErrors = {
  'wrong-body': 400,
  'not-authorized': 401,
  'foreign-origin': 403,
  'unknown-host': 403,
  'not-found': 404,
  'no-such-method': 405,
  'not-acceptable': 406,
  conflict: 409,
  'body-too-large': 413,
  'unsupported-media-type': 415,
  'too-many-requests': 429,
  'too-many-streams': 503,
  'internal-error': 500,
} as const satisfies Record<string, number>
export type RestErrorCode = keyof typeof restErrors
export type ProblemCode = RestErrorCode | OperatorErrorCode

export function statusOf(code: ProblemCode): number {
  return code in restErrors
    ? restErrors[code as RestErrorCode]
    : operatorErrors[code as OperatorErrorCode].httpStatus
}

/** An error that a caller of REST can cause and mend. */
export class RestError extends Error {
  readonly problem: Problem

  constructor(
    code: RestErrorCode,
    detail: string,
    remedy: string,
    problems: readonly FieldProblem[] = [],
  ) {
    super(detail)
    this.name = 'RestError'
    this.problem = problemOf(code, detail, remedy, problems)
  }
}

export function problemOf(
  code: ProblemCode,
  detail: string,
  remedy: string,
  problems: readonly FieldProblem[] = [],
  status: number = statusOf(code),
): Problem {
  return {
    type: `urn:eos-gauntlet:${code}`,
    title: code.replaceAll('-', ' '),
    status,
    code,
    detail,
    remedy,
    ...(problems.length === 0 ? {} : { problems: [...problems] }),
  }
}

/** Problems of a plan's reader, with paths from the body that was sent. */
export function fieldProblems(
  problems: readonly PlanProblem[],
  pathOf: (path: string) => string = (path) => path,
): FieldProblem[] {
  return problems.map((problem) => ({
    path: pathOf(problem.path),
    message: problemMessage(problem),
    ...(problem.nearest === undefined ? {} : { nearest: problem.nearest }),
    ...(problem.allowed === undefined ? {} : { allowed: [...problem.allowed] }),
  }))
}

/** What fastify itself refuses, by its own code. */
const frameworkCodes: Readonly<Record<string, { code: RestErrorCode; remedy: string }>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: { code: 'body-too-large', remedy: 'Send a smaller body.' },
  FST_ERR_CTP_INVALID_MEDIA_TYPE: {
    code: 'unsupported-media-type',
    remedy: 'Send application/json, or application/yaml where a plan is asked for.',
  },
  FST_ERR_CTP_EMPTY_JSON_BODY: { code: 'wrong-body', remedy: 'Send a JSON body.' },
  FST_ERR_CTP_INVALID_JSON_BODY: { code: 'wrong-body', remedy: 'Send well-formed JSON.' },
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: {
    code: 'wrong-body',
    remedy: 'Let Content-Length be the length of the body.',
  },
  FST_ERR_BAD_URL: { code: 'wrong-body', remedy: 'Encode what stands in the path.' },
  FST_ERR_VALIDATION: { code: 'wrong-body', remedy: 'See /docs for what is asked for.' },
}

interface Thrown {
  code?: string
  message?: string
  statusCode?: number
  validation?: readonly { instancePath?: string; message?: string }[]
  validationContext?: string
}

/** The problem for whatever a route threw, or the framework refused before one was found. */
export function problemFor(error: unknown): Problem {
  if (error instanceof RestError) return error.problem
  if (error instanceof OperatorError) return problemOf(error.code, error.message, error.remedy)
  const thrown = (typeof error === 'object' && error !== null ? error : {}) as Thrown
  if (thrown.validation !== undefined) {
    const where = thrown.validationContext ?? 'body'
    const problems = thrown.validation.map(({ instancePath, message }) => ({
      path: (instancePath ?? '').replace(/^\//, '').replaceAll('/', '.'),
      message: message ?? 'is not right',
    }))
    const detail = `the ${where} is not as asked for`
    return problemOf('wrong-body', detail, 'See /docs for what is asked for.', problems)
  }
  const known = thrown.code === undefined ? undefined : frameworkCodes[thrown.code]
  if (known !== undefined) {
    return problemOf(known.code, thrown.message ?? known.code, known.remedy)
  }
  if (thrown.statusCode === 429) {
    return problemOf('too-many-requests', 'too many requests', 'Wait a moment.')
  }
  if (thrown.statusCode === 406) {
    return problemOf('not-acceptable', 'this route streams events', 'Accept text/event-stream.')
  }
  if (thrown.statusCode !== undefined && thrown.statusCode >= 400 && thrown.statusCode < 500) {
    const detail = thrown.message ?? 'the request is not right'
    const remedy = 'See /docs for what is asked for.'
    return problemOf('wrong-body', detail, remedy, [], thrown.statusCode)
  }
  return problemOf(
    'internal-error',
    'something broke in here',
    'This is a bug of eos-gauntlet; its log says more. Please report it.',
  )
}
