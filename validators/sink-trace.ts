// A row of a sink says nothing but its id: no producer, no exchange, no time. What is known about the work that wrote it
// is known of its input: which exchanges declared that input done, or tried to, and which process ended while it was
// under way. These are added to a finding about a sink as proofs of their own, so that faults are tied to them as to any
// other proof. They speak of the input, never of the row: which attempt wrote which row cannot be told.
import { place, sendProof } from './evidence.ts'
import { topicPartition } from './facts/log.ts'
import { recordsOf } from './facts/reads.ts'
import { noError, type WireOffsets } from './facts/wire.ts'
import { type Finding, type Proof, proofsMax } from './finding.ts'
import { type History, isSink } from './history.ts'

/** Of one input; the first attempts and the one that worked are what tells the story. */
const attemptsMax = 3
const endsMax = 2

/** The finding with what is known about the inputs of the rows that it names; any other finding as it is. */
export function traceSink(history: History, finding: Finding): Finding {
  const ids = new Set(finding.proof.flatMap((proof) => (isRow(history, proof) ? [proof.id] : [])))
  ids.delete(undefined)
  if (ids.size === 0) return finding
  const inputs = inputsOf(history, ids as ReadonlySet<string>)
  if (inputs.size === 0) return finding
  const traced = new Set<string>()
  const proof = finding.proof.flatMap((one, index) => {
    const next = finding.proof[index + 1]
    const input = one.id === undefined ? undefined : inputs.get(one.id)
    // Behind the last of an id's own proofs.
    if (input === undefined || next?.id === one.id || traced.has(input.id)) return [one]
    traced.add(input.id)
    return [one, ...traceOf(history, input)]
  })
  return { ...finding, proof: proof.slice(0, proofsMax) }
}

/** Whether a proof speaks of a row of a sink. */
export function isRow(history: Pick<History, 'run'>, { place: at }: Proof): boolean {
  const topic = at?.slice(0, at.lastIndexOf('-'))
  return topic !== undefined && isSink(history, topic)
}

interface Input {
  id: string
  topic: string
  partition: number
  offset: number
}

function inputsOf(history: History, ids: ReadonlySet<string>): ReadonlyMap<string, Input> {
  const found = new Map<string, Input>()
  for (const line of history.lines('log-batch')) {
    if (line.type !== 'log-batch' || line.role !== 'input' || line.state !== 'committed') continue
    const { topic, partition } = line
    for (const { id, offset } of recordsOf(line)) {
      if (id === null || !ids.has(id) || found.has(id)) continue
      found.set(id, { id, topic, partition, offset })
    }
    if (found.size === ids.size) break
  }
  return found
}

function traceOf(history: History, input: Input): Proof[] {
  const { attempts, done } = attemptsAt(history, input)
  const fromMs = startOfWork(history, input)
  const untilMs = done?.atMs ?? Number.POSITIVE_INFINITY
  const ends = history.timeline.instances
    .filter(({ change }) => change === 'killed' || change === 'exited')
    .filter(({ atMs }) => atMs >= fromMs && atMs <= untilMs)
    .slice(0, endsMax)
    .map(
      ({ instance, change, atMs }): Proof => ({
        shows: `${instance} ${change === 'killed' ? 'was killed' : 'ended'} while ${input.id} was not declared done`,
        instance,
        atMs,
      }),
    )
  const told = attempts.map(
    (attempt): Proof => ({
      shows: `${attempt.exchange.api} declared ${input.id} done, ${answerOf(attempt)}`,
      place: place(input, input.offset),
      ...sendProof(attempt),
    }),
  )
  return [...told, ...ends].sort((a, b) => (a.atMs ?? 0) - (b.atMs ?? 0))
}

function attemptsAt(
  history: History,
  input: Input,
): { attempts: WireOffsets[]; done: WireOffsets | undefined } {
  const passing = history.wire.offsets.filter(({ offsets }) =>
    offsets.some((one) => isAt(one, input) && one.offset > input.offset),
  )
  const worked = passing.findIndex(isDone)
  const upTo = worked < 0 ? passing : passing.slice(0, worked + 1)
  const done = passing[worked]
  const attempts =
    upTo.length <= attemptsMax || done === undefined
      ? upTo.slice(0, attemptsMax)
      : [...upTo.slice(0, attemptsMax - 1), done]
  return { attempts, done }
}

/** When the input before it was declared done, at the latest; the work on it cannot have begun before. */
function startOfWork(history: History, input: Input): number {
  let fromMs = history.firstAtMs
  for (const event of history.wire.offsets) {
    const before = event.offsets.some((one) => isAt(one, input) && one.offset <= input.offset)
    if (before && isDone(event)) fromMs = Math.max(fromMs, event.atMs)
  }
  return fromMs
}

function isAt(one: { topic: string; partition: number }, input: Input): boolean {
  return topicPartition(one) === topicPartition(input)
}

function isDone({ brokerError, transaction }: WireOffsets): boolean {
  return brokerError === noError && transaction?.outcome !== 'aborted'
}

function answerOf({ brokerError, told, transaction }: WireOffsets): string {
  if (transaction?.outcome === 'aborted') return 'in a transaction that was aborted'
  if (brokerError === undefined) return 'and no answer of a broker is known'
  if (brokerError !== noError) return `and the broker answered ${brokerError}`
  return told === 'ok' ? 'and the broker agreed' : 'and the broker agreed, which was never learnt'
}
