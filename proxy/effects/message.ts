// Carries out what a fault does to the one message that set it off: turns the kind's verdict into what the
// connection shall do now, or at the reply, and makes the answers that no broker gave.
import type { MessageVerdict, Until } from '../faults/fault.ts'
import type { Rule, RuleBook } from '../faults/rules.ts'
import { isSynthetic } from '../faults/synthetic.ts'
import { durationMs } from '../faults/vocabulary.ts'
import type { Connection, Effect, Gate, ReplyVerdict, RequestVerdict } from '../flow/connection.ts'
import { createGate, type OpenableGate } from '../flow/gate.ts'
import { errorsIn, type TakenReply, type TakenRequest } from '../flow/pipeline.ts'
import { decodeResponse, encodeResponse, type Message } from '../protocol/codec.ts'
import { errorCodeNamed } from '../protocol/error-codes.ts'
import { responseBodyOffset, responseFrame } from '../protocol/frame.ts'
import { errorAnswer, errorCodesIn, plainAnswer, setErrors } from '../protocol/synthesize.ts'
import { copyMessage } from '../protocol/walk.ts'
import type { Runtime } from '../runtime.ts'
import type { FiringReport } from './firing-report.ts'

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
}

export const errorCode = (name: string): number => {
  const code = errorCodeNamed(name)
  if (code === undefined) throw new Error(`error code ${name} was not checked`)
  return code
}

/** An answer that names nothing may have no place for an error: then the fault would do nothing. */
function demandError(apiKey: number, version: number, answer: Message, code: string): void {
  if (code === 'NONE' || errorCodesIn(apiKey, version, answer).includes(errorCode(code))) return
  throw new Error(`the answer has no place to say ${code}`)
}

/** The broker's answer in a word: NONE, or the error names in it. */
export function answerOf(apiKey: number, version: number, answer: Buffer): string {
  const body = answer.subarray(responseBodyOffset(apiKey, version, answer))
  const names = [...new Set(errorsIn(apiKey, version, decodeResponse(apiKey, version, body)))]
  return names.length === 0 ? 'NONE' : names.join(', ')
}

/** The frame of an answer that is not (or not quite) the broker's; the tracker hears of it too. */
export function frameOf(message: TakenRequest, answer: Message): Buffer {
  message.about.toldReply = answer
  const { apiKey, version, correlationId } = message.exchange
  return responseFrame(apiKey, version, correlationId, encodeResponse(apiKey, version, answer))
}

export function errorFrame(message: TakenRequest, code: string): Buffer {
  const { apiKey, version } = message.exchange
  return frameOf(message, errorAnswer(apiKey, version, message.request, errorCode(code), 'all'))
}

interface Held {
  report: FiringReport
  connection: Connection
  what: 'request' | 'reply' | 'detached'
  open: (why: string) => void
  /** It can go nowhere any more. */
  lose: (why: string) => void
}

