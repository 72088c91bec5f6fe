// The coordinator of a transaction or a group moves to another broker: said on the wire alone, or for real.
// Said alone, the old one sends its clients away, FindCoordinator names another broker, and what that one
// answers is the truth: NOT_COORDINATOR, until the heal.
import type { FaultEffect } from '../faults/fault.ts'
import type { MessageView } from '../faults/message-view.ts'
import type { RequestVerdict } from '../flow/exchange.ts'
import { createGate } from '../flow/gate.ts'
import type { ClientDoor } from '../flow/links.ts'
import type { SocketAddress } from '../flow/sockets.ts'
import type { TakenRequest } from '../flow/taken.ts'
import type { Message } from '../protocol/codec.ts'
import { plainAnswer } from '../protocol/synthesize.ts'
import {
  coordinatorApis,
  coordinatorMeant,
  keyOf,
  transactionCoordinatorApis,
} from './coordinator.ts'
import type { FiringReport } from './firing-report.ts'
import { moveLeader } from './leadership.ts'
import { errorFrame, frameOf } from './made-answer.ts'
import type { Cause, Heal, Means } from './means.ts'
import type { PartitionName } from './partitions.ts'

const transactionLog = '__transaction_state'
const groupLog = '__consumer_offsets'
/** How long all brokers may take to hear who coordinates now. */
const hearingLimitMs = 15_000
const lookEveryMs = 50
const leastInt32 = -0x8000_0000
/** From this version on, FindCoordinator asks for several at once. */
const findsSeveral = 4

/** Kafka's choice of the partition that keeps an id: Java's hash of its text, without its sign. */
export function keepingPartition(id: string, partitionCount: number): number {
  let hash = 0
  for (let i = 0; i < id.length; i++) hash = (Math.imul(hash, 31) + id.charCodeAt(i)) | 0
  return (hash === leastInt32 ? 0 : Math.abs(hash)) % partitionCount
}

async function partitionKeeping(
  { partitions }: Means,
  key: { transactionalId: string } | { group: string },
): Promise<PartitionName> {
  const topic = 'group' in key ? groupLog : transactionLog
  const id = 'group' in key ? key.group : key.transactionalId
  const count = (await partitions.all()).filter((state) => state.topic === topic).length
  if (count === 0) throw new Error(`the cluster has no ${topic} yet`)
  return { topic, partition: keepingPartition(id, count) }
}

interface Meant {
  transactionalIds: string[]
  groups: string[]
  node: number
}

async function moveOnWire(means: Means, report: FiringReport, meant: Meant): Promise<Heal> {
  const { rules, partitions } = means
  const { node } = meant
  const { rule } = report
  const others = (await partitions.alive()).filter((other) => other !== node)
  const told = others.find((other) => other > node) ?? others[0]
  if (told === undefined) throw new Error('there is no other broker to name')
  const ids = new Set(meant.transactionalIds)
  const groups = new Set(meant.groups)
  const concerns = (view: MessageView): boolean => {
    const subject = view.subject()
    const isTransactional = transactionCoordinatorApis.includes(view.api)
    if (view.api !== 'FindCoordinator') {
      // TxnOffsetCommit names both, and only its group says who answers it.
      return isTransactional
        ? subject.transactionalIds.some((id) => ids.has(id))
        : subject.groups.some((group) => groups.has(group))
    }
    const sought = [...subject.transactionalIds, ...subject.groups]
    return (
      sought.length > 0 &&
      subject.transactionalIds.every((id) => ids.has(id)) &&
      subject.groups.every((group) => groups.has(group))
    )
  }
  rule.seatTold = told
  report.noted(`FindCoordinator names broker ${told} instead of ${node}`)
  rules.claim(rule, [...coordinatorApis, 'FindCoordinator'], (view) => {
    if (view.side !== 'request' || view.plane !== 'client') return false
    if (view.api !== 'FindCoordinator' && view.node !== node) return false
    if (view.api !== 'FindCoordinator' && !coordinatorApis.includes(view.api)) return false
    return concerns(view)
  })
  return async () => {
    rules.claim(rule, [], undefined)
    rule.seatTold = undefined
  }
}

/** FindCoordinator's answer, in whatever form its version has. */
function namingAnswer(message: TakenRequest, node: number, { host, port }: SocketAddress): Buffer {
  const { apiKey, version } = message.exchange
  const answer = plainAnswer(apiKey, version, message.request, {})
  const found = version >= findsSeveral ? (answer.coordinators as Message[]) : [answer]
  for (const each of found) Object.assign(each, { nodeId: node, host, port })
  return frameOf(message, answer)
}

/** What a message hears that asks for, or comes to, a coordinator that is said to have moved. */
export function answerMoved(
  message: TakenRequest,
  told: number | undefined,
  door: ClientDoor | undefined,
  report: FiringReport | undefined,
): RequestVerdict {
  if (message.view.api !== 'FindCoordinator') {
    report?.applied(`${message.view.api} was sent away`)
    return { do: 'answer', frame: errorFrame(message, 'NOT_COORDINATOR') }
  }
  if (told === undefined || door === undefined) return { do: 'pass' }
  const name = (address: SocketAddress): RequestVerdict => {
    report?.applied('FindCoordinator was told another broker')
    return { do: 'answer', frame: namingAnswer(message, told, address) }
  }
  const known = door.addressOf(told)
  if (known !== undefined) return name(known)
  const gate = createGate<RequestVerdict>()
  door
    .ensure(told)
    .then(name, (): RequestVerdict => ({ do: 'cut', forward: false, with: 'reset' }))
    .then(gate.open)
  return { do: 'wait', gate, discardIfClientLeaves: false }
}

async function moveForReal(means: Means, report: FiringReport, meant: Meant): Promise<Heal> {
  const { cluster, runtime } = means
  const key = keyOf(meant)
  const id = 'group' in key ? key.group : key.transactionalId
  const place = await partitionKeeping(means, key)
  const before = await cluster.coordinatorOf(key)
  const { moved, heal } = await moveLeader(means, place)
  const endMs = runtime.nowMs() + hearingLimitMs
  for (;;) {
    const now = await cluster.coordinatorOf(key)
    if (now === moved.after) break
    if (runtime.nowMs() >= endMs) {
      await heal()
      throw new Error(`broker ${moved.after} leads, but the cluster still names ${now ?? 'nobody'}`)
    }
    await new Promise<void>((resolve) => runtime.after(lookEveryMs, resolve))
  }
  report.applied(
    `moved ${moved.topic}-${moved.partition}, so broker ${moved.after} coordinates ${id} ` +
      `(the cluster said ${before ?? 'nobody'} before, ${moved.after} after)`,
  )
  return heal
}

export async function coordinatorMoveEffect(
  means: Means,
  effect: Extract<FaultEffect, { on: 'coordinator-seat' }>,
  report: FiringReport,
  cause: Cause | undefined,
): Promise<Heal> {
  const meant = await coordinatorMeant(means, effect, cause)
  const { node } = meant
  if (node === undefined) throw new Error('no broker coordinates what the fault names')
  report.firing.targets = [`broker ${node}`, ...meant.transactionalIds, ...meant.groups]
  return effect.how === 'wire'
    ? moveOnWire(means, report, { ...meant, node })
    : moveForReal(means, report, { ...meant, node })
}
