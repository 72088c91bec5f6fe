// The sentence that a user reads about a finding: what became of the first record that it names, from its transaction
// over the faults that touched it to what the application did next. Only what the proofs hold is told; what is not
// known is left out. Times are UTC, so that a history tells the same everywhere.
import type { WireTransaction } from './facts/wire.ts'
import { counted, type Finding, type Proof, type Relation, type Touch } from './finding.ts'
import type { History } from './history.ts'
import { isRow } from './sink-trace.ts'

/** Faults that one sentence names; the proofs name all. */
const faultsToldMax = 2

/** 12:01:07.3 */
export function clockTime(atMs: number): string {
  return new Date(Math.floor(atMs / 100) * 100).toISOString().slice(11, 21)
}

export function storyOf(history: History, finding: Finding): string {
  const clauses = clausesOf(history, finding).filter((clause) => clause !== '')
  const subject = subjectOf(finding)
  return clauses.length === 0 ? subject : `${subject}: ${clauses.join(', ')}`
}

/** What the finding is about, in a user's words. */
function subjectOf({ kind, count, summary }: Finding): string {
  switch (kind) {
    case 'duplicate':
      return `${counted(count, 'record')} twice`
    case 'lost-write':
      return `${counted(count, 'record')} lost`
    case 'missing-output':
      return `${counted(count, 'input')} without an output`
    case 'aborted-read':
      return `${counted(count, 'aborted record')} readable as committed`
    case 'torn-transaction':
    case 'offset-output-mismatch':
    case 'reordered':
    case 'inconsistent-offsets':
    case 'unexpected':
    case 'shared-ack':
    case 'zombie-write':
    case 'hanging-transaction':
    case 'stall':
    case 'no-recovery':
    case 'invariant':
    case 'availability':
    case 'commit-latency':
    case 'policy-violation':
    case 'wrong-error-class':
      return summary
  }
}

function clausesOf(history: History, finding: Finding): string[] {
  const { kind, proof } = finding
  const [first] = proof
  if (first === undefined) return []
  if (isRow(history, first)) return rows(history, finding)
  const same = proof.filter(({ id }) => id !== undefined && id === first.id)
  switch (kind) {
    case 'duplicate':
      return doubled(history, same.length > 1 ? same : [first])
    case 'aborted-read':
      return abortedRead(history, first)
    case 'torn-transaction':
      return torn(history, proof)
    case 'missing-output':
      return missing(history, first, same[1])
    case 'lost-write':
    case 'offset-output-mismatch':
    case 'reordered':
    case 'inconsistent-offsets':
    case 'unexpected':
    case 'shared-ack':
    case 'zombie-write':
    case 'hanging-transaction':
    case 'policy-violation':
    case 'wrong-error-class':
      return [shown(first), ...ended(first), ...touched(first)]
    case 'invariant':
      return brokenSum(first, proof)
    case 'stall':
    case 'no-recovery':
    case 'availability':
    case 'commit-latency':
      return [first.atMs === undefined ? first.shows : `${first.shows} at ${clockTime(first.atMs)}`]
  }
}

const whenOf = (proof: Proof): number => proof.atMs ?? proof.markedAtMs ?? Number.POSITIVE_INFINITY

function doubled(history: History, copies: readonly Proof[]): string[] {
  // A proof without a time stays where the log has it.
  const [first, second] = [...copies].sort((a, b) =>
    whenOf(a) === whenOf(b) ? 0 : whenOf(a) - whenOf(b),
  )
  if (first === undefined) return []
  const again =
    second === undefined
      ? []
      : isSameTransaction(first, second)
        ? [`and again at ${second.place ?? 'another place'} in the same transaction`]
        : [
            second.transaction === undefined
              ? `the application sent the work again (${second.place ?? 'another place'})`
              : `the application sent the work again as ${nameOf(second, first)}`,
            ...touched(second, first),
          ]
  return [`${subjectName(first)} ${fate(history, first)}`, ...known(history, first), ...again]
}

