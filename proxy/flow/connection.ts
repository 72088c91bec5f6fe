// One client connection and its broker connection: two walkers, the requests in flight between them, and
// the carrying out of verdicts. It decides nothing: what becomes of a message is the pipeline's answer.
import type { Plane } from '../events.ts'
import type { Effect, Exchange, Gate, ReplyVerdict, RequestVerdict } from './exchange.ts'
import type { ProduceShape } from './produce-shape.ts'
import type { Shape } from './shaper.ts'
import type { Leg } from './sockets.ts'
import { createWalker, type FrameDecision, type FrameMode, gather, stream } from './walker.ts'
import { type Barriers, createWay, type Direction } from './way.ts'

/** How long a broker's leg stays open for an answer whose client is gone. */
export const lingerLimitMs = 120_000
/** How long bytes that the kernel has taken get to be on their way before a reset, which throws away what is not. */
const departureMs = 20

/** Places in the counts of requests: API keys below the last place, and that for all others. */
export const countedApis = 128

const nothing = Buffer.alloc(0)
const closedInMidReply = 'connection closed in mid-reply'

/** The stages that a connection asks. */
export interface Pipeline<About = unknown> {
  /** Reads the header of a request that starts at `at`; may ask for more bytes (negative). */
  requestMode(c: Connection, chunk: Buffer, at: number, available: number): FrameMode
  /** The exchange that `requestMode` has just read. */
  openExchange(c: Connection): Exchange<About>
  /** A whole request: true when it is like one before it, followed by that, and passes. */
  repeated(
    c: Connection,
    exchange: Exchange<About>,
    chunk: Buffer,
    at: number,
    end: number,
  ): boolean
  request(c: Connection, exchange: Exchange<About>, frame: Buffer): RequestVerdict
  /** True when nothing of the frame is held on to. */
  requestSeen(c: Connection, exchange: Exchange<About>, frame: Buffer): boolean
  replyMode(c: Connection, exchange: Exchange<About>): FrameMode
  /** A whole answer: the same. */
  replyRepeated(
    c: Connection,
    exchange: Exchange<About>,
    chunk: Buffer,
    at: number,
    end: number,
  ): boolean
  reply(c: Connection, exchange: Exchange<About>, frame: Buffer): ReplyVerdict
  replySeen(c: Connection, exchange: Exchange<About>, frame: Buffer): boolean
  /** The client closed its side while a request of its was held back. */
  clientLeft(c: Connection): void
  closed(c: Connection, cause: string, unanswered: readonly Exchange<About>[]): void
  failed(c: Connection, code: string, message: string): void
}

export interface Connection {
  readonly id: number
  readonly plane: Plane
  /** Node id of the broker at the other end. */
  readonly node: number
  /** Whose it is: by the door that it came in by, or recognised later. */
  instance: string | undefined
  readonly remote: string
  readonly open: boolean
  /** False when the client is gone or gets no answers, now or any more. */
  readonly reachable: boolean
  /** Client id of the last request whose header was read in full. */
  clientId: string | null | undefined
  /** What its Produce requests look like, newest last. */
  produceShapes: ProduceShape[]
  /** Requests by API key; those of unknown keys in the last place. */
  readonly requestCounts: Uint32Array
  /** Bytes that came from the client, and from the broker. */
  readonly bytesFrom: { client: number; broker: number }
  /** Extra time for every message, while a delay window lasts. */
  slow:
    | {
        requestMs: number
        replyMs: number
        jitterMs: number
        random: () => number
        /** Told when a message is really late. */
        touched?: () => void
      }
    | undefined
  /** Black hole: bytes are thrown away. */
  block: Direction | undefined
  /** No request has begun to come that is not through. */
  readonly betweenRequests: boolean
  /** Nothing is under way on it, either way. */
  readonly quiet: boolean
  /** Some direction of it is cut off now. */
  readonly stalled: boolean
  /** Partition: bytes are kept in the given directions from now on; those of the others go on. */
  stall(direction: Direction | undefined): void
  /** The sockets that are not read from now on, named by the way that their bytes would go. */
  leaveUnread(direction: Direction | undefined): void
  /** Bytes leave by a rate or in slices from now on; what is queued of a shape that ends leaves at once. */
  narrow(toBroker: Shape | undefined, toClient: Shape | undefined): void
  /** True once bytes of it were thrown away, so that it cannot live on. */
  readonly torn: boolean
  cut(how: 'fin' | 'reset', cause: string): void
  /** Dials the same broker once more, for a message that must not come on this connection. */
  dialAnother(connected: () => void): Leg
}

