// What happened when: phases, faults, progress of the instances, processes, errors. Small things, all kept.
import type { ClientPosture, FaultStatus, Firing, ProxyEvent } from '../../proxy/events.ts'
import type {
  BrokerLine,
  DrainLine,
  GroupOffsetsLine,
  GuardLine,
  HistoryLine,
  InstanceLine,
  OpenTransactionLine,
  Phase,
  PlannedFault,
  ReaderErrorLine,
} from '../history-line.ts'

export interface FaultFacts {
  name: string
  kind: string
  times: number | 'unlimited' | undefined
  /** False for one that was armed by hand during the run. */
  planned: boolean
  matched: number
  fired: number
  applied: number
  healed: number
  state: FaultStatus['state']
  /** As the newest event about each of them tells. */
  firings: Firing[]
}

export interface Progress {
  atMs: number
  instance: string
}

export interface Timeline {
  /** First time that each phase was reached. */
  phases: ReadonlyMap<Phase, number>
  /** In plan order, then those armed by hand. */
  faults: readonly FaultFacts[]
  progress: readonly Progress[]
  /** Spans in which the application and the cluster exchanged something that matters, by their beginning. */
  exchanges: ReadonlyArray<{ fromMs: number; toMs: number }>
  /** From the first EndTxn until the client learnt that it is committed. */
  commits: ReadonlyArray<{ fromMs: number; toMs: number }>
  instances: readonly InstanceLine[]
  /** Of which at least one connection was seen. */
  connected: ReadonlySet<string>
  brokers: readonly BrokerLine[]
  readerErrors: readonly ReaderErrorLine[]
  proxyErrors: ReadonlyArray<Extract<ProxyEvent, { type: 'error' }>>
  stalls: ReadonlyArray<Extract<ProxyEvent, { type: 'loop-stalled' }>>
  drain: DrainLine | undefined
  groupOffsets: readonly GroupOffsetsLine[]
  openTransactions: readonly OpenTransactionLine[]
  guards: readonly GuardLine[]
  posture: readonly ClientPosture[]
}

export interface TimelineCollector {
  take(line: HistoryLine): void
  finish(planned: readonly PlannedFault[]): Timeline
}

