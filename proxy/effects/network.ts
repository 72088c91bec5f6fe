// A network partition between two sides, one way or both: bytes wait, and go on when it heals.
import type { FaultEffect, PartitionSide } from '../faults/fault.ts'
import type { ConnectionFacts, Window } from '../flow/windows.ts'
import type { FiringReport } from './firing-report.ts'
import type { Heal, Means } from './means.ts'
import { clientTest } from './scope.ts'

function openAll(
  { windows }: Means,
  list: readonly Window[],
): { hit: number; close: () => number } {
  const opened = list.map((window) => windows.open(window))
  return {
    hit: opened.reduce((sum, { hit }) => sum + hit, 0),
    close: () => opened.reduce((sum, { close }) => sum + close(), 0),
  }
}

async function sideTests(
  { cluster }: Means,
  side: PartitionSide,
): Promise<{
  sends: (facts: ConnectionFacts) => boolean
  receives: (facts: ConnectionFacts) => boolean
  name: string
}> {
  if ('brokers' in side) {
    const nodes = new Set(await cluster.resolve(side.brokers))
    return {
      sends: ({ plane, source }) => plane !== 'client' && source !== undefined && nodes.has(source),
      receives: ({ node }) => nodes.has(node),
      name: `brokers ${[...nodes].join(', ')}`,
    }
  }
  const isClient = clientTest(side.clients)
  return {
    sends: (facts) => facts.plane === 'client' && isClient(facts),
    receives: () => false,
    name: `clients ${[side.clients].flat().join(', ')}`,
  }
}

export async function networkEffect(
  means: Means,
  effect: Extract<FaultEffect, { on: 'network' }>,
  report: FiringReport,
): Promise<Heal> {
  const [first, second] = await Promise.all(effect.between.map((side) => sideTests(means, side)))
  if (first === undefined || second === undefined) throw new Error('a partition has two sides')
  report.firing.targets = [first.name, second.name]
  const both = { toBroker: true, toClient: true }
  const touched = (what: string): void => report.applied(what)
  const opened = openAll(means, [
    {
      concerns: (facts) => first.sends(facts) && second.receives(facts),
      stall: effect.oneWay ? { toBroker: true, toClient: false } : both,
      touched,
    },
    {
      concerns: (facts) => second.sends(facts) && first.receives(facts),
      stall: effect.oneWay ? { toBroker: false, toClient: true } : both,
      touched,
    },
  ])
  report.noted(`${opened.hit} open connections cut off`)
  return async () => void opened.close()
}
