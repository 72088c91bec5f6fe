// Whatever comes in whatever order: the tracker never throws, keeps its promises and forgets nothing known.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  allApis,
  defaultRequest,
  defaultResponse,
  type FieldValue,
  type Message,
} from '../../../proxy/protocol/codec.ts'
import {
  createTracker,
  type Observation,
  type Tracker,
} from '../../../proxy/transactions/tracker.ts'
import { startDialogue } from './dialogue.ts'

const requests = [
  '>> Find',
  '>> Init',
  '>> Init @100/0',
  '>> Add(out-0)',
  '>> Add(out-1) v5',
  '>> AddOffsets(g)',
  '>> Produce(out-0)',
  '>> Produce(out-0#0)',
  '>> Produce(out-1) v12',
  '>> TxnOffsets(g in-0=1)',
  '>> TxnOffsets(g in-0=1) v5',
  '>> EndTxn(commit)',
  '>> EndTxn(abort)',
  '>> EndTxn(commit) @100/1',
  '>> Commit(g in-0=2)',
  '>> Markers(100/0 commit)',
  '>> Markers(100/1 abort, 100/0 commit)',
]
const answers = [
  'NONE',
  'NONE',
  'NONE',
  'lost',
  'undelivered',
  'detached',
  'pending',
  'swallowed NONE',
  'NONE told NOT_COORDINATOR',
  'nothing told NONE',
  'nothing told PRODUCER_FENCED',
  'CONCURRENT_TRANSACTIONS',
  'INVALID_TXN_STATE',
  'INVALID_PRODUCER_EPOCH',
  'PRODUCER_FENCED',
  'INVALID_PRODUCER_ID_MAPPING',
  'NOT_COORDINATOR',
]

const spoken = fc
  .record({
    who: fc.constantFrom('a', 'b'),
    request: fc.constantFrom(...requests),
    answer: fc.constantFrom(...answers),
    ids: fc.constantFrom('100/0', '100/1', '100/2', '101/0'),
  })
  .map(({ who, request, answer, ids }) => {
    const handsOut = /Init|EndTxn/.test(request)
    const said = handsOut ? answer.replace(/^NONE$|(?<=swallowed )NONE$/, ids) : answer
    return `${who} ${request} << ${said}`
  })
const late = fc
  .record({
    line: fc.nat(40),
    answer: fc.constantFrom('NONE', 'PRODUCER_FENCED', 'INVALID_TXN_STATE'),
  })
  .map(({ line, answer }) => `late ${line + 1} << ${answer}`)
const lines = fc.array(fc.oneof({ weight: 9, arbitrary: spoken }, { weight: 1, arbitrary: late }), {
  maxLength: 60,
})

/** What is counted as things change is what a walk over all of them would count. */
function expectSummary(tracker: Tracker): void {
  const nowMs = 1e15
  const views = tracker.transactions(nowMs)
  const phases = { idle: 0, begun: 0, producing: 0, offsets: 0, ending: 0, ended: 0 }
  for (const { phase } of views) phases[phase] += 1
  expect(tracker.summary(nowMs)).toEqual({
    phases,
    oldestOpenMs: Math.max(0, ...views.map(({ ageMs }) => ageMs)),
    hanging: views.filter(
      ({ phase, ageMs, timeoutMs }) =>
        phase !== 'idle' && phase !== 'ended' && timeoutMs !== undefined && ageMs > timeoutMs,
    ).length,
    zombies: views.filter(({ fenced }) => fenced).length,
  })
}

