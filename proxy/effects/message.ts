// Carries out what a fault does to the one message that set it off: turns the kind's verdict into what the
// connection shall do now, or at the reply, and makes the answers that no broker gave.
import type { MessageVerdict } from '../faults/fault.ts'
import type { Rule, RuleBook } from '../faults/rules.ts'
import { isSynthetic } from '../faults/synthetic.ts'
import type { TopicAliases } from '../faults/trigger.ts'
import { durationMs } from '../faults/vocabulary.ts'
import type { Connection } from '../flow/connection.ts'
import type { Effect, Gate, ReplyVerdict, RequestVerdict } from '../flow/exchange.ts'
import { createGate } from '../flow/gate.ts'
import type { TakenReply, TakenRequest } from '../flow/taken.ts'
import { encodeRequest, type Message } from '../protocol/codec.ts'
import { readRequestHeader, requestFrame, sizeBytes } from '../protocol/frame.ts'
import { errorAnswer, plainAnswer, setErrors } from '../protocol/synthesize.ts'
import { copyMessage } from '../protocol/walk.ts'
import type { Runtime } from '../runtime.ts'
import { type Changed, corrupted, rewritten } from './changed-message.ts'
import type { FiringReport } from './firing-report.ts'
import { createHeldMessages } from './held-messages.ts'
import { answerOf, demandError, errorCode, frameOf, inAWord } from './made-answer.ts'
import { createSecondConnections } from './second-connection.ts'

export interface MessageEffects {
  onRequest(verdict: MessageVerdict, report: FiringReport, message: TakenRequest): RequestVerdict
  onReply(verdict: MessageVerdict, report: FiringReport, message: TakenReply): ReplyVerdict
  /** Opens every gate of a rule that waits for `released`; the number opened. */
  release(rule: Rule): number
  /** Lets everything held go on, and gives up what would only come to hurt later. */
  healAll(): void
  /** The client closed its side while a message of its was held back. */
  clientLeft(connection: Connection): void
  /** What still waited for something on this connection ends here. */
  closed(connection: Connection, cause: string): void
  /** Ends the connections that were opened for copies. */
  stop(): void
}

