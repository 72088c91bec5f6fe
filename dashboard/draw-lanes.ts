// Draws the lanes of one moment on a canvas: names, bars, fault marks, the line of time. Knows no events and keeps
// nothing but its patterns.
import { type Lane, oldestIndex, states } from './model/lanes.ts'
import type { Mark } from './model/marks.ts'

export interface Palette {
  text: string
  muted: string
  line: string
  stripe: string
  select: string
  open: string
  committed: string
  aborted: string
  unknown: string
  unseen: string
  fault: string
  faultArea: string
}

export interface View {
  /** In CSS pixels. */
  width: number
  height: number
  pixelRatio: number
  /** The time at the right edge, and how much of it is shown. */
  nowMs: number
  windowMs: number
  rowHeight: number
  scrollTop: number
  gutter: number
  selected: { id: string; ordinal: number } | undefined
}

export const axisHeight = 22
/** Bars that nobody should miss are at least so wide, however short they are. */
const attentionWidthMin = 4
const joinBelowWidth = 3

type Context = CanvasRenderingContext2D

export interface LanePainter {
  draw(context: Context, lanes: readonly Lane[], marks: readonly Mark[], view: View): void
  setPalette(palette: Palette): void
}

function hatchOf(context: Context, color: string, pixelRatio: number): CanvasPattern | string {
  const size = Math.round(6 * pixelRatio)
  const tile = document.createElement('canvas')
  tile.width = size
  tile.height = size
  const pen = tile.getContext('2d')
  if (pen === null) return color
  pen.strokeStyle = color
  pen.lineWidth = size / 3
  pen.beginPath()
  for (const offset of [-size, 0, size]) {
    pen.moveTo(offset - 1, size + 1)
    pen.lineTo(offset + size + 1, -1)
  }
  pen.stroke()
  const pattern = context.createPattern(tile, 'repeat')
  pattern?.setTransform(new DOMMatrix().scale(1 / pixelRatio))
  return pattern ?? color
}

function stepMs(windowMs: number): number {
  const steps = [1_000, 2_000, 5_000, 10_000, 15_000, 30_000, 60_000, 120_000]
  return steps.find((step) => windowMs / step <= 8) ?? 300_000
}

