// The picture of a run as SVG. It can be read without the script, which only stretches it: what lies in a group
// `stretch` is scaled along the time, what has `data-x` is moved. Colour is never the only sign.
import { count, counted, duration } from '../words.ts'
import { html, type Markup, rounded } from './markup.ts'
import { barWords, cellWords, clockTick, countsWords, firingWords } from './report-words.ts'
import type { Bar, Cell, FaultRow, Lane, Look, RunPicture } from './run-picture.ts'

const gutterPx = 190
export const plotPx = 880
const widthPx = gutterPx + plotPx
const axisPx = 34
const faultRowPx = 24
const lanePx = 30
const barPx = 16
const chartPx = 92
const gapPx = 14
const ticksMax = 9
/** A time that would be cut off at the right end is left out. */
const tickWordsPx = 66
const tickStepsMs = [
  100, 200, 500, 1_000, 2_000, 5_000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000,
  1_800_000, 3_600_000,
]
/** Signs above the bars stand at least so far apart: on each other they would say nothing. */
const signPx = 9
/** A number is written into each mark of a fault while there are few of them. */
const numberedFiringsMax = 20
const stallWordsPx = 120
const nameCharsMax = 25

type Place = (atMs: number) => number

export function timelineSvg(picture: RunPicture): Markup {
  const { fromMs, toMs, lanes, faults } = picture
  const place: Place = (atMs) => rounded(((atMs - fromMs) / (toMs - fromMs)) * plotPx)
  const faultsTop = axisPx
  const lanesTop = faultsTop + faults.length * faultRowPx + (faults.length > 0 ? gapPx : 0)
  const rateTop = lanesTop + Math.max(1, lanes.length) * lanePx + gapPx
  const latencyTop = rateTop + chartPx + gapPx
  const heightPx = latencyTop + chartPx + 6
  const pieces = [
    axis(picture, place, heightPx),
    bands(picture, place, lanesTop, heightPx),
    ...faults.map((row, index) => faultRow(row, faultsTop + index * faultRowPx, place)),
    ...lanes.map((lane, index) => laneRow(lane, picture, lanesTop + index * lanePx, place)),
    rateChart(picture, rateTop, place),
    latencyChart(picture, latencyTop, place),
  ]
  const label = `Timeline: ${counted(picture.transactions, 'transaction')} in ${counted(lanes.length, 'lane')}, ${counted(faults.length, 'fault')}, ${duration(toMs - fromMs)}`
  return html`<svg class="timeline" id="timeline" viewBox="0 0 ${widthPx} ${heightPx}" width="${widthPx}" height="${heightPx}" role="img" aria-label="${label}" data-from="${fromMs}" data-to="${toMs}" data-plot="${plotPx}">
${pieces.map((piece) => piece.names)}
<svg class="plot" x="${gutterPx}" y="0" width="${plotPx}" height="${heightPx}" overflow="hidden">
<g class="stretch">${pieces.map((piece) => piece.stretched)}</g>
${pieces.map((piece) => piece.moved)}
</svg></svg>`
}

/** A part of the picture: in the gutter; along the time, scaled; along the time, moved. */
interface Piece {
  names?: Markup
  stretched?: Markup | Markup[]
  moved?: Markup | Markup[]
}

function axis({ fromMs, toMs, phases }: RunPicture, place: Place, heightPx: number): Piece {
  const stepMs =
    tickStepsMs.find((step) => (toMs - fromMs) / step <= ticksMax) ?? (toMs - fromMs) / ticksMax
  const ticks: Markup[] = []
  for (let atMs = Math.ceil(fromMs / stepMs) * stepMs; atMs <= toMs; atMs += stepMs) {
    const x = place(atMs)
    ticks.push(
      html`<g data-x="${x}" transform="translate(${x} 0)" class="tick"><line y1="20" y2="${heightPx}"/>${x > plotPx - tickWordsPx ? undefined : html`<text x="3" y="12">${clockTick(atMs, stepMs)}</text>`}</g>`,
    )
  }
  const told = phases.filter(({ name }) => name === 'warm' || name === 'load-finished')
  return {
    names: html`<text x="0" y="12" class="quiet">time, UTC</text>`,
    moved: [
      ...ticks,
      ...told.map(({ name, atMs }) => {
        const x = place(atMs)
        const anchor = x > plotPx * 0.85 ? 'end' : 'start'
        return html`<g data-x="${x}" transform="translate(${x} 0)" class="phase"><line y1="18" y2="${heightPx}"/><text x="${anchor === 'end' ? -4 : 4}" y="29" text-anchor="${anchor}">${name === 'warm' ? 'all instances work' : 'load ends'}</text></g>`
      }),
    ],
  }
}

/** Each firing across the lanes and charts. */
function bands({ faults }: RunPicture, place: Place, topPx: number, heightPx: number): Piece {
  return {
    stretched: faults.flatMap(({ firings }) =>
      firings.map(({ fromMs, toMs }) => {
        const x = place(fromMs)
        return html`<rect class="band" x="${x}" y="${topPx}" width="${rounded(place(toMs) - x)}" height="${heightPx - topPx}"/>`
      }),
    ),
  }
}

