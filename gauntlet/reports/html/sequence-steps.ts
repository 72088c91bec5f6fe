// What happened to the first record that a finding names, message by message: the transactions and exchanges that its
// proofs speak of, the faults that touched them, and what became of the processes meanwhile. Pure.
import type { ExchangeIdentity, Firing, ProxyEvent } from '../../../proxy/events.ts'
import type { WireOffsets, WireSend, WireTransaction } from '../../../validators/facts/wire.ts'
import type { Proof } from '../../../validators/finding.ts'
import { counted } from '../../../validators/finding.ts'
import type { History } from '../../../validators/history.ts'
import type { InstanceLine } from '../../../validators/history-line.ts'
import type { ResultFinding } from '../../../validators/result.ts'

/** Transactions told of one finding. */
const transactionsMax = 3
/** Produce requests told of one transaction, those with the record first. */
const sendsMax = 4
const offsetsMax = 2
/** Firings told of one finding. */
const firingsMax = 6
const journalMarginMs = 2_000

/** Where an answer was lost: `request` never reached the broker, `reply` never came back. */
export type Lost = 'request' | 'reply'

export interface Hit {
  /** `crash#2` */
  name: string
  moment: 'request' | 'reply'
}

export type Step = { atMs: number } & (
  | {
      kind: 'exchange'
      client: string
      broker: string
      request: string
      reply: string
      repliedAtMs: number
      lost: Lost | undefined
      /** It carried the record. */
      marked: boolean
      /** The fault that this very exchange set off. */
      hitBy: Hit | undefined
    }
  | { kind: 'fault'; text: string }
  | { kind: 'marker'; from: string; broker: string; text: string }
  | { kind: 'note'; of: string; text: string; bad: boolean }
  | { kind: 'section'; text: string }
)

export interface Sequence {
  /** What the steps are about. */
  subject: string
  /** Clients first, then the coordinator, then leaders. */
  participants: string[]
  steps: Step[]
  /** Sentences about what is not shown. */
  leftOut: string[]
}

/** Requests that only the coordinator of a transaction answers. */
const coordinatorApis = ['EndTxn', 'AddPartitionsToTxn', 'AddOffsetsToTxn', 'InitProducerId']
const leader = (node: number): string => (node < 0 ? 'bootstrap broker' : `broker ${node}`)

/** Undefined where no message is concerned, such as for a stall. */
export function sequenceOf(history: History, finding: ResultFinding): Sequence | undefined {
  const [first] = finding.proof
  if (first === undefined) return undefined
  const proofs = finding.proof.filter(
    (proof) => proof === first || (first.id !== undefined && proof.id === first.id),
  )
  const transactions = distinct(
    proofs.flatMap(
      (proof) => history.wire.transactionOf(proof.transactionalId, proof.transaction) ?? [],
    ),
  )
  const told = transactions.slice(0, transactionsMax)
  const loose = sendsOutside(history, proofs)
  if (told.length === 0 && loose.length === 0) return undefined
  const leftOut: string[] = []
  if (transactions.length > told.length) {
    leftOut.push(counted(transactions.length - told.length, 'more transaction'))
  }
  const turns = turnsOf(history, told)
  const firings = touchingFirings(history, proofs)
  const coordinator = coordinatorName(firings, told)
  const telling: Telling = { history, proofs, firings, turns, coordinator, leftOut }
  const steps: Step[] = [
    ...told.flatMap((transaction) => transactionSteps(transaction, telling)),
    ...loose.map((send) => sendStep(send, telling)),
    ...looseOffsets(telling),
  ]
  const fromMs = Math.min(...steps.map(({ atMs }) => atMs))
  const toMs = Math.max(...steps.map(({ atMs }) => atMs))
  steps.push(...faultSteps(firings), ...turnSteps(turns, told, fromMs, toMs))
  steps.push(...processSteps(history, proofs, fromMs, toMs))
  steps.sort((a, b) => a.atMs - b.atMs || order[a.kind] - order[b.kind])
  return {
    subject: first.id ?? (told[0] === undefined ? finding.kind : nameOf(told[0])),
    participants: participantsOf(steps, coordinator),
    steps,
    leftOut,
  }
}

