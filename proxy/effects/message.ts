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
import { errorAnswer, plainAnswer, setErrors } from '../protocol/synthesize.ts'
import type { Runtime } from '../runtime.ts'
import type { FiringReport } from './firing-report.ts'

export interface MessageEffects {
  onRequest(verdict: MessageVerdict, report: FiringReport, message: TakenRequest): RequestVerdict
  onReply(verdict: MessageVerdict, report: FiringReport, message: TakenReply): ReplyVerdict
  /** Opens every gate of a rule that waits for `released`; the number opened. */
  release(rule: Rule): number
  /** Lets everything held go on: the run is over. */
  releaseAll(): void
  clientLeft(connection: Connection): void
}

export const errorCode = (name: string): number => {
  const code = errorCodeNamed(name)
  if (code === undefined) throw new Error(`error code ${name} was not checked`)
  return code
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
  rule: Rule
  connection: Connection
  report: FiringReport
  /** A held request dies with its client; a held reply or a detached request does not. */
  diesWithClient: boolean
  open: (why: string) => void
}

export function createMessageEffects(runtime: Runtime, rules: RuleBook): MessageEffects {
  const heldMessages = new Set<Held>()

  /** A gate that opens when `until` comes true, or at the limit, `plus` later. */
  function waitUntil<Verdict>(
    until: Until,
    times: { plusMs: number; limitMs: number; diesWithClient: boolean },
    report: FiringReport,
    connection: Connection,
    then: () => Verdict,
  ): OpenableGate<Verdict> {
    const gate = createGate<Verdict>()
    let opened = false
    let cancelWait: () => void = () => undefined
    const open = (why: string): void => {
      if (opened) return
      opened = true
      heldMessages.delete(held)
      cancelWait()
      cancelLimit()
      const go = (): void => {
        report.firing.effect = `${report.firing.effect ?? ''}; goes on: ${why}`
        gate.open(then())
      }
      if (times.plusMs === 0) go()
      else runtime.after(times.plusMs, go)
    }
    const { diesWithClient } = times
    const held: Held = { rule: report.rule, connection, report, diesWithClient, open }
    heldMessages.add(held)
    const cancelLimit = runtime.after(times.limitMs, () => open(`limit of ${times.limitMs} ms`))
    if (typeof until !== 'string') {
      cancelWait = rules.wait(until.trigger, () => open('what it waited for has come'))
    }
    return gate
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

  function later(byMs: number, jitterMs: number, random: () => number): number {
    return byMs + jitterMs * random()
  }

  /** A verdict that comes after a while, and counts as applied when it does. */
  function delayed<Verdict>(
    delayMs: number,
    report: FiringReport,
    then: () => Verdict,
  ): Gate<Verdict> {
    const gate = createGate<Verdict>()
    runtime.after(delayMs, () => {
      report.applied(`late by ${Math.round(delayMs)} ms`)
      report.healed()
      gate.open(then())
    })
    return gate
  }

  function onReply(
    verdict: MessageVerdict,
    report: FiringReport,
    message: TakenReply,
  ): ReplyVerdict {
    const { apiKey, version } = message.exchange
    const effect = effectOf(report, message, true)
    switch (verdict.do) {
      case 'delay': {
        if (verdict.replyMs === 0) return message.goOn
        const delayMs = later(verdict.replyMs, verdict.jitterMs, report.rule.random)
        return { do: 'wait', gate: delayed(delayMs, report, () => message.goOn) }
      }
      case 'drop': {
        report.answered(answerNames(message))
        if (verdict.unrealistic) return { do: 'skip', effect }
        const { for: forText } = report.rule.spec
        return {
          do: 'swallow',
          effect,
          ...(forText === undefined ? {} : { forMs: durationMs(forText) }),
        }
      }
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
        if (isSynthetic(verdict.code, message.view.api, version)) report.firing.synthetic = true
        const changed = setErrors(
          apiKey,
          version,
          structuredClone(message.reply),
          errorCode(verdict.code),
          verdict.partitions,
        )
        return { do: 'replace', frame: frameOf(message, changed), effect }
      }
      case 'answer':
        throw new Error('an answer in the broker’s place needs a request trigger')
      case 'hold': {
        report.applied('reply held')
        const gate = waitUntil(
          verdict.until,
          { ...verdict, diesWithClient: false },
          report,
          message.connection,
          () => {
            report.healed()
            return message.goOn
          },
        )
        return { do: 'wait', gate }
      }
      case 'detach':
        throw new Error('detach needs a request trigger')
    }
  }

  function answerNames(message: TakenReply): string {
    const names = message.view.errors()
    return names.length === 0 ? 'NONE' : [...new Set(names)].join(', ')
  }

  function onRequest(
    verdict: MessageVerdict,
    report: FiringReport,
    message: TakenRequest,
  ): RequestVerdict {
    const { apiKey, version } = message.exchange
    const { about, connection } = message
    const planReply = (): RequestVerdict => {
      about.replyPlan = (reply) => onReply(verdict, report, reply)
      return { do: 'pass' }
    }
    switch (verdict.do) {
      case 'delay': {
        if (verdict.requestMs === 0) return planReply()
        const delayMs = later(verdict.requestMs, verdict.jitterMs, report.rule.random)
        if (verdict.replyMs > 0) {
          about.replyPlan = (reply) => ({
            do: 'wait',
            gate: delayed(
              later(verdict.replyMs, verdict.jitterMs, report.rule.random),
              report,
              () => reply.goOn,
            ),
          })
        }
        return {
          do: 'wait',
          gate: delayed(delayMs, report, (): RequestVerdict => ({ do: 'pass' })),
          discardIfClientLeaves: false,
        }
      }
      case 'drop': {
        if (verdict.side === 'reply') return planReply()
        const effect = effectOf(report, message, true)
        if (verdict.unrealistic) return { do: 'skip', effect }
        const { for: forText } = report.rule.spec
        return {
          do: 'swallow',
          effect,
          ...(forText === undefined ? {} : { forMs: durationMs(forText) }),
        }
      }
      case 'disconnect': {
        if (verdict.at === 'before-reply' || verdict.at === 'mid-reply') return planReply()
        const effect = effectOf(report, message, true)
        if (verdict.at === 'after-request') about.effect = effect
        return { do: 'cut', forward: verdict.at === 'after-request', with: verdict.with, effect }
      }
      case 'error': {
        if (verdict.seenByBroker) return planReply()
        if (isSynthetic(verdict.code, message.view.api, version)) report.firing.synthetic = true
        const answer = errorAnswer(
          apiKey,
          version,
          message.request,
          errorCode(verdict.code),
          verdict.partitions,
        )
        return {
          do: 'answer',
          frame: frameOf(message, answer),
          effect: effectOf(report, message, true),
        }
      }
      case 'answer':
        return {
          do: 'answer',
          frame: frameOf(
            message,
            plainAnswer(apiKey, version, message.request, verdict.body as Message),
          ),
          effect: effectOf(report, message, true),
        }
      case 'hold': {
        if (verdict.side === 'reply') return planReply()
        report.applied('request held')
        const gate = waitUntil(
          verdict.until,
          { ...verdict, diesWithClient: true },
          report,
          connection,
          (): RequestVerdict => {
            report.healed()
            return { do: 'pass' }
          },
        )
        return {
          do: 'wait',
          gate,
          discardIfClientLeaves: true,
          effect: effectOf(report, message, false),
        }
      }
      case 'detach': {
        const effect = effectOf(report, message, false)
        about.late = true
        about.effect = effect
        const gate = waitUntil(
          verdict.until,
          { ...verdict, diesWithClient: false },
          report,
          connection,
          () => undefined,
        )
        return { do: 'detach', gate, effect }
      }
    }
  }

  return {
    onRequest,
    onReply,
    release(rule) {
      const waiting = [...heldMessages].filter((held) => held.rule === rule)
      for (const held of waiting) held.open('released')
      return waiting.length
    },
    releaseAll() {
      for (const held of [...heldMessages]) held.open('the run ends')
    },
    clientLeft(connection) {
      for (const held of [...heldMessages]) {
        if (held.connection !== connection) continue
        if (held.diesWithClient) held.report.discarded()
        held.open('the client gave up')
      }
    },
  }
}
