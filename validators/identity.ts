// Ids as numbers. `<source>-<sequence>` ids need no memory for themselves: their slot is the sequence, and a
// tally keeps two bits for each (never, once, more than once). Any other id is interned by a 64-bit
// fingerprint: 8 bytes, plus 5 to 11 in the table that finds it again. With ten million ids the chance that
// any two share a fingerprint is about three in a million.

/** A small number that stands for one id within its space. */
export type Slot = number

export interface IdSpace {
  /** The slot of an id; the same id always has the same one. */
  slot(id: string): Slot
  /** The slots of many ids, `noSlot` for one that is null. Good until the next call: the memory is used again. */
  slots(ids: ReadonlyArray<string | null>): Float64Array
  /** Bytes held for arbitrary ids (sequence ids hold none here). */
  bytes(): number
}

/** Stands for a record without an id. */
export const noSlot: Slot = -1

/** How often each id was seen, up to the tally's limit. */
export interface Tally {
  /** Counts one more; returns the new count. */
  add(slot: Slot): number
  count(slot: Slot): number
  /** Whether the test holds for any slot that was seen. Far quicker than going through the lines again. */
  some(test: (slot: Slot, count: number) => boolean): boolean
  /** At this count a tally stops: it means "so often or more". */
  readonly limit: number
  /** Ids seen at all, and ids seen more than once. */
  readonly distinct: number
  readonly repeated: number
  bytes(): number
}

/** A slot is `segment * slotsPerSegment + index`; segment 0 is for arbitrary ids. */
const slotsPerSegment = 2 ** 32

/** Larger numbers at an id's end are no sequence: a bitmap would have to grow up to them. */
const sequenceDigitsMax = 8

/** Past this many sources, ids of further ones are kept as fingerprints. */
const sourcesMax = 4_096

/** Sources that came lately are found without making a text of them. */
const latelyMax = 64

export function createIdSpace(): IdSpace {
  const sources = new Map<string, number>()
  const lately: Array<{ source: string; segment: number } | undefined> = new Array(latelyMax)
  const fingerprints = createFingerprintTable()
  let room = new Float64Array(1_024)

  function segmentOf(id: string, dash: number): number | undefined {
    const place = (id.charCodeAt(dash - 1) * 31 + dash) % latelyMax
    const late = lately[place]
    if (late !== undefined && late.source.length === dash && id.startsWith(late.source)) {
      return late.segment
    }
    const source = id.slice(0, dash)
    let segment = sources.get(source)
    if (segment === undefined) {
      if (sources.size >= sourcesMax) return undefined
      segment = sources.size + 1
      sources.set(source, segment)
    }
    lately[place] = { source, segment }
    return segment
  }

  function sequenceSlot(id: string): Slot | undefined {
    let sequence = 0
    let factor = 1
    let dash = id.length - 1
    for (; dash >= 0; dash--) {
      const digit = id.charCodeAt(dash) - 48
      if (digit < 0 || digit > 9) break
      if (id.length - dash > sequenceDigitsMax) return undefined
      sequence += digit * factor
      factor *= 10
    }
    const digits = id.length - dash - 1
    if (dash < 1 || digits < 1 || id.charCodeAt(dash) !== 45) return undefined
    // `in-007` and `in-7` are two ids, so only the plain way of writing a number is a sequence.
    if (digits > 1 && id.charCodeAt(dash + 1) === 48) return undefined
    const segment = segmentOf(id, dash)
    return segment === undefined ? undefined : segment * slotsPerSegment + sequence
  }

  const slot = (id: string): Slot => sequenceSlot(id) ?? fingerprints.intern(id)
  return {
    slot,
    slots(ids) {
      if (room.length < ids.length) room = new Float64Array(ids.length * 2)
      for (let index = 0; index < ids.length; index++) {
        const id = ids[index]
        room[index] = id === null || id === undefined ? noSlot : slot(id)
      }
      return room
    },
    bytes: () => fingerprints.bytes(),
  }
}

/** Ids that share a page of a tally. */
const idsPerPage = 4_096

/** Two bits tell never, once, twice and more; eight bits count to 255, for contracts with many copies. */
export function createTally(bitsPerId: 2 | 8 = 2): Tally {
  const limit = 2 ** bitsPerId - 1
  const idsPerByte = 8 / bitsPerId
  const pageBytes = idsPerPage / idsPerByte
  /** Pages by segment, then by place: made when first needed, so that gaps cost nothing. */
  const segments: Array<Array<Uint8Array | undefined> | undefined> = []
  let distinct = 0
  let repeated = 0
  let pageCount = 0

  const byteOf = (slot: Slot): number => Math.floor((slot & (idsPerPage - 1)) / idsPerByte)
  const shiftOf = (slot: Slot): number => (slot & (idsPerByte - 1)) * bitsPerId
  const placeOf = (slot: Slot): number => Math.floor((slot >>> 0) / idsPerPage)

  return {
    limit,
    add(slot) {
      const segment = Math.floor(slot / slotsPerSegment)
      let pages = segments[segment]
      if (pages === undefined) {
        pages = []
        segments[segment] = pages
      }
      const place = placeOf(slot)
      let page = pages[place]
      if (page === undefined) {
        page = new Uint8Array(pageBytes)
        pages[place] = page
        pageCount++
      }
      const byte = byteOf(slot)
      const shift = shiftOf(slot)
      const whole = page[byte] ?? 0
      const before = (whole >>> shift) & limit
      if (before === limit) return limit
      page[byte] = whole + (1 << shift)
      if (before === 0) distinct++
      if (before === 1) repeated++
      return before + 1
    },
    count(slot) {
      const page = segments[Math.floor(slot / slotsPerSegment)]?.[placeOf(slot)]
      return page === undefined ? 0 : ((page[byteOf(slot)] ?? 0) >>> shiftOf(slot)) & limit
    },
    some(test) {
      for (const [segment, pages] of segments.entries()) {
        for (const [place, page] of (pages ?? []).entries()) {
          if (page === undefined) continue
          const first = segment * slotsPerSegment + place * idsPerPage
          for (let index = 0; index < idsPerPage; index++) {
            const byte = page[Math.floor(index / idsPerByte)] ?? 0
            const count = (byte >>> shiftOf(index)) & limit
            if (count > 0 && test(first + index, count)) return true
          }
        }
      }
      return false
    },
    get distinct() {
      return distinct
    },
    get repeated() {
      return repeated
    },
    bytes: () => pageCount * pageBytes,
  }
}

