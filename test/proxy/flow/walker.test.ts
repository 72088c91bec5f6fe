import { describe, expect, it } from 'vitest'
import {
  createWalker,
  type FrameDecision,
  type FrameMode,
  gather,
  stream,
  tee,
  type Walker,
} from '../../../proxy/flow/walker.ts'

/** A frame of `bytes` bytes behind its size; the first one names the mode it wants. */
function frame(kind: 's' | 't' | 'g' | 'w' | 'x' | 'r', bytes: number): Buffer {
  const whole = Buffer.alloc(4 + bytes, kind)
  whole.writeInt32BE(bytes, 0)
  return whole
}

interface Playbook {
  walker: Walker
  written: Buffer[]
  seen: string[]
  feed(bytes: Buffer): void
}

const modes: Record<string, FrameMode> = {
  s: stream,
  t: tee,
  g: gather,
  w: gather,
  x: gather,
  r: gather,
}
const replacement = Buffer.from('R')

function playbook(): Playbook {
  const written: Buffer[] = []
  const seen: string[] = []
  const walker = createWalker({
    glance: () => false,
    headerBytes: 5,
    header: (chunk, at) => modes[String.fromCharCode(chunk[at + 4] ?? 0)] ?? stream,
    frame(whole): FrameDecision {
      const kind = String.fromCharCode(whole[4] ?? 0)
      seen.push(`${kind}${whole.length - 4}`)
      if (kind === 'w') return 'wait'
      if (kind === 'x') return Buffer.alloc(0)
      if (kind === 'r') return replacement
      return 'pass'
    },
    teed: (whole) => void seen.push(`t${whole.length - 4}`),
    ended: () => undefined,
    write: (bytes) => void written.push(bytes),
    broken: (reason) => void seen.push(reason),
  })
  return { walker, written, seen, feed: (bytes) => walker.feed(bytes, 0) }
}

/** Every way to cut `bytes` into pieces of one size. */
function pieces(bytes: Buffer, size: number): Buffer[] {
  const cut: Buffer[] = []
  for (let at = 0; at < bytes.length; at += size) cut.push(bytes.subarray(at, at + size))
  return cut
}

describe('a walker', () => {
  it('passes streamed, teed and gathered frames byte for byte, however they are cut', () => {
    const sent = Buffer.concat([
      frame('s', 7),
      frame('t', 9),
      frame('g', 3),
      frame('s', 1),
      frame('g', 30),
    ])
    for (let size = 1; size <= sent.length; size++) {
      const { written, seen, feed } = playbook()
      for (const piece of pieces(sent, size)) feed(piece)
      expect(Buffer.concat(written)).toEqual(sent)
      expect(seen).toEqual(['t9', 'g3', 'g30'])
    }
  })

  it('writes a chunk of frames that nobody wants as the one chunk that it was', () => {
    const { written, feed } = playbook()
    const chunk = Buffer.concat([frame('s', 7), frame('g', 9), frame('s', 3)])
    feed(chunk)
    expect(written).toEqual([chunk])
    expect(written[0]).toBe(chunk)
  })

  it('swallows and replaces in place, keeping the order', () => {
    const sent = Buffer.concat([
      frame('s', 2),
      frame('x', 5),
      frame('s', 3),
      frame('r', 5),
      frame('g', 1),
    ])
    for (let size = 1; size <= sent.length; size++) {
      const { written, feed } = playbook()
      for (const piece of pieces(sent, size)) feed(piece)
      expect(Buffer.concat(written)).toEqual(
        Buffer.concat([frame('s', 2), frame('s', 3), replacement, frame('g', 1)]),
      )
    }
  })

  it('lets nothing pass behind a frame that waits, and everything after it goes on', () => {
    const behind = Buffer.concat([frame('s', 4), frame('g', 2)])
    const sent = Buffer.concat([frame('s', 2), frame('w', 5), behind])
    for (let size = 1; size <= sent.length; size++) {
      const { walker, written, feed } = playbook()
      for (const piece of pieces(sent, size)) feed(piece)
      expect(Buffer.concat(written)).toEqual(frame('s', 2))
      expect(walker.waiting()).toBe(true)
      expect(walker.keptBytes()).toBe(behind.length)
      walker.resume()
      expect(walker.waiting()).toBe(false)
      expect(Buffer.concat(written)).toEqual(Buffer.concat([frame('s', 2), behind]))
    }
  })

  it.each([
    ['keeps', false],
    ['lets go of', true],
  ])('uses no memory again while somebody holds it, when who is shown a frame %s it', (_, lets) => {
    const shownFrames = [frame('t', 90), frame('g', 3), frame('t', 200), frame('g', 130)]
    const sent = Buffer.concat([
      frame('s', 7),
      ...shownFrames.slice(0, 2),
      frame('s', 60),
      ...shownFrames.slice(2),
      frame('s', 1),
    ])
    for (let size = 1; size <= sent.length; size++) {
      const copies: Buffer[] = []
      const shown: Buffer[] = []
      const show = (whole: Buffer): void => {
        shown.push(lets ? Buffer.from(whole) : whole)
        if (lets) walker.release()
      }
      const walker = createWalker({
        glance: () => false,
        headerBytes: 5,
        header: (chunk, at) => modes[String.fromCharCode(chunk[at + 4] ?? 0)] ?? stream,
        frame(whole) {
          show(whole)
          return 'pass'
        },
        teed: show,
        ended: () => undefined,
        write: (bytes) => void copies.push(Buffer.from(bytes)),
        broken: (reason) => expect.fail(reason),
      })
      let reused = 0
      const chunks = pieces(sent, size)
      for (const piece of chunks) {
        const memory = Buffer.from(piece)
        if (!walker.feed(memory, 0)) continue
        memory.fill(0xff)
        reused += 1
      }
      expect(Buffer.concat(copies)).toEqual(sent)
      expect(shown).toEqual(shownFrames)
      if (lets) expect(reused).toBe(chunks.length)
      else if (size < 60) expect(reused).toBeGreaterThan(0)
    }
  })

  it('refuses a size below a header or above the limit', () => {
    const short = playbook()
    short.feed(Buffer.from([0, 0, 0, 0, 0]))
    expect(short.seen).toEqual(['a frame claims 0 bytes'])
    const huge = playbook()
    huge.feed(Buffer.from([0x7f, 0xff, 0xff, 0xff, 0]))
    expect(huge.seen).toEqual(['a frame claims 2147483647 bytes'])
    const negative = playbook()
    negative.feed(Buffer.from([0xff, 0xff, 0xff, 0xff, 0]))
    expect(negative.seen).toEqual(['a frame claims -1 bytes'])
  })
})
