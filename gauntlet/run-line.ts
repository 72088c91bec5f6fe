// The first line of a history: what was run and what it must come to, drawn from the plan and the cluster, or from
// topics alone.
import { groupDefault } from '../proxy/plans/attached.ts'
import { idPlaceDefault, type Plan } from '../proxy/plans/plan.ts'
import type { Contract, PlannedFault, RunLine } from '../validators/history-line.ts'
import type { Cluster } from './clusters/cluster.ts'

export function instanceNames({ workload }: Pick<Plan, 'workload'>): string[] {
  const name = workload.kind
  return Array.from({ length: workload.instances }, (_, index) => `${name}-${index}`)
}

/** The consumer group by which a run knows how far its application has come. */
export function groupOf({ workload }: Pick<Plan, 'workload'>): string {
  return workload.kind === 'copier' ? groupDefault : workload.group
}

/** Where the outputs keep the ids of their inputs. */
export function idPlaceOf({ workload }: Pick<Plan, 'workload'>): string {
  return workload.kind === 'copier' ? idPlaceDefault : workload.id
}

/** What a history calls the file or table that a plan's application writes to. */
export const sinkName = 'sink'

function contractOf(contract: Plan['contracts'][string] | undefined): Contract {
  if (contract === undefined) return 'one-per-input'
  return contract
}

function plannedFaults(plan: Plan): PlannedFault[] {
  return plan.faults.map((spec) => ({
    name: spec.name,
    kind: Object.keys(spec.inject)[0] ?? '',
    ...(spec.times === undefined ? {} : { times: spec.times }),
  }))
}

function clusterOf(cluster: Cluster): RunLine['cluster'] {
  const { kind, version, brokers, features } = cluster
  return { kind, version, brokers: brokers.length, features }
}

/** Of topics that no plan speaks about: whose they are, and how long they were to be worked on, nobody has said. */
export function topicsLine(
  cluster: Cluster,
  topics: {
    inputs: readonly string[]
    outputs: readonly string[]
    partitions: ReadonlyMap<string, number>
    contract: Contract
  },
  rest: Omit<RunLine, 'type' | 'format' | 'cluster' | 'inputs' | 'outputs' | 'instances'>,
): RunLine {
  const sized = (topic: string) => ({ topic, partitions: topics.partitions.get(topic) ?? 0 })
  return {
    type: 'run',
    format: 1,
    ...rest,
    cluster: clusterOf(cluster),
    inputs: topics.inputs.map(sized),
    outputs: topics.outputs.map((topic) => ({ ...sized(topic), contract: topics.contract })),
    instances: [],
  }
}

export function runLine(
  plan: Plan,
  cluster: Cluster,
  instances: readonly string[],
  atMs: number,
): RunLine {
  const { topics, expect } = plan
  return {
    type: 'run',
    atMs,
    format: 1,
    plan: plan.name,
    asks: plan.asks,
    seed: plan.seed,
    cluster: clusterOf(cluster),
    inputs: [{ topic: topics.input.name, partitions: topics.input.partitions }],
    outputs: [
      ...(plan.outputsJudged ? topics.outputs : []).map(({ name, partitions }) => ({
        topic: name,
        partitions,
        contract: contractOf(plan.contracts[name]),
      })),
      ...(plan.sink === undefined
        ? []
        : [
            {
              topic: sinkName,
              partitions: 1,
              contract: contractOf(plan.sink.contract),
              sink: plan.sink.kind,
            },
          ]),
    ],
    group: groupOf(plan),
    id: idPlaceOf(plan),
    inputId: idPlaceDefault,
    instances: [...instances],
    proxied: true,
    faults: plannedFaults(plan),
    ...(plan.declaredFailures === 'may-be-missing' ? { declaredFailures: 'may-be-missing' } : {}),
    expect: {
      verdict: expect.verdict,
      findings: [...expect.findings],
      allow: expect.allow.map(({ kind, reason }) => ({ kind, reason })),
      ...(expect.recoveryMs === undefined ? {} : { recoveryMs: expect.recoveryMs }),
      ...(expect.stallMs === undefined ? {} : { stallMs: expect.stallMs }),
      ...(expect.availability === undefined ? {} : { availability: expect.availability }),
      ...(expect.commitLatencyMs === undefined ? {} : { commitLatencyMs: expect.commitLatencyMs }),
      ...(expect.invariant === undefined ? {} : { invariant: expect.invariant }),
    },
  }
}