export function createMessageEffects(parts: {
  runtime: Runtime
  rules: RuleBook
  /** All the names that a topic-partition of a plan may have in a message: its real one, and by topic ids. */
  placeNames: (place: string) => readonly string[]
  aliases: TopicAliases
  topicName: (topicId: string) => string | undefined
  /** The effect could not be made; the message goes on as it is. */
  failed: (report: FiringReport, cause: unknown) => void
}): MessageEffects {
  const { runtime, rules } = parts
  const held = createHeldMessages({ runtime, rules })
  const seconds = createSecondConnections(runtime)
  /** Messages that are just late, with what ends their delay. */
  const late = new Set<() => void>()
  /** Firings that still wait for something on a connection. */
  const pending = new Map<Connection, Set<FiringReport>>()

  const placesOf = (partitions: 'all' | 'first' | string[]): 'all' | 'first' | string[] =>
    typeof partitions === 'string' ? partitions : partitions.flatMap(parts.placeNames)

  function follow(connection: Connection, report: FiringReport): void {
    if (report.over) return
    const reports = pending.get(connection) ?? new Set()
    pending.set(connection, reports.add(report))
    report.whenOver(() => {
      reports.delete(report)
      if (reports.size === 0 && pending.get(connection) === reports) pending.delete(connection)
    })
  }

  function effectOf(
    report: FiringReport,
    message: TakenRequest,
    healsWhenApplied: boolean,
  ): Effect {
    const { apiKey, version } = message.exchange
    return {
      applied(what) {
        report.applied(what)
        if (healsWhenApplied) report.healed()
      },
      answered(answer) {
        report.answered(answerOf(apiKey, version, answer))
        if (!healsWhenApplied) report.healed()
      },
      discarded: () => report.discarded(),
    }
  }

  /** What the broker said in the end to a request that came late. */
  function recordAnswer(report: FiringReport, message: TakenRequest): void {
    const { apiKey, version } = message.exchange
    message.about.effect = {
      applied: () => undefined,
      answered: (answer) => report.answered(answerOf(apiKey, version, answer)),
      discarded: () => undefined,
    }
  }

  type ChangingVerdict = Extract<MessageVerdict, { do: 'corrupt' | 'rewrite' }>

  function changed(
    verdict: ChangingVerdict,
    report: FiringReport,
    message: TakenRequest,
    reply: Message | undefined,
  ): Changed {
    const { apiKey, version } = message.exchange
    const direction = reply === undefined ? 'request' : 'response'
    const original = reply ?? message.request
    if (verdict.do === 'rewrite') {
      return rewritten(direction, apiKey, version, original, verdict.fields)
    }
    const { aliases, topicName } = parts
    const { when } = report.rule.spec
    return corrupted(direction, apiKey, original, verdict.crc, { when, aliases, topicName })
  }

  /** The client's frame with another body. */
  function frameWith(message: TakenRequest, body: Message): Buffer {
    const { apiKey, version } = message.exchange
    const header = readRequestHeader(message.bytes().subarray(sizeBytes))
    return requestFrame(header, encodeRequest(apiKey, version, body))
  }

  function sendAgain(report: FiringReport, message: TakenRequest, bytes: Buffer): void {
    const { connection, exchange } = message
    seconds.send({
      bytes,
      silent: exchange.silent,
      dial: connection.dialAnother,
      sent() {
        report.applied(`the same bytes sent to broker ${connection.node} on another connection`)
        message.deliveredLate()
        if (exchange.silent) report.healed()
      },
      answered(answer) {
        report.answered(answerOf(exchange.apiKey, exchange.version, answer))
        message.answeredLate(answer)
        report.healed()
      },
      failed(why) {
        if (report.firing.appliedAtMs === undefined) parts.failed(report, new Error(why))
        else report.abandoned(`the broker said nothing to the copy: ${why}`)
      },
    })
  }

  /** Makes a copy that is sent when its time has come, whatever becomes of the connection it was made from. */
  function copyLater(
    verdict: Extract<MessageVerdict, { do: 'duplicate' }>,
    report: FiringReport,
    message: TakenRequest,
  ): void {
    // The frame's memory belongs to the connection.
    const bytes = Buffer.from(message.bytes())
    held
      .waitUntil(verdict, 'copy', report, message.connection, () => undefined)
      .whenOpen(() => sendAgain(report, message, bytes))
  }

  function lateness(verdict: { jitterMs: number }, byMs: number, report: FiringReport): number {
    return byMs + verdict.jitterMs * report.rule.random()
  }

  /** A verdict that comes after a while, and counts as applied when it does. */
  function delayed<Verdict>(
    delayMs: number,
    report: FiringReport,
    isLast: boolean,
    then: () => Verdict,
  ): Gate<Verdict> {
    const gate = createGate<Verdict>()
    const startedMs = runtime.nowMs()
    const go = (): void => {
      if (!late.delete(go)) return
      cancel()
      if (report.over) return
      report.applied(`late by ${Math.round(runtime.nowMs() - startedMs)} ms`)
      if (isLast) report.healed()
      gate.open(then())
    }
    late.add(go)
    const cancel = runtime.after(delayMs, go)
    return gate
  }

  function answerNames(message: TakenReply): string {
    return inAWord(message.view.errors())
  }

  function markSynthetic(report: FiringReport, message: TakenRequest, code: string): void {
    if (isSynthetic(code, message.view.api, message.exchange.version)) {
      report.firing.synthetic = true
    }
  }

  function muteFor(report: FiringReport): { forMs?: number } {
    const { for: forText } = report.rule.spec
    return forText === undefined ? {} : { forMs: durationMs(forText) }
  }

  function replyVerdict(
    verdict: MessageVerdict,
    report: FiringReport,
    message: TakenReply,
  ): ReplyVerdict {
    const { apiKey, version } = message.exchange
    const effect = effectOf(report, message, true)
    switch (verdict.do) {
      case 'delay': {
        const delayMs = lateness(verdict, verdict.replyMs, report)
        return { do: 'wait', gate: delayed(delayMs, report, true, () => message.goOn) }
      }
      case 'drop':
        report.answered(answerNames(message))
        return verdict.unrealistic
          ? { do: 'skip', effect }
          : { do: 'swallow', effect, ...muteFor(report) }
      case 'disconnect':
        report.answered(answerNames(message))
        return {
          do: 'cut',
          part: verdict.at === 'mid-reply' ? 'some' : 'none',
          with: verdict.with,
          effect,
        }
      case 'error': {
        report.answered(answerNames(message))
        markSynthetic(report, message, verdict.code)
        const changed = setErrors(
          apiKey,
          version,
          copyMessage(message.reply),
          errorCode(verdict.code),
          placesOf(verdict.partitions),
        )
        demandError(apiKey, version, changed, verdict.code)
        return { do: 'replace', frame: frameOf(message, changed), effect }
      }
      case 'hold': {
        report.applied('reply held')
        const gate = held.waitUntil(verdict, 'reply', report, message.connection, () => {
          report.healed()
          return message.goOn
        })
        return { do: 'wait', gate }
      }
      case 'duplicate':
        report.noted(`the original was answered ${answerNames(message)}`)
        copyLater(verdict, report, message)
        held.answered(report)
        return message.goOn
      case 'corrupt':
      case 'rewrite': {
        report.answered(answerNames(message))
        const { message: answer, what } = changed(verdict, report, message, message.reply)
        message.readdress(answer)
        report.noted(what)
        return { do: 'replace', frame: frameOf(message, answer), effect }
      }
      case 'answer':
      case 'detach':
        throw new Error(`${verdict.do} needs a request trigger`)
    }
  }

  function onReply(
    verdict: MessageVerdict,
    report: FiringReport,
    message: TakenReply,
  ): ReplyVerdict {
    if (!message.connection.reachable) {
      report.abandoned('the client hears no answers on this connection now')
      return message.goOn
    }
    try {
      const decided = replyVerdict(verdict, report, message)
      // A copy goes its own way.
      if (verdict.do !== 'duplicate') follow(message.connection, report)
      return decided
    } catch (cause) {
      parts.failed(report, cause)
      return message.goOn
    }
  }

  function requestVerdict(
    verdict: MessageVerdict,
    report: FiringReport,
    message: TakenRequest,
  ): RequestVerdict {
    const { apiKey, version, silent } = message.exchange
    const { about, connection } = message
    const planReply = (): RequestVerdict => {
      if (silent) report.abandoned('a Produce with acks=0 has no reply')
      else about.replyPlan = (reply) => onReply(verdict, report, reply)
      return { do: 'pass' }
    }
    switch (verdict.do) {
      case 'delay': {
        const { requestMs, replyMs } = verdict
        if (requestMs === 0) return planReply()
        const hasReply = replyMs > 0 && !silent
        if (hasReply) planReply()
        else recordAnswer(report, message)
        const delayMs = lateness(verdict, requestMs, report)
        const passOn = (): RequestVerdict => ({ do: 'pass' })
        return {
          do: 'wait',
          gate: delayed(delayMs, report, !hasReply, passOn),
          discardIfClientLeaves: false,
        }
      }
      case 'drop': {
        if (verdict.side === 'reply') return planReply()
        const effect = effectOf(report, message, true)
        return verdict.unrealistic
          ? { do: 'skip', effect }
          : { do: 'swallow', effect, ...muteFor(report) }
      }
      case 'disconnect': {
        if (verdict.at === 'before-reply' || verdict.at === 'mid-reply') return planReply()
        const effect = effectOf(report, message, true)
        if (verdict.at === 'after-request') about.effect = effect
        return { do: 'cut', forward: verdict.at === 'after-request', with: verdict.with, effect }
      }
      case 'error': {
        if (verdict.seenByBroker) return planReply()
        markSynthetic(report, message, verdict.code)
        const effect = effectOf(report, message, true)
        // Brokers say an error to acks=0 by closing the connection.
        if (silent) return { do: 'cut', forward: false, with: 'fin', effect }
        const { request } = message
        const code = errorCode(verdict.code)
        const answer = errorAnswer(apiKey, version, request, code, placesOf(verdict.partitions))
        demandError(apiKey, version, answer, verdict.code)
        return { do: 'answer', frame: frameOf(message, answer), effect }
      }
      case 'answer': {
        const effect = effectOf(report, message, true)
        if (silent) return { do: 'skip', effect }
        const body = verdict.body as Message
        const answer = plainAnswer(apiKey, version, message.request, body)
        return { do: 'answer', frame: frameOf(message, answer), effect }
      }
      case 'hold': {
        if (verdict.side === 'reply') return planReply()
        recordAnswer(report, message)
        report.applied('request held')
        const passOn = (): RequestVerdict => {
          report.healed()
          return { do: 'pass' }
        }
        return {
          do: 'wait',
          gate: held.waitUntil(verdict, 'request', report, connection, passOn),
          discardIfClientLeaves: true,
          effect: effectOf(report, message, false),
        }
      }
      case 'duplicate':
        copyLater(verdict, report, message)
        if (silent) held.answered(report)
        else {
          about.replyPlan = (reply) => {
            report.noted(`the original was answered ${answerNames(reply)}`)
            held.answered(report)
            return reply.goOn
          }
        }
        return { do: 'pass' }
      case 'corrupt':
      case 'rewrite': {
        const { message: instead, what } = changed(verdict, report, message, undefined)
        if (silent !== (apiKey === 0 && instead.acks === 0)) {
          throw new Error('nobody would answer as the client expects')
        }
        recordAnswer(report, message)
        report.noted(what)
        return {
          do: 'replace',
          frame: frameWith(message, instead),
          effect: effectOf(report, message, true),
        }
      }
      case 'detach': {
        const effect = effectOf(report, message, false)
        about.late = true
        about.effect = effect
        const gate = held.waitUntil(verdict, 'detached', report, connection, () =>
          message.deliveredLate(),
        )
        return { do: 'detach', gate, effect }
      }
    }
  }

  return {
    onRequest(verdict, report, message) {
      try {
        const decided = requestVerdict(verdict, report, message)
        // A copy goes its own way.
        if (verdict.do !== 'duplicate') follow(message.connection, report)
        return decided
      } catch (cause) {
        parts.failed(report, cause)
        return { do: 'pass' }
      }
    },
    onReply,
    release: held.release,
    healAll() {
      held.healAll()
      for (const go of [...late]) go()
    },
    stop: seconds.close,
    clientLeft: held.clientLeft,
    closed(connection, cause) {
      held.closed(connection, cause)
      for (const report of [...(pending.get(connection) ?? [])]) {
        report.abandoned(`nothing more came of it: ${cause}`)
      }
      pending.delete(connection)
    },
  }
}
