// Everything that keeps us from saying PASS. One guard is one pure function with a name: it gives a sentence for each
// thing that is missing, and none when all is well. A guard never makes a run fail.
import { availability } from './availability.ts'
import { commitLatency } from './commit-latency.ts'
import { topicPartition } from './facts/log.ts'
import { noError } from './facts/wire.ts'
import { counted } from './finding.ts'
import { type History, isSink, topicWasRead } from './history.ts'
import { firstFiredAtMs, lastHealedAtMs } from './liveness.ts'
import { disagreements, unaccounted } from './reconcile.ts'

export interface Guard {
  name: string
  /** What it makes sure of. */
  ensures: string
  check(history: History): string[]
}

/** The proxy standing still for longer is a fault that nobody planned. */
export const stallMsMax = 1_000

/** An effect that lasted no longer than this was one act, not a window. */
const instantMsMax = 50

/** Sentences of one guard; more are counted. */
const sentencesMax = 5

export const guards: readonly Guard[] = [
  {
    name: 'application-alive',
    ensures: 'no instance ended by itself under load',
    check: applicationAlive,
  },
  {
    name: 'application-connected',
    ensures: 'every instance came through the proxy',
    check: applicationConnected,
  },
  {
    name: 'group-as-planned',
    ensures: 'the application worked in the group by which its progress is known',
    check: groupAsPlanned,
  },
  {
    name: 'fault-applied',
    ensures: 'every planned fault was applied',
    check: ({ timeline }) =>
      timeline.faults
        .filter(({ planned, applied }) => planned && applied === 0)
        .map(({ name, matched, fired }) =>
          fired > 0
            ? `fault ${name} fired, but its effect was never there`
            : matched > 0
              ? `fault ${name} never fired: ${counted(matched, 'message')} matched, none was the one it waited for`
              : `fault ${name} never fired: nothing matched its trigger`,
        ),
  },
  {
    name: 'load-outlasted-faults',
    ensures: 'the load went on until the last fault had healed',
    check: loadOutlasted,
  },
  {
    name: 'message-in-window',
    ensures: "messages crossed every fault's window",
    check: messageInWindow,
  },
  {
    name: 'working-before',
    ensures: 'every instance worked before the first fault',
    check: workingBefore,
  },
  {
    name: 'working-after',
    ensures: 'every instance that the plan left alive worked after the last fault had healed',
    check: workingAfter,
  },
  {
    name: 'all-traffic-seen',
    ensures: 'every output batch passed the proxy',
    check: allTrafficSeen,
  },
  {
    name: 'outcomes-resolved',
    ensures: 'every unknown outcome was resolved from the log',
    check: outcomesResolved,
  },
  { name: 'drained', ensures: 'everything came to rest', check: drained },
  { name: 'logs-read', ensures: 'every partition was read to its end', check: logsRead },
  {
    name: 'batches-readable',
    ensures: 'every batch in the log could be read',
    check: ({ log }) =>
      [...log.partitions.values()].flatMap(({ damage }) =>
        damage.map(
          (line) =>
            `the batch at ${topicPartition(line)}@${line.baseOffset} cannot be read: ${line.problem}`,
        ),
      ),
  },
  {
    name: 'readers-worked',
    ensures: 'every reader did its work',
    check: ({ timeline }) =>
      timeline.readerErrors.map(({ reader, message }) => `the ${reader} reader failed: ${message}`),
  },
  {
    name: 'offsets-accounted',
    ensures: 'every offset is committed, aborted or control',
    check: unaccounted,
  },
  { name: 'counts-agree', ensures: 'both readers count the same records', check: disagreements },
  { name: 'something-counted', ensures: 'there was something to count', check: somethingCounted },
  {
    name: 'bounds-measured',
    ensures: 'everything that the plan bounds could be measured',
    check: boundsMeasured,
  },
  {
    name: 'proxy-sound',
    ensures: 'the proxy reported no error and never stood still',
    check: ({ timeline }) => [
      ...timeline.proxyErrors.map(({ code, message }) => `the proxy reported ${code}: ${message}`),
      ...timeline.stalls
        .filter(({ stalledMs }) => stalledMs > stallMsMax)
        .map(
          ({ stalledMs }) =>
            `the proxy stood still for ${Math.round(stalledMs)} ms, a fault that nobody planned`,
        ),
    ],
  },
  {
    name: 'history-whole',
    ensures: 'the history is whole',
    check: ({ torn }) => (torn ? ['the history ends within a line: its writer was killed'] : []),
  },
  {
    name: 'runner-content',
    ensures: 'the runner saw nothing that spoils the run',
    check: ({ timeline }) => timeline.guards.map(({ message }) => message),
  },
]

export interface GuardResult {
  name: string
  ensures: string
  /** Empty when it holds. */
  missing: string[]
}

/** Asks every guard. One that throws holds nothing. */
export function askGuards(history: History): GuardResult[] {
  return guards.map(({ name, ensures, check }) => {
    try {
      const missing = check(history)
      const cut = missing.slice(0, sentencesMax)
      const left = missing.length - cut.length
      return {
        name,
        ensures,
        missing: left > 0 ? [...cut, `${name}: ${left} more of the kind`] : cut,
      }
    } catch (cause) {
      return { name, ensures, missing: [`guard ${name} threw: ${(cause as Error).message}`] }
    }
  })
}

