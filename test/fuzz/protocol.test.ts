// The decoder against bytes that nobody wrote. Seeds are fixed and printed: a failure can be had again.
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import {
  allApis,
  type Direction,
  decodeRequest,
  decodeResponse,
  encodeRequest,
  encodeResponse,
  type Message,
  messageLayout,
  ProtocolError,
} from '../../proxy/protocol/codec.ts'
import { initCompression } from '../../proxy/protocol/compression.ts'
import { entitiesOf } from '../../proxy/protocol/entities.ts'
import { readRequestHeader, requestFrame, responseBodyOffset } from '../../proxy/protocol/frame.ts'
import { bytesMinOf, type StructLayout, type TypeLayout } from '../../proxy/protocol/layout.ts'
import { readBatches, readRecords, writeBatch } from '../../proxy/protocol/record-batch.ts'
import { hasRootTag } from '../../proxy/protocol/skim.ts'
import { errorAnswer, errorCodesIn, plainAnswer } from '../../proxy/protocol/synthesize.ts'
import { randomStream } from '../../proxy/runtime.ts'
import { messageOf } from './protocol-arbitraries.ts'

const seed = 4_711
const messagesPerLayout = 6
const damagesPerMessage = 12

interface Kind {
  direction: Direction
  apiKey: number
  version: number
  name: string
  layout: StructLayout
}

const kinds: Kind[] = allApis().flatMap((api) => {
  const found: Kind[] = []
  for (let version = api.minVersion; version <= api.maxVersion; version++) {
    for (const direction of ['request', 'response'] as const) {
      const layout = messageLayout(direction, api.key, version)
      const name = `${api.name} ${direction} v${version}`
      found.push({ direction, apiKey: api.key, version, name, layout })
    }
  }
  return found
})

function decode({ direction, apiKey, version }: Kind, body: Buffer): Message {
  return direction === 'request'
    ? decodeRequest(apiKey, version, body)
    : decodeResponse(apiKey, version, body)
}

function encode({ direction, apiKey, version }: Kind, message: Message): Buffer {
  return direction === 'request'
    ? encodeRequest(apiKey, version, message)
    : encodeResponse(apiKey, version, message)
}

/** Random messages of a kind. In ApiVersions error 35 means another layout, so it is no random value there. */
function samples(kind: Kind): Message[] {
  const messages = fc.sample(messageOf(kind.layout), { seed, numRuns: messagesPerLayout })
  return messages.map((message) =>
    kind.apiKey === 18 && message.errorCode === 35 ? { ...message, errorCode: 36 } : message,
  )
}

let bodies: { kind: Kind; message: Message; body: Buffer }[] = []

beforeAll(async () => {
  await initCompression()
  console.log(`seed ${seed}, ${kinds.length} kinds of message`)
  bodies = kinds.flatMap((kind) =>
    samples(kind).map((message) => ({ kind, message, body: encode(kind, message) })),
  )
})

/** Whether the bytes were refused; anything thrown but a ProtocolError fails the test. */
function isRefused(what: string, bytes: Buffer, read: () => unknown): boolean {
  try {
    read()
    return false
  } catch (cause) {
    if (cause instanceof ProtocolError) return true
    throw new Error(`${what}, ${bytes.toString('base64')}: ${cause}`, { cause })
  }
}

const random = randomStream(seed, 'damage')

function below(limit: number): number {
  return Math.floor(random() * limit)
}

/** Cut short, a few bits turned, a length made absurd, or bytes put in between. */
function damaged(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes)
  const at = below(copy.length)
  switch (below(4)) {
    case 0:
      return copy.subarray(0, at)
    case 1:
      for (let flips = 1 + below(3); flips > 0; flips--) {
        const place = below(copy.length)
        copy[place] = (copy[place] ?? 0) ^ (1 << below(8))
      }
      return copy
    case 2:
      return copy.fill(below(2) === 0 ? 0xff : 0x7f, at, Math.min(copy.length, at + 1 + below(5)))
    default:
      return Buffer.concat([copy.subarray(0, at), randomBytes(1 + below(6)), copy.subarray(at)])
  }
}

function randomBytes(count: number): Buffer {
  return Buffer.from(Array.from({ length: count }, () => below(256)))
}

