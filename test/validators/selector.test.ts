import { describe, expect, it } from 'vitest'
import { eachRecord, readBatches, writeBatch } from '../../proxy/protocol/record-batch.ts'
import { idSelector, placedIdSelector } from '../../validators/selector.ts'

const record = (value: string | null, key: string | null = null) => ({
  key: key === null ? null : Buffer.from(key),
  value: value === null ? null : Buffer.from(value),
  headers: [
    { key: 'gauntlet-id', value: Buffer.from('first') },
    { key: 'gauntlet-id', value: Buffer.from('in-1') },
    { key: 'empty', value: null },
  ],
})

describe('an id selector', () => {
  it('takes the last header of a name, the key or the value', () => {
    expect(idSelector('header:gauntlet-id')(record('v'))).toBe('in-1')
    expect(idSelector('header:empty')(record('v'))).toBeNull()
    expect(idSelector('header:other')(record('v'))).toBeNull()
    expect(idSelector('key')(record('v', 'k'))).toBe('k')
    expect(idSelector('key')(record('v'))).toBeNull()
    expect(idSelector('value')(record('v'))).toBe('v')
    expect(idSelector('value')(record(''))).toBeNull()
  })

  it('follows a path into JSON', () => {
    const json = record('{"order":{"id":"A 1","lines":[{"n":7},{"a.b":"x"}]}}')
    expect(idSelector('json:$.order.id')(json)).toBe('A 1')
    expect(idSelector('json:$.order.lines[0].n')(json)).toBe('7')
    expect(idSelector("json:$.order.lines[1]['a.b']")(json)).toBe('x')
    expect(idSelector('json:$.order.lines')(json)).toBeNull()
    expect(idSelector('json:$.nothing.here')(json)).toBeNull()
    expect(idSelector('json:$.order.id')(record('no json'))).toBeNull()
    expect(idSelector('json:$.order.id')(record(null))).toBeNull()
  })

  it('takes the first group of a regular expression, or the whole match', () => {
    expect(idSelector('regex:id=([a-z]+-[0-9]+)')(record('x id=in-5 y'))).toBe('in-5')
    expect(idSelector('regex:in-[0-9]+')(record('x id=in-5 y'))).toBe('in-5')
    expect(idSelector('regex:in-[0-9]+')(record('nothing'))).toBeNull()
  })

  it('finds the same in the bytes of a log', () => {
    const records = [
      record('in-1'),
      record('v', 'k'),
      record(''),
      record(null),
      record('{"order":{"id":"Ä 1"}}', 'ümlaut-7'),
      record('x id=in-5 y', 'a-key-that-is-longer-than-sixteen-bytes'),
      { ...record('v'), headers: [] },
      { ...record('v'), headers: [{ key: 'gauntlet-i', value: Buffer.from('no') }] },
      { ...record('v'), headers: [{ key: 'gauntlet-id', value: Buffer.from('i'.repeat(600)) }] },
    ]
    const [batch] = readBatches(writeBatch({ records }))
    if (batch === undefined) throw new Error('a batch was written')
    for (const text of [
      'header:gauntlet-id',
      'header:empty',
      'header:other',
      'key',
      'value',
      'json:$.order.id',
      'regex:id=([a-z]+-[0-9]+)',
    ]) {
      const select = placedIdSelector(text)
      const found: Array<string | null> = []
      eachRecord(batch, (places) => found.push(select(places)))
      expect(found, text).toEqual(records.map(idSelector(text)))
    }
  })

  it('says what is wrong with one that it does not understand', () => {
    for (const wrong of [
      'header:',
      'headers',
      'json:order',
      'json:$',
      'json:$.a[b',
      'regex:(',
      '',
    ]) {
      expect(() => idSelector(wrong), wrong).toThrowError(
        expect.objectContaining({ code: 'wrong-plan', remedy: expect.stringMatching(/./) }),
      )
    }
  })
})
