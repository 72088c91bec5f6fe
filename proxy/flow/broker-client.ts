// A small Kafka client of our own on the codec: one connection to one broker, any API by name. The proxy and the
// audit ask and act with it. Pipelined up to a bound; every request has a time limit; what ends the connection
// rejects all that was under way with the same clear sentence. It never retries: its callers know what is safe.
import {
  type ApiInfo,
  apiNamed,
  apiOf,
  decodeResponse,
  encodeRequest,
  type Message,
} from '../protocol/codec.ts'
import { errorNameOf } from '../protocol/error-codes.ts'
import { frameBytesMax, requestFrame, responseBodyOffset, sizeBytes } from '../protocol/frame.ts'
import { type Runtime, systemRuntime } from '../runtime.ts'
import { type BrokerAccess, dialled, type SaslCredentials } from './access.ts'
import { openSaslDialogue } from './sasl.ts'
import { dial, type SocketAddress } from './sockets.ts'

export interface BrokerClientOptions {
  clientId: string
  /** For the connection, and for each answer. */
  timeoutMs: number
  runtime?: Runtime
  /** How the broker is reached; absent: plainly. */
  access?: BrokerAccess | undefined
}

export interface VersionSpan {
  min: number
  max: number
}

/**
 * Where the bytes of an answer go; without one each answer has memory of its own. Byte fields of the answer are views of
 * it, so whoever gives the same memory twice is done with the first answer.
 */
export type AnswerMemory = (bytes: number) => Buffer

export interface BrokerClient {
  /**
   * Sends a request and resolves with its answer, error codes and all. Without a version: the highest that both
   * sides know. Fields that are left out of the message get their defaults.
   */
  request(
    apiName: string,
    message: Message,
    version?: number,
    memory?: AnswerMemory,
  ): Promise<Message>
  /** What the broker offers, by API name. */
  readonly versions: ReadonlyMap<string, VersionSpan>
  /** Feature levels that the cluster has finalized. */
  readonly features: ReadonlyMap<string, number>
  readonly address: SocketAddress
  readonly open: boolean
  /** Ends the connection; what is under way is rejected. */
  close(): void
}

/** The connection is gone, so nobody knows what became of the request. */
export class BrokerConnectionError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'BrokerConnectionError'
  }
}

/** A broker works on one request of a connection at a time, so more in flight would only wait in the socket. */
const inFlightMax = 64

interface Waiting {
  api: ApiInfo
  version: number
  message: Message
  memory: AnswerMemory | undefined
  correlationId: number
  resolve(answer: Message): void
  reject(cause: Error): void
}

interface Exchange {
  request(api: ApiInfo, message: Message, version: number, memory?: AnswerMemory): Promise<Message>
  close(): void
  readonly open: boolean
}

/**
 * Puts each frame together in the memory that it is given, so that the memory of the chunks is free again at once: large answers
 * are copied once and held once.
 */
function frameCutter(
  memoryOf: AnswerMemory,
  take: (frame: Buffer) => void,
): (chunk: Buffer) => void {
  const size = Buffer.alloc(sizeBytes)
  let sizeHeld = 0
  let frame: Buffer | undefined
  let held = 0
  return (chunk) => {
    let at = 0
    while (at < chunk.length) {
      if (frame === undefined) {
        const count = chunk.copy(size, sizeHeld, at)
        at += count
        sizeHeld += count
        if (sizeHeld < sizeBytes) return
        const frameBytes = size.readInt32BE(0)
        if (frameBytes < 0 || frameBytes > frameBytesMax) {
          throw new Error(`an answer of ${frameBytes} bytes`)
        }
        frame = memoryOf(frameBytes)
        held = 0
        sizeHeld = 0
      }
      const count = chunk.copy(frame, held, at)
      at += count
      held += count
      if (held < frame.length) return
      const whole = frame
      frame = undefined
      take(whole)
    }
  }
}

