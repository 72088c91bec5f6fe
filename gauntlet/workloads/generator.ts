// Writes uniquely identified inputs straight to the brokers, and never one of them twice.
// Kafkajs' idempotence holds only as long as one batch per partition is under way (after a lost answer it gives
// the next batch the same sequence number, and the broker takes that for a repetition) and one request goes to
// one partition (a request over several brokers that is repeated after a leader moved loses or doubles records).
// So each partition has its own queue here, sends one batch at a time, and repeats the very same batch with the
// very same producer until it is acknowledged.

import type { Producer } from 'kafkajs'
import type { BrokerAccess } from '../../proxy/flow/access.ts'
import type { Runtime } from '../../proxy/runtime.ts'
import { type AbortedWriter, abortedWriter } from './aborted-writer.ts'
import { idHeader } from './copied-record.ts'
import { kafkajsClient } from './kafkajs-client.ts'
import {
  type InputRecord,
  type LoadPhase,
  type RecordsPhase,
  recordMaker,
  steadyLoad,
} from './load.ts'

const tickMs = 20
const batchRecordsMax = 500
/** What is owed for longer than this, because brokers were away, is not made up for. */
const arrearsMs = 1_000
const queuedRecordsMin = 200
/** Beyond its records an open-ended phase only keeps the application busy, and lets it catch up. */
const surplusShare = 0.1
const surplusRateMin = 20
const requestTimeoutMs = 5_000
const retryDelayMs = 250
/** Answers after which the same batch can never succeed: the broker has lost track of this producer. */
const fatalErrors = new Set([
  'OUT_OF_ORDER_SEQUENCE_NUMBER',
  'UNKNOWN_PRODUCER_ID',
  'INVALID_PRODUCER_EPOCH',
  'TOPIC_AUTHORIZATION_FAILED',
])

export type GeneratorOptions = {
  bootstrap: string | readonly string[]
  access?: BrokerAccess | undefined
  topic: string
  partitions: number
  runtime: Runtime
  /** Told of every failed attempt; each is repeated. */
  onError: (error: Error) => void
} & (
  | { records: number; rate: number; aborted?: number; phases?: never }
  | { phases: readonly LoadPhase[] }
)

export interface Generator {
  /** Acknowledged records that count as inputs; those of aborted transactions are not among them. */
  sent(): number
  /** Acknowledged records of transactions that are aborted. */
  aborted(): number
  /** Whether every phase has been written; an open-ended one never is before `finish`. */
  done(): boolean
  /** Writes what the phases still demand, waits until all is acknowledged, and closes. */
  finish(): Promise<{ sent: number; aborted: number }>
  /** Gives up at once; what was not acknowledged may or may not be in the log. */
  stop(): Promise<void>
}

