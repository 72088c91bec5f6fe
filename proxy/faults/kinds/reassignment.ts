// A broker is decommissioned: every replica on it, of every topic, moves to brokers that are free (where none
// is, the partition has one replica fewer); all of them come back at the heal.
import Type from 'typebox'
import { defineKind } from '../fault.ts'
import { BrokerSelector } from '../selectors.ts'

const params = Type.Object({ from: BrokerSelector }, { additionalProperties: false })

export const reassignment = defineKind({
  name: 'reassignment',
  summary: 'Every replica leaves the brokers named by `from`, as when they are decommissioned.',
  params,
  windowed: () => true,
  effect: ({ from }) => ({ on: 'replicas', from }),
  problems: ({ from }) =>
    from === 'all' ? [{ path: ['from'], message: 'would leave nobody to hold the replicas' }] : [],
})