/** Instances that had ended by themselves when the load was over, with how that went. */
function endedByThemselves({ run, timeline }: History): Map<string, string> {
  const { phases, drain } = timeline
  const until = phases.get('load-finished') ?? Number.POSITIVE_INFINITY
  const ended = new Map<string, string>()
  for (const name of run.instances) {
    const own = timeline.instances.filter(({ instance, atMs }) => instance === name && atMs < until)
    const last = own.at(-1)
    // One that has done all its work may go.
    if (last?.change !== 'exited' || (last.code === 0 && drain?.drained === true)) continue
    const starts = own.filter(({ change }) => change === 'started')
    const started = starts.at(-1)?.atMs
    const how =
      last.signal === undefined ? `with code ${last.code ?? 'unknown'}` : `by ${last.signal}`
    const after =
      started === undefined
        ? ''
        : ` ${((last.atMs - started) / 1_000).toFixed(1)} s after its start`
    const times = starts.length > 1 ? ` (its start number ${starts.length})` : ''
    ended.set(name, `${name} ended by itself ${how}${after}${times}`)
  }
  return ended
}

function applicationAlive(history: History): string[] {
  return [...endedByThemselves(history)].map(
    ([name, how]) =>
      `${how}, and nothing started it again: what it printed is in ${name}.log; if it is meant to be started again, say \`restart:\` under the workload`,
  )
}

/** Instances of which the proxy saw nothing at all, although they lived. */
function unconnected(history: History): string[] {
  const { run, timeline } = history
  if (!run.proxied) return []
  const ended = endedByThemselves(history)
  return run.instances.filter((name) => !timeline.connected.has(name) && !ended.has(name))
}

function applicationConnected(history: History): string[] {
  const names = unconnected(history)
  if (names.length === 0) return []
  const round = history.run.outputs.some(({ topic }) => {
    const output = history.log.outputs.get(topic)
    return output !== undefined && output.committedRecords > 0
  })
  const what = round
    ? 'while records came into the output: it has the addresses of the brokers and goes round the proxy'
    : 'and no record came into the output: it hangs, needs longer than its `start-grace`, or connects to something else'
  return names.map(
    (name) =>
      `${name} never connected to the proxy, ${what}. Its bootstrap servers must be those of the proxy (KAFKA_BOOTSTRAP_SERVERS, or what the run said at its start) and nothing else`,
  )
}

/** In another group its progress cannot be followed, and the input never counts as consumed. */
function groupAsPlanned({ run, timeline }: History): string[] {
  const { group } = run
  if (group === undefined) return []
  const groups = new Set(
    timeline.posture
      .filter(({ instance }) => instance !== undefined && run.instances.includes(instance))
      .flatMap((client) => client.groups.map((one) => one.group)),
  )
  if (groups.size === 0 || groups.has(group)) return []
  const [first] = groups
  return [
    `the application works in the group ${[...groups].join(', ')}, and the run follows the group ${group}: take it from GAUNTLET_GROUP, or say \`group: ${first}\` under the workload`,
  ]
}

function loadOutlasted(history: History): string[] {
  const healed = lastHealedAtMs(history)
  const finished = history.timeline.phases.get('load-finished')
  if (healed === undefined || finished === undefined || finished >= healed) return []
  return [
    `the load was finished ${Math.round(healed - finished)} ms before the last fault had healed`,
  ]
}

function messageInWindow({ timeline, lastAtMs }: History): string[] {
  const crossed = (from: number, to: number) =>
    timeline.exchanges.some(({ fromMs, toMs }) => fromMs <= to && toMs >= from)
  return timeline.faults.flatMap(({ name, firings }) =>
    firings
      .filter(({ exchange, appliedAtMs, healedAtMs }) => {
        // A firing that a message set off has its message.
        if (exchange !== undefined || appliedAtMs === undefined) return false
        // An eviction is over at once: there is no window to cross, and the broker's answer proves it.
        if (healedAtMs !== undefined && healedAtMs - appliedAtMs < instantMsMax) return false
        return !crossed(appliedAtMs, healedAtMs ?? lastAtMs)
      })
      .map(({ number }) => `no message crossed the window of fault ${name} (firing ${number})`),
  )
}

function workingBefore(history: History): string[] {
  const { progress } = history.timeline
  const until = firstFiredAtMs(history) ?? Number.POSITIVE_INFINITY
  const told = new Set([...endedByThemselves(history).keys(), ...unconnected(history)])
  return history.run.instances
    .filter((instance) => !told.has(instance))
    .filter((instance) => !progress.some((one) => one.instance === instance && one.atMs < until))
    .map((instance) =>
      until === Number.POSITIVE_INFINITY
        ? `${instance} committed nothing at all`
        : `${instance} committed nothing before the first fault`,
    )
}

