// The way of a message, top to bottom: header -> correlate -> decode? -> which step (tracker) -> rules ->
// verdict; on the way back the same, with addresses rewritten last. Only what somebody asked for is decoded.
import type { Emit } from '../events.ts'
import type { MessageView } from '../faults/message-view.ts'
import type { RuleBook } from '../faults/rules.ts'
import type { Governor } from '../policies/governor.ts'
import type { Message } from '../protocol/codec.ts'
import {
  apiOf,
  decodeRequest,
  decodeResponse,
  encodeRequest,
  encodeResponse,
  knows,
} from '../protocol/codec.ts'
import {
  readRequestHeader,
  requestFrame,
  responseBodyOffset,
  responseFrame,
} from '../protocol/frame.ts'
import type { Runtime } from '../runtime.ts'
import type { Posture } from '../transactions/posture.ts'
import type { Observation, Tracker } from '../transactions/tracker.ts'
import { createAddressing } from './addressing.ts'
import { begins, mayBegin } from './beginnings.ts'
import type { Brokers } from './brokers.ts'
import { type Connection, countedApis, type Pipeline } from './connection.ts'
import { createDemand } from './demand.ts'
import type { Exchange, Gate, Pass, ReplyVerdict, RequestVerdict } from './exchange.ts'
import type { ClientDoor } from './links.ts'
import { errorsIn, messageView } from './message-views.ts'
import { replyObservation, requestObservation } from './observations.ts'
import { createPolicing } from './policing.ts'
import { answerShape, type ProduceShape, repeatedBaseOffset } from './produce-shape.ts'
import type { Recogniser } from './recognition.ts'
import { addRefused } from './refused.ts'
import { createRepeats } from './repeats.ts'
import { headerBytesMin, newRequestHead, readHead, readProduceHead } from './request-head.ts'
import {
  addressesIn,
  apiVersionsKey,
  carriesAddresses,
  mayCarryAddresses,
  rewriteApiVersions,
} from './route.ts'
import { type About, newAbout, type TakenReply, type Taker } from './taken.ts'
import type { TopicNames } from './topic-names.ts'
import type { Traffic } from './traffic.ts'
import { type FrameMode, gather, stream, tee } from './walker.ts'
import type { Windows } from './windows.ts'

const produceKey = 0
const saslHandshakeKey = 17
/** Told of so many at most; a client that makes versions up must not fill the log. */
const unknownVersionsMax = 100

/** Nothing has been sent of it, so its client may try it elsewhere, or later. */
const cutOff: RequestVerdict = { do: 'cut', forward: false, with: 'fin' }

const pass: Pass = { do: 'pass' }
const passFree: Pass = { do: 'pass', isFree: true }

