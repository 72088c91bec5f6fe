// Brokers that run in containers which somebody else has started: killed, stopped, paused and started through the
// engine's socket. Five requests over HTTP are all that it takes, so there is no library for it. Whoever may write to
// that socket may do anything to the machine, which is why it is asked for by name and never looked for.

import { request } from 'node:http'
import { hostname } from 'node:os'
import { OperatorError } from '../../proxy/errors.ts'
import type { BrokerAccess } from '../../proxy/flow/access.ts'
import { connectBroker } from '../../proxy/flow/broker-client.ts'
import type { Message } from '../../proxy/protocol/codec.ts'
import type { Runtime } from '../../proxy/runtime.ts'
import type { Address, BrokerProcesses } from './cluster.ts'

const socketDefault = '/var/run/docker.sock'
/** Of a polite stop; the engine kills what is still there after it. */
const stopGraceSeconds = 20
/** An answer to anything but a stop takes milliseconds. */
const answerLimitMs = 15_000
const startLimitMs = 90_000
const askAgainMs = 200
const askTimeoutMs = 2_000

interface Answer {
  status: number
  body: unknown
}

interface Inspected {
  Id: string
  Config?: { Labels?: Record<string, string> | null }
}

export interface DockerBrokersParts {
  /** A container's name or id, or a service of the compose project that we run in; by node id. */
  containers: ReadonlyMap<number, string>
  /** Where a broker is asked whether it is alive; undefined as long as nobody knows. */
  addressOf: (node: number) => Promise<Address | undefined>
  /** How brokers are reached; absent: plainly. */
  access: BrokerAccess | undefined
  runtime: Runtime
}

/** Where the engine listens: `DOCKER_HOST`, as Docker's own programs take it. */
function socketPath(): string {
  const named = process.env.DOCKER_HOST ?? ''
  if (named === '') return socketDefault
  if (named.startsWith('unix://')) return named.slice('unix://'.length)
  throw new OperatorError(
    'missing-prerequisite',
    `DOCKER_HOST is ${named}, and only a Unix socket is spoken to`,
    'Set DOCKER_HOST to unix:///var/run/docker.sock, or unset it.',
  )
}

function unreachable(path: string, cause: NodeJS.ErrnoException): OperatorError {
  const remedy =
    cause.code === 'EACCES'
      ? `Let this user open it: run as a member of its group (\`stat -c %g ${path}\`; with compose, DOCKER_GID).`
      : cause.code === 'ENOENT'
        ? `Mount it into the container (-v ${path}:${path}), or start the proxy without --docker-brokers.`
        : 'Check that the Docker engine runs.'
  const why = cause.code ?? cause.message
  return new OperatorError(
    'missing-prerequisite',
    `the Docker socket ${path} cannot be used (${why})`,
    remedy,
  )
}

function asked(
  path: string,
  method: 'GET' | 'POST',
  url: string,
  limitMs: number,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const failed = (cause: Error): void => reject(unreachable(path, cause))
    const sent = request({ socketPath: path, method, path: url, timeout: limitMs }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', failed)
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8')
        const isJson = response.headers['content-type']?.includes('json') === true
        const body: unknown = isJson && text !== '' ? JSON.parse(text) : text
        resolve({ status: response.statusCode ?? 0, body })
      })
    })
    sent.on('timeout', () => sent.destroy(new Error(`no answer within ${limitMs} ms`)))
    sent.on('error', failed)
    sent.end()
  })
}

function said({ status, body }: Answer): string {
  const message = (body as { message?: unknown } | null)?.message
  return typeof message === 'string' ? message : `status ${status}`
}

/** Whether the broker counts itself as one of the cluster's. */
async function isAlive(
  node: number,
  address: Address,
  access: BrokerAccess | undefined,
): Promise<boolean> {
  const settings = { clientId: 'gauntlet', timeoutMs: askTimeoutMs, access }
  try {
    const client = await connectBroker(address, settings)
    try {
      const { brokers } = await client.request('Metadata', { topics: [] })
      return (brokers as Message[]).some(({ nodeId }) => nodeId === node)
    } finally {
      client.close()
    }
  } catch {
    // It is still starting; whoever asks has a limit.
    return false
  }
}