function workingAfter(history: History): string[] {
  const healed = lastHealedAtMs(history)
  if (healed === undefined || history.run.instances.length === 0) return []
  const { progress } = history.timeline
  const living = history.run.instances.filter((instance) => !wasKilledForGood(history, instance))
  if (living.length === 0) return ['no instance was left to work after the last fault']
  const told = new Set([...endedByThemselves(history).keys(), ...unconnected(history)])
  return living
    .filter((instance) => !told.has(instance))
    .filter((instance) => !progress.some((one) => one.instance === instance && one.atMs > healed))
    .map((instance) => `${instance} committed nothing after the last fault had healed`)
}

/** A fault killed it and did not start it again, as the plan wanted; nothing more can come of it. */
function wasKilledForGood({ timeline }: History, instance: string): boolean {
  // What follows the load is our own stopping of it.
  const until = timeline.phases.get('load-finished') ?? Number.POSITIVE_INFINITY
  const last = timeline.instances.findLast(
    (line) => line.instance === instance && line.atMs < until,
  )
  return last?.change === 'killed'
}

function allTrafficSeen(history: History): string[] {
  if (!history.run.proxied) return []
  const sentences: string[] = []
  for (const [key, { role, topic, batches }] of history.log.partitions) {
    // What goes to a sink never passes the proxy.
    if (role !== 'output' || isSink(history, topic)) continue
    const unseen = batches.filter(
      (batch) => batch.producerId >= 0 && history.wire.sendsOf(batch).length === 0,
    )
    for (const { baseOffset, producerId, producerEpoch, baseSequence } of unseen) {
      sentences.push(
        `the batch at ${key}@${baseOffset} (producer ${producerId}, epoch ${producerEpoch}, sequence ${baseSequence}) never passed the proxy`,
      )
    }
    // A batch without a producer id is known by its offset, or is one of those whose answer was lost.
    const plain = history.wire.sends.filter(
      ({ batch }) => batch.producerId < 0 && topicPartition(batch) === key,
    )
    const known = new Set(plain.map(({ batch }) => batch.baseOffset))
    const unknown = plain.filter(({ batch }) => batch.baseOffset === undefined).length
    const unclaimed = batches.filter(
      ({ producerId, baseOffset }) => producerId < 0 && !known.has(baseOffset),
    )
    if (unclaimed.length > unknown) {
      sentences.push(
        `${counted(unclaimed.length - unknown, 'batch')} of ${key} without a producer id never passed the proxy`,
      )
    }
  }
  return sentences
}

function outcomesResolved(history: History): string[] {
  const sentences: string[] = []
  const outputs = new Set(history.run.outputs.map(({ topic }) => topic))
  let undecided = 0
  let unread = 0
  for (const { batch } of history.wire.sends) {
    if (!outputs.has(batch.topic)) continue
    const isKnown = batch.told !== 'unknown' || batch.brokerError === noError
    const end = history.log.partitions.get(topicPartition(batch))?.end
    if (end === undefined) {
      if (!isKnown) unread++
      continue
    }
    if (history.log.batchOf(batch)?.state === 'open') undecided++
  }
  if (unread > 0) {
    sentences.push(
      `${counted(unread, 'send')} with an unknown outcome, in partitions that were not read`,
    )
  }
  if (undecided > 0) {
    sentences.push(
      `${counted(undecided, 'send')} in transactions that are neither committed nor aborted`,
    )
  }
  return sentences
}

function drained({ timeline }: History): string[] {
  const { drain } = timeline
  if (drain === undefined) return ['nobody waited until everything had come to rest']
  if (drain.drained) return []
  const left = drain.left.length > 0 ? `: ${drain.left.join('; ')}` : ''
  return [`not at rest after ${Math.round(drain.waitedMs / 1_000)} s${left}`]
}

function logsRead(history: History): string[] {
  const { inputs, outputs } = history.run
  const needsInput = outputs.some(({ contract }) => contract !== 'acked')
  return [...(needsInput ? inputs : []), ...outputs]
    .filter(({ topic }) => !topicWasRead(history, topic))
    .map(({ topic }) => `the log of ${topic} was not read to its end`)
}

function boundsMeasured(history: History): string[] {
  const { availability: share, commitLatencyMs, invariant } = history.run.expect
  const { withoutValue } = history.log
  return [
    ...(share !== undefined && availability(history) === undefined
      ? ['the load was too short to say for how much of it the application worked']
      : []),
    ...(commitLatencyMs !== undefined && commitLatency(history).whole === undefined
      ? ['no commit was seen whose latency could be measured']
      : []),
    ...(invariant !== undefined && withoutValue > 0
      ? [`${counted(withoutValue, 'committed record')} without a number at ${invariant.sum}`]
      : []),
  ]
}

function somethingCounted(history: History): string[] {
  const { input, outputs } = history.log
  const expectsInput = history.run.outputs.some(({ contract }) => contract !== 'acked')
  if (expectsInput) return input.committed.distinct > 0 ? [] : ['there was no input to count']
  const written = [...outputs.values()].some(({ committedRecords }) => committedRecords > 0)
  return written ? [] : ['there was no output to count']
}