export function createPipeline(options: {
  runtime: Runtime
  rules: RuleBook
  tracker: Tracker
  topics: TopicNames
  brokers: Brokers
  windows: Windows
  recogniser: Recogniser
  doorOf: (connection: Connection) => ClientDoor | undefined
  advertise: Readonly<Record<string, number>>
  taker: Taker
  emit: Emit
  /** Who looks at a sample of what clients send. */
  posture: Posture
  /** Who says which traffic keeps the policies. */
  governor: Governor
  traffic: Traffic
  journalAllProduce: boolean
  /** No transaction begins any more: who asks for one is cut off instead. */
  isDraining: boolean
  clientLeft: (connection: Connection) => void
  closed: (connection: Connection, cause: string) => void
}): Pipeline<About> {
  const { runtime, rules, tracker, topics, windows, taker, emit } = options
  const advertises = Object.keys(options.advertise).length > 0
  const demand = createDemand({ rules, tracker, posture: options.posture })
  const viewOf = (observation: Observation, errors: () => readonly string[]): MessageView =>
    messageView({ tracker, emit }, observation, errors)
  const repeats = createRepeats({ rules, tracker, demand, viewOf })
  const addressing = createAddressing(options)
  const policing = createPolicing(options)

  // Filled by requestMode and read right after by openExchange: one frame is opened at a time.
  const head = newRequestHead()
  let mode: FrameMode = stream
  let shape: ProduceShape | undefined
  let isSampled = false
  let isGoverned = false
  const unknownVersions = new Set<string>()

  /** Newer than we know: it passes as it is, unfollowed and out of reach of faults, and that is said once. */
  function tellUnknown(c: Connection): void {
    const { apiKey, version } = head
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

  /**
   * Lets go of a Produce's records, by far the largest thing that a request in flight would keep in memory: the tracker
   * has read their batches, and nobody has asked for the answer. True when nothing of the frame is held then.
   */
  function forgetRecords(c: Connection, exchange: Exchange<About>, request: Message): boolean {
    if (exchange.apiKey !== produceKey || !tracker.awaits(request)) return false
    if (demand.isReplyAsked(c.plane, produceKey)) return false
    for (const topic of request.topicData as Message[]) {
      for (const partition of topic.partitionData as Message[]) partition.records = null
    }
    return true
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
      if (options.recogniser.byRequest(c, about.request)) windows.settle(c)
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
      readdress: (answer) => addressing.readdress(message.connection, exchange.apiKey, answer),
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
    const isAsked = demand.isReplyAsked(c.plane, exchange.apiKey)
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

  /** Policies may want to see more of a request than others do; what others want of it stays its mode. */
  function governed(c: Connection, chunk: Buffer, at: number, available: number): FrameMode {
    if (c.plane !== 'client') return mode
    const asked = policing.requestMode(head, chunk, at, available)
    if (asked < 0) return asked
    isGoverned = asked !== stream
    return Math.max(mode, asked)
  }

  return {
    requestMode(c, chunk, at, available) {
      readHead(head, chunk, at)
      const { apiKey, version } = head
      if (c.clientId === undefined) {
        const length = chunk.readInt16BE(at + 12)
        if (available < headerBytesMin + length) return -(headerBytesMin + length)
        c.clientId = length < 0 ? null : chunk.toString('utf8', at + 14, at + 14 + length)
        options.recogniser.byClientId(c)
        windows.settle(c)
      }
      mode = stream
      shape = undefined
      isSampled = false
      isGoverned = false
      if (!knows(apiKey, version)) {
        tellUnknown(c)
        return mode
      }
      if (apiKey === saslHandshakeKey && version === 0) {
        // What comes behind it is no frame any more: see refuseRawTokens.
        mode = gather
        return mode
      }
      mode = demand.requestMode(c.plane, apiKey)
      const isGuarded = options.isDraining && c.plane === 'client' && mayBegin(apiKey)
      if (isGuarded && apiKey !== produceKey) mode = gather
      if (c.plane === 'client') isSampled = demand.isSampled(apiKey, c.requestCounts[apiKey] ?? 0)
      if (apiKey !== produceKey) {
        if (isSampled && mode === stream) mode = tee
        return governed(c, chunk, at, available)
      }
      shape = isGuarded ? undefined : repeats.shapeIn(c, chunk, at, available)
      // It is like one that the posture has seen.
      if (shape !== undefined) {
        isSampled = false
        return mode
      }
      const read = readProduceHead(head, chunk, at, available)
      if (read < 0) return read
      // An unknown header tag: too rare to read by hand, so the frame is decoded whole.
      if (read === 0 || (isGuarded && head.isTransactional)) mode = gather
      else if (mode === tee && !head.isTransactional && !options.journalAllProduce) {
        mode = isSampled || rules.wants('reply', c.plane, 'Produce') ? tee : stream
      }
      return governed(c, chunk, at, available)
    },

    openExchange(c) {
      const { apiKey, version, correlationId, silent } = head
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
              : demand.replyMode(c.plane, apiKey),
      }
      if (mode !== stream || isGoverned) {
        const about = newAbout(mode, runtime.nowMs())
        about.shape = shape
        about.isSampled = isSampled
        about.isGoverned = isGoverned
        exchange.about = about
      }
      return exchange
    },

    repeated: (_c, exchange, chunk, at, end) => repeats.isRepeated(exchange, chunk, at, end),

    request(c, exchange, frame) {
      const { about } = exchange
      if (about === undefined) return pass
      if (isRawHandshake(exchange)) return pass
      if (repeats.isRepeated(exchange, frame, 0, frame.length)) return passFree
      if (!decodeInto(c, exchange, about, frame)) {
        // What cannot be read cannot be judged, and must not pass.
        return about.isGoverned ? { do: 'cut', forward: false, with: 'reset' } : pass
      }
      const { observation, request } = about
      if (observation === undefined || request === undefined) return pass
      const refused = about.isGoverned ? policing.judge(exchange, about, observation) : undefined
      if (refused === undefined && about.mode === stream) {
        // Nobody but the policies has asked for it.
        delete exchange.about
        return passFree
      }
      const view = viewOf(observation, () => [])
      about.view = view
      // What a policy has refused is no fault's to count.
      const isFaults = refused === undefined && about.mode === gather
      const decision = isFaults ? rules.decide(view, about.sentAtMs) : undefined
      const verdict =
        decision === undefined
          ? (refused ?? (options.isDraining && begins(view) ? cutOff : pass))
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
      if (verdict === pass && !about.isBreaking) repeats.learnShape(c, exchange, about, frame)
      const isFree =
        verdict === pass && decision === undefined && forgetRecords(c, exchange, request)
      return isFree ? passFree : verdict
    },

    requestSeen(c, exchange, frame) {
      const { about } = exchange
      if (about === undefined || repeats.isRepeated(exchange, frame, 0, frame.length)) return true
      if (!decodeInto(c, exchange, about, frame)) return true
      const { observation } = about
      if (observation === undefined) return true
      if (about.isGoverned) policing.judge(exchange, about, observation)
      if (about.mode === stream) {
        delete exchange.about
        return true
      }
      emitAll(tracker.observeRequest(observation))
      if (!about.isBreaking) repeats.learnShape(c, exchange, about, frame)
      return forgetRecords(c, exchange, observation.request)
    },

    replyMode(c, exchange) {
      const { about } = exchange
      if (about !== undefined && c.plane === 'client') {
        options.traffic.took(exchange.apiKey, c.node, runtime.nowMs() - about.sentAtMs)
      }
      return exchange.replyMode
    },

    replyRepeated(c, exchange, chunk, at, end) {
      const { about } = exchange
      const answer = about?.shape?.answer
      if (about?.repeated === undefined || about.shape === undefined || answer === undefined) {
        return false
      }
      if (!c.reachable || repeats.isAsked(about.shape)) return false
      const baseOffset = repeatedBaseOffset(answer, chunk, at, end)
      if (baseOffset < 0) return false
      about.answered = true
      emitAll(tracker.repeatAccepted(about.repeated, { atMs: runtime.nowMs(), baseOffset }))
      return true
    },

    reply(c, exchange, frame) {
      const { about } = exchange
      if (about?.repeated !== undefined) repeats.expand(about)
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
      const { refused } = aboutOrNone
      const isAdded = refused !== undefined
      if (isAdded) addRefused(exchange.apiKey, reply, refused)
      if (!routed) return decideReply(c, exchange, aboutOrNone, reply, isAdded)
      if (exchange.apiKey === apiVersionsKey) {
        const { changed, features } = rewriteApiVersions(reply, options.advertise)
        if (advertises) for (const told of features) emit({ type: 'feature-advertised', ...told })
        return decideReply(c, exchange, aboutOrNone, reply, changed)
      }
      const found = addressesIn(exchange.apiKey, reply)
      if (found.length === 0) return decideReply(c, exchange, aboutOrNone, reply, isAdded)
      return addressing.whenRewritten(c, found, () =>
        decideReply(c, exchange, aboutOrNone, reply, true),
      )
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
        if (about !== undefined) repeats.expand(about)
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
