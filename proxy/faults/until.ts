// Until when a message is kept: the part that `hold` and `detach` share.
import Type from 'typebox'
import type { Until } from './fault.ts'
import { MessageTrigger } from './trigger-schema.ts'

/** A message is never kept for longer than this unless the plan says so. */
export const holdLimitDefaultMs = 60_000

export const UntilSchema = Type.Union([Type.Enum(['client-gave-up', 'released']), MessageTrigger])

export function untilOf(given: Type.Static<typeof UntilSchema>): Until {
  return typeof given === 'string' ? given : { trigger: given }
}
