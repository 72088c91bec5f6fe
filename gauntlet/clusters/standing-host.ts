// The process that holds a standing cluster: started by `gauntlet cluster up` with its order as the only
// argument, ended by SIGTERM from `gauntlet cluster down`.
import { rmSync } from 'node:fs'
import { link, rm, writeFile } from 'node:fs/promises'
import { OperatorError } from '../../proxy/errors.ts'
import { systemRuntime } from '../../proxy/runtime.ts'
import { processMark, reapLeftovers } from '../child-registry.ts'
import { type EmbeddedCluster, planEmbeddedPorts, startEmbedded } from './embedded.ts'
import type { HostMessage, HostOrder, StandingCluster } from './standing.ts'

/** Nothing that a cluster does is left to chance, so no seed is given. */
const seed = 0

function tell(message: HostMessage): void {
  if (message.type === 'log') console.log(message.line)
  // Whoever started us may be gone.
  if (process.connected) process.send?.(message)
}

/** Makes the file appear whole; refused if another cluster took the name meanwhile. */
async function publish(cluster: StandingCluster, stateFile: string): Promise<void> {
  const part = `${stateFile}.${cluster.host.pid}.part`
  await writeFile(part, `${JSON.stringify(cluster, undefined, 2)}\n`)
  try {
    await link(part, stateFile)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    throw new OperatorError(
      'cluster-unavailable',
      `A cluster named ${cluster.name} is up already.`,
      'Take it down first, or give this one another name.',
    )
  } finally {
    await rm(part, { force: true })
  }
}

async function hold(order: HostOrder): Promise<void> {
  const { name, spec, stateFile, logFile } = order
  const runtime = systemRuntime(seed)
  let cluster: EmbeddedCluster | undefined
  let ended = false
  let published = false
  const end = async () => {
    ended = true
    if (process.connected) process.disconnect()
    if (published) rmSync(stateFile, { force: true })
    await cluster?.stop()
  }
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, end)
  process.once('disconnect', () => {
    // Given up by the command before the cluster was up.
    if (cluster === undefined) void end()
  })
  await reapLeftovers()
  const started = await startEmbedded(spec, {
    ports: await planEmbeddedPorts(spec.brokers),
    planes: {},
    runtime,
    onLog: (line) => tell({ type: 'log', line }),
  })
  cluster = started
  if (ended) return started.stop()
  started.onBrokerExit(({ node, reason }) => console.log(`broker ${node} ended: ${reason}`))
  const host = processMark(process.pid)
  if (host === undefined) throw new Error('a running process has no start time')
  const standing: StandingCluster = {
    name,
    version: started.version,
    features: started.features,
    brokers: started.brokers,
    bootstrap: started.bootstrap,
    host,
    startedAtMs: runtime.nowMs(),
    logFile,
  }
  try {
    await publish(standing, stateFile)
    published = true
  } catch (error) {
    await started.stop()
    throw error
  }
  tell({ type: 'up', cluster: standing })
}

try {
  await hold(JSON.parse(process.argv[2] ?? '') as HostOrder)
} catch (error) {
  const known = error instanceof OperatorError ? error : undefined
  const message = (error as Error).message
  console.log(message)
  tell({ type: 'failed', code: known?.code, message, remedy: known?.remedy ?? '' })
  process.exitCode = 1
}
