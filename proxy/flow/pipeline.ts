// The way of a message, top to bottom: header -> correlate -> decode? -> which step (tracker) -> rules ->
// verdict; on the way back the same, with addresses rewritten last. Only what somebody asked for is decoded.
import type { Emit, Plane } from '../events.ts'
import type { MessageSubject, MessageView } from '../faults/message-view.ts'
import { recordIds } from '../faults/record-ids.ts'
import { retryIdentities } from '../faults/retry-identity.ts'
import type { Decision, RuleBook } from '../faults/rules.ts'
import type { Message } from '../protocol/codec.ts'
import {
  apiOf,
  decodeRequest,
  decodeResponse,
  encodeRequest,
  encodeResponse,
  knows,
} from '../protocol/codec.ts'
import { errorNameOf } from '../protocol/error-codes.ts'
import {
  readRequestHeader,
  requestFrame,
  responseBodyOffset,
  responseFrame,
} from '../protocol/frame.ts'
import type { BatchFacts } from '../protocol/record-batch.ts'
import { errorCodesIn } from '../protocol/synthesize.ts'
import type { Runtime } from '../runtime.ts'
import type { Posture } from '../transactions/posture.ts'
import type { Observation, RepeatedProduce, Tracker } from '../transactions/tracker.ts'
import type { Brokers } from './brokers.ts'
import { type Connection, countedApis, type Pipeline } from './connection.ts'
import type { Effect, Exchange, Gate, Pass, ReplyVerdict, RequestVerdict } from './exchange.ts'
import { createGate } from './gate.ts'
import type { ClientDoor } from './links.ts'
import { replyObservation, requestObservation } from './observations.ts'
import {
  answerShape,
  hasShape,
  type ProduceShape,
  produceShape,
  produceShapesMax,
  readRepeated,
  repeatedBaseOffset,
} from './produce-shape.ts'
import {
  addressesIn,
  apiVersionsKey,
  carriesAddresses,
  mayCarryAddresses,
  rewriteApiVersions,
} from './route.ts'
import type { SocketAddress } from './sockets.ts'
import type { TopicNames } from './topic-names.ts'
import type { Traffic } from './traffic.ts'
import { type FrameMode, gather, stream, tee } from './walker.ts'
import type { Windows } from './windows.ts'

const produceKey = 0
const headerBytesMin = 14
/** Of the requests of one API on a connection the posture sees the first, then at each doubling, then every so many. */
const sampleEvery = 1_024

/** What the pipeline knows of an exchange. */
export interface About {
  mode: FrameMode
  request: Message | undefined
  clientId: string | null
  sentAtMs: number
  observation: Observation | undefined
  view: MessageView | undefined
  /** A Produce like one before it. */
  shape: ProduceShape | undefined
  /** It was followed by that, and nothing of it was decoded. */
  repeated: RepeatedProduce | undefined
  /** Decided at the request, done at the reply. */
  replyPlan: ((message: TakenReply) => ReplyVerdict) | undefined
  /** Wants to know the broker's answer that the client will not get. */
  effect: Effect | undefined
  /** Delivered after its time: the client did not send it in what is now going on. */
  late: boolean
  answered: boolean
  /** What the client is handed when that is not the broker's answer. */
  toldReply: Message | undefined
  /** The broker's answer, as long as it is held back. */
  waiting: Observation | undefined
  /** Shown to the posture. */
  isSampled: boolean
}

/** Every field at once: objects of one shape are quicker to work with. */
function newAbout(mode: FrameMode, sentAtMs: number): About {
  return {
    mode,
    request: undefined,
    clientId: null,
    sentAtMs,
    observation: undefined,
    view: undefined,
    shape: undefined,
    repeated: undefined,
    replyPlan: undefined,
    effect: undefined,
    late: false,
    answered: false,
    toldReply: undefined,
    waiting: undefined,
    isSampled: false,
  }
}

export interface TakenRequest {
  connection: Connection
  exchange: Exchange<About>
  about: About
  view: MessageView
  request: Message
  /** The request's frame as the client sent it. */
  bytes(): Buffer
  /** The request, kept back so far or sent once more, is on its way to the broker now. */
  deliveredLate(): void
  /** What the broker says to a request sent once more, as a frame without its size. */
  answeredLate(answer: Buffer): void
}