const order: Record<Step['kind'], number> = {
  section: 0,
  exchange: 1,
  fault: 2,
  marker: 3,
  note: 4,
}

const nameOf = ({ transaction, transactionalId }: WireTransaction): string =>
  `transaction ${transaction} of ${transactionalId}`

const distinct = <Value>(values: readonly Value[]): Value[] => [...new Set(values)]

/** What every step of a sequence is told with. */
interface Telling {
  history: History
  proofs: readonly Proof[]
  /** The firings that touched the record, by `fault#number`. */
  firings: ReadonlyMap<string, Firing>
  turns: Turns
  coordinator: string
  leftOut: string[]
}

function touchingFirings(history: History, proofs: readonly Proof[]): Map<string, Firing> {
  const wanted = new Map<string, Firing>()
  for (const touch of proofs.flatMap(({ touchedBy = [] }) => touchedBy)) {
    const firing = history.timeline.faults
      .find(({ name }) => name === touch.fault)
      ?.firings.find(({ number }) => number === touch.firing)
    if (firing !== undefined) wanted.set(`${touch.fault}#${touch.firing}`, firing)
  }
  return wanted
}

/** With its broker, where a fault has met it there and only one transactional id is told of. */
function coordinatorName(
  firings: ReadonlyMap<string, Firing>,
  told: readonly WireTransaction[],
): string {
  const ids = distinct(told.map(({ transactionalId }) => transactionalId))
  const [id] = ids
  const met = [...firings.values()].flatMap(({ exchange }) =>
    exchange !== undefined &&
    exchange.plane === 'client' &&
    exchange.node >= 0 &&
    coordinatorApis.includes(exchange.api) &&
    id !== undefined &&
    exchange.transactionalIds?.includes(id)
      ? [exchange.node]
      : [],
  )
  return ids.length === 1 && met[0] !== undefined ? `coordinator (broker ${met[0]})` : 'coordinator'
}

function hitOf(
  { firings }: Telling,
  isHit: (exchange: ExchangeIdentity) => boolean,
): Hit | undefined {
  for (const [name, { exchange, moment }] of firings) {
    if (exchange !== undefined && isHit(exchange)) return { name, moment: moment ?? 'request' }
  }
  return undefined
}

interface Turns {
  transactions: Array<Extract<ProxyEvent, { type: 'transaction' }>>
  producers: Array<Extract<ProxyEvent, { type: 'producer' }>>
}

/** The changes of the transactions that are told, and of their producers. */
function turnsOf(history: History, told: readonly WireTransaction[]): Turns {
  const ids = new Set(told.map(({ transactionalId }) => transactionalId))
  const keys = new Set(told.map((one) => `${one.transactionalId}#${one.transaction}`))
  const turns: Turns = { transactions: [], producers: [] }
  for (const line of history.lines()) {
    if (line.type === 'transaction' && keys.has(`${line.transactionalId}#${line.transaction}`)) {
      turns.transactions.push(line)
    } else if (line.type === 'producer' && ids.has(line.transactionalId)) {
      turns.producers.push(line)
    }
  }
  return turns
}

function clientOf(transaction: WireTransaction): string {
  return transaction.instance ?? transaction.transactionalId
}

function transactionSteps(transaction: WireTransaction, telling: Telling): Step[] {
  const { proofs, leftOut } = telling
  const { sends, offsets, beganAtMs } = transaction
  const exchanges = byExchange(sends)
  const ranked = [...exchanges].sort(
    (a, b) => Number(carriesRecord(b, proofs)) - Number(carriesRecord(a, proofs)),
  )
  const shown = ranked.slice(0, sendsMax)
  if (exchanges.length > shown.length) {
    leftOut.push(`${exchanges.length - shown.length} more Produce of ${nameOf(transaction)}`)
  }
  if (offsets.length > offsetsMax) {
    leftOut.push(`${offsets.length - offsetsMax} more TxnOffsetCommit of ${nameOf(transaction)}`)
  }
  return [
    { atMs: beganAtMs, kind: 'section', text: nameOf(transaction) },
    ...shown.map((group) => sendStep(group, telling)),
    ...offsets.slice(0, offsetsMax).map((one) => offsetsStep(one, clientOf(transaction), telling)),
    ...endSteps(transaction, telling),
    ...markerSteps(transaction, telling),
  ]
}

