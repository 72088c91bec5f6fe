// Numbers and times in the words of the terminal.

/** 12345 -> 12,345, whatever the machine's language. */
export function count(value: number): string {
  return value.toLocaleString('en-US')
}

export function counted(value: number, noun: string): string {
  return `${count(value)} ${noun}${value === 1 ? '' : 's'}`
}

/** 1.2 s, 75 s, 3.5 min */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`
  if (ms < 10_000) return `${(ms / 1_000).toFixed(1)} s`
  if (ms < 120_000) return `${Math.round(ms / 1_000)} s`
  return `${(ms / 60_000).toFixed(1)} min`
}

/** 00:14 */
export function clock(ms: number): string {
  const seconds = Math.floor(ms / 1_000)
  const pad = (value: number) => String(value).padStart(2, '0')
  return `${pad(Math.floor(seconds / 60))}:${pad(seconds % 60)}`
}
