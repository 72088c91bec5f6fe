import { describe, expect, it } from 'vitest'
import type { Connection } from '../../../proxy/flow/connection.ts'
import { createRecogniser } from '../../../proxy/flow/recognition.ts'

const connection = (clientId?: string, instance?: string, plane = 'client'): Connection =>
  ({ clientId, instance, plane, produceShapes: [] }) as unknown as Connection

describe('instances that share a listener', () => {
  const recogniser = createRecogniser()
  recogniser.set(
    [
      { instance: 'attach-0', clientId: 'orders-a*' },
      { instance: 'attach-1', clientId: 'orders-*', transactionalId: 'payments-?' },
    ],
    [],
  )

  it('are told apart by client id, the first that fits', () => {
    const seen = ['orders-a-7', 'orders-b', 'stranger'].map((clientId) => {
      const one = connection(clientId)
      recogniser.byClientId(one)
      return one.instance
    })
    expect(seen).toEqual(['attach-0', 'attach-1', undefined])
  })

  it('are known by the transactional id of a request, and by one that is asked for', () => {
    const requests = [
      { transactionalId: 'payments-3' },
      { keyType: 1, key: 'payments-3' },
      { keyType: 1, coordinatorKeys: ['other', 'payments-3'] },
    ]
    for (const request of requests) {
      const one = connection('x')
      expect(recogniser.byRequest(one, request)).toBe(true)
      expect(one.instance).toBe('attach-1')
    }
    for (const request of [{ transactionalId: null }, { keyType: 0, key: 'payments-3' }, {}]) {
      const one = connection('x')
      expect(recogniser.byRequest(one, request)).toBe(false)
      expect(one.instance).toBeUndefined()
    }
  })

  it('never take a connection that has a listener of its own, or one between brokers', () => {
    const own = connection('orders-a', 'copier-0')
    recogniser.byClientId(own)
    expect(own.instance).toBe('copier-0')
    const between = connection('orders-a', undefined, 'inter-broker')
    recogniser.byClientId(between)
    expect(between.instance).toBeUndefined()
  })

  it('are recognised although they connected before, and forgotten afterwards', () => {
    const other = createRecogniser()
    const early = connection('orders-a')
    other.set([{ instance: 'attach-0', clientId: 'orders-*' }], [early])
    expect(early.instance).toBe('attach-0')
    other.set([], [early])
    expect(early.instance).toBeUndefined()
  })
})
