// The audit's own way into a cluster: which brokers there are, who leads a partition, who coordinates a group, and
// asking again while a broker is away. Always the brokers' own addresses, never the proxy's.
import type { BrokerAccess } from '../../proxy/flow/access.ts'
import {
  type AnswerMemory,
  BrokerAnswerError,
  type BrokerClient,
  BrokerConnectionError,
  checkAnswer,
  connectBroker,
} from '../../proxy/flow/broker-client.ts'
import type { SocketAddress } from '../../proxy/flow/sockets.ts'
import type { Message } from '../../proxy/protocol/codec.ts'
import { errorCodeNamed, isRetriable } from '../../proxy/protocol/error-codes.ts'
import { type Runtime, systemRuntime } from '../../proxy/runtime.ts'

export interface PartitionPlace {
  topic: string
  partition: number
  leader: number
}

export interface ClusterClient {
  /** Node ids of the brokers that are alive. */
  nodes(): Promise<number[]>
  /** All partitions of the topics with their leaders; waits until each has one. */
  partitions(topics: readonly string[]): Promise<PartitionPlace[]>
  /** Sends to the leader of a partition, and again to whoever leads it after an error that time heals. */
  askLeader(
    at: { topic: string; partition: number },
    question: Question,
    check?: (answer: Message) => void,
  ): Promise<Message>
  askNode(node: number, question: Question): Promise<Message>
  askCoordinator(
    of: { type: 'group' | 'transaction'; key: string },
    question: Question,
    check?: (answer: Message) => void,
  ): Promise<Message>
  close(): void
}

export interface Question {
  api: string
  version?: number
  message: Message
  /** Where the answer's bytes go. */
  memory?: AnswerMemory
}

export interface ClusterClientOptions {
  clientId: string
  /** How long one answer may take. */
  requestTimeoutMs: number
  /** How long a question is asked again while brokers are away. */
  patienceMs: number
  runtime?: Runtime
  /** How brokers are reached; absent: plainly. */
  access?: BrokerAccess | undefined
}

/** A topic that was made a moment ago may not be everywhere yet; one that stays unknown does not exist. */
const unknownTopicPatienceMs = 3_000
const unknownTopic = errorCodeNamed('UNKNOWN_TOPIC_OR_PARTITION')
/** Between two attempts at the same question. */
const retryPauseMs = 100
const metadataVersion = 9
const findCoordinatorVersion = 4

/** Throws what an error code in an answer means. */
export function checkCode(api: string, code: unknown): void {
  if (typeof code === 'number' && code !== 0) throw new BrokerAnswerError(api, code)
}

/** Whether asking again may help: connections, elections, loading coordinators. */
function mayHeal(cause: unknown): boolean {
  if (cause instanceof BrokerAnswerError) return isRetriable(cause.code)
  return cause instanceof BrokerConnectionError
}

/** `host:port` */
export function parseAddress(text: string): SocketAddress {
  const colon = text.lastIndexOf(':')
  return {
    host: text.slice(0, colon).replace(/^\[(.*)\]$/, '$1'),
    port: Number(text.slice(colon + 1)),
  }
}

