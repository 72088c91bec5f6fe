// Records and ends per second, and how long commits take.
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { useEffect, useRef } from 'preact/hooks'
import type { Second } from './model/rates.ts'
import { proxyNowMs } from './rest.ts'
import { pulse, rates } from './state.ts'
import { colorOf, colorsChanged } from './theme.ts'
import { clock, duration, number } from './words.ts'

/** Whole minutes need no seconds. */
const timeOfDay = (second: number): string =>
  clock(second * 1_000).slice(0, second % 60 === 0 ? 5 : 8)

const secondsShown = 120
const chartHeight = 150

interface Line {
  label: string
  color: string
  dash?: number[]
  fill?: boolean
  of(second: Second): number | undefined
}

function Chart({
  title,
  unit,
  lines,
}: {
  title: string
  unit: (value: number) => string
  lines: readonly Line[]
}) {
  const holder = useRef<HTMLDivElement>(null)
  useEffect(() => {
    const element = holder.current!
    const axis: uPlot.Axis = {
      stroke: () => colorOf('muted'),
      grid: { stroke: () => colorOf('line'), width: 1 },
      ticks: { show: false },
      font: '11px system-ui, sans-serif',
    }
    const plot = new uPlot(
      {
        width: Math.max(200, element.clientWidth),
        height: chartHeight,
        cursor: { y: false, drag: { x: false, y: false } },
        legend: { show: false },
        padding: [8, 8, 0, 0],
        scales: {
          x: { time: true },
          y: { range: (_plot, _min, max) => [0, Math.max(1, max * 1.1)] },
        },
        axes: [
          { ...axis, space: 70, size: 28, values: (_plot, splits) => splits.map(timeOfDay) },
          { ...axis, size: 58, values: (_plot, values) => values.map(unit) },
        ],
        series: [
          {},
          ...lines.map(({ label, color, dash, fill }) => ({
            label,
            width: 1.75,
            stroke: () => colorOf(color),
            points: { show: false },
            spanGaps: true,
            ...(fill === true ? { fill: () => colorOf(`${color}-area`) } : {}),
            ...(dash === undefined ? {} : { dash }),
          })),
        ],
      },
      [[], ...lines.map(() => [])] as unknown as uPlot.AlignedData,
      element,
    )
    let shownSecond = 0
    const stopData = pulse.subscribe(() => {
      const nowMs = proxyNowMs()
      const second = Math.floor(nowMs / 1_000)
      if (second === shownSecond) return
      shownSecond = second
      const seconds = rates.until(nowMs, secondsShown)
      plot.setData([
        seconds.map((one) => one.second),
        ...lines.map(({ of }) => seconds.map((one) => of(one) ?? null)),
      ] as uPlot.AlignedData)
    })
    const stopColors = colorsChanged.subscribe(() => plot.redraw(false, true))
    const observer = new ResizeObserver(() => {
      plot.setSize({ width: Math.max(200, element.clientWidth), height: chartHeight })
    })
    observer.observe(element)
    return () => {
      stopData()
      stopColors()
      observer.disconnect()
      plot.destroy()
    }
  }, [])
  void pulse.value
  const last = rates.until(proxyNowMs(), 1)[0]
  return (
    <figure class="chart">
      <figcaption>
        <b>{title}</b>
        {lines.map(({ label, color, of }) => {
          const value = last === undefined ? undefined : of(last)
          return (
            <span key={label} class="key">
              <i style={{ background: `var(--${color})` }} aria-hidden="true" />
              {label} <b class="value">{value === undefined ? '–' : unit(value)}</b>
            </span>
          )
        })}
      </figcaption>
      <div ref={holder} aria-hidden="true" />
    </figure>
  )
}

const recordLines: readonly Line[] = [
  { label: 'records', color: 'accent', fill: true, of: ({ records }) => records },
]
const endLines: readonly Line[] = [
  { label: 'committed', color: 'committed', of: ({ ends }) => ends.committed },
  { label: 'aborted', color: 'aborted', dash: [6, 3], of: ({ ends }) => ends.aborted },
  { label: 'unknown', color: 'unknown', dash: [2, 3], of: ({ ends }) => ends.unknown },
]
const latencyLines: readonly Line[] = [
  { label: 'p50', color: 'accent', of: ({ commitP50Ms }) => commitP50Ms },
  { label: 'p99', color: 'fault', dash: [6, 3], of: ({ commitP99Ms }) => commitP99Ms },
]

export function Charts() {
  return (
    <section class="card charts" aria-label="Numbers per second">
      <Chart title="Records per second" unit={number} lines={recordLines} />
      <Chart title="Ends per second" unit={number} lines={endLines} />
      <Chart title="Commit latency" unit={duration} lines={latencyLines} />
    </section>
  )
}