function faultRow(row: FaultRow, topPx: number, place: Place): Piece {
  const { name, firings, leftOut } = row
  const middle = topPx + faultRowPx / 2
  const more = leftOut === 0 ? '' : ` (the first ${firings.length} of ${firings.length + leftOut})`
  return {
    names: html`<text x="0" y="${middle + 4}" class="fault-name">▼ ${clipped(name)}<title>${name}${more}</title></text>`,
    stretched: firings.map(({ firing, fromMs, toMs }) => {
      const x = place(fromMs)
      return html`<rect class="fault" x="${x}" y="${topPx + 5}" width="${rounded(place(toMs) - x)}" height="14"><title>${firingWords(name, firing)}</title></rect>`
    }),
    moved:
      firings.length > numberedFiringsMax
        ? []
        : firings.map(({ firing, fromMs }) => {
            const x = place(fromMs)
            return html`<text data-x="${x}" transform="translate(${x} 0)" x="4" y="${middle + 4}" class="fault-number">${firing.number}</text>`
          }),
  }
}

function laneRow(lane: Lane, picture: RunPicture, topPx: number, place: Place): Piece {
  const barTop = topPx + lanePx - barPx - 4
  // What was simply aborted is seen in the cells.
  const own = picture.notable.filter(
    (bar) => bar.transactionalId === lane.name && signOf(bar) !== abortSign,
  )
  const signed = lane.cells.length > 0 ? own : lane.bars.filter((bar) => signOf(bar) !== undefined)
  return {
    names: html`<text x="0" y="${barTop + 12}" class="lane-name">${clipped(lane.name)}<title>${lane.name}: ${countsWords(lane.counts)}</title></text>`,
    stretched: [
      html`<line class="lane-line" x1="0" x2="${plotPx}" y1="${barTop + barPx}" y2="${barTop + barPx}"/>`,
      ...lane.bars.map((bar) => barRect(bar, barTop, place)),
      ...lane.cells.map((cell) => cellRects(lane.name, cell, barTop, place)),
    ],
    moved: [
      ...spaced(signed, place).map((bar) => {
        const x = place(bar.fromMs)
        return html`<text class="sign ${bar.found ? 'found' : ''}" tabindex="-1" data-x="${x}" transform="translate(${x} 0)" y="${barTop - 2}">${signOf(bar)}<title>${barWords(bar)}</title></text>`
      }),
      ...lane.processes
        .filter(({ atMs }) => atMs >= picture.fromMs && atMs <= picture.toMs)
        .map(({ atMs, change }) => {
          const x = place(atMs)
          return html`<text class="process" data-x="${x}" transform="translate(${x} 0)" x="-3" y="${barTop + 12}">${processSign[change] ?? '◆'}<title>process ${change}</title></text>`
        }),
    ],
  }
}

const processSign: Readonly<Record<string, string>> = {
  started: '▸',
  exited: '■',
  killed: '✖',
  paused: '‖',
  resumed: '▸',
  stopped: '■',
}

/** The worse of two that would stand on each other stays. */
function spaced(bars: readonly Bar[], place: Place): Bar[] {
  const rank = (bar: Bar): number => ['!', '?', abortSign].indexOf(signOf(bar) ?? abortSign)
  const byTime = [...bars].sort((a, b) => a.fromMs - b.fromMs)
  const kept: Bar[] = []
  for (const bar of byTime) {
    const last = kept.at(-1)
    if (last === undefined || place(bar.fromMs) - place(last.fromMs) >= signPx) kept.push(bar)
    else if (rank(bar) < rank(last)) kept[kept.length - 1] = bar
  }
  return kept
}

const abortSign = '×'

/** What stands above a bar that is not simply a commit. */
function signOf({ look, unsure, found }: Bar): string | undefined {
  if (found) return '!'
  if (look === 'unknown' || look === 'open' || unsure) return '?'
  return look === 'aborted' ? abortSign : undefined
}

const lookClass = ({ look, unsure, found }: Bar): string =>
  `${look}${unsure ? ' unsure' : ''}${found ? ' found' : ''}`

/** An aborted one is hollow and low, one without an answer is hatched. */
function barRect(bar: Bar, topPx: number, place: Place): Markup {
  const x = place(bar.fromMs)
  const isLow = bar.look === 'aborted'
  const height = isLow ? barPx / 2 : barPx
  return html`<rect class="bar ${lookClass(bar)}" x="${x}" y="${topPx + barPx - height}" width="${Math.max(0.1, rounded(place(bar.toMs) - x))}" height="${height}"><title>${barWords(bar)}</title></rect>`
}

