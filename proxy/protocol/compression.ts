// The four codecs of record batches. What is inflated comes from a stranger: every codec has an upper bound
// that is checked before memory is taken. zstd is WebAssembly and must be loaded once: initCompression().
import { gunzipSync, gzipSync } from 'node:zlib'
import { init, compress as zstdCompress, decompress as zstdDecompress } from '@bokuweb/zstd-wasm'
import { compressFrameSync, decompressFrameSync } from 'lz4-napi'
import { compressSync as snappyCompress, uncompressSync as snappyDecompress } from 'snappy'
import { ProtocolError } from './bytes.ts'

export const compressionNames = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const
export type Compression = (typeof compressionNames)[number]

/** The most that one batch may inflate to; a broker's own limit for a batch is 1 MiB by default. */
export const inflatedBytesMax = 128 * 1024 * 1024

let loading: Promise<void> | undefined
let loaded = false

/** Loads zstd. Safe to call more than once; the other codecs need nothing. */
export async function initCompression(): Promise<void> {
  loading ??= init()
  await loading
  loaded = true
}

export function compress(compression: Compression, plain: Buffer): Buffer {
  switch (compression) {
    case 'none':
      return plain
    case 'gzip':
      return gzipSync(plain)
    case 'snappy':
      return snappyStream(plain)
    case 'lz4':
      return compressFrameSync(plain)
    case 'zstd':
      checkLoaded()
      return asBuffer(zstdCompress(plain))
  }
}

/** Throws a ProtocolError for what cannot be inflated, or not within the limit. */
export function decompress(
  compression: Compression,
  compressed: Buffer,
  bytesMax: number = inflatedBytesMax,
): Buffer {
  switch (compression) {
    case 'none':
      return compressed
    case 'gzip':
      return guarded(compression, () => gunzipSync(compressed, { maxOutputLength: bytesMax }))
    case 'snappy':
      return guarded(compression, () => snappyInflate(compressed, bytesMax))
    case 'lz4':
      return guarded(compression, () => lz4Inflate(compressed, bytesMax))
    case 'zstd':
      checkLoaded()
      return guarded(compression, () => zstdInflate(compressed, bytesMax))
  }
}

function checkLoaded(): void {
  if (!loaded) throw new Error('zstd is not loaded: initCompression() was not awaited')
}

/** The libraries throw errors of many kinds; to us all of them say that the bytes are not what they claim. */
function guarded(compression: Compression, inflate: () => Buffer): Buffer {
  try {
    return inflate()
  } catch (cause) {
    if (cause instanceof ProtocolError) throw cause
    throw new ProtocolError(`${compression}: ${cause instanceof Error ? cause.message : cause}`, 0)
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function checkSize(bytes: number, bytesMax: number): void {
  if (bytes > bytesMax) {
    throw new ProtocolError(`${bytes} bytes inflated, at most ${bytesMax} are allowed`, 0)
  }
}

// snappy: Java and others wrap blocks in a stream of their own (magic, two versions, then length and block);
// Go and C clients send one bare block. A block tells its inflated size in front.

const snappyMagic = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00])
const snappyHeaderBytes = 16
const snappyBlockBytes = 32 * 1024

function snappyStream(plain: Buffer): Buffer {
  const header = Buffer.alloc(snappyHeaderBytes)
  snappyMagic.copy(header)
  header.writeInt32BE(1, 8)
  header.writeInt32BE(1, 12)
  const parts: Buffer[] = [header]
  for (let at = 0; at < plain.length; at += snappyBlockBytes) {
    const block = snappyCompress(plain.subarray(at, at + snappyBlockBytes))
    const size = Buffer.alloc(4)
    size.writeInt32BE(block.length)
    parts.push(size, block)
  }
  return Buffer.concat(parts)
}

function snappyInflate(compressed: Buffer, bytesMax: number): Buffer {
  const framed = compressed.subarray(0, snappyMagic.length).equals(snappyMagic)
  if (!framed) return snappyBlock(compressed, bytesMax)
  const parts: Buffer[] = []
  let inflatedBytes = 0
  let at = snappyHeaderBytes
  while (at < compressed.length) {
    const size = compressed.readInt32BE(at)
    at += 4
    if (size < 1 || size > compressed.length - at) {
      throw new ProtocolError(`snappy: a block of ${size} bytes`, at)
    }
    const block = snappyBlock(compressed.subarray(at, at + size), bytesMax - inflatedBytes)
    inflatedBytes += block.length
    parts.push(block)
    at += size
  }
  return Buffer.concat(parts, inflatedBytes)
}