export function collectTimeline(): TimelineCollector {
  const phases = new Map<Phase, number>()
  const kinds = new Map<string, string>()
  const firings = new Map<string, Firing[]>()
  let statuses: FaultStatus[] = []
  const progress: Progress[] = []
  const exchanges: Array<{ fromMs: number; toMs: number }> = []
  const commits: Array<{ fromMs: number; toMs: number }> = []
  /** By transactional id: a producer ends one transaction at a time. */
  const ending = new Map<string, { transaction: number; atMs: number }>()
  const instances: InstanceLine[] = []
  const connected = new Set<string>()
  const brokers: BrokerLine[] = []
  const readerErrors: ReaderErrorLine[] = []
  const proxyErrors: Array<Extract<ProxyEvent, { type: 'error' }>> = []
  const stalls: Array<Extract<ProxyEvent, { type: 'loop-stalled' }>> = []
  const groupOffsets: GroupOffsetsLine[] = []
  const openTransactions: OpenTransactionLine[] = []
  const guards: GuardLine[] = []
  let drain: DrainLine | undefined
  let posture: readonly ClientPosture[] = []

  function takeEnd(line: Extract<ProxyEvent, { type: 'transaction' }>): void {
    const { transactionalId, transaction, phase, outcome, atMs } = line
    const known = ending.get(transactionalId)
    if (phase === 'ending') {
      if (known?.transaction !== transaction) ending.set(transactionalId, { transaction, atMs })
      return
    }
    if (phase !== 'ended' || known?.transaction !== transaction) return
    ending.delete(transactionalId)
    if (outcome === 'committed') commits.push({ fromMs: known.atMs, toMs: atMs })
  }

  function takeFiring(name: string, kind: string, firing: Firing): void {
    kinds.set(name, kind)
    const known = firings.get(name) ?? []
    firings.set(name, known)
    const at = known.findIndex(({ number }) => number === firing.number)
    if (at < 0) known.push(firing)
    else known[at] = { ...known[at], ...firing }
  }

  function faultFacts(fault: PlannedFault, planned: boolean): FaultFacts {
    const status = statuses.find(({ name }) => name === fault.name)
    const seen = (firings.get(fault.name) ?? []).sort((a, b) => a.number - b.number)
    return {
      name: fault.name,
      kind: fault.kind,
      times: fault.times,
      planned,
      matched: status?.matched ?? seen.length,
      fired: Math.max(status?.fired ?? 0, seen.length),
      // Events and the final count are two witnesses of one thing; either is enough.
      applied: Math.max(
        status?.applied ?? 0,
        seen.filter((one) => one.appliedAtMs !== undefined).length,
      ),
      healed: Math.max(
        status?.healed ?? 0,
        seen.filter((one) => one.healedAtMs !== undefined).length,
      ),
      state: status?.state ?? 'spent',
      firings: seen.length > 0 ? seen : (status?.firings ?? []),
    }
  }

  return {
    take(line) {
      switch (line.type) {
        case 'phase':
          if (!phases.has(line.phase)) phases.set(line.phase, line.atMs)
          return
        case 'fault-armed':
        case 'fault-disarmed':
          kinds.set(line.fault, line.kind)
          return
        case 'fault-fired':
        case 'fault-answered':
          return takeFiring(line.fault, line.kind, line.firing)
        case 'fault-applied':
          return takeFiring(line.fault, line.kind, { appliedAtMs: line.atMs, ...line.firing })
        case 'fault-healed':
          return takeFiring(line.fault, line.kind, { healedAtMs: line.atMs, ...line.firing })
        case 'fault-status':
          statuses = line.faults
          return
        case 'connection-opened':
        case 'client-seen':
          if (line.instance !== undefined) connected.add(line.instance)
          return
        case 'progress':
          progress.push({ atMs: line.atMs, instance: line.instance })
          exchanges.push({ fromMs: line.atMs, toMs: line.atMs })
          return
        case 'send': {
          exchanges.push({ fromMs: line.sentAtMs, toMs: line.atMs })
          const { instance } = line.exchange
          if (instance !== undefined) connected.add(instance)
          // A producer without transactions and without a group has no other way to show that it works.
          const plain =
            line.late !== true &&
            line.batches.some((batch) => !batch.transactional && batch.told === 'ok')
          if (instance !== undefined && plain) progress.push({ atMs: line.atMs, instance })
          return
        }
        case 'offsets':
          exchanges.push({ fromMs: line.atMs, toMs: line.atMs })
          return
        case 'transaction':
          takeEnd(line)
          exchanges.push({ fromMs: line.atMs - (line.durationMs ?? 0), toMs: line.atMs })
          if (line.outcome === 'committed' && line.instance !== undefined) {
            progress.push({ atMs: line.atMs, instance: line.instance })
          }
          return
        case 'instance':
          instances.push(line)
          return
        case 'broker':
          brokers.push(line)
          return
        case 'reader-error':
          readerErrors.push(line)
          return
        case 'error':
          proxyErrors.push(line)
          return
        case 'loop-stalled':
          stalls.push(line)
          return
        case 'drain':
          drain = line
          return
        case 'group-offsets':
          groupOffsets.push(line)
          return
        case 'open-transaction':
          openTransactions.push(line)
          return
        case 'guard':
          guards.push(line)
          return
        case 'posture-list':
          posture = line.clients
          return
      }
    },
    finish(planned) {
      const names = new Set(planned.map(({ name }) => name))
      for (const { instance } of progress) connected.add(instance)
      const others = [...kinds]
        .filter(([name]) => !names.has(name))
        .map(([name, kind]) => ({ name, kind }))
      return {
        phases,
        faults: [
          ...planned.map((fault) => faultFacts(fault, true)),
          ...others.map((fault) => faultFacts(fault, false)),
        ],
        progress: progress.sort((a, b) => a.atMs - b.atMs),
        commits,
        exchanges: exchanges.sort((a, b) => a.fromMs - b.fromMs),
        instances,
        connected,
        brokers,
        readerErrors,
        proxyErrors,
        stalls,
        drain,
        groupOffsets,
        openTransactions,
        guards,
        posture,
      }
    },
  }
}