export interface ConnectionSetup {
  id: number
  plane: Plane
  node: number
  instance: string | undefined
  client: Leg
  /** Dials the broker; called at once, or when a partition ends. */
  dial: (connected: () => void) => Leg
  pipeline: Pipeline
  nowMs: () => number
  after: (delayMs: number, callback: () => void) => () => void
  /** Starts silent: accepted, not dialled, because a partition or refusal says so. */
  stalled: Direction | undefined
  /** Told, of a sample of what passes, how long it was held up by being looked at. */
  heldUp?: ((tookMs: number) => void) | undefined
}

export function openConnection(setup: ConnectionSetup): Connection {
  const { client, pipeline } = setup
  let broker: Leg | undefined
  const pending: Exchange[] = []
  let opening: Exchange | undefined
  let closed = false
  let clientGone = false
  let clientEnded = false
  let brokerEnded = false
  /** It ended by a failure, while a partition hid that. */
  let brokerBroke = false
  /** Nothing reaches the client any more. */
  let mute = false
  /** Nothing reaches the broker any more. */
  let deaf = false
  let torn = false
  let lingering = false
  /** The client is gone, and the broker has been told. */
  let isEnding = false
  /** A detached request is still to be delivered. */
  let detained = false
  const barriers: Barriers = { stalled: setup.stalled, unread: undefined, block: undefined }
  const timers = new Set<() => void>()
  const bytesFrom = { client: 0, broker: 0 }

  function tear(hole: Direction): void {
    torn = true
    hole.touched?.()
  }

  function after(delayMs: number, work: () => void): void {
    const cancel = setup.after(delayMs, () => {
      timers.delete(cancel)
      work()
    })
    timers.add(cancel)
  }

  /** The end of a connection comes behind what was sent before it. */
  function endClient(): void {
    toClient.whenEmpty(client.end)
  }

  function finish(cause: string): void {
    if (closed) return
    closed = true
    toBroker.stop()
    toClient.stop()
    up.stop()
    down.stop()
    for (const cancel of timers) cancel()
    timers.clear()
    pipeline.closed(connection, cause, pending)
  }
  /** `effect` hears of it between the closing and the end of the connection, while its message still counts. */
  function closeBoth(how: 'fin' | 'reset', cause: string, effect?: () => void): void {
    if (closed) return
    if (how === 'fin') toClient.release()
    toBroker.release()
    client.close(how)
    // The broker gets what was sent to it before; only the client's leg ever breaks.
    broker?.close('fin')
    effect?.()
    finish(cause)
  }
  /** Half a frame is on its way before the reset, which would take it back. Until then nothing passes any more. */
  function resetBehindBytes(effect: Effect | undefined): void {
    mute = true
    deaf = true
    const whenOut = (): void =>
      after(departureMs, () => {
        if (!client.flushed()) whenOut()
        else closeBoth('reset', 'cut at the reply', () => effect?.applied(closedInMidReply))
      })
    toClient.whenEmpty(whenOut)
  }
  function closeClient(how: 'fin' | 'reset'): void {
    clientGone = true
    client.close(how)
  }
  /** How much later than now a message must leave that came at `atMs`, in a window of delay. */
  function lateness(side: 'requestMs' | 'replyMs', atMs: number): number {
    const { slow } = connection
    if (slow === undefined || slow[side] === 0) return 0
    const dueMs = (atMs === 0 ? setup.nowMs() : atMs) + slow[side] + slow.jitterMs * slow.random()
    slow.touched?.()
    return dueMs - setup.nowMs()
  }
  /** Decides when the time is over, not before: until then nobody knows what becomes of the message. */
  function timerGate<Verdict>(delayMs: number, decide: () => Verdict): Gate<Verdict> {
    return {
      whenOpen: (go) =>
        after(delayMs, () => {
          try {
            go(decide())
          } catch (cause) {
            fail(cause)
          }
        }),
    }
  }
  /** The client is gone on our account; the broker's leg lives until its answers are in. */
  function linger(): void {
    lingering = true
    after(lingerLimitMs, () => closeBoth('reset', 'no answer came in time'))
    if (pending.length === 0) closeBoth('fin', 'answers are in')
  }
  /** Nobody is there to hear the rest: the broker ends its side when it has read ours, or is not waited for. */
  function endBroker(): void {
    const leg = broker
    toBroker.whenEmpty(() => leg?.end())
    if (!clientGone || isEnding) return
    isEnding = true
    after(lingerLimitMs, () => closeBoth('reset', 'the broker did not close'))
  }
  /** A bug, or a frame that nobody foresaw: this connection ends, the others go on. */
  function fail(cause: unknown): void {
    const reason = cause instanceof Error ? cause.message : String(cause)
    pipeline.failed(connection, 'connection-failed', reason)
    closeBoth('reset', reason)
  }
  function whenOpen<Verdict>(gate: Gate<Verdict>, go: (verdict: Verdict) => void): void {
    gate.whenOpen((verdict) => {
      try {
        go(verdict)
      } catch (cause) {
        fail(cause)
      }
    })
  }

  /** An answer of ours leaves at once, or when those before it have left. */
  function queueMade(exchange: Exchange, frame: Buffer): void {
    if (exchange.silent) throw new Error('nobody waits for an answer to acks=0')
    if (pending.length === 0) toClient.send(frame)
    else {
      exchange.made = frame
      pending.push(exchange)
    }
  }

  function performRequest(
    verdict: RequestVerdict,
    exchange: Exchange,
    frame: Buffer,
  ): FrameDecision {
    switch (verdict.do) {
      case 'pass':
        if (!exchange.silent) pending.push(exchange)
        return 'pass'
      case 'replace':
        if (!exchange.silent) pending.push(exchange)
        verdict.effect?.applied('request replaced')
        return verdict.frame
      case 'answer':
        queueMade(exchange, verdict.frame)
        verdict.effect?.applied('answered in the broker’s place')
        return nothing
      case 'wait': {
        let left = false
        const { discardIfClientLeaves, effect } = verdict
        const goOn = (next: RequestVerdict): void => {
          if (closed || left) return
          if (discardIfClientLeaves && (clientEnded || clientGone)) {
            left = true
            closeBoth('reset', 'the client left while its request was held', effect?.discarded)
            return
          }
          const decision = performRequest(next, exchange, frame)
          if (decision === 'wait' || closed) return
          if (decision === 'pass') toBroker.send(frame)
          else if (decision.length > 0) toBroker.send(decision)
          toBroker.goOn()
          afterUp()
        }
        whenOpen(verdict.gate, goOn)
        return 'wait'
      }
      case 'swallow':
        mute = true
        deaf = true
        // What comes behind it is not looked at any more: nobody may count or track what goes nowhere.
        up.stop()
        verdict.effect.applied('request swallowed, connection mute')
        if (verdict.forMs !== undefined) {
          after(verdict.forMs, () => closeBoth('reset', 'drop ended'))
        }
        return nothing
      case 'skip':
        verdict.effect.applied('request swallowed alone')
        return nothing
      case 'cut': {
        if (verdict.forward) {
          if (!exchange.silent) pending.push(exchange)
          toBroker.send(frame)
          closeClient(verdict.with)
          // What the client had sent behind it dies with its connection.
          up.stop()
          verdict.effect?.applied('request forwarded, client connection closed')
          linger()
        } else {
          closeBoth(verdict.with, 'cut before the request', () =>
            verdict.effect?.applied('connection closed before the request'),
          )
        }
        return nothing
      }
      case 'detach': {
        closeClient('reset')
        lingering = true
        detained = true
        verdict.effect.applied('client connection closed, request kept')
        verdict.gate.whenOpen(() => {
          if (closed) return
          detained = false
          if (!exchange.silent) pending.push(exchange)
          toBroker.send(frame)
          linger()
        })
        // The walker stays at this frame: whatever the client had sent behind it died with its connection.
        return 'wait'
      }
    }
  }

  function performReply(verdict: ReplyVerdict, frame: Buffer): FrameDecision {
    switch (verdict.do) {
      case 'pass':
        return 'pass'
      case 'replace':
        verdict.effect?.applied('answer replaced')
        return verdict.frame
      case 'wait': {
        const goOn = (next: ReplyVerdict): void => {
          if (closed) return
          const decision = performReply(next, frame)
          if (decision === 'wait' || closed) return
          if (decision === 'pass') toClient.send(frame)
          else if (decision.length > 0) toClient.send(decision)
          toClient.goOn()
          afterDown()
        }
        whenOpen(verdict.gate, goOn)
        return 'wait'
      }
      case 'swallow':
        mute = true
        verdict.effect.applied('answer swallowed, connection mute')
        if (verdict.forMs !== undefined) {
          after(verdict.forMs, () => closeBoth('reset', 'drop ended'))
        }
        return nothing
      case 'skip':
        verdict.effect.applied('answer swallowed alone')
        return nothing
      case 'cut':
        if (verdict.part === 'some')
          toClient.send(frame.subarray(0, Math.max(5, frame.length >> 1)))
        if (verdict.part === 'some' && verdict.with === 'reset') resetBehindBytes(verdict.effect)
        else {
          closeBoth(verdict.with, 'cut at the reply', () =>
            verdict.effect?.applied(
              verdict.part === 'some' ? closedInMidReply : 'connection closed before the reply',
            ),
          )
        }
        return nothing
    }
  }

  const up = createWalker({
    headerBytes: 14,
    header(chunk, at, available) {
      const mode = pipeline.requestMode(connection, chunk, at, available)
      if (mode < 0) return mode
      opening = pipeline.openExchange(connection)
      if (connection.slow !== undefined && connection.slow.requestMs > 0) return gather
      if (mode !== gather && !opening.silent) pending.push(opening)
      return mode
    },
    glance(chunk, at, end, mode) {
      if (opening === undefined || connection.slow !== undefined) return false
      if (!pipeline.repeated(connection, opening, chunk, at, end)) return false
      if (mode === gather && !opening.silent) pending.push(opening)
      return true
    },
    frame(frame) {
      const exchange = opening
      if (exchange === undefined) throw new Error('a frame has a header')
      const lateMs = lateness('requestMs', up.chunkAtMs())
      if (lateMs > 0) {
        const gate = timerGate(lateMs, () => pipeline.request(connection, exchange, frame))
        return performRequest({ do: 'wait', gate, discardIfClientLeaves: false }, exchange, frame)
      }
      const verdict = pipeline.request(connection, exchange, frame)
      if (verdict.do !== 'pass') up.flush()
      if (verdict.do === 'pass' && verdict.isFree === true) up.release()
      return performRequest(verdict, exchange, frame)
    },
    teed(frame) {
      if (opening !== undefined && pipeline.requestSeen(connection, opening, frame)) up.release()
    },
    ended: () => undefined,
    write: (bytes) => toBroker.send(bytes),
    broken: (reason) => {
      pipeline.failed(connection, 'broken-request', reason)
      closeBoth('reset', reason)
    },
  })

  const down = createWalker({
    headerBytes: 8,
    header(chunk, at) {
      const exchange = pending[0]
      const correlationId = chunk.readInt32BE(at + 4)
      if (exchange === undefined || exchange.correlationId !== correlationId) {
        const reason = `the broker answered ${correlationId}, expected ${exchange?.correlationId ?? 'nothing'}`
        pipeline.failed(connection, 'unexpected-answer', reason)
        closeBoth('reset', reason)
        return stream
      }
      if (connection.slow !== undefined && connection.slow.replyMs > 0) return gather
      return lingering || mute ? gather : pipeline.replyMode(connection, exchange)
    },
    glance(chunk, at, end) {
      const exchange = pending[0]
      if (exchange === undefined || connection.slow !== undefined || lingering || mute) return false
      return pipeline.replyRepeated(connection, exchange, chunk, at, end)
    },
    frame(frame) {
      const exchange = pending[0]
      if (exchange === undefined) throw new Error('an answer has a request')
      const lateMs = lateness('replyMs', down.chunkAtMs())
      if (lateMs > 0) {
        const gate = timerGate(lateMs, () => pipeline.reply(connection, exchange, frame))
        return performReply({ do: 'wait', gate }, frame)
      }
      const verdict = pipeline.reply(connection, exchange, frame)
      if (verdict.do !== 'pass') down.flush()
      if (verdict.do === 'pass' && verdict.isFree === true) down.release()
      return performReply(verdict, frame)
    },
    teed(frame) {
      const exchange = pending[0]
      if (exchange !== undefined && pipeline.replySeen(connection, exchange, frame)) down.release()
    },
    ended() {
      pending.shift()
      let behind: Buffer | undefined
      while (pending[0]?.made !== undefined) {
        const made = pending.shift()?.made ?? nothing
        behind = behind === undefined ? made : Buffer.concat([behind, made])
      }
      return behind
    },
    write: (bytes) => toClient.send(bytes),
    broken: (reason) => {
      pipeline.failed(connection, 'broken-answer', reason)
      closeBoth('reset', reason)
    },
  })

  function afterUp(): void {
    if (closed || up.waiting() || !clientEnded || barriers.stalled?.toBroker === true) return
    if (!lingering) endBroker()
  }
  function afterDown(): void {
    if (closed) return
    if (lingering && pending.length === 0 && !detained) {
      closeBoth('fin', 'answers are in')
      return
    }
    if (brokerEnded && !down.waiting() && barriers.stalled?.toClient !== true) endClient()
  }

  const shared = {
    barriers,
    arrivedAtMs: () => (connection.slow === undefined ? 0 : setup.nowMs()),
    torn: tear,
    failed: fail,
    heldUp: setup.heldUp,
    nowMs: setup.nowMs,
    after: setup.after,
  }
  const toBroker = createWay({
    ...shared,
    to: 'toBroker',
    walker: () => up,
    source: () => client,
    sink: () => broker,
    isSinkGone: () => false,
    isUndialled: () => broker === undefined,
    isDeaf: () => closed || deaf,
    isMute: () => deaf,
    walked: () => undefined,
  })
  const toClient = createWay({
    ...shared,
    to: 'toClient',
    walker: () => down,
    source: () => broker,
    sink: () => client,
    isSinkGone: () => clientGone,
    isUndialled: () => false,
    isDeaf: () => closed,
    isMute: () => mute || clientGone,
    walked() {
      if (lingering) afterDown()
    },
  })

  function dialBroker(): void {
    broker = setup.dial(() => undefined)
    broker.listen({
      bytes(chunk) {
        bytesFrom.broker += chunk.length
        return toClient.receive(chunk)
      },
      ended() {
        brokerEnded = true
        if (lingering || clientGone) closeBoth('fin', 'the broker closed')
        else if (!down.waiting() && barriers.stalled?.toClient !== true) endClient()
      },
      closed(failure) {
        if (closed) return
        if (barriers.stalled?.toClient === true && !clientGone) {
          // Nobody tells the client of it while the network is cut.
          brokerEnded = true
          brokerBroke = failure !== undefined
          return
        }
        if (down.waiting() && !clientGone && failure === undefined) {
          brokerEnded = true
          return
        }
        if (failure === undefined) toClient.release()
        client.close(failure === undefined ? 'fin' : 'reset')
        finish(failure === undefined ? 'the broker closed' : `broker: ${failure}`)
      },
      drained: toBroker.drained,
    })
  }

  /** The broker's end was not to be seen from the other side as long as its bytes were kept. */
  function afterFreeing(): void {
    if (closed) return
    if (brokerBroke) closeBoth('reset', 'the broker closed during the partition')
    else afterDown()
  }

  const connection: Connection = {
    id: setup.id,
    plane: setup.plane,
    node: setup.node,
    instance: setup.instance,
    remote: client.remote,
    get open() {
      return !closed
    },
    get reachable() {
      return (
        !closed &&
        !mute &&
        !clientGone &&
        barriers.block?.toClient !== true &&
        barriers.stalled?.toClient !== true
      )
    },
    clientId: undefined,
    produceShapes: [],
    requestCounts: new Uint32Array(countedApis),
    bytesFrom,
    slow: undefined,
    get block() {
      return barriers.block
    },
    set block(hole) {
      barriers.block = hole
    },
    get betweenRequests() {
      return up.atBoundary()
    },
    get quiet() {
      return pending.length === 0 && up.atBoundary() && down.atBoundary()
    },
    get torn() {
      return torn
    },
    get stalled() {
      return barriers.stalled !== undefined
    },
    stall(direction) {
      barriers.stalled = direction
      if (closed) return
      if (broker === undefined) {
        if (direction !== undefined) return
        if (clientEnded) {
          // Its connection was never really made, so nothing of it may arrive.
          closeBoth('fin', 'the client left before the partition ended')
          return
        }
        dialBroker()
      }
      // Answers first: a kept request may be answered by us, behind those that were kept.
      if (direction?.toClient !== true) {
        toClient.free()
        afterFreeing()
      }
      if (direction?.toBroker !== true && !closed) {
        toBroker.free()
        afterUp()
      }
    },
    leaveUnread(direction) {
      barriers.unread = direction
      if (closed) return
      if (direction?.toClient !== true && toClient.readAgain()) afterFreeing()
      if (closed) return
      if (direction?.toBroker !== true && toBroker.readAgain()) afterUp()
    },
    narrow(up, down) {
      if (closed) return
      toBroker.narrow(up)
      toClient.narrow(down)
    },
    cut(how, cause) {
      closeBoth(how, cause)
    },
    dialAnother: setup.dial,
  }

  client.listen({
    bytes(chunk) {
      bytesFrom.client += chunk.length
      return toBroker.receive(chunk)
    },
    ended() {
      clientEnded = true
      if (deaf || barriers.block?.toBroker === true) {
        // A black hole swallows the goodbye as well; only the client's own leg ends.
        closeBoth('reset', 'the client closed')
        return
      }
      if (up.waiting() || down.waiting()) pipeline.clientLeft(connection)
      afterUp()
    },
    closed(failure) {
      if (closed || clientGone) return
      clientGone = true
      clientEnded = true
      if (up.waiting() || down.waiting()) pipeline.clientLeft(connection)
      if (closed) return
      // What is kept back may still arrive, as long as there is somebody to get it.
      const isKept = barriers.stalled?.toBroker === true || up.waiting()
      if (isKept && broker?.open === true) return
      if (failure !== undefined || broker === undefined || !broker.open || brokerEnded) {
        toBroker.release()
        broker?.close('fin')
        finish(failure === undefined ? 'the client closed' : `client: ${failure}`)
      } else endBroker()
    },
    drained: toClient.drained,
  })
  if (barriers.stalled === undefined) dialBroker()
  return connection
}
