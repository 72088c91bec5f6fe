// Which faults a finding has to do with. Strongest first: the fault was set off by the very exchange that carried a
// record of the finding; by another exchange of the same transaction, or by a message that was kept back and delivered
// while that transaction was open; by the same transactional id; by the same instance at about that time (a group that
// it was thrown out of, an offset commit); or it merely lasted while the record was sent.
// A relation is no proof of guilt: it says where to look.
import type { Firing } from '../proxy/events.ts'
import { type Cause, type Finding, type Proof, type Relation, relations } from './finding.ts'
import type { History } from './history.ts'

/** What hit an instance is held to concern what it did so long before and after. */
const nearMs = 10_000

export function causesOf(history: History, finding: Finding): Cause[] {
  const causes: Cause[] = []
  for (const { name, kind, firings } of history.timeline.faults) {
    const found = firings.flatMap((firing) => {
      const relation = strongest(firing, finding.proof, history)
      return relation === undefined ? [] : [{ number: firing.number, relation }]
    })
    const relation = relations.find((one) => found.some((entry) => entry.relation === one))
    if (relation === undefined) continue
    causes.push({
      fault: name,
      kind,
      firings: found.filter((entry) => entry.relation === relation).map(({ number }) => number),
      relation,
    })
  }
  return causes.sort((a, b) => relations.indexOf(a.relation) - relations.indexOf(b.relation))
}

function strongest(
  firing: Firing,
  proofs: readonly Proof[],
  history: History,
): Relation | undefined {
  return relations.find((relation) =>
    proofs.some((proof) => isRelated(relation, firing, proof, history)),
  )
}

function isRelated(relation: Relation, firing: Firing, proof: Proof, history: History): boolean {
  const { exchange } = firing
  switch (relation) {
    case 'exchange':
      return (
        exchange !== undefined &&
        proof.exchange !== undefined &&
        exchange.connection === proof.exchange.connection &&
        exchange.correlationId === proof.exchange.correlationId
      )
    case 'transaction':
      return (
        isSameId(firing, proof) &&
        (exchange?.transaction === proof.transaction || wasDeliveredInto(firing, proof, history))
      )
    case 'transactional-id':
      return isSameId(firing, proof)
    case 'instance':
      return (
        exchange?.instance !== undefined &&
        exchange.instance === proof.instance &&
        proof.atMs !== undefined &&
        Math.abs(proof.atMs - firing.firedAtMs) <= nearMs
      )
    case 'window': {
      const until = firing.healedAtMs ?? firing.appliedAtMs ?? firing.firedAtMs
      return proof.atMs !== undefined && proof.atMs >= firing.firedAtMs && proof.atMs <= until
    }
  }
}

/** The broker answered a message that the fault had kept back, in the middle of the proof's transaction. */
function wasDeliveredInto(firing: Firing, proof: Proof, history: History): boolean {
  const deliveredAtMs = firing.healedAtMs
  if (firing.brokerAnswer === undefined || deliveredAtMs === undefined) return false
  const concerned = history.wire.transactions.find(
    ({ transactionalId, transaction }) =>
      transactionalId === proof.transactionalId && transaction === proof.transaction,
  )
  if (concerned === undefined) return false
  const { beganAtMs, endedAtMs } = concerned
  return deliveredAtMs >= beganAtMs && deliveredAtMs <= (endedAtMs ?? deliveredAtMs)
}

function isSameId(firing: Firing, { transactionalId }: Proof): boolean {
  return (
    transactionalId !== undefined &&
    (firing.exchange?.transactionalIds?.includes(transactionalId) ?? false)
  )
}