export function startGenerator(options: GeneratorOptions): Generator {
  const { topic, partitions, runtime, onError } = options
  const phases = options.phases ?? steadyLoad(options)
  const make = recordMaker(runtime.random('generator/amount'))
  const drawAborted = runtime.random('generator/aborted')
  const queues: InputRecord[][] = Array.from({ length: partitions }, () => [])
  let acknowledged = 0
  let queued = 0
  let partitionTurn = 0
  let finishing = false
  let stopped = false
  let finished = false
  let failure: Error | undefined
  let aborting: AbortedWriter | undefined
  /** Wakes whoever waits for something to change. */
  let wakers: (() => void)[] = []

  const client = kafkajsClient({
    bootstrap: options.bootstrap,
    access: options.access,
    clientId: 'gauntlet-generator',
    requestTimeoutMs,
  })
  const producer: Producer = client.producer({ idempotent: true, maxInFlightRequests: 1 })

  function wake(): void {
    const waiting = wakers
    wakers = []
    for (const waker of waiting) waker()
  }

  /** Until something changes, or the delay is over. */
  const change = (delayMs: number) =>
    new Promise<void>((resolve) => {
      const cancel = runtime.after(delayMs, resolve)
      wakers.push(() => {
        cancel()
        resolve()
      })
    })

  const over = () => stopped || failure !== undefined

  async function connect(): Promise<void> {
    while (!over()) {
      try {
        await producer.connect()
        return
      } catch (error) {
        onError(error as Error)
        await change(retryDelayMs)
      }
    }
  }

  /** Sends one partition's queue, batch by batch, until all is over. */
  async function drain(partition: number, queue: InputRecord[]): Promise<void> {
    while (!over() && !finished) {
      const batch = queue.slice(0, batchRecordsMax)
      if (batch.length === 0) {
        await change(tickMs)
        continue
      }
      if (await sendUntilAcknowledged(partition, batch)) {
        queue.splice(0, batch.length)
        queued -= batch.length
        acknowledged += batch.length
        wake()
      }
    }
  }

  async function sendUntilAcknowledged(
    partition: number,
    batch: readonly InputRecord[],
  ): Promise<boolean> {
    const messages = batch.map(({ id, key, value }) => ({
      key,
      value,
      partition,
      headers: { [idHeader]: id },
    }))
    while (!over()) {
      try {
        await producer.send({ topic, acks: -1, messages })
        return true
      } catch (error) {
        if (stopped) return false
        const cause = error as Error & { type?: string }
        onError(cause)
        if (cause.type !== undefined && fatalErrors.has(cause.type)) {
          failure = cause
          wake()
          return false
        }
        await change(retryDelayMs)
      }
    }
    return false
  }

  function issue(phase: RecordsPhase): void {
    const partition = partitionTurn++ % partitions
    const share = phase.abortedShare ?? 0
    const aborted = share > 0 && drawAborted() < share
    const record = make(phase, { partition, aborted })
    if (aborted) {
      aborting ??= abortedWriter({ ...options, requestTimeoutMs })
      aborting.add(record)
      return
    }
    queues[partition]?.push(record)
    queued++
  }

  const nothingUnderWay = () => queued === 0 && (aborting === undefined || aborting.idle())

  async function write(phase: RecordsPhase): Promise<void> {
    const surplusRate = Math.min(
      phase.ratePerSecond,
      Math.max(surplusRateMin, phase.ratePerSecond * surplusShare),
    )
    const queuedMax = Math.max(queuedRecordsMin, phase.ratePerSecond)
    let issued = 0
    let owed = 0
    let beforeMs = runtime.nowMs()
    const complete = () => issued >= phase.records && (finishing || phase.openEnded !== true)
    while (!over() && !complete()) {
      const nowMs = runtime.nowMs()
      const perMs = (issued < phase.records ? phase.ratePerSecond : surplusRate) / 1_000
      // At least one record at once, so that a phase of a few records does not wait for its rate.
      owed = Math.min(
        Math.max(owed + (nowMs - beforeMs) * perMs, issued === 0 ? 1 : 0),
        1 + arrearsMs * perMs,
      )
      beforeMs = nowMs
      while (owed >= 1 && queued < queuedMax && !complete()) {
        issue(phase)
        issued++
        owed--
      }
      wake()
      await change(tickMs)
    }
  }

  async function untilNothingUnderWay(): Promise<void> {
    while (!over() && !nothingUnderWay()) await change(tickMs)
  }

  async function writeAll(): Promise<void> {
    await connect()
    const drained = queues.map((queue, partition) => drain(partition, queue))
    for (const phase of phases) {
      if (over()) break
      if (phase.kind === 'wait') {
        await waitMs(phase.waitMs)
      } else {
        await write(phase)
        // Whatever follows comes after these are in the log.
        await untilNothingUnderWay()
      }
    }
    // No reader can commit a position beyond an abort marker at the end of a log before there is a record.
    const last = phases.findLast((phase) => phase.kind === 'records')
    if (aborting !== undefined && last !== undefined && !over()) {
      for (let partition = 0; partition < partitions; partition++) {
        issue({ ...last, abortedShare: 0 })
      }
      await untilNothingUnderWay()
    }
    finished = true
    wake()
    await Promise.all(drained)
    aborting?.close()
    await close()
    if (failure !== undefined) throw failure
  }

  async function waitMs(delayMs: number): Promise<void> {
    const endMs = runtime.nowMs() + delayMs
    while (!over() && runtime.nowMs() < endMs) await change(endMs - runtime.nowMs())
  }

  async function close(): Promise<void> {
    try {
      await producer.disconnect()
    } catch (error) {
      onError(error as Error)
    }
  }

  const all = writeAll()
  // Reported by `finish`; a generator that nobody finishes has told onError of it.
  all.catch(() => undefined)
  const aborted = () => aborting?.acknowledged() ?? 0
  return {
    sent: () => acknowledged,
    aborted,
    done: () => finished,
    async finish() {
      finishing = true
      wake()
      await all
      return { sent: acknowledged, aborted: aborted() }
    },
    async stop() {
      stopped = true
      aborting?.close()
      wake()
      await close()
    },
  }
}
