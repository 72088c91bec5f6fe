// `gauntlet cluster up | down | status`: an embedded cluster that outlives the command that starts it. A host
// process of its own holds it (standing-host.ts), so that brokers still end when whoever holds them ends;
// a file per cluster in the cache says where it is.
import { spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { OperatorError, type OperatorErrorCode, operatorErrors } from '../../proxy/errors.ts'
import { isRunning, type ProcessMark, runnerVariable } from '../child-registry.ts'
import { entryFile } from '../entry.ts'
import { cacheDirectory } from './cache.ts'
import type { Broker, ClusterSpec } from './cluster.ts'
import { askAliveBrokers } from './probe.ts'

/** The host kills its brokers and removes their data: a second or two. */
const downLimitMs = 30_000
const pollMs = 50

export const defaultClusterName = 'default'

export interface StandingCluster {
  name: string
  version: string
  features: Record<string, number>
  brokers: readonly Broker[]
  bootstrap: readonly string[]
  /** The process that holds the brokers. */
  host: ProcessMark
  startedAtMs: number
  /** What the host said, brokers' exits above all. */
  logFile: string
}

export interface StandingStatus {
  cluster: StandingCluster
  /** Nodes that answer, and count themselves as alive. */
  alive: number[]
}

/** What the host is given, and what it says until it is up. */
export interface HostOrder {
  name: string
  spec: ClusterSpec
  stateFile: string
  logFile: string
}
export type HostMessage =
  | { type: 'log'; line: string }
  | { type: 'up'; cluster: StandingCluster }
  | { type: 'failed'; code: OperatorErrorCode | undefined; message: string; remedy: string }

function stateDirectory(): string {
  return join(cacheDirectory(), 'clusters')
}

function stateFile(name: string): string {
  return join(stateDirectory(), `${name}.json`)
}

function checkName(name: string): void {
  if (/^[a-z0-9][a-z0-9-]{0,40}$/.test(name)) return
  throw new OperatorError(
    'wrong-arguments',
    `"${name}" is not a name for a cluster.`,
    'Use small letters, digits and dashes.',
  )
}

/** The cluster of that name; a file that a killed host left is removed on the way. */
async function find(name: string): Promise<StandingCluster | undefined> {
  let text: string
  try {
    text = await readFile(stateFile(name), 'utf8')
  } catch {
    // No such cluster.
    return undefined
  }
  const cluster = JSON.parse(text) as StandingCluster
  if (isRunning(cluster.host)) return cluster
  await rm(stateFile(name), { force: true })
  return undefined
}

export interface UpOptions {
  spec: ClusterSpec
  name?: string
  onLog?: (line: string) => void
}

/** Starts a cluster that stays; resolves when all of its brokers are alive. */
export async function clusterUp(options: UpOptions): Promise<StandingCluster> {
  const { spec, name = defaultClusterName, onLog = () => undefined } = options
  checkName(name)
  const existing = await find(name)
  if (existing !== undefined) {
    throw new OperatorError(
      'cluster-unavailable',
      `A cluster named ${name} is up already, at ${existing.bootstrap.join(',')}.`,
      'Take it down first, or give this one another name.',
    )
  }
  await mkdir(stateDirectory(), { recursive: true })
  const logFile = join(stateDirectory(), `${name}.log`)
  const order: HostOrder = { name, spec, stateFile: stateFile(name), logFile }
  const environment = { ...process.env }
  // It is nobody's child: a runner that cleans up must not take it for one of its own.
  delete environment[runnerVariable]
  const log = openSync(logFile, 'w')
  const host = spawn(
    process.execPath,
    [entryFile('gauntlet/clusters/standing-host.js'), JSON.stringify(order)],
    { detached: true, cwd: '/', env: environment, stdio: ['ignore', log, log, 'ipc'] },
  )
  closeSync(log)
  try {
    const cluster = await new Promise<StandingCluster>((resolve, reject) => {
      host.on('message', (message: HostMessage) => {
        switch (message.type) {
          case 'log':
            return onLog(message.line)
          case 'up':
            return resolve(message.cluster)
          case 'failed':
            return reject(failureOf(message))
          default:
            throw new Error(`the host said ${JSON.stringify(message satisfies never)}`)
        }
      })
      host.once('error', reject)
      host.once('exit', () =>
        reject(
          new OperatorError(
            'cluster-unavailable',
            `The process that holds cluster ${name} ended while it was starting.`,
            `Its last words are in ${logFile}.`,
          ),
        ),
      )
    })
    return cluster
  } catch (error) {
    // It says all that the log does.
    if (error instanceof OperatorError && !error.remedy.includes(logFile)) {
      await rm(logFile, { force: true })
    }
    throw error
  } finally {
    // From here on it stands alone; before it is up, this makes it give up.
    if (host.connected) host.disconnect()
    host.unref()
  }
}

function failureOf(message: Extract<HostMessage, { type: 'failed' }>): Error {
  const { code } = message
  if (code !== undefined && code in operatorErrors) {
    return new OperatorError(code, message.message, message.remedy)
  }
  return new Error(message.message)
}

/** All standing clusters, or the one of that name. */
export async function clusterStatus(name?: string): Promise<StandingStatus[]> {
  if (name !== undefined) checkName(name)
  const names =
    name !== undefined
      ? [name]
      : (await readdir(stateDirectory()).catch(() => []))
          .filter((file) => file.endsWith('.json'))
          .map((file) => file.replace(/\.json$/, ''))
          .sort()
  const found: StandingStatus[] = []
  for (const each of names) {
    const cluster = await find(each)
    if (cluster === undefined) continue
    const answers = await Promise.all(
      cluster.brokers.map(async ({ node, address }) =>
        (await askAliveBrokers(address))?.includes(node) === true ? node : undefined,
      ),
    )
    found.push({ cluster, alive: answers.filter((node) => node !== undefined) })
  }
  return found
}

/** Stops a cluster and removes its data; false if there is none of that name. */
export async function clusterDown(name: string = defaultClusterName): Promise<boolean> {
  checkName(name)
  const cluster = await find(name)
  if (cluster === undefined) return false
  process.kill(cluster.host.pid, 'SIGTERM')
  const endMs = performance.now() + downLimitMs
  while (isRunning(cluster.host) && performance.now() < endMs) {
    await new Promise((resolve) => setTimeout(resolve, pollMs))
  }
  // Its warden does the rest then.
  if (isRunning(cluster.host)) process.kill(cluster.host.pid, 'SIGKILL')
  await rm(stateFile(name), { force: true })
  await rm(cluster.logFile, { force: true })
  return true
}
