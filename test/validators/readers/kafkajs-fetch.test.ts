// What a read_committed reader may hand out, and why kafkajs' own filter is not used.
import { createRequire } from 'node:module'
import { describe, expect, it } from 'vitest'
import {
  type AbortedTransaction,
  type FetchedRecord,
  withoutAborted,
} from '../../../validators/readers/kafkajs-fetch.ts'

function record(offset: number, producerId: number, inTransaction = true): FetchedRecord {
  return {
    offset: String(offset),
    key: Buffer.from('k'),
    value: null,
    headers: {},
    isControlRecord: false,
    batchContext: { producerId: String(producerId), inTransaction },
  }
}

function marker(offset: number, producerId: number, type: 'abort' | 'commit'): FetchedRecord {
  const key = Buffer.from([0, 0, 0, type === 'commit' ? 1 : 0])
  return { ...record(offset, producerId), key, isControlRecord: true }
}

const aborted = (producerId: number, firstOffset: number): AbortedTransaction => ({
  producerId: String(producerId),
  firstOffset: String(firstOffset),
})

const offsets = (messages: FetchedRecord[], list: AbortedTransaction[] | null) =>
  withoutAborted(messages, list).map(({ offset }) => Number(offset))

const kafkajsFilter = createRequire(import.meta.url)(
  'kafkajs/src/consumer/filterAbortedMessages',
) as (of: {
  messages: FetchedRecord[]
  abortedTransactions: AbortedTransaction[]
}) => FetchedRecord[]
const kafkajsOffsets = (messages: FetchedRecord[], list: AbortedTransaction[]) =>
  kafkajsFilter({ messages, abortedTransactions: list })
    .filter(({ isControlRecord }) => !isControlRecord)
    .map(({ offset }) => Number(offset))

describe('a read_committed fetch', () => {
  it('leaves out control records and the records of aborted transactions, up to their marker', () => {
    const messages = [
      record(0, 1),
      record(1, 2),
      record(2, 3, false),
      marker(3, 1, 'abort'),
      record(4, 1),
      marker(5, 2, 'commit'),
      marker(6, 1, 'commit'),
    ]
    expect(offsets(messages, [aborted(1, 0)])).toEqual([1, 2, 4])
    expect(offsets(messages, null)).toEqual([0, 1, 2, 4])
  })

  it('keeps a plain record of a producer that has an aborted transaction', () => {
    expect(
      offsets([record(0, 1), record(1, 1, false), marker(2, 1, 'abort')], [aborted(1, 0)]),
    ).toEqual([1])
  })

  it('knows a transaction that began before the fetch', () => {
    expect(offsets([record(5, 1), record(6, 2), marker(7, 1, 'abort')], [aborted(1, 2)])).toEqual([
      6,
    ])
  })

  it('tells two aborted transactions of one producer apart', () => {
    const messages = [
      record(0, 1),
      marker(1, 1, 'abort'),
      record(2, 1),
      marker(3, 1, 'commit'),
      record(4, 1),
      marker(5, 1, 'abort'),
    ]
    expect(offsets(messages, [aborted(1, 0), aborted(1, 4)])).toEqual([2])
  })

  // The broker lists aborted transactions by their end; the one that ended first may have begun later.
  it('does not depend on the order of the list, as the filter of kafkajs 2.2.4 does', () => {
    const messages = [record(0, 1), record(1, 2), marker(2, 2, 'abort'), marker(3, 1, 'abort')]
    const list = [aborted(2, 1), aborted(1, 0)]
    expect(offsets(messages, list)).toEqual([])
    expect(kafkajsOffsets(messages, list)).toEqual([0])
  })

  it('enters all transactions that began before the fetch, of which kafkajs 2.2.4 enters one per record', () => {
    const messages = [record(5, 2), marker(6, 2, 'abort'), marker(7, 1, 'abort')]
    const list = [aborted(1, 0), aborted(2, 1)]
    expect(offsets(messages, list)).toEqual([])
    expect(kafkajsOffsets(messages, list)).toEqual([5])
  })
})