export function createMessageEffects(parts: {
  runtime: Runtime
  rules: RuleBook
  /** The effect could not be made; the message goes on as it is. */
  failed: (report: FiringReport, cause: unknown) => void
}): MessageEffects {
  const { runtime, rules } = parts
  const heldMessages = new Set<Held>()
  /** Messages that are just late, with what ends their delay. */
  const late = new Set<() => void>()
  /** Firings that still wait for something on a connection. */
  const pending = new Map<Connection, Set<FiringReport>>()

  function follow(connection: Connection, report: FiringReport): void {
    if (report.over) return
    const reports = pending.get(connection) ?? new Set()
    pending.set(connection, reports.add(report))
    report.whenOver(() => {
      reports.delete(report)
      if (reports.size === 0 && pending.get(connection) === reports) pending.delete(connection)
    })
  }

  /** A gate that opens when `until` comes true, or at the limit, `plus` later. */
  function waitUntil<Verdict>(
    verdict: { until: Until; plusMs: number; limitMs: number },
    what: Held['what'],
    report: FiringReport,
    connection: Connection,
    then: () => Verdict,
  ): OpenableGate<Verdict> {
    const { until, plusMs, limitMs } = verdict
    const gate = createGate<Verdict>()
    let reason: string | undefined
    let cancelWait: () => void = () => undefined
    let cancelPlus: () => void = () => undefined
    const leave = (): void => {
      heldMessages.delete(held)
      cancelWait()
      cancelLimit()
      cancelPlus()
    }
    const go = (): void => {
      leave()
      report.noted(`goes on: ${reason}`)
      gate.open(then())
    }
    const held: Held = {
      report,
      connection,
      what,
      open(why) {
        // Let go by hand, it does not wait for `plus` any more.
        const byHand = reason !== undefined
        reason ??= why
        if (byHand || plusMs === 0) go()
        else {
          cancelWait()
          cancelLimit()
          cancelPlus = runtime.after(plusMs, go)
        }
      },
      lose(why) {
        leave()
        report.noted(why)
        if (what === 'reply') report.healed()
        else report.discarded()
        // Nobody but the message itself kept the broker's leg open.
        if (what === 'detached' && connection.open) connection.cut('fin', why)
      },
    }
    heldMessages.add(held)
    const cancelLimit = runtime.after(limitMs, () => held.open(`limit of ${limitMs} ms`))
    if (typeof until !== 'string') {
      cancelWait = rules.wait(until.trigger, () => held.open('what it waited for has come'))
    } else if (until === 'client-gave-up' && what === 'detached') {
      // Its client is sent away at once.
      runtime.after(0, () => held.open('the client is gone'))
    }
    return gate
  }

  /** Lets it go now, whatever `plus` says. */
  function letGo(held: Held, why: string): void {
    held.open(why)
    if (heldMessages.has(held)) held.open(why)
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
    const names = message.view.errors()
    return names.length === 0 ? 'NONE' : [...new Set(names)].join(', ')
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
          verdict.partitions,
        )
        demandError(apiKey, version, changed, verdict.code)
        return { do: 'replace', frame: frameOf(message, changed), effect }
      }
      case 'hold': {
        report.applied('reply held')
        const gate = waitUntil(verdict, 'reply', report, message.connection, () => {
          report.healed()
          return message.goOn
        })
        return { do: 'wait', gate }
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
      follow(message.connection, report)
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
        const answer = errorAnswer(apiKey, version, request, code, verdict.partitions)
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
          gate: waitUntil(verdict, 'request', report, connection, passOn),
          discardIfClientLeaves: true,
          effect: effectOf(report, message, false),
        }
      }
      case 'detach': {
        const effect = effectOf(report, message, false)
        about.late = true
        about.effect = effect
        const gate = waitUntil(verdict, 'detached', report, connection, () =>
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
        follow(message.connection, report)
        return decided
      } catch (cause) {
        parts.failed(report, cause)
        return { do: 'pass' }
      }
    },
    onReply,
    release(rule) {
      const waiting = [...heldMessages].filter((held) => held.report.rule === rule)
      for (const held of waiting) letGo(held, 'released')
      return waiting.length
    },
    healAll() {
      for (const held of [...heldMessages]) {
        // Delivered now, a detached request would hurt somebody after the end of all faults.
        if (held.what === 'detached') held.lose('not delivered: everything was healed')
        else letGo(held, 'everything was healed')
      }
      for (const go of [...late]) go()
    },
    clientLeft(connection) {
      for (const held of [...heldMessages]) {
        if (held.connection !== connection) continue
        if (held.what === 'request') held.report.discarded()
        letGo(held, 'the client gave up')
      }
    },
    closed(connection, cause) {
      for (const held of [...heldMessages]) {
        if (held.connection === connection) held.lose(`lost: ${cause}`)
      }
      for (const report of [...(pending.get(connection) ?? [])]) {
        report.abandoned(`nothing more came of it: ${cause}`)
      }
      pending.delete(connection)
    },
  }
}