function openExchange(
  address: SocketAddress,
  options: BrokerClientOptions,
  runtime: Runtime,
): Promise<Exchange> {
  const { clientId, timeoutMs } = options
  const where = `${address.host}:${address.port}`
  const inFlight: Waiting[] = []
  const queued: Waiting[] = []
  let correlationId = 0
  let ended: BrokerConnectionError | undefined
  let connected = false
  let cancelTimer: (() => void) | undefined

  return new Promise((resolveOpen, rejectOpen) => {
    const { tls } = options.access ?? {}
    const place = dialled(address, options.access)
    const onConnected = (): void => {
      connected = true
      stopTimer()
      resolveOpen({
        request: (api, message, version, memory) =>
          new Promise((resolve, reject) => {
            if (ended !== undefined) return reject(ended)
            queued.push({ api, version, message, memory, correlationId: 0, resolve, reject })
            sendQueued()
          }),
        close: () => end('closed by us'),
        get open() {
          return ended === undefined && leg.open
        },
      })
    }
    const leg = dial(place, onConnected, tls === undefined ? undefined : { tls })
    startTimer(`no connection within ${timeoutMs} ms`)
    // Answers come in order, so the next frame is the oldest request's.
    const memoryOf = (bytes: number) => inFlight[0]?.memory?.(bytes) ?? Buffer.allocUnsafe(bytes)
    const cut = frameCutter(memoryOf, takeFrame)
    leg.listen({
      bytes(chunk) {
        try {
          cut(chunk)
        } catch (cause) {
          end(`an answer that cannot be read: ${(cause as Error).message}`)
        }
        return true
      },
      ended: () => end('the broker ended the connection'),
      closed: (failure) => end(failure ?? 'the connection was closed'),
      drained: () => undefined,
    })

    function startTimer(problem: string): void {
      cancelTimer = runtime.after(timeoutMs, () => end(problem))
    }
    function stopTimer(): void {
      cancelTimer?.()
      cancelTimer = undefined
    }
    /** Answers come in order, so the oldest request's time limit is the only one that matters. */
    function watchOldest(): void {
      stopTimer()
      const oldest = inFlight[0]
      if (oldest !== undefined) startTimer(`no answer to ${oldest.api.name} within ${timeoutMs} ms`)
    }

    function sendQueued(): void {
      while (inFlight.length < inFlightMax) {
        const next = queued.shift()
        if (next === undefined) return
        let frame: Buffer
        try {
          next.correlationId = correlationId = (correlationId + 1) & 0x7fffffff
          frame = requestFrame(
            {
              apiKey: next.api.key,
              apiVersion: next.version,
              correlationId: next.correlationId,
              clientId,
            },
            encodeRequest(next.api.key, next.version, next.message),
          )
        } catch (cause) {
          next.reject(cause as Error)
          continue
        }
        inFlight.push(next)
        leg.write(frame)
        if (inFlight.length === 1) watchOldest()
      }
    }

    function takeFrame(frame: Buffer): void {
      const oldest = inFlight.shift()
      if (oldest === undefined) throw new Error('an answer that nobody asked for')
      watchOldest()
      try {
        const { api, version } = oldest
        const got = frame.readInt32BE(0)
        if (got !== oldest.correlationId) {
          throw new Error(`answer ${got} where ${oldest.correlationId} was due`)
        }
        const body = frame.subarray(responseBodyOffset(api.key, version, frame))
        oldest.resolve(decodeResponse(api.key, version, body))
      } catch (cause) {
        oldest.reject(cause as Error)
        throw cause
      }
      sendQueued()
    }

    function end(why: string): void {
      if (ended !== undefined) return
      ended = new BrokerConnectionError(`${where}: ${why}`)
      stopTimer()
      leg.close('fin')
      if (!connected) rejectOpen(ended)
      for (const waiting of [...inFlight.splice(0), ...queued.splice(0)]) waiting.reject(ended)
    }
  })
}

/** ApiVersions 3: understood by every broker since 2.4, and with feature levels. */
const apiVersionsVersion = 3

