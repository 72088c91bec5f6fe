// The list of checkers, one line each, in the order in which findings are told.
import type { Finding } from '../finding.ts'
import type { History } from '../history.ts'
import type { AnomalyKind } from '../history-line.ts'
import { abortedRead } from './aborted-read.ts'
import { lowAvailability } from './availability.ts'
import { slowCommits } from './commit-latency.ts'
import { duplicate } from './duplicate.ts'
import { hangingTransaction } from './hanging-transaction.ts'
import { inconsistentOffsets } from './inconsistent-offsets.ts'
import { brokenInvariant } from './invariant.ts'
import { lostWrite } from './lost-write.ts'
import { missingOutput } from './missing-output.ts'
import { noRecovery } from './no-recovery.ts'
import { offsetOutputMismatch } from './offset-output-mismatch.ts'
import { policyViolation } from './policy-violation.ts'
import { reordered } from './reordered.ts'
import { sharedAck } from './shared-ack.ts'
import { stall } from './stall.ts'
import { tornTransaction } from './torn-transaction.ts'
import { unexpected } from './unexpected.ts'
import { wrongErrorClass } from './wrong-error-class.ts'
import { zombieWrite } from './zombie-write.ts'

export type Checker = (history: History) => Finding[]

export const checkers: Readonly<Record<AnomalyKind, Checker>> = {
  'lost-write': lostWrite,
  'missing-output': missingOutput,
  duplicate,
  'aborted-read': abortedRead,
  'torn-transaction': tornTransaction,
  'offset-output-mismatch': offsetOutputMismatch,
  reordered,
  'inconsistent-offsets': inconsistentOffsets,
  unexpected,
  'shared-ack': sharedAck,
  'zombie-write': zombieWrite,
  'hanging-transaction': hangingTransaction,
  invariant: brokenInvariant,
  stall,
  'no-recovery': noRecovery,
  availability: lowAvailability,
  'commit-latency': slowCommits,
  'policy-violation': policyViolation,
  'wrong-error-class': wrongErrorClass,
}
