// Writes records into transactions that are never committed. Nothing here has to be exactly once: a
// transaction that fails is left for the next producer of the same transactional id to abort.

import { randomUUID } from 'node:crypto'
import type { Producer } from 'kafkajs'
import type { BrokerAccess } from '../../proxy/flow/access.ts'
import type { Runtime } from '../../proxy/runtime.ts'
import { idHeader } from './copied-record.ts'
import { kafkajsClient } from './kafkajs-client.ts'
import type { InputRecord } from './load.ts'

const gatherMs = 50
const retryDelayMs = 250
/** An open transaction holds back every reader behind it, so what we leave open must not stay long. */
const transactionTimeoutMs = 5_000

export interface AbortedWriter {
  add(record: InputRecord): void
  /** Acknowledged records. */
  acknowledged(): number
  /** Whether everything added has been written and aborted, or given up. */
  idle(): boolean
  close(): void
}

export function abortedWriter(options: {
  bootstrap: string | readonly string[]
  access?: BrokerAccess | undefined
  topic: string
  requestTimeoutMs: number
  runtime: Runtime
  onError: (error: Error) => void
}): AbortedWriter {
  const { topic, runtime, onError } = options
  const transactionalId = `gauntlet-generator-${randomUUID()}`
  let waiting: InputRecord[] = []
  let acknowledged = 0
  let busy = false
  let closed = false
  let producer: Producer | undefined

  async function connected(): Promise<Producer> {
    if (producer !== undefined) return producer
    const fresh = kafkajsClient({
      bootstrap: options.bootstrap,
      access: options.access,
      clientId: 'gauntlet-generator-aborted',
      requestTimeoutMs: options.requestTimeoutMs,
    }).producer({
      transactionalId,
      idempotent: true,
      maxInFlightRequests: 1,
      transactionTimeout: transactionTimeoutMs,
    })
    await fresh.connect()
    producer = fresh
    return fresh
  }

  function forget(): void {
    const old = producer
    producer = undefined
    // It has failed already, or nobody waits for it any more.
    old?.disconnect().catch(() => undefined)
  }

  async function writeAndAbort(records: readonly InputRecord[]): Promise<void> {
    const transaction = await (await connected()).transaction()
    for (const partition of new Set(records.map((record) => record.partition))) {
      const group = records.filter((record) => record.partition === partition)
      const messages = group.map(({ id, key, value }) => ({
        key,
        value,
        partition,
        headers: { [idHeader]: id },
      }))
      await transaction.send({ topic, acks: -1, messages })
      acknowledged += group.length
    }
    await transaction.abort()
  }

  async function work(): Promise<void> {
    busy = true
    while (waiting.length > 0 && !closed) {
      const records = waiting
      waiting = []
      try {
        await writeAndAbort(records)
      } catch (error) {
        onError(error as Error)
        forget()
        await new Promise<void>((resolve) => runtime.after(retryDelayMs, resolve))
      }
    }
    busy = false
  }

  return {
    add(record) {
      waiting.push(record)
      if (busy) return
      busy = true
      runtime.after(gatherMs, () => {
        // Errors are reported inside.
        void work()
      })
    },
    acknowledged: () => acknowledged,
    idle: () => !busy && waiting.length === 0,
    close() {
      closed = true
      forget()
    },
  }
}
