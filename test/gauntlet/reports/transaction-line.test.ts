import { describe, expect, it } from 'vitest'
import { transactionLine } from '../../../gauntlet/reports/transaction-line.ts'
import type { ProxyEvent } from '../../../proxy/events.ts'

const atMs = Date.UTC(2026, 0, 2, 14, 2, 11, 318)

function transaction(part: Partial<Extract<ProxyEvent, { type: 'transaction' }>>): ProxyEvent {
  return {
    atMs,
    type: 'transaction',
    transactionalId: 'copier-0-in-0',
    instance: 'copier-0',
    transaction: 12,
    phase: 'begun',
    producerId: 1_000,
    producerEpoch: 3,
    ...part,
  }
}

describe('the tracker, live', () => {
  it('is a line for each step of a transaction, in columns', () => {
    const events: ProxyEvent[] = [
      {
        atMs,
        type: 'producer',
        transactionalId: 'copier-0-in-0',
        instance: 'copier-0',
        producerId: 1_000,
        producerEpoch: 3,
        change: 'initialised',
      },
      transaction({ protocol: 'V1', api: 'AddPartitionsToTxn' }),
      transaction({ phase: 'producing', protocol: 'V1', api: 'Produce' }),
      transaction({ phase: 'offsets', protocol: 'V1', api: 'TxnOffsetCommit' }),
      transaction({
        phase: 'ending',
        protocol: 'V1',
        api: 'EndTxn',
        asked: 'commit',
        partitions: ['out-0', 'out-1'],
      }),
      transaction({
        phase: 'ended',
        protocol: 'V1',
        outcome: 'committed',
        brokerError: 'NONE',
        partitions: [],
        durationMs: 41,
      }),
    ]
    expect(`\n${events.map(transactionLine).join('\n')}\n`).toBe(`
14:02:11.318  copier-0    copier-0-in-0             producer 1000 epoch 3 initialised
14:02:11.318  copier-0    copier-0-in-0 #12         begun      V1  AddPartitionsToTxn
14:02:11.318  copier-0    copier-0-in-0 #12         producing  V1  Produce
14:02:11.318  copier-0    copier-0-in-0 #12         offsets    V1  TxnOffsetCommit
14:02:11.318  copier-0    copier-0-in-0 #12         ending     V1  EndTxn(commit)      2 partitions
14:02:11.318  copier-0    copier-0-in-0 #12         ended      V1  committed           41 ms
`)
  })

  it('says by what an outcome became known, and what the broker said', () => {
    const line = transactionLine(
      transaction({
        phase: 'ended',
        protocol: 'V2',
        outcome: 'aborted',
        evidence: 'fenced',
        brokerError: 'PRODUCER_FENCED',
        durationMs: 1_500,
      }),
    )
    expect(line).toMatch(
      /ended {6}V2 {2}aborted {13}1\.5 s, EndTxn met PRODUCER_FENCED, its producer was fenced$/,
    )
  })

  it('tells the groups, by generation or by epoch, and what was odd', () => {
    const group = {
      atMs,
      type: 'group',
      group: 'g',
      state: 'stable',
      epoch: 3,
      members: 2,
      rebalances: 1,
    } as const
    expect(transactionLine({ ...group, protocol: 'classic' })).toMatch(
      /group g +stable {2}generation 3, 2 members, 1 rebalance so far$/,
    )
    expect(transactionLine({ ...group, protocol: 'consumer' })).toMatch(/epoch 3/)
    expect(transactionLine({ ...group, protocol: 'classic', epoch: -1 })).toMatch(
      /stable {2}2 members/,
    )
    expect(
      transactionLine({ atMs, type: 'oddity', transactionalId: 'x', message: 'it was so' }),
    ).toMatch(/x +odd: it was so$/)
  })

  it('says nothing of other events', () => {
    expect(
      transactionLine({ atMs, type: 'connection-closed', connection: 1, cause: 'fin' }),
    ).toBeUndefined()
    expect(
      transactionLine({ atMs, type: 'progress', instance: 'copier-0', via: 'EndTxn' }),
    ).toBeUndefined()
  })
})
