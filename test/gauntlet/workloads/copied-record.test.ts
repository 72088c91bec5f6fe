import { describe, expect, it } from 'vitest'
import { copiedRecord, copiedValue, recordId } from '../../../gauntlet/workloads/copied-record.ts'

describe('a copied record', () => {
  it('tells where it was read, and keeps every field that it had', () => {
    expect(JSON.parse(copiedValue('{"id":"p0-1","amount":7}', 'orders-3@17'))).toEqual({
      id: 'p0-1',
      amount: 7,
      copied: 'orders-3@17',
    })
    expect(JSON.parse(copiedValue('{ }\n', 'orders-3@17'))).toEqual({ copied: 'orders-3@17' })
    expect(copiedValue('plain', 'orders-3@17')).toBe('plain copied from orders-3@17')
  })

  it('keeps key and headers', () => {
    const message = {
      key: Buffer.from('p0-1'),
      value: Buffer.from('{}'),
      headers: { 'gauntlet-id': Buffer.from('p0-1'), trace: Buffer.from('x') },
      timestamp: '0',
      attributes: 0,
      offset: '17',
    }
    expect(copiedRecord(message, 'orders-3@17')).toMatchObject({
      key: message.key,
      headers: message.headers,
    })
  })

  it('is called by its header, else by its key', () => {
    const key = Buffer.from('k')
    expect(recordId({ key, headers: { 'gauntlet-id': Buffer.from('p0-1') } })).toBe('p0-1')
    expect(recordId({ key, headers: { 'gauntlet-id': ['p0-1', 'p0-2'] } })).toBe('p0-1')
    expect(recordId({ key })).toBe('k')
    expect(recordId({ key: null })).toBe('')
  })
})
