// Which connections a fault concerns: what `on` says, or the connection that triggered it.
import type { ClientSelector, Scope } from '../faults/selectors.ts'
import { globMatcher } from '../faults/vocabulary.ts'
import { type ConnectionFacts, factsOf } from '../flow/windows.ts'
import type { Cause, Means } from './means.ts'

/** Whether a connection's client is one that is meant. */
export function clientTest(
  selector: ClientSelector | undefined,
): (facts: ConnectionFacts) => boolean {
  if (selector === undefined || selector === 'all') return () => true
  const tests = (typeof selector === 'string' ? [selector] : selector).map(globMatcher)
  return ({ instance, clientId }) =>
    tests.some(
      (test) =>
        (instance !== undefined && test(instance)) ||
        (clientId !== null && clientId !== undefined && test(clientId)),
    )
}

/** Which connections a windowed fault concerns: as `on` says, or the one that triggered it. */
export async function scopeOf(
  { cluster }: Means,
  scope: Scope | undefined,
  cause: Cause | undefined,
): Promise<{ concerns: (facts: ConnectionFacts) => boolean; nodes: number[] | undefined }> {
  if (scope === undefined) {
    if (cause === undefined)
      return { concerns: ({ plane }) => plane === 'client', nodes: undefined }
    const { connection } = cause
    const same = factsOf(connection)
    return {
      concerns: (facts) =>
        facts.plane === same.plane &&
        facts.node === same.node &&
        facts.instance === same.instance &&
        facts.source === same.source,
      nodes: [same.node],
    }
  }
  const plane = scope.plane ?? 'client'
  const isClient = clientTest(scope.clients)
  const nodes = scope.brokers === undefined ? undefined : await cluster.resolve(scope.brokers)
  const wanted = nodes === undefined ? undefined : new Set(nodes)
  return {
    concerns: (facts) =>
      facts.plane === plane && isClient(facts) && (wanted === undefined || wanted.has(facts.node)),
    nodes,
  }
}
