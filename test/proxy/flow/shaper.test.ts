import { beforeEach, describe, expect, it } from 'vitest'
import { createShaper, type Shape, shapedBytesMax } from '../../../proxy/flow/shaper.ts'

/** A clock that is turned by hand; work due at the same time is done in the order it was asked for. */
let nowMs: number
let timers: Array<{ dueMs: number; work: () => void }>
let writes: Array<{ atMs: number; text: string; bytes: number }>
let relieved: number
let touched: number
let isReady: boolean

beforeEach(() => {
  nowMs = 0
  timers = []
  writes = []
  relieved = 0
  touched = 0
  isReady = true
})

function turnTo(endMs: number): void {
  for (;;) {
    timers.sort((a, b) => a.dueMs - b.dueMs)
    const next = timers[0]
    if (next === undefined || next.dueMs > endMs) break
    timers.shift()
    nowMs = Math.max(nowMs, next.dueMs)
    next.work()
  }
  nowMs = endMs
}

const parts = {
  nowMs: () => nowMs,
  after(delayMs: number, work: () => void) {
    const timer = { dueMs: nowMs + delayMs, work }
    timers.push(timer)
    return () => {
      timers = timers.filter((one) => one !== timer)
    }
  },
  write: (bytes: Buffer) =>
    void writes.push({ atMs: nowMs, text: bytes.toString(), bytes: bytes.length }),
  isReady: () => isReady,
  relieved: () => {
    relieved += 1
  },
}

const shape = (rest: Partial<Shape>): Shape => ({
  random: () => 0.5,
  touched: () => {
    touched += 1
  },
  ...rest,
})
const slices = (bytes: number, gapMs: number, rest: object = {}): Partial<Shape> => ({
  slicing: { bytes, variationBytes: 0, gapMs, jitterMs: 0, ...rest },
})
const sent = (): string => writes.map(({ text }) => text).join('')
const sentBytes = (): number => writes.reduce((sum, { bytes }) => sum + bytes, 0)

describe('a rate', () => {
  it('lets so many bytes pass in a second, whatever comes at once, and none is lost', () => {
    const shaper = createShaper(shape({ bytesPerSecond: 10_000 }), parts)
    const bytes = Buffer.alloc(30_000, 'abcdefg')
    shaper.take(bytes)
    turnTo(1_000)
    expect(sentBytes()).toBeGreaterThan(9_500)
    expect(sentBytes()).toBeLessThanOrEqual(10_200)
    turnTo(3_100)
    expect(sent()).toBe(bytes.toString())
    expect(touched).toBeGreaterThan(0)
  })

  it('keeps the order of what comes later', () => {
    const shaper = createShaper(shape({ bytesPerSecond: 1_000 }), parts)
    for (const word of ['one ', 'two ', 'three ', 'four ']) shaper.take(Buffer.from(word))
    turnTo(1_000)
    expect(sent()).toBe('one two three four ')
  })

  it('of a quiet connection saves up no more than a short burst', () => {
    const shaper = createShaper(shape({ bytesPerSecond: 10_000 }), parts)
    turnTo(60_000)
    shaper.take(Buffer.alloc(10_000))
    expect(sentBytes()).toBeLessThanOrEqual(200)
  })

  it('below a byte per timer still passes every byte', () => {
    const shaper = createShaper(shape({ bytesPerSecond: 2 }), parts)
    shaper.take(Buffer.from('abcd'))
    turnTo(1_500)
    expect(sent()).toBe('abc')
    turnTo(2_000)
    expect(sent()).toBe('abcd')
  })

  it('that is never reached touches nothing', () => {
    const shaper = createShaper(shape({ bytesPerSecond: 1_000_000 }), parts)
    turnTo(100)
    for (let n = 0; n < 10; n++) {
      shaper.take(Buffer.alloc(100))
      turnTo(nowMs + 10)
    }
    expect(sentBytes()).toBe(1_000)
    expect(touched).toBe(0)
  })
})

