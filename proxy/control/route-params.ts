// What several routes ask for in the same words: a name in the path, and when what is armed disarms itself.
import Type from 'typebox'
import { Duration, durationMs } from '../faults/vocabulary.ts'
import { expiresMaxMs } from './armed-faults.ts'
import { RestError } from './problem.ts'

export const NameParam = Type.Object({
  name: Type.String({
    pattern: '^[A-Za-z0-9][A-Za-z0-9_.-]*$',
    maxLength: 100,
    description: 'Letters, digits, `_`, `.` and `-`',
  }),
})
export type Named = { Params: { name: string } }

export const ExpiresQuery = Type.Object(
  {
    expires: Type.Optional({
      ...Duration,
      description: 'Disarmed by itself after this time; 60s unless given, a day at most.',
    } as typeof Duration),
  },
  { additionalProperties: false },
)
export type Expires = { Querystring: { expires?: string } }

export function expiresMs(query: { expires?: string }, defaultMs: number): number {
  if (query.expires === undefined) return defaultMs
  const wantedMs = durationMs(query.expires)
  if (wantedMs >= 1 && wantedMs <= expiresMaxMs) return wantedMs
  const detail = `\`expires\` ${query.expires} is out of bounds`
  throw new RestError('wrong-body', detail, 'Give a time above zero and up to 24h.')
}