/** Two 32-bit hashes of a text that do not follow from each other. */
function fingerprint(text: string, into: Uint32Array): void {
  let high = 0x9e3779b9 ^ text.length
  let low = 0x85ebca6b ^ text.length
  // Two characters at a time; behind an odd one comes nothing, and the length is in it from the start.
  for (let index = 0; index < text.length; index += 2) {
    const next = index + 1 < text.length ? text.charCodeAt(index + 1) : 0
    const pair = text.charCodeAt(index) | (next << 16)
    high = Math.imul(high ^ pair, 0xcc9e2d51)
    high = (high << 15) | (high >>> 17)
    low = Math.imul(low ^ pair, 0x27d4eb2f)
    low = (low << 13) | (low >>> 19)
  }
  high = Math.imul(high ^ (high >>> 16) ^ low, 0x2c1b3c6d)
  low = Math.imul(low ^ (low >>> 15) ^ high, 0x297a2d39)
  high = Math.imul(high ^ (high >>> 13), 0x165667b1)
  low = Math.imul(low ^ (low >>> 16), 0x5bd1e995)
  into[0] = (high ^ (high >>> 16)) >>> 0
  into[1] = (low ^ (low >>> 15)) >>> 0
}

interface FingerprintTable {
  intern(id: string): number
  bytes(): number
}

const chunkIds = 65_536
const firstTableSize = 1_024

function createFingerprintTable(): FingerprintTable {
  /** Fingerprints in the order of their ids' first appearance, high and low halves side by side. */
  const chunks: Uint32Array[] = []
  /** Open addressing: an entry is index + 1, 0 is empty. Its size is a power of two, at most three quarters full. */
  let table = new Uint32Array(firstTableSize)
  let count = 0
  const print = new Uint32Array(2)

  const half = (index: number, which: 0 | 1): number =>
    chunks[Math.floor(index / chunkIds)]?.[(index % chunkIds) * 2 + which] ?? 0

  function grow(): void {
    const larger = new Uint32Array(table.length * 2)
    const mask = larger.length - 1
    for (let index = 0; index < count; index++) {
      let place = half(index, 1) & mask
      while (larger[place] !== 0) place = (place + 1) & mask
      larger[place] = index + 1
    }
    table = larger
  }

  return {
    intern(id) {
      fingerprint(id, print)
      const high = print[0] ?? 0
      const low = print[1] ?? 0
      const mask = table.length - 1
      let place = low & mask
      for (let entry = table[place]; entry !== 0 && entry !== undefined; entry = table[place]) {
        if (half(entry - 1, 1) === low && half(entry - 1, 0) === high) return entry - 1
        place = (place + 1) & mask
      }
      const index = count++
      let chunk = chunks[Math.floor(index / chunkIds)]
      if (chunk === undefined) {
        chunk = new Uint32Array(chunkIds * 2)
        chunks.push(chunk)
      }
      chunk[(index % chunkIds) * 2] = high
      chunk[(index % chunkIds) * 2 + 1] = low
      table[place] = index + 1
      if (count * 4 > table.length * 3) grow()
      return index
    },
    bytes: () => chunks.length * chunkIds * 8 + table.length * 4,
  }
}

/** A number up to 2^32 - 1 for each slot; 0 where none was set. Four bytes per id. */
export interface SlotNumbers {
  get(slot: Slot): number
  set(slot: Slot, number: number): void
}

export function createSlotNumbers(): SlotNumbers {
  const segments: Array<Array<Uint32Array | undefined> | undefined> = []
  return {
    get(slot) {
      const index = slot >>> 0
      const pages = segments[Math.floor(slot / slotsPerSegment)]
      return pages?.[Math.floor(index / idsPerPage)]?.[index % idsPerPage] ?? 0
    },
    set(slot, number) {
      const segment = Math.floor(slot / slotsPerSegment)
      const index = slot >>> 0
      let pages = segments[segment]
      if (pages === undefined) {
        pages = []
        segments[segment] = pages
      }
      const place = Math.floor(index / idsPerPage)
      let page = pages[place]
      if (page === undefined) {
        page = new Uint32Array(idsPerPage)
        pages[place] = page
      }
      page[index % idsPerPage] = number
    },
  }
}