/** Fails at once where the engine does not answer; containers are looked for when they are needed. */
export async function dockerBrokers(parts: DockerBrokersParts): Promise<BrokerProcesses> {
  const { containers, addressOf, access, runtime } = parts
  const path = socketPath()
  const ask = (method: 'GET' | 'POST', url: string, limitMs = answerLimitMs) =>
    asked(path, method, url, limitMs)

  const ping = await ask('GET', '/_ping')
  if (ping.status !== 200) {
    throw new OperatorError(
      'missing-prerequisite',
      `the Docker engine behind ${path} answers: ${said(ping)}`,
      'Check that the Docker engine runs.',
    )
  }

  async function inspect(name: string): Promise<Inspected | undefined> {
    const { status, body } = await ask('GET', `/containers/${encodeURIComponent(name)}/json`)
    return status === 200 ? (body as Inspected) : undefined
  }

  /** In a container our host name is our own id, and our labels name the project that we belong to. */
  async function ofOwnProject(service: string): Promise<string | undefined> {
    const project = (await inspect(hostname()))?.Config?.Labels?.['com.docker.compose.project']
    if (project === undefined) return undefined
    const label = [
      `com.docker.compose.project=${project}`,
      `com.docker.compose.service=${service}`,
      'com.docker.compose.oneoff=False',
    ]
    const filters = encodeURIComponent(JSON.stringify({ label }))
    const { status, body } = await ask('GET', `/containers/json?all=true&filters=${filters}`)
    return status === 200 ? (body as Inspected[])[0]?.Id : undefined
  }

  async function containerOf(node: number): Promise<string> {
    const name = containers.get(node)
    if (name === undefined) {
      throw new OperatorError(
        'cannot-do-here',
        `nobody has said in which container broker ${node} runs`,
        `Name it: --docker-brokers ${node}=CONTAINER.`,
      )
    }
    const id = (await inspect(name))?.Id ?? (await ofOwnProject(name))
    if (id !== undefined) return id
    throw new OperatorError(
      'cannot-do-here',
      `there is no container and no service of this project called "${name}" for broker ${node}`,
      'Give --docker-brokers names that `docker ps` shows.',
    )
  }

  /** 304: it is so already. */
  async function act(node: number, what: string, limitMs?: number): Promise<void> {
    const answer = await ask('POST', `/containers/${await containerOf(node)}/${what}`, limitMs)
    if (answer.status < 300 || answer.status === 304) return
    throw new OperatorError(
      'cannot-do-here',
      `broker ${node} could not be told to ${what.split('?')[0]}: ${said(answer)}`,
      'Look at the container with `docker ps -a`.',
    )
  }

  async function untilAlive(node: number): Promise<void> {
    const endMs = runtime.nowMs() + startLimitMs
    for (;;) {
      const address = await addressOf(node)
      if (address !== undefined && (await isAlive(node, address, access))) return
      if (runtime.nowMs() >= endMs) {
        throw new OperatorError(
          'cluster-unavailable',
          `broker ${node} was not back after ${startLimitMs / 1_000} s`,
          'Its own log says why: `docker logs`.',
        )
      }
      await new Promise<void>((resolve) => runtime.after(askAgainMs, resolve))
    }
  }

  return {
    async kill(node) {
      await act(node, 'kill?signal=SIGKILL')
      await act(node, 'wait?condition=not-running')
    },
    stopBroker: (node) =>
      act(node, `stop?t=${stopGraceSeconds}`, stopGraceSeconds * 1_000 + answerLimitMs),
    pause: (node) => act(node, 'pause'),
    resume: (node) => act(node, 'unpause'),
    async start(node) {
      await act(node, 'start')
      await untilAlive(node)
    },
  }
}