/** Of the first row that is named, and what is known about the work on its input. */
function rows(history: History, { kind, proof }: Finding): string[] {
  const [first] = proof
  if (first === undefined) return []
  const own = proof.filter((one) => isRow(history, one) && one.id === first.id)
  const places = own.map(({ place }) => place).join(' and ')
  const from = proof.findIndex((one) => !isRow(history, one))
  const rest = from < 0 ? [] : proof.slice(from)
  const until = rest.findIndex((one) => isRow(history, one))
  const trace = until < 0 ? rest : rest.slice(0, until)
  const told = trace.flatMap((one, index) => [
    `${one.shows}${one.atMs === undefined ? '' : ` at ${clockTime(one.atMs)}`}`,
    ...touched(one, trace[index - 1]),
  ])
  return [kind === 'duplicate' ? `${first.id} lies at ${places}` : shown(first), ...told]
}

/** What was done to it, and whether its client learnt how it ended. */
function known(history: History, proof: Proof): string[] {
  const unlearnt = transactionOf(history, proof)?.outcome === 'unknown'
  return [...touched(proof), ...(unlearnt ? ['the client never learnt the outcome'] : [])]
}

function abortedRead(history: History, proof: Proof): string[] {
  const transaction = transactionOf(history, proof)
  if (transaction?.asked !== 'abort') {
    return [shown(proof), ...ended(proof), ...touched(proof)]
  }
  return [
    `the application asked ${subjectName(proof)} to abort`,
    `yet it ${fate(history, proof)}`,
    ...touched(proof),
  ]
}

function torn(history: History, proofs: readonly Proof[]): string[] {
  const [first] = proofs
  if (first === undefined) return []
  const state = batchOf(history, first)?.state
  const other = proofs.find(
    (proof) => isSameTransaction(first, proof) && batchOf(history, proof)?.state !== state,
  )
  const part = (proof: Proof) => `${proof.place ?? 'a record'} ${fate(history, proof)}`
  return [
    `of ${subjectName(first)}, ${part(first)}`,
    ...(other === undefined ? [] : [`and ${part(other)}`]),
    ...touched(first),
  ]
}

function missing(history: History, input: Proof, copy: Proof | undefined): string[] {
  const passed =
    input.exchange === undefined
      ? 'nothing came of it'
      : `${input.exchange.api} of ${subjectName(input)} declared it done${input.atMs === undefined ? '' : ` at ${clockTime(input.atMs)}`}`
  const place = input.place === undefined ? '' : ` at ${input.place}`
  return [
    `${input.id ?? 'an input'}${place}`,
    passed,
    ...(copy === undefined
      ? touched(input)
      : [`its output in ${subjectName(copy)} ${fate(history, copy)}`, ...touched(copy)]),
  ]
}

function brokenSum(first: Proof, proofs: readonly Proof[]): string[] {
  const culprit = proofs.find(({ transaction }) => transaction !== undefined)
  if (culprit === undefined) return [shown(first)]
  return [shown(first), shown(culprit), ...ended(culprit), ...touched(culprit)]
}

/** `in-3 at output-0@7 lies …` with the proof's own words. */
function shown({ id, place, shows }: Proof): string {
  const where = [id, place === undefined ? undefined : `at ${place}`].filter(
    (part) => part !== undefined,
  )
  return where.length === 0 ? shows : `${where.join(' ')}, ${shows}`
}

/** When the marker came, where there is one. */
function ended({ markedAtMs }: Proof): string[] {
  return markedAtMs === undefined ? [] : [`its marker came at ${clockTime(markedAtMs)}`]
}