export interface TakenReply extends TakenRequest {
  reply: Message
  /** The verdict that lets the answer go on, addresses rewritten. */
  goOn: ReplyVerdict
  /** Leads brokers' addresses in a changed answer through the proxy again; others stay. */
  readdress(answer: Message): void
}

/** Turns a rule's decision on a message into what the connection shall do. */
export interface Taker {
  request(decision: Decision, message: TakenRequest): RequestVerdict
  reply(decision: Decision, message: TakenReply): ReplyVerdict
}

const saslHandshakeKey = 17
/** Told of so many at most; a client that makes versions up must not fill the log. */
const unknownVersionsMax = 100

const pass: Pass = { do: 'pass' }
const passFree: Pass = { do: 'pass', isFree: true }

/** Names of every error code other than NONE in an answer. */
export function errorsIn(apiKey: number, version: number, reply: Message): string[] {
  return errorCodesIn(apiKey, version, reply).map(errorNameOf)
}

export function createPipeline(options: {
  runtime: Runtime
  rules: RuleBook
  tracker: Tracker
  topics: TopicNames
  brokers: Brokers
  windows: Windows
  doorOf: (connection: Connection) => ClientDoor | undefined
  advertise: Readonly<Record<string, number>>
  taker: Taker
  emit: Emit
  /** Who looks at a sample of what clients send. */
  posture: Posture
  traffic: Traffic
  journalAllProduce: boolean
  clientLeft: (connection: Connection) => void
  closed: (connection: Connection, cause: string) => void
}): Pipeline<About> {
  const { runtime, rules, tracker, topics, windows, taker, emit } = options
  const advertises = Object.keys(options.advertise).length > 0
  const apisMax = 256
  const planes: readonly Plane[] = ['client', 'inter-broker', 'controller']
  const requestModes = new Map(planes.map((plane) => [plane, new Uint8Array(apisMax)]))
  const replyModes = new Map(planes.map((plane) => [plane, new Uint8Array(apisMax)]))
  /** 1 where a rule or a waiter may care for answers, so that a view of one is worth making. */
  const repliesAsked = new Map(planes.map((plane) => [plane, new Uint8Array(apisMax)]))

  /** 0: the posture does not look at this API, 1: at a sample, 2: at all that is decoded. */
  const looks = new Uint8Array(apisMax)
  for (let key = 0; key < apisMax; key++) {
    const { [options.posture.concerns(key)]: look } = { none: 0, sample: 1, all: 2 }
    looks[key] = look
  }

  /** How often rules have changed. */
  let chartNumber = 0

  /** Who asked for what, per plane and API; made anew when rules change. */
  function chart(): void {
    chartNumber += 1
    const claiming = rules.rules().some((rule) => rule.claims !== undefined)
    for (const plane of planes) {
      const requests = requestModes.get(plane)
      const replies = replyModes.get(plane)
      const asked = repliesAsked.get(plane)
      if (requests === undefined || replies === undefined || asked === undefined) continue
      for (let key = 0; key < apisMax; key++) {
        const api = apiOf(key)
        if (api === undefined) continue
        const tracked = tracker.concerns(api.name, plane)
        const onReply = rules.wants('reply', plane, api.name)
        const onRequest = rules.wants('request', plane, api.name)
        requests[key] = onRequest ? gather : onReply || tracked !== 'none' ? tee : stream
        replies[key] = onReply || tracked === 'both' ? gather : stream
        asked[key] = onReply || claiming ? 1 : 0
      }
    }
  }
  rules.onChange(chart)
  chart()

  // Filled by requestMode and read right after by openExchange: one frame is opened at a time.
  let apiKey = 0
  let version = 0
  let correlationId = 0
  let silent = false
  let mode: FrameMode = stream
  let shape: ProduceShape | undefined
  let isTransactional = false
  let isSampled = false
  /** Filled anew by each repeated Produce. */
  const batch: BatchFacts = { producerId: 0, producerEpoch: 0, baseSequence: 0, recordCount: 0 }

  const unknownVersions = new Set<string>()

  /** Newer than we know: it passes as it is, unfollowed and out of reach of faults, and that is said once. */
  function tellUnknown(c: Connection): void {
    const name = `${apiKey} ${version}`
    if (unknownVersions.has(name) || unknownVersions.size >= unknownVersionsMax) return
    unknownVersions.add(name)
    const api = apiOf(apiKey)?.name
    emit({
      type: 'version-unknown',
      plane: c.plane,
      connection: c.id,
      apiKey,
      version,
      ...(api === undefined ? {} : { api }),
    })
  }

  const isRawHandshake = (exchange: Exchange<About>): boolean =>
    exchange.apiKey === saslHandshakeKey && exchange.version === 0

  /** Behind version 0 of SaslHandshake tokens come without Kafka's framing, and no frame after them could be told. */
  function refuseRawTokens(c: Connection): ReplyVerdict {
    const message =
      'a client speaks SASL without Kafka’s framing (SaslHandshake version 0), which cannot be followed; its connection was closed'
    emit({ type: 'error', code: 'raw-sasl', message, connection: c.id })
    return { do: 'cut', part: 'none', with: 'fin' }
  }

  /** Reads up to acks in a Produce request: 1 done, 0 cannot be read by hand, negative: so many bytes are needed. */
  function readProduceHead(chunk: Buffer, at: number, available: number): number {
    const clientIdLength = Math.max(0, chunk.readInt16BE(at + 12))
    let place = headerBytesMin + clientIdLength
    if (version >= 9) {
      if (available < place + 2) return -(place + 2)
      if (chunk[at + place] !== 0) return 0
      place += 1
    }
    isTransactional = false
    if (version >= 9) {
      let length = 0
      for (let shift = 0; ; shift += 7) {
        if (available < place + 1) return -(place + 1)
        const byte = chunk[at + place] ?? 0
        place += 1
        length |= (byte & 0x7f) << shift
        if (byte < 0x80 || shift >= 28) break
      }
      isTransactional = length > 0
      place += Math.max(0, length - 1)
    } else if (version >= 3) {
      if (available < place + 2) return -(place + 2)
      const length = chunk.readInt16BE(at + place)
      isTransactional = length >= 0
      place += 2 + Math.max(0, length)
    }
    if (available < place + 2) return -(place + 2)
    silent = chunk.readInt16BE(at + place) === 0
    return 1
  }

  /**
   * Lets go of a Produce's records, by far the largest thing that a request in flight would keep in memory: the tracker
   * has read their batches, and nobody has asked for the answer. True when nothing of the frame is held then.
   */
  function forgetRecords(c: Connection, exchange: Exchange<About>, request: Message): boolean {
    if (exchange.apiKey !== produceKey || !tracker.awaits(request)) return false
    if (repliesAsked.get(c.plane)?.[produceKey] === 1) return false
    for (const topic of request.topicData as Message[]) {
      for (const partition of topic.partitionData as Message[]) partition.records = null
    }
    return true
  }

  function viewOf(observation: Observation, errors: () => readonly string[]): MessageView {
    let subject: MessageSubject | undefined
    let ids: readonly string[] | undefined
    let identities: readonly string[] | undefined
    const subjectNow = (): MessageSubject => {
      const found = subject ?? tracker.locate(observation)
      subject = found
      return found
    }
    return {
      side: observation.side,
      plane: observation.plane,
      node: observation.node,
      instance: observation.instance,
      source: observation.source,
      clientId: observation.clientId,
      apiKey: observation.apiKey,
      api: observation.api,
      version: observation.version,
      memberId: () => {
        const { memberId } = observation.request
        return typeof memberId === 'string' ? memberId : undefined
      },
      subject: subjectNow,
      recordIds() {
        ids ??= recordIds(observation.apiKey, observation.request, observation.reply, (cause) => {
          const message = `records of ${observation.api}: ${cause instanceof Error ? cause.message : cause}`
          emit({
            type: 'error',
            code: 'cannot-decode',
            message,
            connection: observation.connection,
          })
        })
        return ids
      },
      retryIdentities() {
        const { apiKey, version, request } = observation
        identities ??= retryIdentities(apiKey, version, request, subjectNow())
        return identities
      },
      errors,
    }
  }

  function shapeIn(
    c: Connection,
    chunk: Buffer,
    at: number,
    available: number,
  ): ProduceShape | undefined {
    const { produceShapes: shapes } = c
    for (let place = shapes.length - 1; place >= 0; place--) {
      const candidate = shapes[place]
      if (candidate !== undefined && hasShape(candidate, chunk, at, available)) return candidate
    }
    return undefined
  }

  /** Whether a rule or a waiter could care for a request of this shape, or for its answer. */
  function isAsked(of: ProduceShape): boolean {
    if (of.askedAt !== chartNumber) {
      of.askedAt = chartNumber
      const view = viewOf(of.of.sample, () => [])
      of.isAsked = rules.couldMatch(view) || rules.couldMatch({ ...view, side: 'reply' })
    }
    return of.isAsked
  }

  /** Those that follow may be like this one. To be asked while its records are still there. */
  function learnShape(c: Connection, exchange: Exchange<About>, about: About, frame: Buffer): void {
    const { observation, request } = about
    if (exchange.apiKey !== produceKey || about.shape !== undefined) return
    if (c.plane !== 'client' || observation === undefined || request === undefined) return
    const of = tracker.repeatable(observation)
    if (of === undefined) return
    const [topic] = request.topicData as Message[]
    const [partition] = (topic?.partitionData ?? []) as Message[]
    if (!Buffer.isBuffer(partition?.records)) return
    const learnt = produceShape(frame, exchange.version, of, partition.records)
    if (learnt === undefined) return
    about.shape = learnt
    c.produceShapes.push(learnt)
    if (c.produceShapes.length > produceShapesMax) c.produceShapes.shift()
  }

  /** Whether the posture looks at the request whose header was just read. */
  function samples(c: Connection): boolean {
    const look = looks[apiKey] ?? 0
    if (look !== 1) return look === 2
    const number = (c.requestCounts[apiKey] ?? 0) + 1
    return (number & (number - 1)) === 0 || number % sampleEvery === 0
  }

  /** From here on the exchange is one like any other. */
  function expand(about: About): void {
    if (about.repeated === undefined) return
    const observation = tracker.expand(about.repeated)
    about.repeated = undefined
    about.observation = observation
    about.request = observation.request
    about.clientId = observation.clientId
  }

  function isRepeated(exchange: Exchange<About>, chunk: Buffer, at: number, end: number): boolean {
    const { about } = exchange
    if (about?.shape === undefined || isAsked(about.shape)) return false
    if (!readRepeated(about.shape, chunk, at, end, batch)) return false
    about.repeated = tracker.repeat(about.shape.of, batch, {
      correlationId: exchange.correlationId,
      atMs: about.sentAtMs,
    })
    return about.repeated !== undefined
  }

  /** Requests that a fault has taken: nobody else will tell the tracker that they got no answer. */
  const taken = new Map<number, Set<About>>()
  function take(c: Connection, about: About): void {
    const list = taken.get(c.id)
    if (list === undefined) taken.set(c.id, new Set([about]))
    else list.add(about)
  }
  const deliveredLate = (about: About) => (): void => {
    if (about.observation === undefined) return
    emitAll(tracker.observeRequest({ ...about.observation, atMs: runtime.nowMs(), late: true }))
  }

  const answeredLate =
    ({ apiKey, version }: Exchange<About>, { observation }: About) =>
    (answer: Buffer): void => {
      if (observation === undefined) return
      const body = answer.subarray(responseBodyOffset(apiKey, version, answer))
      const reply = decodeResponse(apiKey, version, body)
      emitAll(
        tracker.observeReply({
          ...replyObservation(observation, runtime.nowMs(), reply),
          late: true,
        }),
      )
    }

  /** The client's frame, made again from what was read of it. */
  function bytesAgain(exchange: Exchange<About>, about: About, request: Message): Buffer {
    const { apiKey, version, correlationId } = exchange
    const header = { apiKey, apiVersion: version, correlationId, clientId: about.clientId }
    return requestFrame(header, encodeRequest(apiKey, version, request))
  }

  /** After a fault has changed an answer: no client is led to a broker past the proxy. */
  function readdress(c: Connection, apiKey: number, answer: Message): void {
    const door = c.plane === 'client' ? options.doorOf(c) : undefined
    if (door === undefined) return
    const isSame = (one: SocketAddress | undefined, other: SocketAddress): boolean =>
      one?.host === other.host && one.port === other.port
    const nodes = options.brokers.nodes()
    for (const { node, address, owner } of addressesIn(apiKey, answer)) {
      const meant =
        // An address of ours follows its node id, in case that was changed.
        (nodes.some((known) => isSame(door.addressOf(known), address)) ? node : undefined) ??
        nodes.find((known) => isSame(options.brokers.address(known), address))
      if (meant === undefined) continue
      const ours = door.addressOf(meant)
      if (ours === undefined) throw new Error(`the proxy has no port for broker ${meant}`)
      owner.host = ours.host
      owner.port = ours.port
    }
  }

  function emitAll(events: readonly Parameters<Emit>[0][]): void {
    for (const event of events) emit(event)
  }

  /** Decodes a request into its exchange; false (and reported) when it cannot be. */
  function decodeInto(
    c: Connection,
    exchange: Exchange<About>,
    about: About,
    frame: Buffer,
  ): boolean {
    try {
      const body = frame.subarray(4)
      const header = readRequestHeader(body)
      about.clientId = header.clientId
      about.request = decodeRequest(
        exchange.apiKey,
        exchange.version,
        body.subarray(header.bodyOffset),
      )
      about.observation = requestObservation(c, exchange, about, about.request)
      if (about.isSampled) emitAll(options.posture.see(about.observation))
      return true
    } catch (cause) {
      const api = apiOf(exchange.apiKey)?.name ?? exchange.apiKey
      emit({
        type: 'error',
        code: 'cannot-decode',
        message: `${api} v${exchange.version} request: ${cause instanceof Error ? cause.message : cause}`,
        connection: c.id,
      })
      return false
    }
  }

  /** What the rules make of an answer. */
  function ruleOnReply(
    message: Pick<TakenReply, 'connection' | 'exchange' | 'about' | 'request' | 'reply' | 'goOn'>,
    answered: Observation,
  ): ReplyVerdict {
    const { exchange, about, reply, goOn } = message
    let errors: readonly string[] | undefined
    const view = viewOf(answered, () => {
      errors ??= errorsIn(exchange.apiKey, exchange.version, reply)
      return errors
    })
    const taken: TakenReply = {
      ...message,
      view,
      bytes: () => bytesAgain(exchange, about, message.request),
      deliveredLate: deliveredLate(about),
      answeredLate: answeredLate(exchange, about),
      readdress: (answer) => readdress(message.connection, exchange.apiKey, answer),
    }
    // An answer that a fault has taken with its request is no other fault's to count.
    const isFree = about.replyPlan === undefined && !about.late
    const decision = isFree ? rules.decide(view, answered.atMs) : undefined
    const verdict =
      decision === undefined ? (about.replyPlan?.(taken) ?? goOn) : taker.reply(decision, taken)
    rules.notice(view)
    return verdict
  }

  function decideReply(
    c: Connection,
    exchange: Exchange<About>,
    about: About,
    reply: Message,
    changed: boolean,
  ): ReplyVerdict {
    const goOn: ReplyVerdict = changed
      ? {
          do: 'replace',
          frame: responseFrame(
            exchange.apiKey,
            exchange.version,
            exchange.correlationId,
            encodeResponse(exchange.apiKey, exchange.version, reply),
          ),
        }
      : pass
    const { observation, request } = about
    if (observation === undefined || request === undefined) return goOn
    const answered = replyObservation(observation, runtime.nowMs(), reply)
    about.answered = true
    taken.get(c.id)?.delete(about)
    const isAsked = repliesAsked.get(c.plane)?.[exchange.apiKey] === 1
    const verdict =
      isAsked || about.replyPlan !== undefined
        ? ruleOnReply({ connection: c, exchange, about, request, reply, goOn }, answered)
        : goOn
    if (verdict.do === 'wait') {
      about.waiting = answered
      return { ...verdict, gate: toldWhenOpen(c, about, answered, verdict.gate) }
    }
    tell(c, about, answered, verdict)
    // What is read of a Produce's answer is numbers and texts, and the rest was shown to nobody.
    const isShown = isAsked || about.replyPlan !== undefined || about.effect !== undefined
    return verdict === pass && exchange.apiKey === produceKey && !isShown ? passFree : verdict
  }

  /** The tracker hears what the client was told, which is settled only when an answer really goes on. */
  function tell(c: Connection, about: About, answered: Observation, verdict: ReplyVerdict): void {
    const unheard =
      !c.reachable ||
      about.late ||
      verdict.do === 'swallow' ||
      verdict.do === 'skip' ||
      verdict.do === 'cut'
    if (!unheard && about.toldReply === undefined) {
      emitAll(tracker.observeReply(answered))
      return
    }
    emitAll(
      tracker.observeReply({
        ...answered,
        ...(unheard ? { told: 'unknown' as const } : {}),
        ...(about.toldReply === undefined ? {} : { toldReply: about.toldReply }),
        ...(about.late ? { late: true } : {}),
      }),
    )
  }

  function toldWhenOpen(
    c: Connection,
    about: About,
    answered: Observation,
    gate: Gate<ReplyVerdict>,
  ): Gate<ReplyVerdict> {
    return {
      whenOpen: (go) =>
        gate.whenOpen((next) => {
          if (next.do === 'wait') {
            go({ ...next, gate: toldWhenOpen(c, about, answered, next.gate) })
            return
          }
          if (about.waiting !== undefined) {
            about.waiting = undefined
            tell(c, about, { ...answered, atMs: runtime.nowMs() }, next)
          }
          go(next)
        }),
    }
  }

  return {
    requestMode(c, chunk, at, available) {
      apiKey = chunk.readInt16BE(at + 4)
      version = chunk.readInt16BE(at + 6)
      correlationId = chunk.readInt32BE(at + 8)
      if (c.clientId === undefined) {
        const length = chunk.readInt16BE(at + 12)
        if (available < headerBytesMin + length) return -(headerBytesMin + length)
        c.clientId = length < 0 ? null : chunk.toString('utf8', at + 14, at + 14 + length)
        windows.settle(c)
      }
      silent = false
      mode = stream
      shape = undefined
      isSampled = false
      if (!knows(apiKey, version)) {
        tellUnknown(c)
        return mode
      }
      if (apiKey === saslHandshakeKey && version === 0) {
        // What comes behind it is no frame any more: see refuseRawTokens.
        mode = gather
        return mode
      }
      mode = requestModes.get(c.plane)?.[apiKey] ?? stream
      if (c.plane === 'client') isSampled = samples(c)
      if (apiKey !== produceKey) {
        if (isSampled && mode === stream) mode = tee
        return mode
      }
      shape = shapeIn(c, chunk, at, available)
      // It is like one that the posture has seen.
      if (shape !== undefined) {
        isSampled = false
        return mode
      }
      const head = readProduceHead(chunk, at, available)
      if (head < 0) return head
      // An unknown header tag: too rare to read by hand, so the frame is decoded whole.
      if (head === 0) mode = gather
      else if (mode === tee && !isTransactional && !options.journalAllProduce) {
        mode = isSampled || rules.wants('reply', c.plane, 'Produce') ? tee : stream
      }
      return mode
    },

    openExchange(c) {
      const place = apiKey >= 0 && apiKey < countedApis ? apiKey : countedApis - 1
      c.requestCounts[place] = (c.requestCounts[place] ?? 0) + 1
      const carries = c.plane === 'client' && mayCarryAddresses(apiKey, version)
      const exchange: Exchange<About> = {
        apiKey,
        version,
        correlationId,
        silent,
        replyMode:
          carries || (apiKey === saslHandshakeKey && version === 0)
            ? gather
            : mode === stream
              ? stream
              : (replyModes.get(c.plane)?.[apiKey] ?? stream),
      }
      if (mode !== stream) {
        const about = newAbout(mode, runtime.nowMs())
        about.shape = shape
        about.isSampled = isSampled
        exchange.about = about
      }
      return exchange
    },

    repeated: (_c, exchange, chunk, at, end) => isRepeated(exchange, chunk, at, end),

    request(c, exchange, frame) {
      const { about } = exchange
      if (about === undefined) return pass
      if (isRawHandshake(exchange)) return pass
      if (isRepeated(exchange, frame, 0, frame.length)) return passFree
      if (!decodeInto(c, exchange, about, frame)) return pass
      const { observation, request } = about
      if (observation === undefined || request === undefined) return pass
      const view = viewOf(observation, () => [])
      about.view = view
      const decision = about.mode === gather ? rules.decide(view, about.sentAtMs) : undefined
      const verdict =
        decision === undefined
          ? pass
          : taker.request(decision, {
              connection: c,
              exchange,
              about,
              view,
              request,
              bytes: () => frame,
              deliveredLate: deliveredLate(about),
              answeredLate: answeredLate(exchange, about),
            })
      if (decision !== undefined && about.mode !== stream) exchange.replyMode = gather
      rules.notice(view)
      const delivered =
        verdict.do === 'pass' ||
        verdict.do === 'replace' ||
        verdict.do === 'wait' ||
        (verdict.do === 'cut' && verdict.forward)
      emitAll(tracker.observeRequest(delivered ? observation : { ...observation, delivered }))
      if (verdict.do === 'answer') {
        about.answered = true
        const { toldReply } = about
        if (toldReply !== undefined) {
          const atMs = runtime.nowMs()
          emitAll(
            tracker.observeReply({
              ...observation,
              atMs,
              side: 'reply',
              reply: toldReply,
              delivered: false,
            }),
          )
        }
      } else if (verdict.do !== 'pass' && verdict.do !== 'replace' && verdict.do !== 'skip') {
        take(c, about)
      }
      if (verdict.do === 'detach' || verdict.do === 'skip') {
        // For the client it is lost now, whatever the broker will say to it later.
        const unanswered = [{ ...observation, delivered: false }]
        const lost = { atMs: runtime.nowMs(), connection: c.id, unanswered }
        emitAll(tracker.connectionLost(lost))
      }
      if (verdict === pass) learnShape(c, exchange, about, frame)
      const isFree =
        verdict === pass && decision === undefined && forgetRecords(c, exchange, request)
      return isFree ? passFree : verdict
    },

    requestSeen(c, exchange, frame) {
      const { about } = exchange
      if (about === undefined || isRepeated(exchange, frame, 0, frame.length)) return true
      if (!decodeInto(c, exchange, about, frame)) return true
      const { observation } = about
      if (observation === undefined) return true
      emitAll(tracker.observeRequest(observation))
      learnShape(c, exchange, about, frame)
      return forgetRecords(c, exchange, observation.request)
    },

    replyMode(c, exchange) {
      const { about } = exchange
      if (about !== undefined && c.plane === 'client') {
        options.traffic.took(exchange.apiKey, runtime.nowMs() - about.sentAtMs)
      }
      return exchange.replyMode
    },

    replyRepeated(c, exchange, chunk, at, end) {
      const { about } = exchange
      const answer = about?.shape?.answer
      if (about?.repeated === undefined || about.shape === undefined || answer === undefined) {
        return false
      }
      if (!c.reachable || isAsked(about.shape)) return false
      const baseOffset = repeatedBaseOffset(answer, chunk, at, end)
      if (baseOffset < 0) return false
      about.answered = true
      emitAll(tracker.repeatAccepted(about.repeated, { atMs: runtime.nowMs(), baseOffset }))
      return true
    },

    reply(c, exchange, frame) {
      const { about } = exchange
      if (about?.repeated !== undefined) expand(about)
      const answer = frame.subarray(4)
      const offset = responseBodyOffset(exchange.apiKey, exchange.version, answer)
      about?.effect?.answered(answer)
      if (isRawHandshake(exchange)) {
        // A broker that has refused it waits for no tokens.
        return answer.readInt16BE(offset) === 0 ? refuseRawTokens(c) : pass
      }
      const routed =
        c.plane === 'client' && carriesAddresses(exchange.apiKey, exchange.version, answer, offset)
      if (!routed && about?.observation === undefined) {
        return about?.effect === undefined ? passFree : pass
      }
      let reply: Message
      try {
        reply = decodeResponse(exchange.apiKey, exchange.version, answer.subarray(offset))
      } catch (cause) {
        const api = apiOf(exchange.apiKey)?.name ?? exchange.apiKey
        const message = `${api} v${exchange.version} answer: ${cause instanceof Error ? cause.message : cause}`
        emit({ type: 'error', code: 'cannot-decode', message, connection: c.id })
        // Unread addresses would lead the client past the proxy: better no connection than a wrong one.
        return routed ? { do: 'cut', part: 'none', with: 'reset' } : pass
      }
      topics.learn(exchange.apiKey, reply)
      if (about?.shape !== undefined && about.shape.answer === undefined && !routed) {
        about.shape.answer = answerShape(frame, exchange.version, reply)
      }
      const aboutOrNone = about ?? newAbout(stream, 0)
      if (!routed) return decideReply(c, exchange, aboutOrNone, reply, false)
      if (exchange.apiKey === apiVersionsKey) {
        const { changed, features } = rewriteApiVersions(reply, options.advertise)
        if (advertises) for (const told of features) emit({ type: 'feature-advertised', ...told })
        return decideReply(c, exchange, aboutOrNone, reply, changed)
      }
      const found = addressesIn(exchange.apiKey, reply)
      if (found.length === 0) return decideReply(c, exchange, aboutOrNone, reply, false)
      const door = options.doorOf(c)
      if (door === undefined) throw new Error('a client connection came in by a door')
      const unopened: Array<Promise<unknown>> = []
      for (const place of found) {
        if (options.brokers.note(place.node, place.address)) {
          emit({ type: 'broker-seen', node: place.node, ...place.address })
        }
        if (door.addressOf(place.node) === undefined) unopened.push(door.ensure(place.node))
      }
      const rewriteAndDecide = (): ReplyVerdict => {
        for (const place of found) {
          const address = door.addressOf(place.node)
          if (address === undefined) {
            emit({
              type: 'error',
              code: 'no-port',
              message: `no port could be opened for broker ${place.node}`,
              connection: c.id,
            })
            return { do: 'cut', part: 'none', with: 'reset' }
          }
          place.owner.host = address.host
          place.owner.port = address.port
        }
        return decideReply(c, exchange, aboutOrNone, reply, true)
      }
      if (unopened.length === 0) return rewriteAndDecide()
      const gate = createGate<ReplyVerdict>()
      const cut: ReplyVerdict = { do: 'cut', part: 'none', with: 'reset' }
      Promise.allSettled(unopened)
        .then(() => (c.open ? rewriteAndDecide() : cut))
        .catch((cause): ReplyVerdict => {
          const message = cause instanceof Error ? cause.message : String(cause)
          emit({ type: 'error', code: 'connection-failed', message, connection: c.id })
          return cut
        })
        .then(gate.open)
      return { do: 'wait', gate }
    },

    replySeen: () => true,

    clientLeft: options.clientLeft,

    closed(c, cause, unanswered) {
      const waitedFor = new Set(unanswered.map(({ about }) => about))
      const kept = [...(taken.get(c.id) ?? [])].filter(
        (about) => !about.answered && !about.late && !waitedFor.has(about),
      )
      taken.delete(c.id)
      options.posture.connectionClosed(c.id)
      options.traffic.closed(c)
      options.closed(c, cause)
      const atMs = runtime.nowMs()
      const lost: Observation[] = []
      for (const { about, made } of unanswered) {
        if (about !== undefined) expand(about)
        if (about?.waiting !== undefined) {
          // The broker has answered; only the client never hears of it.
          const { waiting } = about
          about.waiting = undefined
          emitAll(tracker.observeReply({ ...waiting, atMs, told: 'unknown' }))
        } else if (about?.observation !== undefined && !about.late && made === undefined) {
          lost.push(about.observation)
        }
      }
      const never = kept.flatMap(({ observation }) =>
        observation === undefined ? [] : [{ ...observation, delivered: false }],
      )
      emitAll(tracker.connectionLost({ atMs, connection: c.id, unanswered: [...lost, ...never] }))
      emit({ type: 'connection-closed', connection: c.id, cause })
    },

    failed(c, code, message) {
      emit({ type: 'error', code, message, connection: c.id })
    },
  }
}