describe('random dialogues', () => {
  it.each(['V1', 'V2'] as const)(
    '%s: ordinals only grow, known outcomes stay, and a request stands where locate said',
    (protocol) => {
      fc.assert(
        fc.property(lines, (said) => {
          const dialogue = startDialogue(protocol)
          const outcomes = new Map<number, string>()
          let ordinal = 0
          for (const line of said) {
            const match = /^late (\d+)/.exec(line)
            if (match !== null && dialogue.turns[Number(match[1]) - 1] === undefined) continue
            const { effects, requestPlace, request } = dialogue.say(line)
            for (const effect of effects) {
              if (effect.type !== 'transaction' || effect.phase !== 'ended') continue
              const known = outcomes.get(effect.transaction)
              if (known !== undefined && known !== 'unknown') expect(effect.outcome).toBe(known)
              outcomes.set(effect.transaction, effect.outcome ?? '')
            }
            expectSummary(dialogue.tracker)
            const [view] = dialogue.tracker.transactions()
            expect(view?.transaction ?? 0).toBeGreaterThanOrEqual(ordinal)
            ordinal = view?.transaction ?? ordinal
            const pending = line.endsWith('<< pending') && request.late !== true
            const begins = requestPlace.entered.includes('begun')
            if (pending && begins) {
              expect(requestPlace.transaction).toBe(ordinal)
              expect(view?.phase).toBe(requestPlace.phase)
            }
          }
        }),
        { numRuns: 400 },
      )
    },
  )
})

/** Any value at all in the place of a field. */
const anything: fc.Arbitrary<FieldValue> = fc.letrec<{ value: FieldValue; struct: Message }>(
  (tie) => ({
    value: fc.oneof(
      { maxDepth: 3 },
      fc.constant(null),
      fc.integer(),
      fc.bigInt(),
      fc.boolean(),
      fc.constantFrom('', 'orders', 'g', 'AAAAAAAAAAAAAAAAAAAAAA'),
      fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes)),
      fc.array(tie('value'), { maxLength: 3 }),
      tie('struct'),
    ),
    struct: fc.dictionary(
      fc.constantFrom('name', 'topicId', 'partitions', 'index', 'records', 'errorCode', 'members'),
      tie('value'),
      { maxKeys: 3 },
    ),
  }),
).value

const observations = fc
  .record({
    api: fc.constantFrom(...allApis()),
    version: fc.nat(14),
    side: fc.constantFrom('request' as const, 'reply' as const),
    plane: fc.constantFrom('client' as const, 'inter-broker' as const, 'controller' as const),
    fields: fc.array(fc.tuple(fc.nat(20), anything), { maxLength: 5 }),
    flags: fc.record(
      {
        delivered: fc.boolean(),
        late: fc.boolean(),
        told: fc.constantFrom('ok' as const, 'failed' as const, 'unknown' as const),
        instance: fc.constantFrom('one', 'two'),
      },
      { requiredKeys: [] },
    ),
  })
  .map(({ api, version, side, plane, fields, flags }): Observation => {
    const known = Math.min(Math.max(version, api.minVersion), api.maxVersion)
    const disturb = (message: Message): Message => {
      const names = Object.keys(message)
      for (const [place, value] of fields) {
        const name = names[place % Math.max(1, names.length)]
        if (name !== undefined) message[name] = value
      }
      return message
    }
    return {
      atMs: 1,
      side,
      plane,
      node: 1,
      connection: 1,
      apiKey: api.key,
      api: api.name,
      version: known,
      correlationId: 1,
      clientId: null,
      request: disturb({ ...defaultRequest(api.key, known) }),
      ...(side === 'reply' ? { reply: disturb({ ...defaultResponse(api.key, known) }) } : {}),
      ...flags,
    }
  })

describe('random messages', () => {
  it('of every API and shape never make the tracker throw', () => {
    fc.assert(
      fc.property(fc.array(observations, { maxLength: 30 }), (all) => {
        const tracker = createTracker({ topicName: () => undefined, journalProduce: 'all' })
        for (const o of all) {
          tracker.locate(o)
          if (o.side === 'request') tracker.observeRequest(o)
          else tracker.observeReply(o)
        }
        tracker.connectionLost({ atMs: 2, connection: 1, unanswered: all })
        expectSummary(tracker)
        tracker.groups()
      }),
      { numRuns: 500 },
    )
  })
})
