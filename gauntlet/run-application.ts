// The application under test within a run: one process per instance, each behind proxy listeners of its own,
// its exits and its journal written to the history.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Plan } from '../proxy/plans/plan.ts'
import type { Runtime } from '../proxy/runtime.ts'
import type { HistoryLine } from '../validators/history-line.ts'
import { groupDefault } from './run-line.ts'
import type { Stage } from './run-stage.ts'
import type { ClientAccess } from './workloads/client-access.ts'
import { type JournalEntry, parseJournal } from './workloads/journal.ts'
import { startInstance, type WorkloadSpec } from './workloads/start-workload.ts'
import type { InstanceSetup, Instances } from './workloads/workload.ts'

const stopGraceDefaultMs = 10_000

export interface Application {
  /** Stops all of them, politely at first; then their journals are complete. */
  stop(): Promise<void>
}

export function instanceNames({ workload }: Plan): string[] {
  const name = workload.kind
  return Array.from({ length: workload.instances }, (_, index) => `${name}-${index}`)
}

function specOf({ workload }: Plan): WorkloadSpec {
  if (workload.kind === 'copier') {
    const { kind: _kind, ...copier } = workload
    return { copier }
  }
  const { kind: _kind, stopGraceMs: _grace, id: _id, ...command } = workload
  return { command }
}

/** What the application believed; a line that a kill cut off says nothing. */
function readJournal(file: string): JournalEntry[] {
  return existsSync(file) ? parseJournal(readFileSync(file, 'utf8')).entries : []
}

/** As our own connections, but by the proxy's certificate. */
function clientAccess({ cluster, door }: Stage, outDir: string): ClientAccess | undefined {
  const sasl = cluster.access?.sasl
  if (door === undefined && sasl === undefined) return undefined
  const caFile = door?.ca === undefined ? undefined : join(outDir, 'proxy-ca.pem')
  if (caFile !== undefined && door?.ca !== undefined) writeFileSync(caFile, door.ca)
  return {
    ...(door === undefined ? {} : { tls: { caFile } }),
    ...(sasl === undefined ? {} : { sasl }),
  }
}

export async function startApplication(parts: {
  plan: Plan
  stage: Stage
  runtime: Runtime
  outDir: string
  write: (line: HistoryLine) => void
  /** Filled as they start. */
  instances: Instances
}): Promise<Application> {
  const { plan, stage, runtime, outDir, write, instances } = parts
  const spec = specOf(plan)
  const setups: InstanceSetup[] = []
  const access = clientAccess(stage, outDir)
  for (const [index, name] of instanceNames(plan).entries()) {
    const door = await stage.proxy.engine.openDoor(name, 0)
    setups.push({
      index,
      name,
      bootstrap: `${door.host}:${door.port}`,
      ...(access === undefined ? {} : { access }),
      inputTopic: plan.topics.input.name,
      outputTopics: plan.topics.outputs.map((topic) => topic.name),
      group: groupDefault,
      transactionalId: name,
      journalFile: join(outDir, `${name}.journal.ndjson`),
      logFile: join(outDir, `${name}.log`),
    })
  }
  const stopAll = async (graceMs: number): Promise<void> => {
    await Promise.all(
      [...instances.values()].map(async (instance) => {
        const running = instance.pid() !== undefined
        const { code, signal } = await instance.stop(graceMs)
        if (!running) return
        write({
          type: 'instance',
          atMs: runtime.nowMs(),
          instance: instance.name,
          change: signal === 'SIGKILL' ? 'killed' : 'stopped',
          ...(code === null ? {} : { code }),
          ...(signal === null ? {} : { signal }),
        })
      }),
    )
  }
  try {
    await Promise.all(
      setups.map(async (setup) => {
        const instance = await startInstance(spec, setup, { runtime, seed: plan.seed })
        instances.set(setup.name, instance)
        write({ type: 'instance', atMs: runtime.nowMs(), instance: setup.name, change: 'started' })
        instance.onExit(({ code, signal, atMs }) => {
          write({
            type: 'instance',
            atMs,
            instance: setup.name,
            change: 'exited',
            ...(code === null ? {} : { code }),
            ...(signal === null ? {} : { signal }),
          })
        })
      }),
    )
  } catch (cause) {
    await stopAll(0)
    throw cause
  }
  return {
    async stop() {
      const { workload } = plan
      await stopAll(workload.kind === 'command' ? workload.stopGraceMs : stopGraceDefaultMs)
      for (const { name, journalFile } of setups) {
        for (const [index, entry] of readJournal(journalFile).entries()) {
          const atMs = runtime.nowMs()
          write({ type: 'journal', atMs, instance: name, line: index + 1, entry })
        }
      }
    },
  }
}
