// Calls to the proxy's REST, with the token where one is needed. The token lives as long as the tab does.
import type { Static } from 'typebox'
import type * as answers from '../proxy/control/answers.ts'

export type Fault = Static<typeof answers.Fault>
export type Transaction = Static<typeof answers.Transaction>
export type HangingTransaction = Static<typeof answers.HangingTransaction>
export type Aborted = Static<typeof answers.Aborted>
export type Group = Static<typeof answers.Group>
export type Broker = Static<typeof answers.Broker>
export type Client = Static<typeof answers.Client>
export type Link = Static<typeof answers.Link>
export type Connection = Static<typeof answers.Connection>
export type RollingVerdict = Static<typeof answers.RollingVerdict>
export type Health = Static<typeof answers.Health>

const tokenKey = 'gauntlet-token'

export interface FieldProblem {
  path: string
  message: string
  nearest?: string
  allowed?: string[]
}

/** What the proxy said no with. */
export class Refusal extends Error {
  readonly status: number
  readonly remedy: string
  readonly problems: readonly FieldProblem[]

  constructor(status: number, detail: string, remedy: string, problems: readonly FieldProblem[]) {
    super(detail)
    this.name = 'Refusal'
    this.status = status
    this.remedy = remedy
    this.problems = problems
  }
}

export function setToken(token: string): void {
  sessionStorage.setItem(tokenKey, token)
}

/** The proxy's clock less ours, as its answers tell; seconds are all they tell, so small ones count as none. */
let clockSkewMs = 0
const clockSkewMinMs = 2_500
export const proxyNowMs = (): number => Date.now() + clockSkewMs

function noteClock(response: Response): void {
  const told = Date.parse(response.headers.get('date') ?? '')
  if (Number.isNaN(told)) return
  const skewMs = told + 500 - Date.now()
  clockSkewMs = Math.abs(skewMs) < clockSkewMinMs ? 0 : skewMs
}

export async function call(
  method: 'GET' | 'POST' | 'PUT' | 'DELETE',
  path: string,
  given: { body?: unknown; signal?: AbortSignal; accept?: string } = {},
): Promise<Response> {
  const token = sessionStorage.getItem(tokenKey)
  const response = await fetch(path, {
    method,
    headers: {
      ...(given.accept === undefined ? {} : { accept: given.accept }),
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      ...(given.body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(given.body === undefined ? {} : { body: JSON.stringify(given.body) }),
    ...(given.signal === undefined ? {} : { signal: given.signal }),
    cache: 'no-store',
  })
  noteClock(response)
  if (response.ok) return response
  // Refused with a token that is another one by now: nothing was done, and the answer says nothing of the new one.
  if (response.status === 401 && token !== sessionStorage.getItem(tokenKey)) {
    return call(method, path, given)
  }
  const problem = (await response.json().catch(() => ({}))) as {
    detail?: string
    remedy?: string
    problems?: FieldProblem[]
  }
  throw new Refusal(
    response.status,
    problem.detail ?? `${response.status} ${response.statusText}`,
    problem.remedy ?? '',
    problem.problems ?? [],
  )
}

export async function ask<Answer>(path: string): Promise<Answer> {
  return (await call('GET', path)).json() as Promise<Answer>
}
