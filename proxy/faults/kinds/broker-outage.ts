// A broker is gone until healed: cut off on the wire, killed, stopped as an operator would (it hands over what
// it leads first), or frozen.
import Type from 'typebox'
import { type Capability, defineKind } from '../fault.ts'

const params = Type.Object(
  { how: Type.Enum(['wire', 'kill', 'stop', 'pause']) },
  { additionalProperties: false },
)

const capabilityOf: Record<'wire' | 'kill' | 'stop' | 'pause', Capability[]> = {
  wire: [],
  kill: ['kill-broker'],
  stop: ['kill-broker'],
  pause: ['pause-broker'],
}

export const brokerOutage = defineKind({
  name: 'broker-outage',
  summary:
    'Brokers named by `on: { brokers: … }` go away; default: the one of the triggering message.',
  params,
  windowed: () => true,
  effect: ({ how }) => ({ on: 'broker', how }),
  problems(_params, spec) {
    const byMessage = spec.when.request !== undefined || spec.when.reply !== undefined
    return spec.on?.brokers !== undefined || byMessage
      ? []
      : [{ path: [], message: 'needs `on: { brokers: … }` when no message triggers it' }]
  },
  needs: ({ how }) => capabilityOf[how],
})