function snappyBlock(block: Buffer, bytesMax: number): Buffer {
  let inflatedBytes = 0
  for (let index = 0, shift = 1; ; index++, shift *= 128) {
    const byte = block[index]
    if (byte === undefined || index > 4) throw new ProtocolError('snappy: no size in front', index)
    inflatedBytes += (byte & 0x7f) * shift
    if (byte < 0x80) break
  }
  checkSize(inflatedBytes, bytesMax)
  const inflated = snappyDecompress(block, { asBuffer: true })
  if (typeof inflated === 'string') throw new Error('snappy gave text for bytes')
  return inflated
}

// lz4: a frame of blocks. It need not tell its inflated size, but no block may inflate beyond the size that
// the frame's header names, nor by more than the factor that the format can express.

const lz4Magic = 0x184d2204
const lz4FactorMax = 255
const lz4BlockBytes = [0, 0, 0, 0, 64 * 1024, 256 * 1024, 1024 * 1024, 4 * 1024 * 1024]

function lz4Inflate(compressed: Buffer, bytesMax: number): Buffer {
  if (compressed.length < 7 || compressed.readUInt32LE(0) !== lz4Magic) {
    throw new ProtocolError('lz4: no frame', 0)
  }
  const flags = compressed.readUInt8(4)
  const blockBytesMax = lz4BlockBytes[(compressed.readUInt8(5) >> 4) & 7] ?? 0
  const blockChecksumBytes = (flags & 0x10) === 0 ? 0 : 4
  let at = 7 + ((flags & 0x08) === 0 ? 0 : 8) + ((flags & 0x01) === 0 ? 0 : 4)
  let inflatedBytes = 0
  while (at + 4 <= compressed.length) {
    const word = compressed.readUInt32LE(at)
    if (word === 0) break
    const size = word & 0x7fffffff
    const plain = word >= 0x80000000
    inflatedBytes += Math.min(blockBytesMax, plain ? size : size * lz4FactorMax)
    checkSize(inflatedBytes, bytesMax)
    at += 4 + size + blockChecksumBytes
  }
  return decompressFrameSync(compressed)
}

// zstd: the header may tell the inflated size. Kafka's Java client streams, so there it does not: then room is
// made in steps until it suffices.

const zstdMagic = 0xfd2fb528
const zstdRoomBytesFirst = 1024 * 1024
const zstdRoomFactor = 8

function zstdInflate(compressed: Buffer, bytesMax: number): Buffer {
  const declaredBytes = zstdDeclaredBytes(compressed)
  if (declaredBytes !== undefined) {
    checkSize(declaredBytes, bytesMax)
    return asBuffer(zstdDecompress(compressed))
  }
  const likelyBytes = Math.max(zstdRoomBytesFirst, compressed.length * zstdRoomFactor)
  let roomBytes = Math.min(bytesMax, likelyBytes)
  for (;;) {
    try {
      return asBuffer(zstdDecompress(compressed, { defaultHeapSize: roomBytes }))
    } catch (cause) {
      if (!isZstdRoomTooSmall(cause)) throw cause
      checkSize(roomBytes + 1, bytesMax)
      roomBytes = Math.min(bytesMax, roomBytes * zstdRoomFactor)
    }
  }
}

/** Error 70 of zstd, as the library words it. Damage has other numbers and is not tried again. */
function isZstdRoomTooSmall(cause: unknown): boolean {
  return cause instanceof Error && /code -70$/.test(cause.message)
}

function zstdDeclaredBytes(compressed: Buffer): number | undefined {
  if (compressed.length < 6 || compressed.readUInt32LE(0) !== zstdMagic) {
    throw new ProtocolError('zstd: no frame', 0)
  }
  const descriptor = compressed.readUInt8(4)
  const singleSegment = (descriptor & 0x20) !== 0
  const dictionaryIdBytes = [0, 1, 2, 4][descriptor & 3] ?? 0
  const at = 5 + (singleSegment ? 0 : 1) + dictionaryIdBytes
  switch (descriptor >> 6) {
    case 0:
      return singleSegment ? compressed.readUInt8(at) : undefined
    case 1:
      return compressed.readUInt16LE(at) + 256
    case 2:
      return compressed.readUInt32LE(at)
    default:
      return Number(compressed.readBigUInt64LE(at))
  }
}
