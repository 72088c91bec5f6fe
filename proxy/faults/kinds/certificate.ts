// The proxy presents a certificate that no client should accept, to connections that come while the fault lasts.
import Type from 'typebox'
import { defineKind } from '../fault.ts'

const params = Type.Object(
  { is: Type.Enum(['expired', 'untrusted', 'wrong-host']) },
  { additionalProperties: false },
)

export const certificate = defineKind({
  name: 'certificate',
  summary:
    'New connections meet a certificate that has expired, that nobody has signed, or that is for another host.',
  params,
  windowed: () => true,
  effect: ({ is }) => ({ on: 'connections', verdict: { do: 'present', certificate: is } }),
  needs: () => ['terminate-tls'],
})
