// The proxy stops reading one side's socket: its buffers fill, and the other end has to wait with its next byte, be it
// in the middle of a message. Nothing is lost; after the heal everything arrives.
import Type from 'typebox'
import { defineKind } from '../fault.ts'

const params = Type.Object(
  { side: Type.Enum(['client', 'broker'], { description: 'whose bytes are left unread' }) },
  { additionalProperties: false },
)

export const stopReading = defineKind({
  name: 'stop-reading',
  summary:
    'The bytes of one side stay unread until healed, so that it has to wait (TCP back-pressure).',
  params,
  windowed: () => true,
  effect: ({ side }) => ({ on: 'connections', verdict: { do: 'stop-reading', side } }),
})
