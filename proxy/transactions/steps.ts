// The named steps of a transaction, in order: which message, on which plane, in which protocol, and the
// phase it leads to. The tracker, the docs and the help text all read this table.
// Phases are the client's: V1 registers partitions by a request of its own, V2 (KIP-890) does it inside
// Produce and TxnOffsetCommit, so `begun` and `producing` fall together there; the phases mean the same.
import type { Plane, TransactionPhase, TransactionProtocol } from '../events.ts'

export interface StepMoment {
  /** The phase that the client's transaction enters; absent when it stays where it is. */
  leadsTo?: TransactionPhase
  means: string
}

export interface Step {
  name: string
  api: string
  plane: Plane
  protocols: readonly TransactionProtocol[]
  /** The first such message starts the next transaction. */
  starts: boolean
  request: StepMoment
  /** The answer NONE. */
  reply: StepMoment
}

const both = ['V1', 'V2'] as const

export const steps: readonly Step[] = [
  {
    name: 'find-coordinator',
    api: 'FindCoordinator',
    plane: 'client',
    protocols: both,
    starts: false,
    request: { means: 'the client asks which broker coordinates its transactional id or group' },
    reply: { means: 'the client knows the coordinator' },
  },
  {
    name: 'initialise',
    api: 'InitProducerId',
    plane: 'client',
    protocols: both,
    starts: false,
    request: { means: 'a producer asks for its id and epoch; an older one is to be fenced' },
    reply: {
      leadsTo: 'idle',
      means: 'older epochs are fenced, and what they left open is aborted or was decided before',
    },
  },
  {
    name: 'add-partitions',
    api: 'AddPartitionsToTxn',
    plane: 'client',
    protocols: ['V1'],
    starts: true,
    request: { leadsTo: 'begun', means: 'partitions are to join the transaction' },
    reply: { means: 'the coordinator has the partitions in its log' },
  },
  {
    name: 'produce',
    api: 'Produce',
    plane: 'client',
    protocols: both,
    starts: true,
    request: { leadsTo: 'producing', means: 'records go to the leader of a partition' },
    reply: { means: 'the records are in the log, not yet visible to read_committed' },
  },
  {
    name: 'verify-partitions',
    api: 'AddPartitionsToTxn',
    plane: 'inter-broker',
    protocols: both,
    starts: false,
    request: {
      means:
        'the leader asks the coordinator whether the partition takes part (V1) or adds it (V2)',
    },
    reply: { means: 'the leader may append' },
  },
  {
    name: 'add-offsets',
    api: 'AddOffsetsToTxn',
    plane: 'client',
    protocols: ['V1'],
    starts: true,
    request: {
      leadsTo: 'begun',
      means: "the group's offsets partition is to join the transaction",
    },
    reply: { means: 'the coordinator has the offsets partition in its log' },
  },
  {
    name: 'commit-offsets',
    api: 'TxnOffsetCommit',
    plane: 'client',
    protocols: both,
    starts: true,
    request: { leadsTo: 'offsets', means: 'input offsets go to the group coordinator' },
    reply: { means: 'the offsets are pending: they count when the transaction commits' },
  },
  {
    name: 'end',
    api: 'EndTxn',
    plane: 'client',
    protocols: both,
    starts: false,
    request: { leadsTo: 'ending', means: 'the client asks to commit or to abort' },
    reply: {
      leadsTo: 'ended',
      means: 'the decision is in the coordinator’s log; no marker need be written yet',
    },
  },
  {
    name: 'write-markers',
    api: 'WriteTxnMarkers',
    plane: 'inter-broker',
    protocols: both,
    starts: false,
    request: { means: 'phase two: the coordinator tells a participant the decision' },
    reply: { means: 'that participant has the marker: its records are visible or discarded' },
  },
]

const ofClients = new Map(
  steps.filter((step) => step.plane === 'client').map((step) => [step.api, step]),
)

/** The client's step that an API is; undefined for APIs outside of transactions. */
export function clientStep(api: string): Step | undefined {
  return ofClients.get(api)
}

const order: Readonly<Record<TransactionPhase, number>> = {
  idle: 0,
  begun: 1,
  producing: 2,
  offsets: 3,
  ending: 4,
  ended: 5,
}

/** An open transaction only goes forward: a Produce after the offsets does not lead back. */
export function furtherPhase(now: TransactionPhase, next: TransactionPhase): TransactionPhase {
  return order[next] > order[now] ? next : now
}
