import { describe, expect, it } from 'vitest'
import { editDistance, nearestWord } from '../../../proxy/plans/nearest.ts'

describe('the distance of two words', () => {
  it.each([
    ['', '', 0],
    ['abc', 'abc', 0],
    ['abc', '', 3],
    ['abc', 'axc', 1],
    ['abc', 'acb', 1],
    ['abc', 'abxc', 1],
    ['kitten', 'sitting', 3],
  ])('of %j and %j is %i', (from, to, distance) => {
    expect(editDistance(from, to)).toBe(distance)
    expect(editDistance(to, from)).toBe(distance)
  })
})

describe('the nearest word', () => {
  const words = ['EndTxn', 'Produce', 'PRODUCER_FENCED', 'request']

  it.each([
    ['EndTnx', 'EndTxn'],
    ['END_TXN', 'EndTxn'],
    ['producer-fenced', 'PRODUCER_FENCED'],
    ['reqest', 'request'],
  ])('to %s is %s', (given, nearest) => {
    expect(nearestWord(given, words)).toBe(nearest)
  })

  it('is none when nothing is close, or nothing is allowed', () => {
    expect(nearestWord('elephant', words)).toBeUndefined()
    expect(nearestWord('x', [])).toBeUndefined()
  })
})
