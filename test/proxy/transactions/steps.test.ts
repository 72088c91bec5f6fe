import { describe, expect, it } from 'vitest'
import { apiNamed } from '../../../proxy/protocol/codec.ts'
import { clientStep, furtherPhase, steps } from '../../../proxy/transactions/steps.ts'

describe('the steps', () => {
  it('have names of their own, APIs that Kafka has, and say what both moments mean', () => {
    expect(new Set(steps.map((step) => step.name)).size).toBe(steps.length)
    for (const step of steps) {
      expect(apiNamed(step.api)?.name).toBe(step.api)
      expect(step.request.means).not.toBe('')
      expect(step.reply.means).not.toBe('')
    }
  })

  it('lead to every phase in both protocols, apart from begun, which V2 has no message of its own for', () => {
    for (const protocol of ['V1', 'V2'] as const) {
      const led = steps
        .filter((step) => step.protocols.includes(protocol))
        .flatMap((step) => [step.request.leadsTo, step.reply.leadsTo])
      const own = protocol === 'V1' ? ['begun'] : []
      for (const phase of ['idle', ...own, 'producing', 'offsets', 'ending', 'ended']) {
        expect(led).toContain(phase)
      }
    }
  })

  it('tell the client’s AddPartitionsToTxn from the brokers’ own', () => {
    expect(clientStep('AddPartitionsToTxn')?.name).toBe('add-partitions')
    expect(clientStep('Fetch')).toBeUndefined()
  })

  it('never lead back within a transaction', () => {
    expect(furtherPhase('offsets', 'producing')).toBe('offsets')
    expect(furtherPhase('begun', 'producing')).toBe('producing')
  })
})
