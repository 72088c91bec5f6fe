// The application under test within a run: one process per instance, each behind proxy listeners of its own,
// its exits and its journal written to the history.
import { writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import type { CommandPlan, CopierPlan, Plan } from '../proxy/plans/plan.ts'
import type { Runtime } from '../proxy/runtime.ts'
import type { HistoryLine } from '../validators/history-line.ts'
import { noteAttached, openForAttached } from './attached-application.ts'
import { groupOf, instanceNames } from './run-line.ts'
import type { Stage } from './run-stage.ts'
import type { ClientAccess } from './workloads/client-access.ts'
import { journalProblem, readJournalFile } from './workloads/journal-file.ts'
import { startInstance, type WorkloadSpec } from './workloads/start-workload.ts'
import type { InstanceSetup, Instances } from './workloads/workload.ts'

const stopGraceDefaultMs = 10_000

export interface Application {
  /** Stops all of them, politely at first; then their journals are complete. */
  stop(): Promise<void>
}

/** A plan lies beside the application that it is about, wherever the run is started. */
function specOf(workload: CopierPlan | CommandPlan, planFile: string): WorkloadSpec {
  if (workload.kind === 'copier') {
    const { kind: _kind, ...copier } = workload
    return { copier }
  }
  const { kind: _kind, stopGraceMs: _grace, id: _id, group: _group, ...command } = workload
  const { cwd } = command
  if (cwd === undefined) return { command }
  return { command: { ...command, cwd: resolve(dirname(planFile), cwd) } }
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

export interface ApplicationParts {
  plan: Plan
  stage: Stage
  runtime: Runtime
  outDir: string
  write: (line: HistoryLine) => void
  /** Filled as they start. */
  instances: Instances
  /** One has ended by itself, and nothing starts it again. */
  onGone: (instance: string) => void
  /** What somebody who watches should know. */
  tell: (type: 'note' | 'problem', text: string) => void
}

export function startApplication(parts: ApplicationParts): Promise<Application> {
  const { workload } = parts.plan
  return workload.kind === 'attach'
    ? awaitAttached(parts, { ...parts.plan, workload })
    : startProcesses(parts, workload)
}

/** Opens the proxy for an application that somebody else starts, and says where that is. */
async function awaitAttached(
  { stage, outDir, runtime, instances, tell }: ApplicationParts,
  plan: Parameters<typeof openForAttached>[0],
): Promise<Application> {
  noteAttached(plan, instances, runtime)
  const addresses = await openForAttached(plan, stage, outDir)
  for (const [name, address] of addresses) {
    tell('note', `${name}: start it with ${address} as its bootstrap servers`)
  }
  return {
    // It goes on; only what was paused must not stay so.
    stop: async () => {
      await Promise.all([...instances.values()].map((instance) => instance.stop(0)))
    },
  }
}

async function startProcesses(
  parts: ApplicationParts,
  workload: CopierPlan | CommandPlan,
): Promise<Application> {
  const { plan, stage, runtime, outDir, write, instances, onGone, tell } = parts
  const spec = specOf(workload, plan.file)
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
      group: groupOf(plan),
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
        if (signal === 'SIGKILL' && graceMs > 0) {
          const after = `${graceMs / 1_000} s`
          tell('note', `${instance.name} did not end within ${after} of SIGTERM, and was killed`)
        }
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
        instance.onExit(({ code, signal, atMs, comesBack }) => {
          write({
            type: 'instance',
            atMs,
            instance: setup.name,
            change: 'exited',
            ...(code === null ? {} : { code }),
            ...(signal === null ? {} : { signal }),
          })
          if (!comesBack) onGone(setup.name)
        })
        instance.onRestart(() =>
          write({
            type: 'instance',
            atMs: runtime.nowMs(),
            instance: setup.name,
            change: 'started',
          }),
        )
      }),
    )
  } catch (cause) {
    await stopAll(0)
    throw cause
  }
  return {
    async stop() {
      await stopAll(workload.kind === 'command' ? workload.stopGraceMs : stopGraceDefaultMs)
      for (const { name, journalFile } of setups) {
        const atMs = runtime.nowMs()
        const read = readJournalFile(journalFile, (entry, line) =>
          write({ type: 'journal', atMs, instance: name, line, entry }),
        )
        // The end of each process may have cut off a line.
        const message = journalProblem(name, read, instances.get(name)?.incarnations() ?? 0)
        if (message === undefined) continue
        tell('problem', message)
        write({ type: 'guard', atMs, guard: 'journal-readable', message })
      }
    },
  }
}
