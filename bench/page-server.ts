// The live page with much to show and no cluster: the real control plane, fed with the events of so many transactions
// a second as the tracker tells them. Prints where it listens; each line on stdin is answered with what it has fed.
//   node dist/bench/page-server.js IDS TRANSACTIONS_PER_SECOND
import { createInterface } from 'node:readline'
import { pageFile } from '../gauntlet/entry.ts'
import { startControl } from '../proxy/control/control.ts'
import type { Counters } from '../proxy/engine.ts'
import type { ProxyEvent } from '../proxy/events.ts'
import { clientPlaneOnly } from '../proxy/faults/reach.ts'
import { systemRuntime } from '../proxy/runtime.ts'
import type { RemoteEngine } from '../proxy/start-proxy.ts'
import type { TransactionView } from '../proxy/transactions/tracker.ts'

const feedEveryMs = 10
/** Of a transaction, from its first message to its end. */
const stepsMs = { producing: 4, ending: 20, ended: 26 }
const recordsPerTransaction = 10
/** One in so many aborts; of one in so many nobody knows the outcome for a while. */
const abortedEvery = 50
const unknownEvery = 400
const knownAfterMs = 600

const [ids = 200, perSecond = 2_000] = process.argv.slice(2).map(Number)

interface Due {
  atMs: number
  event: ProxyEvent
}

const runtime = systemRuntime(1)
const views = new Map<string, TransactionView>()
/** Ordered by time. */
let due: Due[] = []
let begun = 0
let ended = 0
let events = 0

function begin(atMs: number): void {
  begun += 1
  const lane = begun % ids
  const transactionalId = `orders-service-${lane}`
  const transaction = Math.ceil(begun / ids)
  const base = { transactionalId, transaction, producerId: 4_000 + lane, producerEpoch: 0 }
  const node = (lane % 3) + 1
  const isAborted = begun % abortedEvery === 0
  const isUnknown = begun % unknownEvery === 0
  const at = (afterMs: number, event: Record<string, unknown>): void => {
    due.push({ atMs: atMs + afterMs, event: { atMs: atMs + afterMs, ...event } as ProxyEvent })
  }
  at(0, { type: 'transaction', ...base, phase: 'begun', api: 'Produce', node })
  at(stepsMs.producing, { type: 'transaction', ...base, phase: 'producing', api: 'Produce', node })
  at(stepsMs.producing, {
    type: 'send',
    connection: lane,
    batches: [
      {
        topic: 'payments',
        partition: lane % 12,
        producerId: base.producerId,
        producerEpoch: 0,
        baseSequence: transaction * recordsPerTransaction,
        records: recordsPerTransaction,
        transactional: true,
        told: 'ok',
        brokerError: 'NONE',
        baseOffset: begun * recordsPerTransaction,
      },
    ],
  })
  at(stepsMs.ending, { type: 'transaction', ...base, phase: 'ending', api: 'EndTxn', node })
  const outcome = isAborted ? 'aborted' : 'committed'
  if (isUnknown) {
    at(stepsMs.ended, { type: 'transaction', ...base, phase: 'ended', outcome: 'unknown' })
  }
  at(stepsMs.ended + (isUnknown ? knownAfterMs : 0), {
    type: 'transaction',
    ...base,
    phase: 'ended',
    outcome,
    durationMs: stepsMs.ended,
  })
  views.set(transactionalId, {
    ...base,
    phase: 'producing',
    transaction,
    protocol: 'V2',
    partitions: [`payments-${lane % 12}`],
    groups: [],
    lastOutcome: outcome,
    coordinator: node,
    ageMs: 12,
    fenced: false,
    registered: true,
    unsure: false,
  } as TransactionView)
}

const none = async () => []
/** Of all that is counted, what the rolling verdict asks for. */
const counters = { transactions: { unresolved: 0 }, faults: [] } as unknown as Counters
const control = await startControl({
  engine: {
    status: none,
    groups: none,
    posture: none,
    brokers: none,
    doors: none,
    connections: none,
    counters: async () => counters,
    transactions: async () => [...views.values()],
  } as unknown as RemoteEngine,
  runtime,
  listen: { host: '127.0.0.1', port: 0 },
  token: undefined,
  faults: [],
  reach: clientPlaneOnly,
  runListeners: { host: '127.0.0.1' },
  pageFile: pageFile(),
  version: 'bench',
  onProblem: (message) => console.error(message),
})

const startedMs = runtime.nowMs()
setInterval(() => {
  const nowMs = runtime.nowMs()
  const wanted = Math.floor(((nowMs - startedMs) / 1_000) * perSecond)
  while (begun < wanted) begin(nowMs)
  const now: ProxyEvent[] = []
  const later: Due[] = []
  for (const one of due) {
    if (one.atMs > nowMs) later.push(one)
    else {
      now.push(one.event)
      if (one.event.type === 'transaction' && one.event.phase === 'ended') ended += 1
    }
  }
  due = later
  events += now.length
  if (now.length > 0) control.see(now)
}, feedEveryMs)

const say = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`)
say({ port: control.address.port })
for await (const _line of createInterface({ input: process.stdin })) {
  say({ atMs: runtime.nowMs(), begun, ended, events })
}
process.exit()