/** The batches of one Produce, which is one message. */
function byExchange(sends: readonly WireSend[]): WireSend[][] {
  const groups = new Map<string, WireSend[]>()
  for (const send of sends) {
    const key = `${send.exchange.connection}/${send.exchange.correlationId}/${send.late}`
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [send])
    else group.push(send)
  }
  return [...groups.values()]
}

function carriesRecord(group: readonly WireSend[], proofs: readonly Proof[]): boolean {
  return group.some(({ batch, exchange }) =>
    proofs.some(
      (proof) =>
        (proof.exchange?.connection === exchange.connection &&
          proof.exchange.correlationId === exchange.correlationId) ||
        (proof.producerId === batch.producerId &&
          proof.producerEpoch === batch.producerEpoch &&
          proof.baseSequence === batch.baseSequence &&
          proof.place?.startsWith(`${batch.topic}-${batch.partition}@`)),
    ),
  )
}

const isSameAs =
  (one: ExchangeIdentity) =>
  (other: ExchangeIdentity): boolean =>
    one.connection === other.connection && one.correlationId === other.correlationId

function sendStep(group: readonly WireSend[], telling: Telling): Step {
  const [first] = group
  if (first === undefined) throw new Error('a Produce without a batch')
  const { exchange, sentAtMs, atMs, late, transaction } = first
  const records = group.reduce((sum, { batch }) => sum + batch.records, 0)
  const places = distinct(group.map(({ batch }) => `${batch.topic}-${batch.partition}`))
  const errors = distinct(group.flatMap(({ batch }) => batch.brokerError ?? []))
  const isUnknown = group.some(({ batch }) => batch.told === 'unknown')
  const where = places.length > 2 ? `${places.slice(0, 2).join(', ')}, …` : places.join(', ')
  return {
    atMs: sentAtMs,
    kind: 'exchange',
    client: late
      ? 'proxy'
      : (exchange.instance ?? transaction?.instance ?? exchange.clientId ?? 'client'),
    broker: leader(exchange.node),
    request: `${late ? 'late ' : ''}Produce ${where} (${counted(records, 'record')})`,
    reply: errors.length === 0 ? 'no answer' : errors.join(', '),
    repliedAtMs: atMs,
    lost: !isUnknown ? undefined : errors.length === 0 ? 'request' : 'reply',
    marked: carriesRecord(group, telling.proofs),
    hitBy: hitOf(telling, isSameAs(exchange)),
  }
}

function offsetsStep(one: WireOffsets, client: string, telling: Telling): Step {
  const { exchange, atMs, offsets, told, brokerError } = one
  const [first] = offsets
  const what = first === undefined ? '' : ` ${first.topic}-${first.partition}@${first.offset}`
  return {
    atMs,
    kind: 'exchange',
    client: exchange.instance ?? client,
    broker: leader(exchange.node),
    request: `${exchange.api}${what}${offsets.length > 1 ? ', …' : ''}`,
    reply: brokerError ?? 'no answer',
    repliedAtMs: atMs,
    lost: told !== 'unknown' ? undefined : brokerError === undefined ? 'request' : 'reply',
    marked: false,
    hitBy: hitOf(telling, isSameAs(exchange)),
  }
}

