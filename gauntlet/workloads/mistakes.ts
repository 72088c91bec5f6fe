// The deliberately wrong copiers: what each does wrong, which fault brings it to light and what must be found.
// Each copies exactly once as long as nothing goes wrong, which is why such mistakes reach production.

export interface MistakeDescription {
  /** What the copier does wrong. */
  wrong: string
  /** Which fault, at which step, makes it fail. */
  fails: string
  /** The anomaly that must be found then. */
  anomaly: 'duplicate' | 'aborted-read' | 'missing-output' | 'stall'
  /** Copiers that can make it. */
  clients: readonly ('kafkajs' | 'java')[]
}

const both = ['kafkajs', 'java'] as const
const javaOnly = ['java'] as const

export const mistakes = {
  'acks-one': {
    wrong:
      'sends its output with acks=1 by a producer that is neither idempotent nor transactional, and commits offsets afterwards',
    fails:
      'a batch is in the log and its answer is lost, so the client sends it again: `disconnect: before-reply` on `reply: Produce, error: NONE`; or a leader dies before its followers have the batch',
    anomaly: 'duplicate',
    clients: both,
  },
  'auto-commit': {
    wrong:
      'lets its consumer commit offsets by the clock, beside a transactional producer that never sends them',
    fails:
      'output is committed and the clock has not struck yet: `rebalance: { how: evict }` on `reply: EndTxn`, or the instance killed on it',
    anomaly: 'duplicate',
    clients: javaOnly,
  },
  'position-not-rewound': {
    wrong:
      'aborts its transaction after an error and reads on from where it is, instead of going back to the committed offsets',
    fails:
      'any error that makes the client abort: `error: { code: INVALID_TXN_STATE, seen-by-broker: false }` on `request: Produce`',
    anomaly: 'missing-output',
    clients: both,
  },
  'produce-after-revocation': {
    wrong:
      "commits its offsets by the group's name alone (as it was done before KIP-447), so nobody can refuse what it commits for partitions that it has lost",
    fails:
      'it is out of its group in the middle of a transaction, and its TxnOffsetCommit arrives when the next owner has begun: `rebalance: { how: evict }` on a `reply: Produce`, `delay` on the TxnOffsetCommit',
    anomaly: 'duplicate',
    clients: javaOnly,
  },
  'random-transactional-id': {
    wrong: 'gives every new producer a transactional id of its own, so that none fences another',
    fails:
      'kafkajs: two owners of a partition commit it both: `rebalance: { how: evict }`, and the EndTxn of the evicted one late. Java: the group refuses the old owner, but what a killed instance left open stops every reader until its timeout',
    anomaly: 'duplicate',
    clients: both,
  },
  'send-failures-ignored': {
    wrong:
      'sends its output in no transaction, never looks at what became of the sends, and commits its offsets',
    fails:
      'any error that the client does not retry: `error: { code: TOPIC_AUTHORIZATION_FAILED, seen-by-broker: false }` on `request: Produce`',
    anomaly: 'missing-output',
    clients: javaOnly,
  },
  'transaction-timeout-too-short': {
    wrong:
      'has a transaction timeout of 1 s, which is enough until a transaction takes longer; then the coordinator aborts each, and the work is done again and again',
    fails:
      'a slow network: `delay: { by: 500ms, of: both }` on all connections for some seconds, with a bound for `stall`',
    anomaly: 'stall',
    clients: both,
  },
  'offsets-outside-transaction': {
    wrong:
      'commits its output in a transaction, and the offsets by an OffsetCommit of its own after it',
    fails:
      'anything between the two: `rebalance: { how: evict }` on `request: OffsetCommit`, or the instance killed on it; with kafkajs a lost answer of EndTxn is enough, since its recovery reads offsets that were never committed',
    anomaly: 'duplicate',
    clients: both,
  },
  'output-without-transaction': {
    wrong: 'sends its output idempotently but in no transaction, and commits offsets afterwards',
    fails:
      'the output is in the log when its offsets are not: `rebalance: { how: evict }` on `request: OffsetCommit`, or the instance killed on it (no EndTxn is ever sent, so a trigger on it never fires)',
    anomaly: 'duplicate',
    clients: both,
  },
  'read-uncommitted': {
    wrong: 'reads its input without read_committed',
    fails: 'no fault is needed, but aborted inputs are: `load: { …, aborted: 10% }`',
    anomaly: 'aborted-read',
    clients: both,
  },
  'redo-after-unknown-commit': {
    wrong:
      'takes a commit without an answer for a failed one: with a new producer it sends the same work again and never looks at the committed offsets',
    fails:
      'the coordinator commits and its answer is lost for longer than the client waits: `coordinator-crash` on `reply: EndTxn, committed: true` for 5 s (kafkajs gives up at the first lost answer, Java after 2 s in this copier)',
    anomaly: 'duplicate',
    clients: both,
  },
} as const satisfies Record<string, MistakeDescription>

export type Mistake = keyof typeof mistakes

export const mistakeNames = Object.keys(mistakes) as Mistake[]

export function isMistake(name: string): name is Mistake {
  return Object.hasOwn(mistakes, name)
}