/** What the log says became of the batch. */
function fate(history: History, proof: Proof): string {
  const batch = batchOf(history, proof)
  const marker = proof.markedAtMs === undefined ? '' : ` (marker at ${clockTime(proof.markedAtMs)})`
  if (batch !== undefined && !batch.transactional) {
    return `was written${proof.atMs === undefined ? '' : ` at ${clockTime(proof.atMs)}`}`
  }
  return batch?.state === 'open'
    ? 'is still undecided'
    : `was ${batch?.state ?? 'written'}${marker}`
}

function batchOf(history: History, { place }: Proof) {
  const at = place?.lastIndexOf('@') ?? -1
  if (place === undefined || at < 0) return undefined
  return history.log.batchAt(place.slice(0, at), Number(place.slice(at + 1)))
}

function transactionOf(history: History, proof: Proof): WireTransaction | undefined {
  return history.wire.transactionOf(proof.transactionalId, proof.transaction)
}

function isSameTransaction(a: Proof, b: Proof): boolean {
  return (
    a.transaction !== undefined &&
    a.transaction === b.transaction &&
    a.transactionalId === b.transactionalId
  )
}

/** `transaction 7 of copier-0`, else the batch, else the place. */
function subjectName(proof: Proof): string {
  if (proof.transaction !== undefined) return nameOf(proof)
  if (proof.producerId !== undefined) {
    return `the batch of producer ${proof.producerId} (epoch ${proof.producerEpoch}, sequence ${proof.baseSequence})`
  }
  if (proof.place !== undefined) return `the record at ${proof.place}`
  return proof.instance ?? 'a record'
}

/** The id is said once. */
function nameOf({ transaction, transactionalId }: Proof, before?: Proof): string {
  return transactionalId === before?.transactionalId
    ? `transaction ${transaction}`
    : `transaction ${transaction} of ${transactionalId}`
}

/** What the faults did to it, the nearest first; what an earlier proof has told is left out. */
function touched(proof: Proof, told?: Proof): string[] {
  const before = new Set((told?.touchedBy ?? []).map(({ fault, firing }) => `${fault}#${firing}`))
  const touches = (proof.touchedBy ?? []).filter(
    ({ fault, firing }) => !before.has(`${fault}#${firing}`),
  )
  const strongest = touches[0]?.relation
  return touches
    .filter(({ relation }) => relation === strongest)
    .slice(0, faultsToldMax)
    .map((touch) => touchClause(touch, proof))
}

function touchClause(touch: Touch, proof: Proof): string {
  const { fault, firing, firedAtMs, healedAtMs, effect, brokerAnswer } = touch
  const name = firing === 1 ? `fault \`${fault}\`` : `fault \`${fault}\` (firing ${firing})`
  const details = [
    ...(effect === undefined ? [] : [effect]),
    ...(brokerAnswer === undefined ? [] : [`the broker answered ${brokerAnswer}`]),
  ]
  const done = details.length === 0 ? '' : ` (${details.join('; ')})`
  const at = ` at ${clockTime(firedAtMs)}${done}`
  const message = messageOf(touch)
  const how: Record<Relation, string> = {
    exchange: `${carrierOf(touch)} was hit by ${name}${at}`,
    transaction:
      touch.transaction === proof.transaction
        ? `${message} was hit by ${name}${at}`
        : `${name} delivered a kept ${touch.api ?? 'message'} into it at ${clockTime(healedAtMs ?? firedAtMs)}${done}`,
    'transactional-id': `${name} had hit another transaction of ${proof.transactionalId}${at}`,
    instance: `${name} had hit ${proof.instance}${at}`,
    window: `${name} lasted from ${clockTime(firedAtMs)}${healedAtMs === undefined ? '' : ` to ${clockTime(healedAtMs)}`}${done}`,
  }
  return how[touch.relation]
}

function messageOf({ api, moment }: Touch): string {
  if (api === undefined) return 'the message'
  return moment === 'reply' ? `the reply to its ${api}` : `its ${api}`
}

function carrierOf({ api = 'message', moment }: Touch): string {
  return `${moment === 'reply' ? 'the reply to ' : ''}the ${api} that carried it`
}
