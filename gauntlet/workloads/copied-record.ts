// What a copier makes of a record: the same key and headers, and a value that tells where it was read.
import type { IHeaders, KafkaMessage } from 'kafkajs'

export const idHeader = 'gauntlet-id'

/** The id that a record carries in its header, else its key; for the journal. */
export function recordId(message: { key: Buffer | null; headers?: IHeaders }): string {
  const header = message.headers?.[idHeader]
  const first = Array.isArray(header) ? header[0] : header
  return (first ?? message.key ?? '').toString()
}

/** `{"id":"p0-1"}` read at input-3@17 becomes `{"id":"p0-1","copied":"input-3@17"}`. */
export function copiedValue(value: string, place: string): string {
  const trimmed = value.trimEnd()
  if (!trimmed.startsWith('{') || !trimmed.endsWith('}')) return `${value} copied from ${place}`
  const fields = trimmed.slice(0, -1).trimEnd()
  return `${fields}${fields === '{' ? '' : ','}"copied":${JSON.stringify(place)}}`
}

export function copiedRecord(
  message: KafkaMessage,
  place: string,
): { key: Buffer | null; value: string; headers: IHeaders } {
  return {
    key: message.key,
    value: copiedValue(message.value?.toString() ?? '', place),
    headers: message.headers ?? {},
  }
}