export function createLanePainter(): LanePainter {
  let palette: Palette
  let hatch: CanvasPattern | string | undefined
  let hatchRatio = 0

  const colorOf = (state: number): string => palette[states[state] ?? 'unseen']

  function drawBar(
    context: Context,
    state: number,
    x: number,
    y: number,
    width: number,
    height: number,
  ): void {
    switch (states[state]) {
      case 'unknown':
        context.fillStyle = hatch ?? palette.unknown
        context.fillRect(x, y, width, height)
        context.strokeStyle = palette.unknown
        if (width > 2) context.strokeRect(x + 0.5, y + 0.5, width - 1, height - 1)
        break
      case 'aborted': {
        // Half as high: told apart without colour.
        context.fillStyle = palette.aborted
        const half = Math.max(2, Math.round(height / 2))
        context.fillRect(x, y + height - half, width, half)
        break
      }
      case 'open':
        context.strokeStyle = palette.open
        if (width > 2) context.strokeRect(x + 0.5, y + 0.5, width - 1, height - 1)
        else {
          context.fillStyle = palette.open
          context.fillRect(x, y, width, height)
        }
        break
      default:
        context.fillStyle = colorOf(state)
        context.fillRect(x, y, width, height)
    }
  }

  function drawLane(context: Context, lane: Lane, top: number, view: View): void {
    const { nowMs, windowMs, rowHeight, gutter, width, selected } = view
    const fromMs = nowMs - windowMs
    const perMs = (width - gutter) / windowMs
    const pad = rowHeight > 12 ? 3 : 1
    const y = top + pad
    const height = rowHeight - pad * 2
    const { bars } = lane
    const { capacity, starts, ends, endings, unknowns, ordinals } = bars
    // Short neighbours of one state become one rectangle: what is under a pixel is not seen anyway.
    let runState = -1
    let runLeft = 0
    let runRight = 0
    const flush = (): void => {
      if (runState < 0) return
      drawBar(context, runState, runLeft, y, Math.max(1, runRight - runLeft), height)
      runState = -1
    }
    const attention: number[] = []
    const oldest = oldestIndex(lane)
    for (let index = lane.count - 1; index >= oldest; index -= 1) {
      const at = index % capacity
      const start = starts[at]!
      const end = ends[at] === 0 ? nowMs : ends[at]!
      if (end < fromMs) break
      if (start > nowMs) continue
      const left = gutter + Math.max(0, (start - fromMs) * perMs)
      const right = gutter + Math.min(nowMs - fromMs, end - fromMs) * perMs
      const state = bars.states[at]!
      if (state === 2 || state === 3 || unknowns[at] === 1 || ordinals[at] === selected?.ordinal) {
        attention.push(at, left, right)
        if (state === 3 || state === 2) continue
      }
      const isShort = right - left < joinBelowWidth
      if (isShort && state === runState && right >= runLeft - 1) {
        runLeft = Math.min(runLeft, left)
        continue
      }
      flush()
      if (isShort) {
        runState = state
        runLeft = left
        runRight = right
        continue
      }
      // A hair of air between neighbours.
      drawBar(context, state, left, y, right - left - 0.75, height)
      const ending = endings[at]!
      if (state === 1 && ending > 0 && (end - ending) * perMs > 3 && height > 6) {
        context.fillStyle = palette.line
        context.fillRect(gutter + Math.max(0, ending - fromMs) * perMs, y, 1, height)
      }
    }
    flush()
    for (let item = 0; item < attention.length; item += 3) {
      const at = attention[item]!
      const left = attention[item + 1]!
      const right = Math.max(attention[item + 2]!, left + attentionWidthMin)
      const state = bars.states[at]!
      if (state === 3 || state === 2) drawBar(context, state, left, y, right - left, height)
      else if (unknowns[at] === 1) {
        // Known by now; a hatched edge keeps that it was not.
        context.fillStyle = hatch ?? palette.unknown
        context.fillRect(left, y, right - left, Math.max(2, Math.round(height / 3)))
      }
      if (selected?.id === lane.id && ordinals[at] === selected.ordinal) {
        context.strokeStyle = palette.select
        context.lineWidth = 2
        context.strokeRect(left - 1, y - 1, right - left + 2, height + 2)
        context.lineWidth = 1
      }
    }
  }

  function drawMarks(context: Context, marks: readonly Mark[], view: View): void {
    const { nowMs, windowMs, gutter, width, height } = view
    const fromMs = nowMs - windowMs
    const perMs = (width - gutter) / windowMs
    let labelRight = -1
    for (const { fault, number, firedMs, appliedMs, healedMs } of marks) {
      const startMs = appliedMs ?? firedMs
      if (startMs > nowMs || (healedMs ?? startMs) < fromMs) continue
      const x = gutter + Math.max(0, startMs - fromMs) * perMs
      const right = gutter + Math.min(windowMs, (healedMs ?? nowMs) - fromMs) * perMs
      if (appliedMs !== undefined && right - x > 1) {
        context.fillStyle = palette.faultArea
        context.fillRect(x, axisHeight, right - x, height - axisHeight)
      }
      context.strokeStyle = palette.fault
      context.setLineDash(appliedMs === undefined ? [3, 3] : [])
      context.lineWidth = 1.5
      context.beginPath()
      context.moveTo(x, 4)
      context.lineTo(x, height)
      context.stroke()
      context.setLineDash([])
      context.lineWidth = 1
      const label = number > 1 ? `${fault} #${number}` : fault
      const labelWidth = context.measureText(label).width
      if (x + 4 > labelRight && x + labelWidth + 4 < width) {
        context.fillStyle = palette.fault
        context.fillText(label, x + 4, 9)
        labelRight = x + labelWidth + 10
      }
    }
  }

  function drawAxis(context: Context, view: View): void {
    const { nowMs, windowMs, gutter, width, height } = view
    const perMs = (width - gutter) / windowMs
    const step = stepMs(windowMs)
    context.textAlign = 'center'
    for (let agoMs = step; agoMs < windowMs; agoMs += step) {
      const x = Math.round(width - agoMs * perMs) + 0.5
      context.strokeStyle = palette.line
      context.beginPath()
      context.moveTo(x, axisHeight)
      context.lineTo(x, height)
      context.stroke()
      context.fillStyle = palette.muted
      const text = agoMs < 60_000 ? `−${agoMs / 1_000} s` : `−${agoMs / 60_000} min`
      context.fillText(text, x, axisHeight - 5)
    }
    context.textAlign = 'left'
    void nowMs
  }

  return {
    setPalette(next) {
      palette = next
      hatch = undefined
    },
    draw(context, lanes, marks, view) {
      const { width, height, pixelRatio, rowHeight, scrollTop, gutter, selected } = view
      if (hatch === undefined || hatchRatio !== pixelRatio) {
        hatch = hatchOf(context, palette.unknown, pixelRatio)
        hatchRatio = pixelRatio
      }
      context.setTransform(pixelRatio, 0, 0, pixelRatio, 0, 0)
      context.clearRect(0, 0, width, height)
      context.font = '11px system-ui, sans-serif'
      context.textBaseline = 'alphabetic'
      drawAxis(context, view)
      context.save()
      context.beginPath()
      context.rect(0, axisHeight, width, height - axisHeight)
      context.clip()
      const first = Math.floor(scrollTop / rowHeight)
      const last = Math.min(lanes.length, Math.ceil((scrollTop + height - axisHeight) / rowHeight))
      const fontSize = Math.min(12, Math.max(8, rowHeight - 3))
      context.font = `${fontSize}px ui-monospace, monospace`
      for (let row = first; row < last; row += 1) {
        const lane = lanes[row]!
        const top = axisHeight + row * rowHeight - scrollTop
        if (row % 2 === 1) {
          context.fillStyle = palette.stripe
          context.fillRect(0, top, width, rowHeight)
        }
        context.save()
        context.beginPath()
        context.rect(0, top, gutter - 8, rowHeight)
        context.clip()
        context.fillStyle = selected?.id === lane.id ? palette.select : palette.text
        context.fillText(lane.id, 8, top + rowHeight / 2 + fontSize * 0.35)
        context.restore()
        drawLane(context, lane, top, view)
      }
      context.restore()
      context.font = '600 11px system-ui, sans-serif'
      drawMarks(context, marks, view)
    },
  }
}