describe('messages of every API and version', () => {
  it('come back from their bytes as they were', () => {
    const lost = bodies.filter(({ kind, message, body }) => {
      return !isDeepStrictEqual(decode(kind, body), message)
    })
    expect(lost.map(({ kind }) => kind.name)).toEqual([])
    expect(bodies.length).toBe(kinds.length * messagesPerLayout)
  })

  it('are refused when cut short at any byte', () => {
    let cuts = 0
    for (const { kind, body } of bodies) {
      if (body.length === 0) continue
      // Every place for short ones, and a sample of the long ones.
      const step = Math.max(1, Math.floor(body.length / 15))
      for (let length = 0; length < body.length; length += step) {
        const cut = body.subarray(0, length)
        if (!isRefused(kind.name, cut, () => decode(kind, cut))) {
          throw new Error(`${kind.name} was read from ${length} of ${body.length} bytes`)
        }
        cuts++
      }
    }
    console.log(`${cuts} cut messages refused`)
    expect(cuts).toBeGreaterThan(10_000)
  })

  it('damaged, are refused or read as something that can be written and read again', () => {
    let refused = 0
    let read = 0
    for (const { kind, body } of bodies) {
      if (body.length === 0) continue
      for (let i = 0; i < damagesPerMessage; i++) {
        const bytes = damaged(body)
        const name = `${kind.name} damaged`
        let message: Message = {}
        if (isRefused(name, bytes, () => (message = decode(kind, bytes)))) {
          refused++
          continue
        }
        read++
        entitiesOf(kind.direction, kind.apiKey, kind.version, message)
        const again = decode(kind, encode(kind, message))
        if (!isDeepStrictEqual(again, message)) throw new Error(`${name}: ${bytes.toString('hex')}`)
      }
    }
    console.log(`${refused} damaged messages refused, ${read} read as others`)
    expect(refused).toBeGreaterThan(5_000)
    expect(read).toBeGreaterThan(1_000)
  })

  it('of nothing but random bytes are refused or read', () => {
    let refused = 0
    for (const kind of kinds) {
      for (let i = 0; i < 40; i++) {
        const bytes = randomBytes(below(200))
        if (isRefused(`${kind.name} random`, bytes, () => decode(kind, bytes))) refused++
      }
    }
    expect(refused).toBeGreaterThan(kinds.length * 30)
  })

  it('are answered by us, with and without an error, in a form that can be written and read', () => {
    let answers = 0
    for (const { kind, message } of bodies) {
      if (kind.direction !== 'request') continue
      const { apiKey, version, name } = kind
      const made = [
        plainAnswer(apiKey, version, message, {}),
        errorAnswer(apiKey, version, message, 16, 'all'),
        errorAnswer(apiKey, version, message, 16, 'first'),
      ]
      made.forEach((answer, index) => {
        const read = decodeResponse(apiKey, version, encodeResponse(apiKey, version, answer))
        const hasError = errorCodesIn(apiKey, version, read).includes(16)
        // A request that names nothing gets an answer with no place for an error, in some APIs.
        if (index === 0 && hasError) throw new Error(`${name}: a plain answer with an error`)
        if (index > 0 && hasError) answers++
      })
    }
    console.log(`${answers} answers with an error`)
    expect(answers).toBeGreaterThan(2_500)
  })

  it('have no list whose elements take no bytes, so that a count is bounded by the frame', () => {
    const unbounded: string[] = []
    for (const kind of kinds) {
      for (const { type, compact } of fieldsBelow(kind.layout)) {
        if (type.kind === 'array' && bytesMinOf(type.element, compact) < 1)
          unbounded.push(kind.name)
      }
    }
    expect(unbounded).toEqual([])
  })

  it('are skimmed for a tag with the same result as decoding', () => {
    let found = 0
    for (const { kind, message, body } of bodies) {
      if (kind.direction !== 'response') continue
      const { apiKey, version, layout } = kind
      const unknown = (message.unknownTaggedFields ?? []) as { tag: number }[]
      const [first] = unknown
      const tag = first?.tag ?? 49
      const expected = layout.flexible && first !== undefined
      if (hasRootTag(apiKey, version, body, 0, tag) !== expected) throw new Error(kind.name)
      if (expected) found++
      const bytes = damaged(body.length === 0 ? Buffer.alloc(1) : body)
      isRefused(`${kind.name} skimmed`, bytes, () => hasRootTag(apiKey, version, bytes, 0, 0))
    }
    expect(found).toBeGreaterThan(100)
  })
})

function fieldsBelow(layout: StructLayout): { type: TypeLayout; compact: boolean }[] {
  return layout.fields
    .filter((field) => field.present)
    .flatMap((field) => {
      const inner = structBelow(field.type)
      return [field, ...(inner === undefined ? [] : fieldsBelow(inner))]
    })
}

function structBelow(type: TypeLayout): StructLayout | undefined {
  if (type.kind === 'array') return structBelow(type.element)
  return type.kind === 'struct' ? type.struct : undefined
}

describe('headers', () => {
  it('of damaged and random frames are read or refused', () => {
    let refused = 0
    for (let i = 0; i < 20_000; i++) {
      const apiKey = below(96)
      const apiVersion = below(20)
      const header = { apiKey, apiVersion, correlationId: i, clientId: 'client' }
      const frame = damaged(requestFrame(header, Buffer.from('body')).subarray(4))
      if (isRefused('header', frame, () => readRequestHeader(frame))) refused++
      const answer = randomBytes(below(12))
      isRefused('answer', answer, () => responseBodyOffset(apiKey, apiVersion, answer))
    }
    expect(refused).toBeGreaterThan(1_000)
  })
})

describe('record batches', () => {
  it('damaged, are refused or read, in every compression', () => {
    let refused = 0
    let read = 0
    for (const compression of ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const) {
      const records = Array.from({ length: 20 }, (_, i) => ({
        key: `key-${i}`,
        value: 'value '.repeat(i),
        headers: [{ key: 'gauntlet-id', value: `in-${i}` }],
      }))
      const whole = writeBatch({ records, compression, producerId: 1, baseSequence: 0 })
      for (let i = 0; i < 2_000; i++) {
        const bytes = damaged(Buffer.concat([whole, whole]))
        const wasRefused = isRefused(`batch ${compression}`, bytes, () => {
          for (const batch of readBatches(bytes)) if (!batch.truncated) readRecords(batch)
        })
        if (wasRefused) refused++
        else read++
      }
    }
    console.log(`${refused} damaged batches refused, ${read} read`)
    expect(refused).toBeGreaterThan(1_000)
    expect(read).toBeGreaterThan(100)
  })
})
