// Reads entries of a zip file (a jar is one): enough for jars, without zip64, encryption or splitting.
import { inflateRawSync } from 'node:zlib'

const endOfDirectorySignature = 0x06054b50
const directoryEntrySignature = 0x02014b50
const endOfDirectoryBytes = 22
const directoryEntryBytes = 46
const localHeaderBytes = 30
const stored = 0
const deflated = 8

/** Name -> content, for the entries whose name is wanted. */
export function zipEntries(zip: Buffer, wanted: (name: string) => boolean): Map<string, Buffer> {
  let end = zip.length - endOfDirectoryBytes
  while (end >= 0 && zip.readUInt32LE(end) !== endOfDirectorySignature) end--
  if (end < 0) throw new Error('not a zip file: it has no central directory')

  const entries = new Map<string, Buffer>()
  let at = zip.readUInt32LE(end + 16)
  for (let left = zip.readUInt16LE(end + 10); left > 0; left--) {
    if (zip.readUInt32LE(at) !== directoryEntrySignature) throw new Error('damaged zip directory')
    const nameBytes = zip.readUInt16LE(at + 28)
    const nameStart = at + directoryEntryBytes
    const name = zip.toString('utf8', nameStart, nameStart + nameBytes)
    if (wanted(name)) entries.set(name, entryContent(zip, at))
    at = nameStart + nameBytes + zip.readUInt16LE(at + 30) + zip.readUInt16LE(at + 32)
  }
  return entries
}

function entryContent(zip: Buffer, directoryEntry: number): Buffer {
  const method = zip.readUInt16LE(directoryEntry + 10)
  const compressedBytes = zip.readUInt32LE(directoryEntry + 20)
  const header = zip.readUInt32LE(directoryEntry + 42)
  const start =
    header + localHeaderBytes + zip.readUInt16LE(header + 26) + zip.readUInt16LE(header + 28)
  const content = zip.subarray(start, start + compressedBytes)
  if (method === stored) return content
  if (method === deflated) return inflateRawSync(content)
  throw new Error(`zip compression method ${method} is not supported`)
}