describe('slices', () => {
  it('of one byte leave one by one, a gap apart', () => {
    const shaper = createShaper(shape(slices(1, 5)), parts)
    shaper.take(Buffer.from('abc'))
    turnTo(100)
    expect(writes).toEqual([
      { atMs: 0, text: 'a', bytes: 1 },
      { atMs: 5, text: 'b', bytes: 1 },
      { atMs: 10, text: 'c', bytes: 1 },
    ])
    expect(touched).toBe(2)
  })

  it('without a gap are separate writes all the same', () => {
    const shaper = createShaper(shape(slices(2, 0)), parts)
    shaper.take(Buffer.from('abcde'))
    turnTo(10)
    expect(writes.map(({ text }) => text)).toEqual(['ab', 'cd', 'e'])
  })

  it('give way to others after a while, gap or not', () => {
    const shaper = createShaper(shape(slices(1, 0)), parts)
    shaper.take(Buffer.alloc(1_000))
    expect(sentBytes()).toBeLessThan(300)
    turnTo(10)
    expect(sentBytes()).toBe(1_000)
  })

  it('vary by chance, in size and distance', () => {
    const draws = [0, 1, 1, 0, 0.5, 0.5]
    let drawn = 0
    const random = (): number => draws[drawn++ % draws.length] ?? 0
    const shaper = createShaper(
      { ...shape(slices(3, 10, { variationBytes: 2, jitterMs: 8 })), random },
      parts,
    )
    shaper.take(Buffer.from('abcdefghi'))
    turnTo(1_000)
    // Draws: size 3-2, gap 10+8; size 3+2, gap 10+0; size 3, gap 10+4.
    expect(writes.map(({ text, atMs }) => [text, atMs])).toEqual([
      ['a', 0],
      ['bcdef', 18],
      ['ghi', 28],
    ])
  })

  it('that are larger than what comes leave it as it is and touch nothing', () => {
    const shaper = createShaper(shape(slices(1_000, 1)), parts)
    shaper.take(Buffer.from('abc'))
    turnTo(10)
    expect(writes.map(({ text }) => text)).toEqual(['abc'])
    expect(touched).toBe(0)
  })

  it('and a rate hold together', () => {
    const shaper = createShaper(shape({ bytesPerSecond: 100, ...slices(10, 0) }), parts)
    shaper.take(Buffer.alloc(50))
    turnTo(250)
    expect(sentBytes()).toBeGreaterThanOrEqual(20)
    expect(sentBytes()).toBeLessThanOrEqual(27)
    expect(Math.max(...writes.map(({ bytes }) => bytes))).toBeLessThanOrEqual(10)
  })
})

describe('its memory', () => {
  it('is bounded: the sender waits, and goes on when half of it has left', () => {
    const shaper = createShaper(shape({ bytesPerSecond: 64_000 }), parts)
    expect(shaper.take(Buffer.alloc(shapedBytesMax / 2))).toBe(true)
    expect(shaper.take(Buffer.alloc(shapedBytesMax))).toBe(false)
    turnTo(900)
    expect(relieved).toBe(0)
    turnTo(1_100)
    expect(relieved).toBe(1)
    expect(shaper.queuedBytes).toBeLessThanOrEqual(shapedBytesMax / 2)
  })

  it('keeps bytes while the receiver takes none', () => {
    isReady = false
    const shaper = createShaper(shape(slices(1, 1)), parts)
    shaper.take(Buffer.from('ab'))
    turnTo(100)
    expect(writes).toEqual([])
    isReady = true
    shaper.resume()
    turnTo(200)
    expect(sent()).toBe('ab')
  })
})

describe('its end', () => {
  it('sends at once what was queued, and says when nothing is left', () => {
    const shaper = createShaper(shape({ bytesPerSecond: 10 }), parts)
    const after: string[] = []
    shaper.take(Buffer.from('abc'))
    shaper.take(Buffer.from('def'))
    shaper.whenEmpty(() => after.push(sent()))
    expect(after).toEqual([])
    shaper.release()
    expect(after).toEqual(['abcdef'])
    shaper.whenEmpty(() => after.push('at once'))
    expect(after.at(-1)).toBe('at once')
  })

  it('may come without sending any more', () => {
    const shaper = createShaper(shape({ bytesPerSecond: 10 }), parts)
    shaper.take(Buffer.from('abc'))
    const before = sent()
    shaper.stop()
    turnTo(10_000)
    expect(sent()).toBe(before)
  })

  it('of one shape is the beginning of another', () => {
    const shaper = createShaper(shape({ bytesPerSecond: 1 }), parts)
    shaper.take(Buffer.from('abcdef'))
    shaper.reshape(shape(slices(3, 0)))
    turnTo(1)
    expect(sent()).toBe('abcdef')
  })
})
