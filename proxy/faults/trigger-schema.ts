// The shape of `when`: what starts a fault. One flat object, so that a wrong key gets one clear message;
// which keys go together is checked by `triggerProblems`.
import Type from 'typebox'
import { recordCarriers } from '../protocol/records-in.ts'
import { ApiName, Duration, ErrorName, Percentage } from './vocabulary.ts'

const Glob = Type.String({ minLength: 1 })
const Count = Type.Integer({ minimum: 1 })

const messageFilters = {
  /** The broker has not seen it. */
  request: Type.Optional(ApiName),
  /** The broker has applied it. */
  reply: Type.Optional(ApiName),
  plane: Type.Optional(Type.Enum(['client', 'inter-broker', 'controller'])),
  client: Type.Optional(Glob),
  instance: Type.Optional(
    Type.Union([Type.Integer({ minimum: 0 }), Glob], {
      description:
        'Index or name of an instance that the run started, or `same-as FAULT`: the one that this fault hit',
    }),
  ),
  broker: Type.Optional(Type.Integer({ minimum: 0 })),
  source: Type.Optional(Type.Integer({ minimum: 0 })),
  target: Type.Optional(Type.Integer({ minimum: 0 })),
  'transactional-id': Type.Optional(Glob),
  group: Type.Optional(Glob),
  topic: Type.Optional(Glob),
  partition: Type.Optional(Type.Integer({ minimum: 0 })),
  /** A record's id; whole messages are opened for it, so narrow by topic too where that is possible. */
  id: Type.Optional(Glob),
  /** The same request again that this fault fired on. */
  'retry-of': Type.Optional(Type.String({ minLength: 1, title: 'fault' })),
  'producer-id': Type.Optional(Type.Integer({ minimum: 0 })),
  committed: Type.Optional(Type.Boolean()),
  version: Type.Optional(Type.Integer({ minimum: 0 })),
  error: Type.Optional(ErrorName),
  only: Type.Optional(Type.Boolean()),
  phase: Type.Optional(Type.Enum(['idle', 'begun', 'producing', 'offsets', 'ending', 'ended'])),
  enters: Type.Optional(Type.Enum(['idle', 'begun', 'producing', 'offsets', 'ending', 'ended'])),
  transaction: Type.Optional(Count),
}

/** One message by its API and narrowing fields; used by `when`, and by `until` of held messages. */
export const MessageTrigger = Type.Object(messageFilters, {
  additionalProperties: false,
  title: 'message trigger',
})
export type MessageTrigger = Type.Static<typeof MessageTrigger>

export const Trigger = Type.Object(
  {
    ...messageFilters,
    nth: Type.Optional(Count),
    first: Type.Optional(Count),
    every: Type.Optional(Type.Union([Count, Duration])),
    probability: Type.Optional(Percentage),
    per: Type.Optional(Type.Enum(['transactional-id', 'instance'])),
    at: Type.Optional(Duration),
    fault: Type.Optional(Type.String({ minLength: 1 })),
    is: Type.Optional(Type.Enum(['applied', 'answered', 'healed'])),
    plus: Type.Optional(Duration),
    manual: Type.Optional(Type.Literal(true)),
  },
  { additionalProperties: false, title: 'when' },
)
export type Trigger = Type.Static<typeof Trigger>

export interface FieldProblem {
  /** Keys from the place of the check down to the wrong one. */
  path: string[]
  message: string
}

const starters = ['request', 'reply', 'at', 'fault', 'manual'] as const
const narrowing = Object.keys(messageFilters).filter((key) => key !== 'request' && key !== 'reply')
/** A reply is also narrowed by its request. */
const idCarriers: Record<'request' | 'reply', readonly string[]> = {
  request: recordCarriers.request,
  reply: [...recordCarriers.request, ...recordCarriers.reply],
}
const counting = ['nth', 'first', 'probability', 'per'] as const

/** Says which keys of a trigger do not go together. `knowsApi` and `knowsError` answer by name. */
export function triggerProblems(
  trigger: Trigger,
  knowsApi: (name: string) => boolean,
  knowsError: (name: string) => boolean,
): FieldProblem[] {
  const problems: FieldProblem[] = []
  const given: string[] = starters.filter((key) => trigger[key] !== undefined)
  const byClock = typeof trigger.every === 'string'
  if (byClock) given.push('every')
  const starter = given[0]
  if (starter === undefined) {
    problems.push({
      path: [],
      message:
        'says nothing to wait for: give one of request, reply, at, every (a duration), fault, manual',
    })
    return problems
  }
  for (const extra of given.slice(1)) {
    problems.push({
      path: [extra],
      message: `cannot stand beside ${starter}: one trigger, one start`,
    })
  }
  const isMessage = starter === 'request' || starter === 'reply'
  const api = trigger.request ?? trigger.reply
  if (isMessage && api !== undefined && !knowsApi(api)) {
    problems.push({ path: [starter], message: `unknown API "${api}"` })
  }
  if (!isMessage) {
    for (const key of [...narrowing, ...counting]) {
      if (trigger[key as keyof Trigger] !== undefined) {
        problems.push({ path: [key], message: `narrows a message, but this trigger is ${starter}` })
      }
    }
    if (typeof trigger.every === 'number') {
      problems.push({
        path: ['every'],
        message: 'counts messages, but this trigger is not a message',
      })
    }
  }
  if (trigger.id !== undefined && isMessage && api !== undefined) {
    const carries = idCarriers[starter]
    if (!carries.includes(api)) {
      problems.push({
        path: ['id'],
        message: `is looked for in records, which ${starter === 'request' ? 'requests' : 'replies'} of ${api} do not carry: use ${carries.map((name) => `\`${starter}: ${name}\``).join(' or ')}`,
      })
    }
  }
  if (trigger.error !== undefined) {
    if (starter === 'request') {
      problems.push({
        path: ['error'],
        message: 'is known on a reply only: use reply: instead of request:',
      })
    } else if (!knowsError(trigger.error)) {
      problems.push({ path: ['error'], message: `unknown error code "${trigger.error}"` })
    }
  }
  if (starter === 'fault' && trigger.is === undefined) {
    problems.push({
      path: ['fault'],
      message: 'needs `is: applied`, `answered` or `healed` beside it',
    })
  }
  if (starter !== 'fault') {
    for (const key of ['is', 'plus'] as const) {
      if (trigger[key] !== undefined) {
        problems.push({ path: [key], message: 'belongs to a `fault:` trigger' })
      }
    }
  }
  const counts = ['nth', 'first', 'every', 'probability'].filter(
    (key) => trigger[key as keyof Trigger] !== undefined,
  )
  if (isMessage && counts.length > 1) {
    problems.push({
      path: [counts[1] ?? ''],
      message: `cannot stand beside ${counts[0]}: one way to choose among the matches`,
    })
  }
  return problems
}

/** Ends of a window come by themselves: nobody opens one by hand, or again and again. */
export function edgeProblems(trigger: Trigger): FieldProblem[] {
  const byClock = typeof trigger.every === 'string'
  if (trigger.manual === undefined && !byClock) return []
  const key = byClock ? 'every' : 'manual'
  return [
    { path: [key], message: 'cannot be the end of a window: give request, reply, at or fault' },
  ]
}

const sameAs = 'same-as '

/** The fault whose instance a trigger means, if it is named in that way. */
export function instanceOfFault(instance: number | string | undefined): string | undefined {
  return typeof instance === 'string' && instance.startsWith(sameAs)
    ? instance.slice(sameAs.length).trim()
    : undefined
}
