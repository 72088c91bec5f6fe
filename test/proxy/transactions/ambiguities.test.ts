// Each row of the table of ambiguities, and the other ways in which the end of a transaction is lost and
// found, as dialogues in V1 and V2. A row gives the lines and how each transaction must stand at the end.
import { describe, expect, it } from 'vitest'
import type { TransactionProtocol } from '../../../proxy/events.ts'
import { endings, startDialogue, summaries } from './dialogue.ts'

interface Row {
  claim: string
  protocol: TransactionProtocol
  lines: string[]
  /** How each transaction stands, by ordinal. */
  stands: string[]
  odd?: RegExp[]
}

const openV1 = ['>> Init << 100/0', '>> Add(out-0) << NONE', '>> Produce(out-0) << NONE']
const openV2 = ['>> Init << 100/0', '>> Produce(out-0) << NONE']
const nextV1 = ['>> Add(out-0) << NONE', '>> Produce(out-0) << NONE']

const rows: Row[] = [
  {
    claim: 'the EndTxn reply is lost: the same decision again is answered NONE',
    protocol: 'V1',
    lines: [
      ...openV1,
      '>> EndTxn(commit) << lost',
      '>> EndTxn(commit) << CONCURRENT_TRANSACTIONS',
      '>> EndTxn(commit) << NONE',
    ],
    stands: ['1 ended committed by end-retry-answered'],
  },
  {
    claim: 'the EndTxn reply is lost: the same decision again is answered NONE with the next epoch',
    protocol: 'V2',
    lines: [
      ...openV2,
      '>> EndTxn(commit) << lost',
      '>> EndTxn(commit) << CONCURRENT_TRANSACTIONS',
      '>> EndTxn(commit) << 100/1',
    ],
    stands: ['1 ended committed by end-retry-answered'],
  },
  {
    claim: 'the EndTxn reply is lost and nothing more is heard: unknown',
    protocol: 'V1',
    lines: [...openV1, '>> EndTxn(commit) << lost'],
    stands: ['1 ending commit unknown'],
  },
  {
    claim: 'the EndTxn reply is swallowed: unknown to the client, though the broker has decided',
    protocol: 'V2',
    lines: [...openV2, '>> EndTxn(commit) << swallowed 100/1'],
    stands: ['1 ending commit unknown (decided committed)'],
  },
  {
    claim: 'the opposite decision after a lost reply meets INVALID_TXN_STATE: the first one stands',
    protocol: 'V1',
    lines: [...openV1, '>> EndTxn(commit) << lost', '>> EndTxn(abort) << INVALID_TXN_STATE'],
    stands: ['1 ended committed by opposite-refused'],
  },
  {
    claim: 'the opposite decision after a lost reply meets INVALID_TXN_STATE: the first one stands',
    protocol: 'V2',
    lines: [...openV2, '>> EndTxn(abort) << lost', '>> EndTxn(commit) << INVALID_TXN_STATE'],
    stands: ['1 ended aborted by opposite-refused'],
  },
  {
    claim: 'the opposite decision is accepted: the lost one was never carried out',
    protocol: 'V1',
    lines: [...openV1, '>> EndTxn(commit) << lost', '>> EndTxn(abort) << NONE'],
    stands: ['1 ended aborted by end-retry-answered'],
  },
  {
    claim:
      'a late EndTxn(commit) is accepted in the next transaction (KAFKA-17754): it ends that one',
    protocol: 'V1',
    lines: [
      ...openV1,
      '>> EndTxn(commit) << detached',
      '>> EndTxn(commit) << NONE',
      ...nextV1,
      'late 4 << NONE',
      '>> EndTxn(abort) << INVALID_TXN_STATE',
    ],
    stands: ['1 ended committed by end-retry-answered', '2 ended committed by opposite-refused'],
    odd: [/late EndTxn\(commit\) of transaction 1 was accepted and ended transaction 2/],
  },
  {
    claim: 'a late EndTxn(commit) is refused in the next transaction and changes nothing',
    protocol: 'V2',
    lines: [
      ...openV2,
      '>> EndTxn(commit) << detached',
      '>> EndTxn(commit) << 100/1',
      '>> Produce(out-0) << NONE',
      'late 3 << PRODUCER_FENCED',
      '>> EndTxn(abort) << 100/2',
    ],
    stands: ['1 ended committed by end-retry-answered', '2 ended aborted'],
  },
  {
    claim: 'a late EndTxn whose transaction is still ending decides it',
    protocol: 'V1',
    lines: [...openV1, '>> EndTxn(commit) << detached', 'late 4 << NONE'],
    stands: ['1 ending commit unknown (decided committed)'],
  },
  {
    claim: 'a late EndTxn before anything of the next transaction is registered ends nothing new',
    protocol: 'V1',
    lines: [
      ...openV1,
      '>> EndTxn(commit) << detached',
      '>> EndTxn(commit) << NONE',
      '>> Add(out-0) << CONCURRENT_TRANSACTIONS',
      'late 4 << NONE',
      ...nextV1,
      '>> EndTxn(abort) << NONE',
    ],
    stands: ['1 ended committed by end-retry-answered', '2 ended aborted'],
  },
  {
    claim: 'EndTxn(commit) with nothing added meets INVALID_TXN_STATE and is no transaction',
    protocol: 'V2',
    lines: ['>> Init << 100/0', '>> EndTxn(commit) << INVALID_TXN_STATE'],
    stands: [],
  },
  {
    claim: 'EndTxn(abort) with nothing added is no transaction, and its next epoch is no surprise',
    protocol: 'V2',
    lines: [
      '>> Init << 100/0',
      '>> EndTxn(abort) << 100/1',
      '>> Produce(out-0) << NONE',
      '>> EndTxn(commit) << 100/2',
    ],
    stands: ['1 ended committed'],
  },
  {
    claim: 'nothing that was sent ever arrived: INVALID_TXN_STATE means there was nothing to end',
    protocol: 'V2',
    lines: [
      '>> Init << 100/0',
      '>> Produce(out-0) << undelivered',
      '>> EndTxn(commit) << INVALID_TXN_STATE',
    ],
    stands: ['1 ended aborted by nothing-to-end'],
  },
  {
    claim:
      'the AddPartitionsToTxn reply is lost: asked again it is accepted, in the same transaction',
    protocol: 'V1',
    lines: [
      '>> Init << 100/0',
      '>> Add(out-0) << lost',
      '>> Add(out-0) << NONE',
      '>> Produce(out-0) << NONE',
      '>> EndTxn(commit) << NONE',
    ],
    stands: ['1 ended committed'],
  },
  {
    claim: 'the AddOffsetsToTxn and TxnOffsetCommit replies are lost: asked again in the same one',
    protocol: 'V1',
    lines: [
      '>> Init << 100/0',
      '>> AddOffsets(g) << lost',
      '>> AddOffsets(g) << NONE',
      '>> TxnOffsets(g in-0=5) << lost',
      '>> TxnOffsets(g in-0=5) << NONE',
      '>> EndTxn(commit) << NONE',
    ],
    stands: ['1 ended committed'],
  },
  {
    claim: 'the TxnOffsetCommit reply is lost: asked again in the same transaction',
    protocol: 'V2',
    lines: [
      '>> Init << 100/0',
      '>> TxnOffsets(g in-0=5) << lost',
      '>> TxnOffsets(g in-0=5) << NONE',
      '>> EndTxn(commit) << 100/1',
    ],
    stands: ['1 ended committed'],
  },
  ...(['V1', 'V2'] as const).map(
    (protocol): Row => ({
      claim: 'the Produce reply is lost: the same batch again is in the same transaction',
      protocol,
      lines: [
        '>> Init << 100/0',
        ...(protocol === 'V1' ? ['>> Add(out-0) << NONE'] : []),
        '>> Produce(out-0#0) << lost',
        '>> Produce(out-0#0) << NONE',
        `>> EndTxn(commit) << ${protocol === 'V1' ? 'NONE' : '100/1'}`,
      ],
      stands: ['1 ended committed'],
    }),
  ),
  {
    claim: 'a batch that is sent again after EndTxn starts no new transaction',
    protocol: 'V1',
    lines: [
      ...openV1,
      '>> Produce(out-0#1) << lost',
      '>> EndTxn(commit) << lost',
      '>> Produce(out-0#1) << NONE',
      '>> EndTxn(commit) << NONE',
    ],
    stands: ['1 ended committed by end-retry-answered'],
  },
  {
    claim: 'a batch that crosses its own EndTxn carries the old epoch and fences nobody',
    protocol: 'V2',
    lines: [
      ...openV2,
      '>> EndTxn(commit) << 100/1',
      '>> Produce(out-0#1) @100/0 << INVALID_PRODUCER_EPOCH',
    ],
    stands: ['1 ended committed'],
  },
  {
    claim: 'the InitProducerId reply is lost: asked again without ids, epochs are skipped',
    protocol: 'V1',
    lines: ['>> Init << lost', '>> Init << 100/1', ...nextV1, '>> EndTxn(commit) << NONE'],
    stands: ['1 ended committed'],
  },
  {
    claim: 'the InitProducerId reply is lost: asked again with ids, the answer is the same',
    protocol: 'V1',
    lines: [
      ...openV1,
      '>> EndTxn(abort) << NONE',
      '>> Init @100/0 << lost',
      '>> Init @100/0 << 100/1',
      ...nextV1,
      '>> EndTxn(commit) << NONE',
    ],
    stands: ['1 ended aborted', '2 ended committed'],
  },

  // What resolves an unknown end when the client goes on.
  {
    claim: 'the next transaction waits and is then accepted: the lost EndTxn was carried out',
    protocol: 'V1',
    lines: [
      ...openV1,
      '>> EndTxn(commit) << lost',
      '>> Add(out-0) << CONCURRENT_TRANSACTIONS',
      '>> Add(out-0) << NONE',
    ],
    stands: ['1 ended committed by next-accepted', '2 begun'],
  },
  {
    claim: 'the next transaction is accepted at once: that proves nothing yet',
    protocol: 'V1',
    lines: [...openV1, '>> EndTxn(commit) << lost', '>> Add(out-0) << NONE'],
    stands: ['1 ended unknown', '2 begun'],
  },
  {
    claim: 'the next transaction commits as well: carried out or joined, the first is committed',
    protocol: 'V1',
    lines: [...openV1, '>> EndTxn(commit) << lost', ...nextV1, '>> EndTxn(commit) << NONE'],
    stands: ['1 ended committed by next-decided', '2 ended committed'],
  },
  {
    claim: 'the next transaction ends otherwise: the first stays unknown',
    protocol: 'V1',
    lines: [...openV1, '>> EndTxn(commit) << lost', ...nextV1, '>> EndTxn(abort) << NONE'],
    stands: ['1 ended unknown', '2 ended aborted'],
  },
  {
    claim: 'EndTxn never reached the broker: the records end with the next transaction',
    protocol: 'V1',
    lines: [...openV1, '>> EndTxn(commit) << undelivered', ...nextV1, '>> EndTxn(abort) << NONE'],
    stands: ['1 ended aborted by next-decided', '2 ended aborted'],
  },
  {
    claim: 'the client goes on with the epoch that only a carried out EndTxn hands out',
    protocol: 'V2',
    lines: [...openV2, '>> EndTxn(abort) << lost', '>> Produce(out-0#0) @100/1 << NONE'],
    stands: ['1 ended aborted by epoch-bumped', '2 producing'],
  },
  {
    claim: 'the broker’s answer passed the proxy: the decision is known once the client goes on',
    protocol: 'V1',
    lines: [...openV1, '>> EndTxn(commit) << swallowed NONE', '>> Add(out-0) << NONE'],
    stands: ['1 ended committed by answer-seen', '2 begun'],
  },
  {
    claim: 'the client was told an error for what the broker had done',
    protocol: 'V1',
    lines: [...openV1, '>> EndTxn(commit) << NONE told NOT_COORDINATOR'],
    stands: ['1 ending commit unknown (decided committed)'],
  },
  {
    claim: 'an answer made by the proxy ends it for the client, and decides nothing',
    protocol: 'V1',
    lines: [...openV1, '>> EndTxn(commit) << nothing told NONE'],
    stands: ['1 ended committed'],
  },
  {
    claim: 'the coordinator moved in the middle of EndTxn: NOT_COORDINATOR leaves it open',
    protocol: 'V2',
    lines: [
      ...openV2,
      '>> EndTxn(commit) << NOT_COORDINATOR',
      '>> Find << NONE',
      '>> EndTxn(commit) << COORDINATOR_LOAD_IN_PROGRESS',
      '>> EndTxn(commit) << 100/1',
    ],
    stands: ['1 ended committed by end-retry-answered'],
  },
  {
    claim: 'the markers are written: that shows the decision',
    protocol: 'V1',
    lines: [...openV1, '>> EndTxn(commit) << lost', '>> Markers(100/0 commit) << NONE'],
    stands: ['1 ending commit unknown (decided committed) by markers-seen'],
  },
  {
    claim: 'markers of V2 carry the next epoch and resolve a transaction left behind',
    protocol: 'V2',
    lines: [
      ...openV2,
      '>> EndTxn(commit) << lost',
      'b >> Init << CONCURRENT_TRANSACTIONS',
      'b >> Init << 100/2',
      '>> Markers(100/1 commit) << NONE',
    ],
    stands: ['1 ended committed by markers-seen'],
  },

  // Restarts and fences.
  {
    claim: 'a new process starts: what the old one left open is aborted',
    protocol: 'V1',
    lines: [...openV1, 'b >> Init << CONCURRENT_TRANSACTIONS', 'b >> Init << 100/2'],
    stands: ['1 ended aborted by reinitialised'],
  },
  {
    claim: 'EndTxn never reached the broker: the start of a new process aborts',
    protocol: 'V2',
    lines: [...openV2, '>> EndTxn(commit) << undelivered', 'b >> Init << 100/2'],
    stands: ['1 ended aborted by reinitialised'],
  },
  {
    claim: 'the start had nothing to abort: the lost EndTxn(commit) was carried out',
    protocol: 'V2',
    lines: [...openV2, '>> EndTxn(commit) << lost', 'b >> Init << 100/2'],
    stands: ['1 ended committed by reinitialised'],
  },
  {
    claim:
      'the start had to wait: it may have aborted what the lost EndTxn(commit) had not decided',
    protocol: 'V2',
    lines: [
      ...openV2,
      '>> EndTxn(commit) << lost',
      'b >> Init << CONCURRENT_TRANSACTIONS',
      'b >> Init << 100/2',
    ],
    stands: ['1 ended unknown'],
  },
  {
    claim: 'an earlier start’s answer was lost: a later one at once proves nothing',
    protocol: 'V1',
    lines: [...openV1, '>> EndTxn(commit) << lost', 'b >> Init << lost', 'b >> Init << 100/2'],
    stands: ['1 ended unknown'],
  },
  {
    claim: 'a lost EndTxn(abort) and a restart: aborted either way',
    protocol: 'V1',
    lines: [
      ...openV1,
      '>> EndTxn(abort) << lost',
      'b >> Init << CONCURRENT_TRANSACTIONS',
      'b >> Init << 100/2',
    ],
    stands: ['1 ended aborted by reinitialised'],
  },
  {
    claim: 'fenced in EndTxn: nothing of it was committed',
    protocol: 'V1',
    lines: [...openV1, '>> EndTxn(commit) << PRODUCER_FENCED'],
    stands: ['1 ended aborted by fenced'],
  },
  {
    claim: 'fenced in the retry of a lost EndTxn(commit): the first may have been carried out',
    protocol: 'V1',
    lines: [...openV1, '>> EndTxn(commit) << lost', '>> EndTxn(commit) << PRODUCER_FENCED'],
    stands: ['1 ended unknown'],
  },
  {
    claim: 'fenced in AddPartitionsToTxn: the client can do nothing more with it',
    protocol: 'V1',
    lines: [...openV1, '>> Add(out-1) << PRODUCER_FENCED'],
    stands: ['1 ended aborted by fenced'],
  },
  {
    claim: 'a stale epoch in Produce can still be aborted, and then shows whether it was a fence',
    protocol: 'V2',
    lines: [
      ...openV2,
      '>> Produce(out-0) << INVALID_PRODUCER_EPOCH',
      '>> EndTxn(abort) << PRODUCER_FENCED',
    ],
    stands: ['1 ended aborted by fenced'],
  },
  {
    claim: 'INVALID_TXN_STATE that nothing explains is unknown, and odd',
    protocol: 'V1',
    lines: [...openV1, '>> EndTxn(commit) << INVALID_TXN_STATE'],
    stands: ['1 ended unknown'],
    odd: [/met INVALID_TXN_STATE, though the other decision was never asked for/],
  },
]

describe('what is lost and how it is found', () => {
  it.each(rows)('$protocol: $claim', ({ protocol, lines, stands, odd = [] }) => {
    const dialogue = startDialogue(protocol)
    for (const line of lines) dialogue.say(line)
    expect(endings(dialogue.effects)).toEqual(stands)
    const oddities = summaries(dialogue.effects).filter((text) => text.startsWith('odd:'))
    expect(oddities).toHaveLength(odd.length)
    for (const [at, pattern] of odd.entries()) expect(oddities[at]).toMatch(pattern)
  })
})
