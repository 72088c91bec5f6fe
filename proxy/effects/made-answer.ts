// Answers that are not the broker's, or not quite: their frames, and what an answer says in a word.
import { errorsIn } from '../flow/message-views.ts'
import type { TakenRequest } from '../flow/taken.ts'
import { decodeResponse, encodeResponse, type Message } from '../protocol/codec.ts'
import { errorCodeNamed } from '../protocol/error-codes.ts'
import { responseBodyOffset, responseFrame } from '../protocol/frame.ts'
import { errorAnswer, errorCodesIn } from '../protocol/synthesize.ts'

export const errorCode = (name: string): number => {
  const code = errorCodeNamed(name)
  if (code === undefined) throw new Error(`error code ${name} was not checked`)
  return code
}

/** An answer that names nothing may have no place for an error: then the fault would do nothing. */
export function demandError(apiKey: number, version: number, answer: Message, code: string): void {
  if (code === 'NONE' || errorCodesIn(apiKey, version, answer).includes(errorCode(code))) return
  throw new Error(`the answer has no place to say ${code}`)
}

/** The broker's answer in a word: NONE, or the error names in it. */
export function answerOf(apiKey: number, version: number, answer: Buffer): string {
  const body = answer.subarray(responseBodyOffset(apiKey, version, answer))
  return inAWord(errorsIn(apiKey, version, decodeResponse(apiKey, version, body)))
}

export function inAWord(errors: readonly string[]): string {
  return errors.length === 0 ? 'NONE' : [...new Set(errors)].join(', ')
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