/** Full height is shared by what became of the transactions, so that no outcome hides behind another. */
function cellRects(name: string, cell: Cell, topPx: number, place: Place): Markup {
  const x = place(cell.fromMs)
  const width = rounded(place(cell.toMs) - x)
  const whole = Object.values(cell.counts).reduce((sum, value) => sum + value, 0)
  let y = topPx + barPx
  const rects = (['committed', 'aborted', 'unknown', 'open'] as const).flatMap((look: Look) => {
    if (cell.counts[look] === 0) return []
    const height = Math.max(2, (barPx * cell.counts[look]) / whole)
    y -= height
    return [
      html`<rect class="bar ${look}" x="${x}" y="${rounded(y)}" width="${width}" height="${rounded(height)}"/>`,
    ]
  })
  return html`<g class="cell">${rects}<title>${cellWords(name, cell)}</title></g>`
}

function rateChart(picture: RunPicture, topPx: number, place: Place): Piece {
  const { recordsPerSecond: rates, slotMs, fromMs, stalls } = picture
  const most = Math.max(1, ...rates)
  const bottom = topPx + chartPx
  const height = chartPx - 14
  const xOf = (slot: number): number => place(Math.min(picture.toMs, fromMs + slot * slotMs))
  const steps = rates.map((rate, slot) => {
    const y = rounded(bottom - (rate / most) * height)
    return `L${xOf(slot)} ${y}L${xOf(slot + 1)} ${y}`
  })
  const path = `M0 ${bottom}${steps.join('')}L${plotPx} ${bottom}Z`
  return {
    names: chartNames(topPx, 'committed records', `per second, in ${duration(slotMs)}`, [
      { y: bottom - height, text: count(Math.round(most)) },
      { y: bottom, text: '0' },
    ]),
    stretched: [
      ...stalls.map((stall) => {
        const x = place(stall.fromMs)
        return html`<rect class="stall" x="${x}" y="${topPx}" width="${rounded(place(stall.toMs) - x)}" height="${chartPx}"><title>no progress for ${duration(stall.toMs - stall.fromMs)}</title></rect>`
      }),
      html`<path class="rate" d="${path}"/>`,
      html`<line class="lane-line" x1="0" x2="${plotPx}" y1="${bottom}" y2="${bottom}"/>`,
    ],
    moved: stalls
      .filter((stall) => place(stall.toMs) - place(stall.fromMs) > stallWordsPx)
      .map((stall) => {
        const x = place(stall.fromMs)
        return html`<text data-x="${x}" transform="translate(${x} 0)" x="6" y="${topPx + 12}" class="stall-words">no progress, ${duration(stall.toMs - stall.fromMs)}</text>`
      }),
  }
}

/** Milliseconds by powers of ten: a commit that took seconds would flatten all others. */
function latencyChart(picture: RunPicture, topPx: number, place: Place): Piece {
  const { commitLatency: slots, slotMs, fromMs } = picture
  const known = slots.flatMap((slot) => slot ?? [])
  const bottom = topPx + chartPx
  const height = chartPx - 14
  const lowest = powerBelow(Math.max(1, Math.min(...known.map(({ p50 }) => p50))))
  const highest = Math.max(powerBelow(Math.max(1, ...known.map(({ p99 }) => p99))) + 1, lowest + 1)
  const yOf = (ms: number): number => {
    const share = (Math.log10(Math.max(1, ms)) - lowest) / (highest - lowest)
    return rounded(bottom - Math.min(1, Math.max(0, share)) * height)
  }
  const xOf = (slot: number): number =>
    place(Math.min(picture.toMs, fromMs + (slot + 0.5) * slotMs))
  const line = (pick: (slot: { p50: number; p99: number }) => number): string =>
    slots
      .flatMap((slot, index) =>
        slot === undefined
          ? []
          : [`${slots[index - 1] === undefined ? 'M' : 'L'}${xOf(index)} ${yOf(pick(slot))}h0.1`],
      )
      .join('')
  const powers = known.length === 0 ? [] : range(lowest, highest)
  return {
    names: chartNames(
      topPx,
      'commit latency',
      known.length === 0 ? 'no commit was timed' : 'p50 solid, p99 dashed',
      powers.map((power) => ({ y: yOf(10 ** power), text: duration(10 ** power) })),
    ),
    stretched: [
      ...powers.map(
        (power) =>
          html`<line class="grid" x1="0" x2="${plotPx}" y1="${yOf(10 ** power)}" y2="${yOf(10 ** power)}"/>`,
      ),
      html`<path class="p99" d="${line(({ p99 }) => p99)}"/>`,
      html`<path class="p50" d="${line(({ p50 }) => p50)}"/>`,
    ],
  }
}

const powerBelow = (ms: number): number => (Number.isFinite(ms) ? Math.floor(Math.log10(ms)) : 0)

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index)
}

function chartNames(
  topPx: number,
  title: string,
  unit: string,
  marks: ReadonlyArray<{ y: number; text: string }>,
): Markup {
  return html`<text x="0" y="${topPx + 24}" class="chart-name">${title}</text><text x="0" y="${topPx + 39}" class="quiet">${unit}</text>${marks.map(({ y, text }) => html`<text x="${gutterPx - 6}" y="${y + 4}" text-anchor="end" class="quiet">${text}</text>`)}`
}

function clipped(name: string): string {
  return name.length <= nameCharsMax ? name : `${name.slice(0, nameCharsMax - 1)}…`
}
