// An application that somebody else starts, within a run: where it is to connect, how its instances are told
// apart, and what can be done to their processes where those are known.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { OperatorError } from '../proxy/errors.ts'
import type { Recognition } from '../proxy/flow/recognition.ts'
import type { SocketAddress } from '../proxy/flow/sockets.ts'
import { type AttachedInstance, type AttachPlan, sharesDoor } from '../proxy/plans/attached.ts'
import type { Plan } from '../proxy/plans/plan.ts'
import type { Runtime } from '../proxy/runtime.ts'
import { instanceNames } from './run-line.ts'
import type { Stage } from './run-stage.ts'
import type { Instance, Instances } from './workloads/workload.ts'

/** Tells scripts where to connect, as `{"attach-0": "127.0.0.1:19092"}`. */
export const addressesName = 'attach.json'
/** From the port of one instance to that of the next, so that each has room for its brokers. */
const portsPerInstance = 10

const textOf = ({ host, port }: SocketAddress): string => `${host}:${port}`

function instancesOf(plan: Plan): { name: string; known: AttachedInstance }[] {
  const { workload } = plan
  if (workload.kind !== 'attach') return []
  return instanceNames(plan).map((name, index) => ({ name, known: workload.known[index] ?? {} }))
}

/** Instances that come by a listener of their own. */
export function behindOwnDoor(plan: Plan): string[] {
  if (plan.workload.kind !== 'attach') return instanceNames(plan)
  return instancesOf(plan).flatMap(({ name, known }) => (sharesDoor(known) ? [] : [name]))
}

/** Those that come by the listener for everybody, and how they are known. */
export function recognitionsOf(plan: Plan): Recognition[] {
  return instancesOf(plan).flatMap(({ name, known: { clientId, transactionalId } }) =>
    clientId === undefined && transactionalId === undefined
      ? []
      : [
          {
            instance: name,
            ...(clientId === undefined ? {} : { clientId }),
            ...(transactionalId === undefined ? {} : { transactionalId }),
          },
        ],
  )
}

/** Opens what it is to connect to; the address of each instance by name. */
export async function openForAttached(
  plan: Plan & { workload: AttachPlan },
  { proxy }: Pick<Stage, 'proxy'>,
  outDir: string,
): Promise<Map<string, string>> {
  const { listen, advertisedHost } = plan.workload
  const place = {
    ...(listen === undefined ? {} : { listenHost: listen.host }),
    advertisedHost: advertisedHost ?? listen?.host ?? '127.0.0.1',
  }
  let opened = 0
  async function open(name: string | undefined): Promise<string> {
    const port = listen === undefined ? 0 : listen.port + portsPerInstance * opened
    opened += 1
    try {
      return textOf(await proxy.engine.openDoor(name, port, place))
    } catch (cause) {
      if (!(cause instanceof Error) || !/EADDRINUSE|EADDRNOTAVAIL|EACCES/.test(cause.message)) {
        throw cause
      }
      throw new OperatorError(
        'address-in-use',
        `the proxy cannot listen for the application: ${cause.message}`,
        'Give another `listen:` under `workload.attach`, or leave it out for any free port.',
      )
    }
  }
  const recognitions = recognitionsOf(plan)
  const shared = recognitions.length === 0 ? undefined : await open(undefined)
  await proxy.engine.recognise(recognitions)
  const addresses = new Map<string, string>()
  for (const { name, known } of instancesOf(plan)) {
    addresses.set(name, sharesDoor(known) && shared !== undefined ? shared : await open(name))
  }
  const text = JSON.stringify(Object.fromEntries(addresses), null, 2)
  writeFileSync(join(outDir, addressesName), `${text}\n`)
  return addresses
}

/** Fills in what can be done to the processes of those that have a `pid-file`. */
export function noteAttached(plan: Plan, instances: Instances, runtime: Runtime): void {
  for (const [index, { name, known }] of instancesOf(plan).entries()) {
    if (known.pidFile === undefined) continue
    instances.set(name, attachedInstance(name, index, known.pidFile, runtime))
  }
}

function attachedInstance(
  name: string,
  index: number,
  pidFile: string,
  runtime: Runtime,
): Instance {
  /** Read each time: whoever supervises it may have started it again. */
  function pid(): number | undefined {
    let text: string
    try {
      text = readFileSync(pidFile, 'utf8').trim()
    } catch {
      // It has not been started yet, or has taken the file with it.
      return undefined
    }
    const found = Number(text)
    if (!Number.isInteger(found) || found <= 1 || found === process.pid) {
      throw new Error(`${pidFile} does not hold the id of a process of the application`)
    }
    try {
      process.kill(found, 0)
      return found
    } catch {
      // It has ended, or is none of ours to signal.
      return undefined
    }
  }
  function signal(which: NodeJS.Signals): number | undefined {
    const found = pid()
    if (found !== undefined) process.kill(found, which)
    return found
  }
  return {
    name,
    index,
    pid,
    restarts: () => 0,
    incarnations: () => 0,
    kill: async () => signal('SIGKILL'),
    pause: async () => void signal('SIGSTOP'),
    resume: async () => void signal('SIGCONT'),
    async restart() {
      throw new Error(`${name} was not started from here, and cannot be started again`)
    },
    // It is not ours to stop; only what was paused must not stay so.
    async stop() {
      signal('SIGCONT')
      return { code: null, signal: null, atMs: runtime.nowMs() }
    },
    onExit: () => undefined,
    onRestart: () => undefined,
  }
}
