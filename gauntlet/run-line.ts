// The first line of a run's history: what was run and what it must come to, drawn from plan and cluster.
import type { Plan } from '../proxy/plans/plan.ts'
import type { Contract, PlannedFault, RunLine } from '../validators/history-line.ts'
import type { Cluster } from './clusters/cluster.ts'

export const groupDefault = 'gauntlet'
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

export function runLine(
  plan: Plan,
  cluster: Cluster,
  instances: readonly string[],
  atMs: number,
): RunLine {
  const { workload, topics, expect } = plan
  return {
    type: 'run',
    atMs,
    format: 1,
    plan: plan.name,
    asks: plan.asks,
    seed: plan.seed,
    cluster: {
      kind: cluster.kind,
      version: cluster.version,
      brokers: cluster.brokers.length,
      features: cluster.features,
    },
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
    group: groupDefault,
    id: workload.kind === 'command' ? workload.id : 'header:gauntlet-id',
    inputId: 'header:gauntlet-id',
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
