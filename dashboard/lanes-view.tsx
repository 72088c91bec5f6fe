// The lanes on the page: one canvas, drawn once a frame, under an element that scrolls, takes the keys and the mouse,
// and says in words what is picked.
import { signal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { axisHeight, createLanePainter } from './draw-lanes.ts'
import { type Bar, barAt, indexOf, type Lane, oldestIndex } from './model/lanes.ts'
import { proxyNowMs } from './rest.ts'
import { lanes, marks, pulse, rates } from './state.ts'
import { colorsChanged, lanePalette } from './theme.ts'
import { clock, duration } from './words.ts'

export const windows = [
  { ms: 10_000, name: '10 s' },
  { ms: 30_000, name: '30 s' },
  { ms: 120_000, name: '2 min' },
  { ms: 600_000, name: '10 min' },
] as const
const windowMs = signal(30_000)
const pausedAtMs = signal<number | undefined>(undefined)
const picked = signal<{ id: string; ordinal: number } | undefined>(undefined)
const rowHeights = { most: 22, least: 10 } as const
/** Drawn anew at least so often, since what has become of a transaction is to be seen. */
const redrawMaxMs = 200
const areaHeights = { most: 440, least: 150 } as const

function gutterFor(width: number): number {
  return Math.min(180, Math.max(90, width * 0.2))
}

/** As high as there is room for, within what can be read. */
function rowHeightFor(count: number, height: number): number {
  const room = Math.floor((height - axisHeight) / Math.max(1, count))
  return Math.max(rowHeights.least, Math.min(rowHeights.most, room))
}

function areaHeightFor(count: number): number {
  const wanted = axisHeight + count * rowHeights.most + 4
  return Math.max(areaHeights.least, Math.min(areaHeights.most, wanted))
}

const nowMs = (): number => pausedAtMs.value ?? proxyNowMs()

export function LanesView() {
  const canvasRef = useRef<HTMLCanvasElement>(null)
  const scrollRef = useRef<HTMLDivElement>(null)
  const spacerRef = useRef<HTMLDivElement>(null)

  useEffect(() => {
    const canvas = canvasRef.current!
    const scroller = scrollRef.current!
    const spacer = spacerRef.current!
    const area = scroller.parentElement!
    const context = canvas.getContext('2d')!
    const painter = createLanePainter()
    let palette = -1
    let spacerHeight = -1
    let width = 0
    let height = 0
    let drawn = ''
    const observer = new ResizeObserver(() => {
      width = scroller.clientWidth
      height = scroller.clientHeight
      canvas.width = Math.round(width * devicePixelRatio)
      canvas.height = Math.round(height * devicePixelRatio)
      canvas.style.width = `${width}px`
      canvas.style.height = `${height}px`
    })
    observer.observe(scroller)
    let frame = requestAnimationFrame(function draw() {
      frame = requestAnimationFrame(draw)
      if (width === 0) return
      if (palette !== colorsChanged.value) {
        palette = colorsChanged.value
        painter.setPalette(lanePalette())
      }
      const all = lanes.all()
      const rowHeight = rowHeightFor(all.length, height)
      const wantedHeight = axisHeight + all.length * rowHeight
      if (wantedHeight !== spacerHeight) {
        spacerHeight = wantedHeight
        spacer.style.height = `${wantedHeight}px`
        area.style.height = `${areaHeightFor(all.length)}px`
      }
      const gutter = gutterFor(width)
      const { scrollTop } = scroller
      const selected = picked.value
      // Time moves the picture by whole pixels: what lies between two of them would be drawn for nobody.
      const stepMs = Math.min(redrawMaxMs, windowMs.value / ((width - gutter) * devicePixelRatio))
      const now = nowMs()
      const step = Math.floor(now / stepMs)
      const wanted = `${step} ${stepMs} ${width} ${height} ${scrollTop} ${palette} ${all.length} ${selected?.id} ${selected?.ordinal}`
      if (wanted === drawn) return
      drawn = wanted
      painter.draw(context, all, marks.all(), {
        width,
        height,
        pixelRatio: devicePixelRatio,
        nowMs: now,
        windowMs: windowMs.value,
        rowHeight,
        scrollTop,
        gutter,
        selected,
      })
    })
    return () => {
      cancelAnimationFrame(frame)
      observer.disconnect()
    }
  }, [])

  const pickAt = (event: PointerEvent): void => {
    const scroller = scrollRef.current!
    const box = scroller.getBoundingClientRect()
    const all = lanes.all()
    const rowHeight = rowHeightFor(all.length, box.height)
    const y = event.clientY - box.top - axisHeight
    const lane = y < 0 ? undefined : all[Math.floor((y + scroller.scrollTop) / rowHeight)]
    if (lane === undefined) return
    const width = scroller.clientWidth
    const gutter = gutterFor(width)
    const perMs = (width - gutter) / windowMs.value
    const atMs = nowMs() - windowMs.value + (event.clientX - box.left - gutter) / perMs
    pickNear(lane, atMs)
  }

  return (
    <section class="card lanes" aria-labelledby="lanes-title">
      <header>
        <h2 id="lanes-title">Transactions</h2>
        <Legend />
        <span class="spring" />
        <fieldset class="segments" aria-label="Time shown">
          {windows.map(({ ms, name }) => (
            <button
              type="button"
              key={ms}
              aria-pressed={windowMs.value === ms}
              onClick={() => {
                windowMs.value = ms
              }}
            >
              {name}
            </button>
          ))}
        </fieldset>
        <button type="button" aria-pressed={pausedAtMs.value !== undefined} onClick={togglePause}>
          Pause
        </button>
      </header>
      <div class="lane-area">
        <canvas ref={canvasRef} role="img" aria-label="Transactions as bars on lanes" />
        <div
          ref={scrollRef}
          class="lane-scroll"
          // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls and takes keys of its own
          tabIndex={0}
          role="application"
          aria-label="Lanes of transactions. Up and down pick a lane, left and right a transaction, space pauses."
          aria-describedby="lane-details"
          onPointerDown={pickAt}
          onKeyDown={(event) => {
            if (onKey(event.key, scrollRef.current!)) event.preventDefault()
          }}
        >
          <div ref={spacerRef} />
        </div>
      </div>
      <Details />
    </section>
  )
}

function togglePause(): void {
  pausedAtMs.value = pausedAtMs.value === undefined ? proxyNowMs() : undefined
}

/** The bar that is nearest in time. */
function pickNear(lane: Lane, atMs: number): void {
  let best: Bar | undefined
  let bestMs = Number.POSITIVE_INFINITY
  for (let index = lane.count - 1; index >= oldestIndex(lane); index -= 1) {
    const bar = barAt(lane, index)!
    const awayMs = Math.max(0, bar.startMs - atMs, atMs - (bar.endMs ?? nowMs()))
    if (awayMs < bestMs) {
      best = bar
      bestMs = awayMs
    }
    if (awayMs === 0 || bar.startMs < atMs - windowMs.value) break
  }
  picked.value = best === undefined ? undefined : { id: lane.id, ordinal: best.ordinal }
}

/** True when the key was for us. */
function onKey(key: string, scroller: HTMLElement): boolean {
  if (key === ' ') {
    togglePause()
    return true
  }
  if (key === 'Escape') {
    picked.value = undefined
    return true
  }
  const all = lanes.all()
  const row = all.findIndex(({ id }) => id === picked.value?.id)
  const lane = all[row]
  const steps: Record<string, number> = { ArrowUp: -1, ArrowDown: 1 }
  const step = steps[key]
  if (step !== undefined) {
    const next = all[Math.max(0, Math.min(all.length - 1, row + step))]
    if (next === undefined) return true
    const current =
      lane === undefined ? undefined : barAt(lane, indexOf(lane, picked.value!.ordinal) ?? -1)
    pickNear(next, current?.startMs ?? nowMs())
    const rowHeight = rowHeightFor(all.length, scroller.clientHeight)
    const top = all.indexOf(next) * rowHeight
    const room = scroller.clientHeight - axisHeight - rowHeight
    if (top < scroller.scrollTop) scroller.scrollTop = top
    else if (top > scroller.scrollTop + room) scroller.scrollTop = top - room
    return true
  }
  const sideways: Record<string, number> = { ArrowLeft: -1, ArrowRight: 1 }
  const side = sideways[key]
  if (side === undefined && key !== 'End' && key !== 'Home') return false
  if (lane === undefined) return onKey('ArrowDown', scroller)
  const index = indexOf(lane, picked.value!.ordinal) ?? lane.count - 1
  const wanted =
    key === 'End' ? lane.count - 1 : key === 'Home' ? oldestIndex(lane) : index + (side ?? 0)
  const bar = barAt(lane, wanted)
  if (bar !== undefined) picked.value = { id: lane.id, ordinal: bar.ordinal }
  return true
}

function Legend() {
  void pulse.value
  const { committed, aborted, unknown } = rates.totals()
  const entries = [
    { state: 'committed', count: committed },
    { state: 'aborted', count: aborted },
    { state: 'unknown', count: unknown },
    { state: 'open', count: undefined },
  ]
  return (
    <ul
      class="legend"
      aria-label="How transactions ended; unknown ones count again when they are known"
    >
      {entries.map(({ state, count }) => (
        <li key={state}>
          <i class={`swatch ${state}`} aria-hidden="true" />
          {state}
          {count === undefined ? null : <b class="value">{count.toLocaleString('en')}</b>}
        </li>
      ))}
    </ul>
  )
}

const barWords: Record<Bar['state'], string> = {
  open: 'is open',
  committed: 'committed',
  aborted: 'aborted',
  unknown: 'outcome unknown',
  unseen: 'ended unseen',
}

function Details() {
  void pulse.value
  const selection = picked.value
  const lane = selection === undefined ? undefined : lanes.lane(selection.id)
  const bar =
    lane === undefined ? undefined : barAt(lane, indexOf(lane, selection?.ordinal ?? 0) ?? -1)
  if (lane === undefined || bar === undefined) {
    const count = lanes.all().length
    return (
      <p class="details" id="lane-details">
        {count === 0
          ? 'No transaction has been seen yet. Point an application at the proxy.'
          : `${count.toLocaleString('en')} transactional ids. Click a bar, or use the arrow keys.`}
      </p>
    )
  }
  const { ordinal, state, startMs, endingMs, endMs, wasUnknown, evidence } = bar
  const parts = [
    `began ${clock(startMs)}`,
    ...(endMs === undefined ? [] : [`took ${duration(endMs - startMs)}`]),
    ...(endingMs === undefined || endMs === undefined || state === 'unknown'
      ? []
      : [`of that ${duration(endMs - endingMs)} to end`]),
    ...(wasUnknown && state !== 'unknown' ? ['its outcome was unknown at first'] : []),
    ...(evidence === undefined ? [] : [`known by: ${evidence.replaceAll('-', ' ')}`]),
    ...(lane.instance === undefined ? [] : [`instance ${lane.instance}`]),
  ]
  return (
    <p class="details" id="lane-details" role="status">
      <i class={`swatch ${state}`} aria-hidden="true" />
      <b>
        {lane.id} #{ordinal} {barWords[state]}
      </b>{' '}
      {parts.join(', ')}
    </p>
  )
}
