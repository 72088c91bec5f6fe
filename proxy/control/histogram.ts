// Histograms for Prometheus from counts that are kept elsewhere: the text of the exposition format.
// Bounds are milliseconds inside and seconds outside.

export interface HistogramSeries {
  labels: Readonly<Record<string, string>>
  /** One more than there are bounds; each counts its own group only. */
  groups: readonly number[]
  sumMs: number
}

const escaped = (value: string): string =>
  value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')

function labelText(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`)
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

export function histogramText(
  name: string,
  help: string,
  boundsMs: readonly number[],
  series: readonly HistogramSeries[],
): string {
  const lines = [`# HELP ${name} ${help}`, `# TYPE ${name} histogram`]
  for (const { labels, groups, sumMs } of series) {
    let sum = 0
    groups.forEach((count, group) => {
      sum += count
      const boundMs = boundsMs[group]
      const le = boundMs === undefined ? '+Inf' : String(boundMs / 1_000)
      lines.push(`${name}_bucket${labelText({ ...labels, le })} ${sum}`)
    })
    lines.push(`${name}_sum${labelText(labels)} ${sumMs / 1_000}`)
    lines.push(`${name}_count${labelText(labels)} ${sum}`)
  }
  return `${lines.join('\n')}\n`
}

/** Counts durations in groups. */
export function createDurations(boundsMs: readonly number[]): {
  note(tookMs: number): void
  series(): Omit<HistogramSeries, 'labels'>
} {
  const groups = new Array<number>(boundsMs.length + 1).fill(0)
  let sumMs = 0
  return {
    note(tookMs) {
      const found = boundsMs.findIndex((boundMs) => tookMs <= boundMs)
      const group = found < 0 ? boundsMs.length : found
      groups[group] = (groups[group] ?? 0) + 1
      sumMs += tookMs
    },
    series: () => ({ groups: [...groups], sumMs }),
  }
}
