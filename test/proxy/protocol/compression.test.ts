import { gzipSync } from 'node:zlib'
import { compress as zstdCompress } from '@bokuweb/zstd-wasm'
import { compressFrameSync } from 'lz4-napi'
import { compressSync as snappyCompress } from 'snappy'
import { beforeAll, describe, expect, it } from 'vitest'
import { ProtocolError } from '../../../proxy/protocol/bytes.ts'
import {
  type Compression,
  compress,
  compressionNames,
  decompress,
  initCompression,
} from '../../../proxy/protocol/compression.ts'

beforeAll(initCompression)

const plain = Buffer.from('what is inflated comes from a stranger '.repeat(5_000))

describe.each(compressionNames.filter((name) => name !== 'none'))('%s', (name: Compression) => {
  it('gives back what was compressed', () => {
    for (const bytes of [plain, Buffer.from('x'), Buffer.alloc(0), Buffer.alloc(3_000_000, 1)]) {
      expect(decompress(name, compress(name, bytes)).equals(bytes)).toBe(true)
    }
    expect(compress(name, plain).length).toBeLessThan(plain.length / 5)
  })

  it('refuses what would inflate beyond the limit', () => {
    const bomb = compress(name, Buffer.alloc(10_000_000))
    expect(() => decompress(name, bomb, 1_000_000)).toThrow(ProtocolError)
    expect(decompress(name, bomb, 20_000_000)).toHaveLength(10_000_000)
  })

  it('throws nothing but a ProtocolError for damaged bytes', () => {
    const whole = compress(name, plain)
    let refused = 0
    for (let step = 0; step < 200; step++) {
      const damaged = Buffer.from(whole)
      const at = Math.floor((step / 200) * damaged.length)
      damaged[at] = (damaged[at] ?? 0) ^ (1 << (step % 8))
      try {
        decompress(name, step % 3 === 0 ? damaged.subarray(0, at) : damaged, 1_000_000)
      } catch (cause) {
        expect(cause).toBeInstanceOf(ProtocolError)
        refused++
      }
    }
    expect(refused).toBeGreaterThan(50)
  })
})

describe('formats of other clients', () => {
  it('reads a bare snappy block, as Go and C clients send it', () => {
    expect(decompress('snappy', snappyCompress(plain)).equals(plain)).toBe(true)
  })

  it('reads gzip, lz4 and zstd as their libraries write them', () => {
    expect(decompress('gzip', gzipSync(plain)).equals(plain)).toBe(true)
    expect(decompress('lz4', compressFrameSync(plain)).equals(plain)).toBe(true)
    expect(decompress('zstd', Buffer.from(zstdCompress(plain))).equals(plain)).toBe(true)
  })

  it('refuses a zstd frame that claims an absurd size, without making room', () => {
    const claim = Buffer.alloc(20)
    claim.writeUInt32LE(0xfd2fb528, 0)
    claim.writeUInt8(0xe0, 4)
    claim.writeBigUInt64LE(1n << 60n, 5)
    expect(() => decompress('zstd', claim)).toThrow('bytes inflated')
  })
})
