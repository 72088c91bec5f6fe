// The kafkajs client with settings under which it can be used in a run: quick retries, short timeouts, quiet.
// With its defaults every transaction takes some 500 to 900 ms: the broker answers CONCURRENT_TRANSACTIONS
// until the last transaction's markers are written, which takes some 35 ms on three brokers, and kafkajs waits
// 300 ms before it asks again, then 600. As set here one takes 55 ms.
import { connect } from 'node:net'
import { Kafka, type LogEntry, logLevel, type RetryOptions } from 'kafkajs'
import type { BrokerAccess } from '../../proxy/flow/access.ts'
import { kafkajsSasl, openClientSocket } from '../../proxy/flow/client-library.ts'

/** Quick at first, for the markers; then slow enough for a broker that is down. */
export const quickRetry: RetryOptions = {
  initialRetryTime: 5,
  multiplier: 1.5,
  factor: 0.2,
  maxRetryTime: 400,
  retries: 40,
}

const connectionTimeoutMs = 2_000
const keepAliveMs = 60_000

export interface ClientOptions {
  bootstrap: string | readonly string[]
  clientId: string
  requestTimeoutMs: number
  /** How brokers are reached; absent: plainly. */
  access?: BrokerAccess | undefined
  /** Where errors of the library go; dropped if absent. */
  log?: (line: string) => void
}

/** Each call gives a client of its own: kafkajs shares a cache of offsets within one. */
export function kafkajsClient(options: ClientOptions): Kafka {
  const { bootstrap, log } = options
  return new Kafka({
    brokers: typeof bootstrap === 'string' ? bootstrap.split(',') : [...bootstrap],
    clientId: options.clientId,
    ...kafkajsSasl(options.access),
    connectionTimeout: connectionTimeoutMs,
    requestTimeout: options.requestTimeoutMs,
    retry: quickRetry,
    socketFactory: ({ host, port, onConnect }) => {
      const socket = openClientSocket({ host, port }, options.access, connect, onConnect)
      socket.setKeepAlive(true, keepAliveMs)
      // Kafkajs leaves a listener at each attempt to close a socket that is still being connected.
      socket.setMaxListeners(0)
      return socket
    },
    logLevel: log === undefined ? logLevel.NOTHING : logLevel.WARN,
    logCreator: () => (entry) => {
      const line = describe(entry)
      if (!line.includes(waitingForMarkers)) log?.(line)
    },
  })
}

/** What kafkajs prints, as an error and several times per transaction, for CONCURRENT_TRANSACTIONS. */
const waitingForMarkers = 'another concurrent operation on the same transaction was ongoing'

/** One line without stack traces and payloads. */
function describe({ namespace, log }: LogEntry): string {
  const error = typeof log.error === 'string' ? `: ${log.error}` : ''
  const broker = typeof log.broker === 'string' ? ` (${log.broker})` : ''
  return `kafkajs ${namespace}${broker}: ${log.message}${error}`
}
