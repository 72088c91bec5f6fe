// Kafka's message schemas as data: what generated/messages.json holds, and ranges of versions.
// The file is written by `npm run generate`; nothing here knows a single message by name.
import { createRequire } from 'node:module'

/** `3`, `0-3`, `3+` or `none`, as text in the data. */
export interface VersionRange {
  lowest: number
  highest: number
}

export interface FieldSchema {
  name: string
  /** A primitive, the name of a struct, or `[]` before either. */
  type: string
  versions: string
  nullable?: string
  tagged?: string
  tag?: number
  /** `none` for the one field that keeps its old form in flexible versions. */
  flexible?: string
  /** An int64 too large for a number is text. */
  default?: string | number | boolean | null
  entityType?: string
  mapKey?: true
  ignorable?: true
  fields?: FieldSchema[]
}

export interface StructSchema {
  name: string
  fields: FieldSchema[]
}

export type MessageType =
  | 'request'
  | 'response'
  | 'header'
  | 'data'
  | 'coordinator-key'
  | 'coordinator-value'

export interface MessageSchema {
  name: string
  type: MessageType
  apiKey?: number
  versions: string
  flexible: string
  /** The highest version is offered by brokers only when they are told to. */
  unstable?: true
  /** Which listeners serve the API: broker, controller. */
  listeners?: string[]
  structs?: StructSchema[]
  fields: FieldSchema[]
}

interface MessagesFile {
  sources: { artifact: string; version: string; sha256: string }[]
  messages: MessageSchema[]
}

const noVersions: VersionRange = { lowest: 1, highest: 0 }
const versionMax = 32_767

const parsedRanges = new Map<string, VersionRange>()

export function versionRange(text: string | undefined): VersionRange {
  if (text === undefined || text === 'none') return noVersions
  const known = parsedRanges.get(text)
  if (known !== undefined) return known
  const match = /^(\d+)(?:(\+)|-(\d+))?$/.exec(text)
  if (match === null) throw new Error(`not a range of versions: ${text}`)
  const lowest = Number(match[1])
  const highest = match[2] !== undefined ? versionMax : Number(match[3] ?? match[1])
  const range = { lowest, highest }
  parsedRanges.set(text, range)
  return range
}

export function isNoVersion(text: string | undefined): boolean {
  const range = versionRange(text)
  return range.lowest > range.highest
}

export function includesVersion(text: string | undefined, version: number): boolean {
  const range = versionRange(text)
  return version >= range.lowest && version <= range.highest
}

// A require, because importing JSON as a module is still experimental in Node 20.
const file = createRequire(import.meta.url)('./generated/messages.json') as MessagesFile

export const messageSchemas: readonly MessageSchema[] = file.messages