export function createClusterClient(
  bootstrap: readonly string[],
  options: ClusterClientOptions,
): ClusterClient {
  const { clientId, requestTimeoutMs, patienceMs } = options
  const runtime = options.runtime ?? systemRuntime(0)
  const seeds = bootstrap.map(parseAddress)
  const addresses = new Map<number, SocketAddress>()
  const leaders = new Map<string, number>()
  const clients = new Map<string, Promise<BrokerClient>>()
  const coordinators = new Map<string, number>()
  let closed = false

  async function clientAt(address: SocketAddress): Promise<BrokerClient> {
    const key = `${address.host}:${address.port}`
    const known = clients.get(key)
    if (known !== undefined) {
      const client = await known
      if (client.open) return client
    }
    const { access } = options
    const fresh = connectBroker(address, { clientId, timeoutMs: requestTimeoutMs, runtime, access })
    clients.set(key, fresh)
    fresh.catch(() => clients.delete(key))
    return fresh
  }

  async function askAny(question: Question): Promise<Message> {
    let failure: unknown = new BrokerConnectionError('no broker is known')
    for (const address of [...addresses.values(), ...seeds]) {
      try {
        const client = await clientAt(address)
        return await client.request(question.api, question.message, question.version)
      } catch (cause) {
        failure = cause
      }
    }
    throw failure
  }

  async function metadata(topics: readonly string[]): Promise<Message> {
    const answer = await askAny({
      api: 'Metadata',
      version: metadataVersion,
      message: { topics: topics.map((name) => ({ name })), allowAutoTopicCreation: false },
    })
    for (const broker of answer.brokers as Message[]) {
      addresses.set(broker.nodeId as number, {
        host: broker.host as string,
        port: broker.port as number,
      })
    }
    return answer
  }

  async function places(topics: readonly string[]): Promise<PartitionPlace[]> {
    const answer = await metadata(topics)
    const found: PartitionPlace[] = []
    for (const topic of answer.topics as Message[]) {
      checkCode(`Metadata of ${topic.name as string}`, topic.errorCode)
      for (const entry of topic.partitions as Message[]) {
        checkCode(`Metadata of ${topic.name as string}`, entry.errorCode)
        const place = {
          topic: topic.name as string,
          partition: entry.partitionIndex as number,
          leader: entry.leaderId as number,
        }
        leaders.set(`${place.topic}-${place.partition}`, place.leader)
        found.push(place)
      }
    }
    return found.sort((a, b) =>
      a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1,
    )
  }

  /** Asks until it works, until an error that time does not heal, or until patience is at its end. */
  async function patiently<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
    const startedAtMs = runtime.nowMs()
    for (;;) {
      try {
        return await ask()
      } catch (cause) {
        const isUnknown = cause instanceof BrokerAnswerError && cause.code === unknownTopic
        const limitMs = isUnknown ? Math.min(unknownTopicPatienceMs, patienceMs) : patienceMs
        if (closed || !mayHeal(cause) || runtime.nowMs() - startedAtMs > limitMs) throw cause
      }
      await new Promise<void>((resolve) => runtime.after(retryPauseMs, resolve))
    }
  }

  async function askNodeOnce(node: number, question: Question): Promise<Message> {
    const address = addresses.get(node)
    if (address === undefined) throw new BrokerConnectionError(`broker ${node} is not known`)
    const client = await clientAt(address)
    return client.request(question.api, question.message, question.version, question.memory)
  }

  async function findCoordinator(type: 'group' | 'transaction', key: string): Promise<number> {
    const answer = await askAny({
      api: 'FindCoordinator',
      version: findCoordinatorVersion,
      message: { keyType: type === 'group' ? 0 : 1, coordinatorKeys: [key] },
    })
    const [found] = answer.coordinators as Message[]
    checkCode('FindCoordinator', found?.errorCode)
    const node = found?.nodeId as number
    addresses.set(node, { host: found?.host as string, port: found?.port as number })
    return node
  }

  return {
    async nodes() {
      const answer = await patiently(() => metadata([]))
      return (answer.brokers as Message[])
        .map(({ nodeId }) => nodeId as number)
        .sort((a, b) => a - b)
    },
    partitions: (topics) => patiently(() => places(topics)),
    askLeader({ topic, partition }, question, check = () => undefined) {
      const key = `${topic}-${partition}`
      return patiently(async () => {
        try {
          if (!leaders.has(key)) await places([topic])
          const leader = leaders.get(key)
          if (leader === undefined) throw new Error(`${topic} has no partition ${partition}`)
          const answer = await askNodeOnce(leader, question)
          check(answer)
          return answer
        } catch (cause) {
          leaders.delete(key)
          throw cause
        }
      })
    },
    askNode: (node, question) => patiently(() => askNodeOnce(node, question)),
    askCoordinator({ type, key }, question, check = () => undefined) {
      const name = `${type}/${key}`
      return patiently(async () => {
        try {
          const node = coordinators.get(name) ?? (await findCoordinator(type, key))
          coordinators.set(name, node)
          const answer = await askNodeOnce(node, question)
          checkAnswer(question.api, answer)
          check(answer)
          return answer
        } catch (cause) {
          coordinators.delete(name)
          throw cause
        }
      })
    },
    close() {
      closed = true
      for (const client of clients.values()) {
        client.then(
          (open) => open.close(),
          () => undefined,
        )
      }
    },
  }
}
