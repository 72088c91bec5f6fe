// New connections are turned away: with a reset, in the middle of their TLS handshake, or by silence until the
// client's own timeout.
import Type from 'typebox'
import { defineKind } from '../fault.ts'

const params = Type.Object(
  { with: Type.Enum(['reset', 'timeout', 'handshake']) },
  { additionalProperties: false },
)

export const refuse = defineKind({
  name: 'refuse',
  summary: 'New connections are reset, cut in their TLS handshake, or accepted and never served.',
  params,
  windowed: () => true,
  effect: (given) => ({ on: 'connections', verdict: { do: 'refuse', with: given.with } }),
  needs: (given) => (given.with === 'handshake' ? ['terminate-tls'] : []),
})
