// Keeps what an application prints within bounds: megabytes a second fill a disk within minutes. The beginning
// stays, because the reason for what comes later is often there, and so does the newest; what is between is cut.
import { appendFileSync, statSync, truncateSync } from 'node:fs'
import type { Runtime } from '../../proxy/runtime.ts'

/** Of this much the first part is kept, and writing goes on behind it. */
export const logBytesMax = 64 * 1024 * 1024
export const logHeadBytes = 4 * 1024 * 1024
const lookEveryMs = 250
const megabyte = 1024 * 1024

/** Cuts the file if it is over its bound; the number of bytes that went. Its writer appends, so it goes on at the new end. */
export function cutLog(file: string, bounds = { max: logBytesMax, head: logHeadBytes }): number {
  const { size } = statSync(file)
  if (size <= bounds.max) return 0
  truncateSync(file, bounds.head)
  const gone = size - bounds.head
  const megabytes = (gone / megabyte).toFixed(1)
  appendFileSync(file, `\n[gauntlet: ${megabytes} MB of output were cut here]\n`)
  return gone
}

export function boundLog(file: string, runtime: Pick<Runtime, 'after'>): { stop(): void } {
  let cancel: () => void = () => undefined
  function look(): void {
    try {
      cutLog(file)
    } catch {
      // Nothing has been written yet, or the folder is being cleared: the next look tells.
    }
    cancel = runtime.after(lookEveryMs, look)
  }
  cancel = runtime.after(lookEveryMs, look)
  return { stop: () => cancel() }
}
