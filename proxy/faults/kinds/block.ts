// A black hole: bytes of whole connections are accepted and never passed on, until healed.
import Type from 'typebox'
import { defineKind } from '../fault.ts'

const params = Type.Object(
  { direction: Type.Optional(Type.Enum(['both', 'to-broker', 'to-client'])) },
  { additionalProperties: false },
)

export const block = defineKind({
  name: 'block',
  summary: 'Connections swallow all bytes; they are closed when the fault heals.',
  params,
  windowed: () => true,
  effect: ({ direction }) => ({
    on: 'connections',
    verdict: {
      do: 'block',
      toBroker: direction !== 'to-client',
      toClient: direction !== 'to-broker',
    },
  }),
})
