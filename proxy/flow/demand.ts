// Who asked for what: of each API and plane, whether its requests and answers are streamed, teed or gathered. Charted
// anew when rules change, so that a message costs one look.
import type { Plane } from '../events.ts'
import type { RuleBook } from '../faults/rules.ts'
import { apiOf } from '../protocol/codec.ts'
import type { Posture } from '../transactions/posture.ts'
import type { Tracker } from '../transactions/tracker.ts'
import { type FrameMode, gather, stream, tee } from './walker.ts'

const apisMax = 256
const planes: readonly Plane[] = ['client', 'inter-broker', 'controller']
/** Of the requests of one API on a connection the posture sees the first, then at each doubling, then every so many. */
const sampleEvery = 1_024

export interface Demand {
  requestMode(plane: Plane, apiKey: number): FrameMode
  replyMode(plane: Plane, apiKey: number): FrameMode
  /** A rule or a waiter may care for answers, so that a view of one is worth making. */
  isReplyAsked(plane: Plane, apiKey: number): boolean
  /** Whether the posture looks at the request of an API that came so many times before on its connection. */
  isSampled(apiKey: number, before: number): boolean
  /** How often rules have changed. */
  readonly chartNumber: number
}

export function createDemand(parts: {
  rules: RuleBook
  tracker: Tracker
  posture: Posture
}): Demand {
  const { rules, tracker } = parts
  const requestModes = new Map(planes.map((plane) => [plane, new Uint8Array(apisMax)]))
  const replyModes = new Map(planes.map((plane) => [plane, new Uint8Array(apisMax)]))
  /** 1 where a rule or a waiter may care for answers, so that a view of one is worth making. */
  const repliesAsked = new Map(planes.map((plane) => [plane, new Uint8Array(apisMax)]))

  /** 0: the posture does not look at this API, 1: at a sample, 2: at all that is decoded. */
  const looks = new Uint8Array(apisMax)
  for (let key = 0; key < apisMax; key++) {
    const { [parts.posture.concerns(key)]: look } = { none: 0, sample: 1, all: 2 }
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

  return {
    requestMode: (plane, apiKey) => requestModes.get(plane)?.[apiKey] ?? stream,
    replyMode: (plane, apiKey) => replyModes.get(plane)?.[apiKey] ?? stream,
    isReplyAsked: (plane, apiKey) => repliesAsked.get(plane)?.[apiKey] === 1,
    isSampled(apiKey, before) {
      const look = looks[apiKey] ?? 0
      if (look !== 1) return look === 2
      const number = before + 1
      return (number & (number - 1)) === 0 || number % sampleEvery === 0
    },
    get chartNumber() {
      return chartNumber
    },
  }
}
