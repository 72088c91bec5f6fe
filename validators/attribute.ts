// Which faults a finding has to do with. Strongest first: the fault was set off by the very exchange that carried a
// record of the finding; by another exchange of the same transaction, or by a message that was kept back and delivered
// while that transaction was open; by the same transactional id; by the same instance at about that time (a group that
// it was thrown out of, an offset commit); or it merely lasted while the record was sent.
// A relation is no proof of guilt: it says where to look.
import type { Firing } from '../proxy/events.ts'
import {
  type AttributedFinding,
  type Cause,
  type Finding,
  type Proof,
  type Relation,
  relations,
  type Touch,
} from './finding.ts'
import type { History } from './history.ts'
import { traceSink } from './sink-trace.ts'
import { storyOf } from './story.ts'

/** What hit an instance is held to concern what it did so long before and after. */
const nearMs = 10_000

/** Firings that one proof names; an unlimited fault may have thousands. */
const touchesMax = 8

/** Each proof with the faults that touched it, the faults of them all, and the sentence about it. */
export function attribute(history: History, found: Finding): AttributedFinding {
  const finding = traceSink(history, found)
  const proof = finding.proof.map((one) => {
    const touchedBy = touchesOf(history, one)
    return touchedBy.length === 0 ? one : { ...one, touchedBy }
  })
  const told = { ...finding, proof }
  return { ...told, causes: causesOf(history, finding), sentence: storyOf(history, told) }
}

/** The firings that a proof has to do with, the strongest first; of a fault only those tied to it most closely. */
function touchesOf(history: History, proof: Proof): Touch[] {
  return history.timeline.faults
    .flatMap(({ name, kind, firings }) => {
      const touches = firings.flatMap((firing): Touch[] => {
        const relation = strongest(firing, [proof], history)
        return relation === undefined ? [] : [touchOf({ name, kind }, firing, relation)]
      })
      const nearest = relations.find((one) => touches.some(({ relation }) => relation === one))
      return touches.filter(({ relation }) => relation === nearest)
    })
    .sort(
      (a, b) =>
        relations.indexOf(a.relation) - relations.indexOf(b.relation) || a.firedAtMs - b.firedAtMs,
    )
    .slice(0, touchesMax)
}

function touchOf(fault: { name: string; kind: string }, firing: Firing, relation: Relation): Touch {
  const { exchange } = firing
  return {
    fault: fault.name,
    kind: fault.kind,
    firing: firing.number,
    relation,
    firedAtMs: firing.firedAtMs,
    ...(firing.appliedAtMs === undefined ? {} : { appliedAtMs: firing.appliedAtMs }),
    ...(firing.healedAtMs === undefined ? {} : { healedAtMs: firing.healedAtMs }),
    ...(exchange === undefined ? {} : { api: exchange.api }),
    ...(exchange?.transaction === undefined ? {} : { transaction: exchange.transaction }),
    ...(firing.moment === undefined ? {} : { moment: firing.moment }),
    ...(firing.effect === undefined ? {} : { effect: firing.effect }),
    ...(firing.brokerAnswer === undefined ? {} : { brokerAnswer: firing.brokerAnswer }),
  }
}

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
  const concerned = history.wire.transactionOf(proof.transactionalId, proof.transaction)
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