/** Connects and asks the broker what it speaks. */
export async function connectBroker(
  address: SocketAddress,
  options: BrokerClientOptions,
): Promise<BrokerClient> {
  const runtime = options.runtime ?? systemRuntime(0)
  const exchange = await openExchange(address, options, runtime)
  const versions = new Map<string, VersionSpan>()
  const features = new Map<string, number>()
  let introducing: Promise<void> | undefined
  /** When the broker wants to hear again who we are (KIP-368); past its patience it closes the connection. */
  let againAtMs = Number.POSITIVE_INFINITY

  async function introduce(): Promise<void> {
    const lifetimeMs = await authenticate(exchange, options.access?.sasl, address)
    const isForGood = lifetimeMs <= 0
    againAtMs = isForGood
      ? Number.POSITIVE_INFINITY
      : runtime.nowMs() + lifetimeMs * renewedAfterShare
  }

  try {
    const apiVersions = mustKnow('ApiVersions')
    const answer = await exchange.request(
      apiVersions,
      { clientSoftwareName: 'eos-gauntlet', clientSoftwareVersion: '0' },
      apiVersionsVersion,
    )
    checkAnswer('ApiVersions', answer)
    for (const entry of answer.apiKeys as Message[]) {
      const api = apiOf(entry.apiKey as number)
      if (api !== undefined) {
        versions.set(api.name, { min: entry.minVersion as number, max: entry.maxVersion as number })
      }
    }
    for (const feature of (answer.finalizedFeatures ?? []) as Message[]) {
      features.set(feature.name as string, feature.maxVersionLevel as number)
    }
    await introduce()
  } catch (cause) {
    exchange.close()
    throw cause
  }

  return {
    async request(apiName, message, version, memory) {
      const api = mustKnow(apiName)
      const spoken = version ?? highestCommon(api, versions, address)
      if (runtime.nowMs() >= againAtMs) {
        introducing ??= introduce().finally(() => {
          introducing = undefined
        })
      }
      // Nothing else may be said in between.
      if (introducing !== undefined) await introducing
      return exchange.request(api, message, spoken, memory)
    },
    versions,
    features,
    address,
    get open() {
      return exchange.open
    },
    close: () => exchange.close(),
  }
}

const saslHandshakeVersion = 1
const saslAuthenticateVersion = 2
/** Of the time that a broker takes us at our word: early enough for a slow answer. */
const renewedAfterShare = 0.8

/** Gives the time in milliseconds that the broker takes us at our word; 0: for good. */
async function authenticate(
  exchange: Exchange,
  credentials: SaslCredentials | undefined,
  { host, port }: SocketAddress,
): Promise<number> {
  if (credentials === undefined) return 0
  let lifetimeMs = 0
  const dialogue = openSaslDialogue(credentials)
  const { mechanism } = dialogue
  const refused = (why: string) =>
    new BrokerConnectionError(`${host}:${port}: ${mechanism} authentication failed: ${why}`)
  const offered = await exchange.request(
    mustKnow('SaslHandshake'),
    { mechanism },
    saslHandshakeVersion,
  )
  if (offered.errorCode !== 0) {
    throw refused(`the broker offers ${(offered.mechanisms as string[]).join(', ') || 'nothing'}`)
  }
  let said: Buffer | undefined
  try {
    said = await dialogue.first()
  } catch (cause) {
    throw refused((cause as NodeJS.ErrnoException).code ?? 'there is no token')
  }
  while (said !== undefined) {
    const answer = await exchange.request(
      mustKnow('SaslAuthenticate'),
      { authBytes: said },
      saslAuthenticateVersion,
    )
    if (answer.errorCode !== 0) throw refused(errorNameOf(answer.errorCode as number))
    lifetimeMs = Number(answer.sessionLifetimeMs ?? 0)
    try {
      said = await dialogue.next(answer.authBytes as Buffer)
    } catch (cause) {
      throw refused((cause as Error).message)
    }
  }
  return lifetimeMs
}

function mustKnow(apiName: string): ApiInfo {
  const api = apiNamed(apiName)
  if (api === undefined) throw new Error(`no API is named ${apiName}`)
  return api
}

function highestCommon(
  api: ApiInfo,
  versions: ReadonlyMap<string, VersionSpan>,
  { host, port }: SocketAddress,
): number {
  const offered = versions.get(api.name)
  const highest = Math.min(
    offered?.max ?? -1,
    api.maxVersionUnstable ? api.maxVersion - 1 : api.maxVersion,
  )
  if (offered === undefined || highest < Math.max(offered.min, api.minVersion)) {
    throw new BrokerConnectionError(
      `${host}:${port}: the broker offers no version of ${api.name} that we know`,
    )
  }
  return highest
}

/** Throws when the answer carries an error at its top level. */
export function checkAnswer(apiName: string, answer: Message): void {
  const code = answer.errorCode
  if (typeof code === 'number' && code !== 0) {
    const text = typeof answer.errorMessage === 'string' ? `: ${answer.errorMessage}` : ''
    throw new BrokerAnswerError(apiName, code, text)
  }
}

/** The broker answered with an error code. */
export class BrokerAnswerError extends Error {
  readonly code: number
  /** Kafka's name of the code. */
  readonly errorName: string

  constructor(apiName: string, code: number, text = '') {
    super(`${apiName} was answered ${errorNameOf(code)}${text}`)
    this.name = 'BrokerAnswerError'
    this.code = code
    this.errorName = errorNameOf(code)
  }
}
