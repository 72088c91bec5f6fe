// A narrow link: so many bytes per second and no more, for each connection and direction by itself.
import Type from 'typebox'
import { defineKind } from '../fault.ts'
import { ByteRate, bytesPerSecond } from '../vocabulary.ts'

const params = Type.Object(
  {
    rate: ByteRate,
    of: Type.Optional(Type.Enum(['request', 'reply', 'both'])),
  },
  { additionalProperties: false },
)

export const throttle = defineKind({
  name: 'throttle',
  summary: 'Connections pass no more than so many bytes per second, each in each direction.',
  params,
  windowed: () => true,
  effect: ({ rate, of }) => ({
    on: 'connections',
    verdict: {
      do: 'narrow',
      request: of !== 'reply',
      reply: of !== 'request',
      bytesPerSecond: bytesPerSecond(rate),
    },
  }),
  problems: ({ rate }) =>
    bytesPerSecond(rate) > 0
      ? []
      : [{ path: ['rate'], message: 'lets nothing pass: `block` or `network-partition` say that' }],
})
