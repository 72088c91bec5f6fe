// Everything that a user can cause, in one table: a code, its exit code and its HTTP status.
// The same text appears in the terminal, in YAML problems and in REST answers.
// What only a bug of ours can cause is an assertion, not an entry here.

/** Exit codes of the command line. Verdicts are 0 to 2; from 64 on it is about us or the machine. */
export const exitCodes = {
  asExpected: 0,
  fail: 1,
  inconclusive: 2,
  usage: 64,
  plan: 65,
  unavailable: 69,
  bug: 70,
  interrupted: 130,
} as const

export const operatorErrors = {
  'wrong-arguments': { exit: exitCodes.usage, httpStatus: 400 },
  'wrong-plan': { exit: exitCodes.plan, httpStatus: 422 },
  'wrong-fault': { exit: exitCodes.plan, httpStatus: 422 },
  'unknown-fault': { exit: exitCodes.plan, httpStatus: 404 },
  'fault-not-in-time': { exit: exitCodes.inconclusive, httpStatus: 504 },
  'unknown-transaction': { exit: exitCodes.usage, httpStatus: 404 },
  'file-not-found': { exit: exitCodes.usage, httpStatus: 404 },
  'wrong-history': { exit: exitCodes.usage, httpStatus: 422 },
  'missing-prerequisite': { exit: exitCodes.unavailable, httpStatus: 503 },
  'cluster-unavailable': { exit: exitCodes.unavailable, httpStatus: 503 },
  'cannot-do-here': { exit: exitCodes.plan, httpStatus: 409 },
  'workload-failed-to-start': { exit: exitCodes.unavailable, httpStatus: 503 },
  'address-in-use': { exit: exitCodes.unavailable, httpStatus: 503 },
  'frame-too-large': { exit: exitCodes.bug, httpStatus: 500 },
  interrupted: { exit: exitCodes.interrupted, httpStatus: 503 },
} as const satisfies Record<string, { exit: number; httpStatus: number }>

export type OperatorErrorCode = keyof typeof operatorErrors

/** An error that a user can cause and mend. `remedy` is one sentence that says what to do. */
export class OperatorError extends Error {
  readonly code: OperatorErrorCode
  readonly remedy: string

  constructor(code: OperatorErrorCode, message: string, remedy: string) {
    super(message)
    this.name = 'OperatorError'
    this.code = code
    this.remedy = remedy
  }

  get exitCode(): number {
    return operatorErrors[this.code].exit
  }
}
