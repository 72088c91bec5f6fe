// The deliberately wrong copiers: what each does wrong, which fault brings it to light and what must be found.
// Each copies exactly once as long as nothing goes wrong, which is why such mistakes reach production.

export interface MistakeDescription {
  /** What the copier does wrong. */
  wrong: string
  /** Which fault, at which step, makes it fail. */
  fails: string
  /** The anomaly that must be found then. */
  anomaly: 'duplicate' | 'aborted-read'
  /** Copiers that can make it. */
  clients: readonly ('kafkajs' | 'java')[]
}

const both = ['kafkajs', 'java'] as const

export const mistakes = {
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
