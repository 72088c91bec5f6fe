// Same plan, same seed, same messages: same firings, and the same lateness. The messages are those of a real
// run: two Java copiers, a few of whose transactions were aborted, on three brokers 4.3.1; one line per request
// or answer on the client plane, without Fetch, in the order in which the proxy saw them.
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { reportFiring } from '../../../proxy/effects/firing-report.ts'
import { createMessageEffects } from '../../../proxy/effects/message.ts'
import type { TransactionPhase } from '../../../proxy/events.ts'
import type { FaultSpec } from '../../../proxy/faults/fault.ts'
import type { MessageView } from '../../../proxy/faults/message-view.ts'
import { createRuleBook } from '../../../proxy/faults/rules.ts'
import type { TakenRequest } from '../../../proxy/flow/taken.ts'
import { apiNamed } from '../../../proxy/protocol/codec.ts'
import { type Runtime, randomStream } from '../../../proxy/runtime.ts'

interface Recorded {
  side: 'request' | 'reply'
  api: string
  version: number
  node: number
  instance: string
  clientId: string
  transactionalId?: string
  group?: string
  producerId?: number
  producerEpoch?: number
  transaction?: number
  phase?: TransactionPhase
  committed?: boolean
  entered?: TransactionPhase[]
  places?: string[]
  errors?: string[]
}

function viewOf(line: string): MessageView {
  const seen = JSON.parse(line) as Recorded
  const { transactionalId, phase = 'idle' } = seen
  const transactions =
    transactionalId === undefined
      ? []
      : [
          {
            transactionalId,
            transaction: seen.transaction,
            phase,
            entered: seen.entered ?? [],
            committed: seen.committed,
          },
        ]
  return {
    side: seen.side,
    plane: 'client',
    node: seen.node,
    instance: seen.instance,
    source: undefined,
    clientId: seen.clientId,
    apiKey: apiNamed(seen.api)?.key ?? -1,
    api: seen.api,
    version: seen.version,
    memberId: () => undefined,
    subject: () => ({
      transactionalIds: transactionalId === undefined ? [] : [transactionalId],
      groups: seen.group === undefined ? [] : [seen.group],
      producerIds: seen.producerId === undefined ? [] : [seen.producerId],
      producerEpoch: seen.producerEpoch,
      transactions,
      topicPartitions: (seen.places ?? []).map((place) => {
        const dash = place.lastIndexOf('-')
        return { topic: place.slice(0, dash), partition: Number(place.slice(dash + 1)) }
      }),
      committed: seen.committed,
      transaction: seen.transaction,
      phase: seen.phase,
    }),
    recordIds: () => [],
    retryIdentities: () => [],
    errors: () => seen.errors ?? [],
  }
}

const traffic = readFileSync(new URL('recorded/java-copiers.ndjson', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map(viewOf)

const jittery = { delay: { by: '10ms', jitter: '90ms', of: 'request' } }
const faults: FaultSpec[] = [
  {
    name: 'by-chance',
    when: { request: 'Produce', probability: '20%' },
    inject: jittery,
    times: 'unlimited',
  },
  {
    name: 'every-third-of-each',
    when: { request: 'EndTxn', every: 3, per: 'transactional-id' },
    inject: jittery,
    times: 'unlimited',
  },
  {
    name: 'by-chance-per-instance',
    when: { request: 'TxnOffsetCommit', probability: '50%', per: 'instance' },
    inject: jittery,
    times: 3,
  },
  // Takes what the first one has left, so that the order of the rules counts.
  {
    name: 'the-rest',
    when: { request: 'Produce', topic: 'output', every: 10 },
    inject: jittery,
    times: 'unlimited',
  },
]

/** What fires on which message of the recording, and how late that message is by it. */
function firings(seed: number, clock: () => number): string[] {
  const rules = createRuleBook({
    random: (stream) => randomStream(seed, stream),
    aliases: {},
  })
  const delays: number[] = []
  const runtime: Runtime = {
    nowMs: clock,
    after(delayMs) {
      delays.push(delayMs)
      return () => undefined
    },
    random: (stream) => randomStream(seed, stream),
  }
  const effects = createMessageEffects({
    runtime,
    rules,
    placeNames: (place) => [place],
    aliases: {},
    topicName: () => undefined,
    failed(_report, cause) {
      throw cause
    },
  })
  for (const fault of faults) rules.arm(fault)
  return traffic.flatMap((view, at) => {
    const decision = rules.decide(view, clock())
    if (decision?.why !== 'fired' || decision.rule.effect.on !== 'message') return []
    const { rule, firing } = decision
    const report = reportFiring(rule, firing, {
      runtime,
      emit: () => undefined,
      changed: () => undefined,
    })
    const { apiKey, version } = view
    const message = {
      connection: { open: true },
      exchange: { apiKey, version, correlationId: at },
      about: {},
      view,
      request: {},
      deliveredLate: () => undefined,
    } as unknown as TakenRequest
    effects.onRequest(decision.rule.effect.verdict, report, message)
    return [`${at} ${view.api} ${rule.spec.name} ${firing.number} ${delays.at(-1)}`]
  })
}

describe('the same messages', () => {
  let nowMs = 0
  const everLaterClock = (): number => {
    nowMs += 977
    return nowMs
  }

  it('make the same faults fire ten times, as late, whatever the clock says', () => {
    const first = firings(7, everLaterClock)
    for (const fault of faults) {
      expect(first.some((line) => line.includes(` ${fault.name} `))).toBe(true)
    }
    expect(new Set(first.map((line) => line.split(' ').at(-1))).size).toBeGreaterThan(10)
    for (let turn = 2; turn <= 10; turn++) expect(firings(7, everLaterClock)).toEqual(first)
  })

  it('make others fire for another seed; what counts alone decides stays', () => {
    const chosen = (seed: number, fault: string): string[] =>
      firings(seed, everLaterClock)
        .filter((line) => line.includes(` ${fault} `))
        .map((line) => line.split(' ')[0] ?? '')
    expect(chosen(8, 'by-chance')).not.toEqual(chosen(7, 'by-chance'))
    expect(chosen(8, 'every-third-of-each')).toEqual(chosen(7, 'every-third-of-each'))
    expect(firings(8, everLaterClock)).not.toEqual(firings(7, everLaterClock))
  })

  it('are met by each fault’s own chance: one more fault at the end changes no earlier one', () => {
    const before = firings(7, everLaterClock)
    faults.push({
      name: 'one-more',
      when: { reply: 'EndTxn', probability: '50%' },
      inject: { delay: { by: '1ms', of: 'reply' } },
      times: 'unlimited',
    })
    try {
      const after = firings(7, everLaterClock)
      expect(after.filter((line) => !line.includes(' one-more '))).toEqual(before)
    } finally {
      faults.pop()
    }
  })
})