/** EndTxn and how its outcome came to be known. */
function endSteps(transaction: WireTransaction, telling: Telling): Step[] {
  const turns = telling.turns.transactions.filter(
    (turn) =>
      turn.transaction === transaction.transaction &&
      turn.transactionalId === transaction.transactionalId,
  )
  const client = clientOf(transaction)
  const asked = turns.find(({ phase }) => phase === 'ending')
  const lost = turns.find(({ outcome }) => outcome === 'unknown')
  const ended = turns.find(({ phase }) => phase === 'ended')
  const steps: Step[] = []
  if (asked !== undefined) {
    const answer = lost ?? ended
    const brokerError = answer?.brokerError
    steps.push({
      atMs: asked.atMs,
      kind: 'exchange',
      client,
      broker: telling.coordinator,
      request: `EndTxn(${asked.asked ?? 'end'})`,
      reply: brokerError ?? (lost === undefined ? 'answered' : 'no answer seen'),
      repliedAtMs: answer?.atMs ?? asked.atMs,
      lost: lost === undefined ? undefined : brokerError === undefined ? 'request' : 'reply',
      marked: false,
      hitBy: hitOf(
        telling,
        ({ api, transaction: number, transactionalIds = [] }) =>
          api === 'EndTxn' &&
          number === transaction.transaction &&
          transactionalIds.includes(transaction.transactionalId),
      ),
    })
  }
  if (lost !== undefined) {
    const decided = lost.decided === undefined ? '' : `; the broker had ${lost.decided} it`
    steps.push({
      atMs: lost.atMs,
      kind: 'note',
      of: client,
      text: `outcome unknown to the client${decided}`,
      bad: true,
    })
  }
  if (ended !== undefined && (lost !== undefined || ended.evidence !== undefined)) {
    const outcome = ended.outcome ?? 'ended'
    const how = ended.evidence === undefined ? '' : ` (${evidenceWords[ended.evidence]})`
    steps.push({ atMs: ended.atMs, kind: 'note', of: client, text: `${outcome}${how}`, bad: false })
  }
  return steps
}

const evidenceWords: Record<
  NonNullable<Extract<ProxyEvent, { type: 'transaction' }>['evidence']>,
  string
> = {
  'end-retry-answered': 'EndTxn was repeated and answered',
  'opposite-refused': 'the opposite was refused',
  'answer-seen': 'seen by the proxy, not by the client',
  'epoch-bumped': 'the client went on with the next epoch',
  'next-accepted': 'the next transaction was accepted',
  'next-decided': 'decided with the next transaction',
  'markers-seen': 'the markers were seen',
  reinitialised: 'by InitProducerId',
  fenced: 'the epoch was fenced',
  'nothing-to-end': 'nothing had been added',
}

/** The markers that ended the records' batches, as the log has them. */
function markerSteps(
  transaction: WireTransaction,
  { proofs, history, coordinator }: Telling,
): Step[] {
  const seen = new Set<string>()
  return proofs.flatMap((proof): Step[] => {
    const { markedAtMs, place } = proof
    const isOwn =
      proof.transactionalId === transaction.transactionalId &&
      proof.transaction === transaction.transaction
    if (!isOwn || markedAtMs === undefined || place === undefined) return []
    const at = place.lastIndexOf('@')
    const partition = place.slice(0, at)
    if (seen.has(partition)) return []
    seen.add(partition)
    const node = transaction.sends.find(
      ({ batch }) => `${batch.topic}-${batch.partition}` === partition,
    )?.exchange.node
    const state = history.log.batchAt(partition, Number(place.slice(at + 1)))?.state ?? 'ended'
    return [
      {
        atMs: markedAtMs,
        kind: 'marker',
        from: coordinator,
        broker: leader(node ?? -1),
        text: `marker: ${partition} ${state}`,
      },
    ]
  })
}

/** Sends of the proofs that belong to no transaction. */
function sendsOutside(history: History, proofs: readonly Proof[]): WireSend[][] {
  const wanted = new Set(
    proofs.flatMap(({ exchange }) =>
      exchange === undefined || exchange.api !== 'Produce'
        ? []
        : [`${exchange.connection}/${exchange.correlationId}`],
    ),
  )
  if (wanted.size === 0) return []
  return byExchange(
    history.wire.sends.filter(
      ({ exchange, transaction }) =>
        transaction === undefined && wanted.has(`${exchange.connection}/${exchange.correlationId}`),
    ),
  ).slice(0, sendsMax)
}

