// New connections are turned away: with a reset, or by silence until the client's own timeout.
import Type from 'typebox'
import { defineKind } from '../fault.ts'

const params = Type.Object(
  { with: Type.Enum(['reset', 'timeout']) },
  { additionalProperties: false },
)

export const refuse = defineKind({
  name: 'refuse',
  summary: 'New connections are reset, or accepted and never served.',
  params,
  windowed: () => true,
  effect: (given) => ({ on: 'connections', verdict: { do: 'refuse', with: given.with } }),
})