/** Offset commits outside of transactions that a proof names. */
function looseOffsets(telling: Telling): Step[] {
  const { history, proofs } = telling
  const wanted = new Set(
    proofs.flatMap(({ exchange }) =>
      exchange?.api === 'OffsetCommit' ? [`${exchange.connection}/${exchange.correlationId}`] : [],
    ),
  )
  return history.wire.offsets
    .filter(
      ({ exchange, transaction }) =>
        transaction === undefined && wanted.has(`${exchange.connection}/${exchange.correlationId}`),
    )
    .slice(0, offsetsMax)
    .map((one) => offsetsStep(one, one.exchange.clientId ?? 'client', telling))
}

function faultSteps(firings: ReadonlyMap<string, Firing>): Step[] {
  return [...firings].slice(0, firingsMax).flatMap(([name, firing]): Step[] => {
    const { exchange, moment, effect, firedAtMs, healedAtMs, brokerAnswer } = firing
    const at = exchange === undefined ? '' : ` at the ${moment ?? 'message'} of ${exchange.api}`
    const answer = brokerAnswer === undefined ? '' : `; the broker answered ${brokerAnswer}`
    return [
      {
        atMs: firedAtMs,
        kind: 'fault',
        text: `${name} fired${at}${effect === undefined ? '' : `: ${effect}`}${answer}`,
      },
      ...(healedAtMs === undefined
        ? []
        : [{ atMs: healedAtMs, kind: 'fault', text: `${name} healed` } as const]),
    ]
  })
}

/** New epochs of the producers, between the transactions that are told. */
function turnSteps(
  { producers }: Turns,
  told: readonly WireTransaction[],
  fromMs: number,
  toMs: number,
): Step[] {
  return producers
    .filter(({ atMs, change }) => change !== 'bumped' && atMs >= fromMs && atMs <= toMs)
    .map(({ atMs, change, producerEpoch, instance, transactionalId }) => ({
      atMs,
      kind: 'note',
      of:
        instance ??
        told.find((one) => one.transactionalId === transactionalId)?.instance ??
        transactionalId,
      text:
        change === 'fenced'
          ? `fenced: epoch ${producerEpoch} is no longer its own`
          : `InitProducerId: epoch ${producerEpoch}`,
      bad: change === 'fenced',
    }))
}

/** What happened to the processes of the instances concerned. */
function processSteps(
  { timeline }: History,
  proofs: readonly Proof[],
  fromMs: number,
  toMs: number,
): Step[] {
  const instances = new Set(proofs.flatMap(({ instance }) => instance ?? []))
  return timeline.instances
    .filter(
      ({ instance, atMs }) =>
        instances.has(instance) && atMs >= fromMs && atMs <= toMs + journalMarginMs,
    )
    .map(({ instance, atMs, change }: InstanceLine) => ({
      atMs,
      kind: 'note',
      of: instance,
      text: `process ${change}`,
      bad: change === 'killed' || change === 'exited',
    }))
}

/** Clients, the proxy where it delivers by itself, the coordinator, leaders by number. */
function participantsOf(steps: readonly Step[], coordinator: string): string[] {
  const clients: string[] = []
  const brokers: string[] = []
  let hasCoordinator = false
  for (const step of steps) {
    if (step.kind === 'exchange') {
      clients.push(step.client)
      if (step.broker === coordinator) hasCoordinator = true
      else brokers.push(step.broker)
    } else if (step.kind === 'note') clients.push(step.of)
    else if (step.kind === 'marker') {
      hasCoordinator = true
      brokers.push(step.broker)
    }
  }
  return [
    ...distinct(clients),
    ...(hasCoordinator ? [coordinator] : []),
    ...distinct(brokers).sort((a, b) => a.localeCompare(b, 'en', { numeric: true })),
  ]
}
