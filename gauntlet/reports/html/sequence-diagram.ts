// The steps of a finding as a sequence diagram: a line of life for each participant, an arrow for each message, an
// answer that was lost ends in a cross, a fault lies across the lines at its place.
import { html, type Markup } from './markup.ts'
import { clockMs } from './report-words.ts'
import type { Sequence, Step } from './sequence-steps.ts'

const widthPx = 1_070
const clockPx = 96
const headPx = 44
const rowPx = 40
const notePx = 30
const linePx = 17
/** Average width of a letter of the diagram's texts, for breaking lines. */
const letterPx = 6.4
const boldLetterPx = 7.3
const faultMarginPx = 16

interface Drawn {
  markup: Markup
  heightPx: number
}

export function sequenceSvg(sequence: Sequence): Markup {
  const { participants, steps, subject } = sequence
  const columnPx = (widthPx - clockPx) / Math.max(1, participants.length)
  const xOf = (name: string): number =>
    Math.round(clockPx + columnPx * (Math.max(0, participants.indexOf(name)) + 0.5))
  let y = headPx + 8
  let said = ''
  const rows = steps.map((step) => {
    const clock = clockMs(step.atMs)
    const isNew = clock !== said && step.kind !== 'section'
    if (isNew) said = clock
    const { markup, heightPx } = drawStep(step, y, xOf, columnPx)
    const row = html`<g class="step">${isNew ? html`<text x="0" y="${y + 16}" class="clock">${clock}</text>` : undefined}${markup}</g>`
    y += heightPx
    return row
  })
  const heightPx = y + 10
  const label = `What happened to ${subject}: ${steps.map(stepWords).join('; ')}`
  return html`<svg class="sequence" viewBox="0 0 ${widthPx} ${heightPx}" width="${widthPx}" height="${heightPx}" role="img" aria-label="${label}">
${participants.map((name) => {
  const x = xOf(name)
  const half = Math.min(columnPx / 2 - 8, Math.max(46, (name.length * letterPx) / 2 + 14))
  return html`<line class="life" x1="${x}" x2="${x}" y1="${headPx - 10}" y2="${heightPx}"/><rect class="participant" x="${x - half}" y="4" width="${half * 2}" height="28" rx="6"/><text x="${x}" y="23" text-anchor="middle" class="participant-name">${name}</text>`
})}
${rows}</svg>`
}

/** The diagram in words, for who cannot see it. */
export function stepWords(step: Step): string {
  const at = clockMs(step.atMs)
  switch (step.kind) {
    case 'exchange': {
      const lost =
        step.lost === undefined
          ? ''
          : step.lost === 'reply'
            ? ' (the answer never arrived)'
            : ' (never answered)'
      return `${at} ${step.client} to ${step.broker}: ${step.request}, ${step.reply}${lost}${step.hitBy === undefined ? '' : `, hit by ${step.hitBy.name} at the ${step.hitBy.moment}`}`
    }
    case 'fault':
      return `${at} fault ${step.text}`
    case 'marker':
      return `${at} ${step.from} to ${step.broker}: ${step.text}`
    case 'note':
      return `${at} ${step.of}: ${step.text}`
    case 'section':
      return step.text
  }
}

function drawStep(step: Step, y: number, xOf: (name: string) => number, columnPx: number): Drawn {
  switch (step.kind) {
    case 'section':
      return {
        heightPx: 34,
        markup: html`<line class="section-line" x1="0" x2="${widthPx}" y1="${y + 8}" y2="${y + 8}"/><text x="0" y="${y + 25}" class="section-name">${step.text}</text>`,
      }
    case 'exchange':
      return drawExchange(step, y, xOf)
    case 'marker': {
      const from = xOf(step.from)
      const to = xOf(step.broker)
      return {
        heightPx: rowPx,
        markup: html`<line class="message marker" x1="${from}" x2="${to}" y1="${y + 22}" y2="${y + 22}" marker-end="url(#arrow)"/>${messageText((from + to) / 2, y + 16, step.text)}`,
      }
    }
    case 'note': {
      const lines = broken(step.text, columnPx * 0.9)
      const x = xOf(step.of)
      const half = Math.max(...lines.map((line) => line.length)) * (letterPx / 2) + 10
      const left = Math.max(clockPx, Math.min(x - half, widthPx - half * 2))
      const height = lines.length * linePx + 8
      return {
        heightPx: height + notePx - 20,
        markup: html`<rect class="note ${step.bad ? 'bad' : ''}" x="${left}" y="${y}" width="${half * 2}" height="${height}" rx="5"/>${textLines(lines, left + half, y + 17, 'middle', 'note-text')}`,
      }
    }
    case 'fault': {
      const lines = broken(`▼ ${step.text}`, widthPx - clockPx - faultMarginPx * 3, boldLetterPx)
      const height = lines.length * linePx + 10
      return {
        heightPx: height + 10,
        markup: html`<rect class="fault-block" x="${clockPx + faultMarginPx}" y="${y}" width="${widthPx - clockPx - faultMarginPx}" height="${height}" rx="5"/>${textLines(lines, clockPx + faultMarginPx * 2, y + 18, 'start', 'fault-text')}`,
      }
    }
  }
}

/** Request and answer on one row each, unless both passed at once. */
function drawExchange(
  step: Extract<Step, { kind: 'exchange' }>,
  y: number,
  xOf: (name: string) => number,
): Drawn {
  const from = xOf(step.client)
  const to = xOf(step.broker)
  const middle = (from + to) / 2
  const direction = Math.sign(to - from) || 1
  const requestY = y + 22
  const replyY = y + 46
  const cross = (x: number, at: number) =>
    html`<path class="cross" d="M${x - 6} ${at - 6}L${x + 6} ${at + 6}M${x + 6} ${at - 6}L${x - 6} ${at + 6}"/>`
  const request =
    step.lost === 'request'
      ? html`<line class="message" x1="${from}" x2="${middle}" y1="${requestY}" y2="${requestY}"/>${cross(middle, requestY)}`
      : html`<line class="message ${step.marked ? 'marked' : ''}" x1="${from}" x2="${to - direction}" y1="${requestY}" y2="${requestY}" marker-end="url(#arrow)"/>`
  const reply =
    step.lost === 'request'
      ? undefined
      : step.lost === 'reply'
        ? html`<line class="message reply lost" x1="${to}" x2="${middle}" y1="${replyY}" y2="${replyY}"/>${cross(middle, replyY)}`
        : html`<line class="message reply" x1="${to}" x2="${from + direction}" y1="${replyY}" y2="${replyY}" marker-end="url(#arrow)"/>`
  const replyText =
    step.lost === 'reply'
      ? `${step.reply}, never arrived`
      : step.lost === 'request'
        ? 'no answer'
        : step.reply
  const isBad = step.lost !== undefined || (step.reply !== 'NONE' && step.reply !== 'answered')
  const hit = step.hitBy
  const hitMark =
    hit === undefined
      ? undefined
      : html`<text class="hit" x="${Math.round(Math.max(from, to) + 10)}" y="${(hit.moment === 'reply' ? replyY : requestY) + 4}">▼ ${hit.name}</text>`
  const labelX = step.lost === 'reply' ? (to + middle) / 2 : middle
  return {
    heightPx: 58,
    markup: html`${request}${messageText(middle, y + 16, step.request, step.marked ? 'marked' : '')}${reply}${messageText(labelX, y + 41, replyText, isBad ? 'bad' : 'quiet')}${hitMark}`,
  }
}

function messageText(x: number, y: number, text: string, kind = ''): Markup {
  return html`<text x="${Math.round(x)}" y="${y}" text-anchor="middle" class="message-text ${kind}">${text}</text>`
}

function textLines(
  lines: readonly string[],
  x: number,
  y: number,
  anchor: 'start' | 'middle',
  kind: string,
): Markup {
  return html`<text text-anchor="${anchor}" class="${kind}">${lines.map((line, index) => html`<tspan x="${Math.round(x)}" y="${y + index * linePx}">${line}</tspan>`)}</text>`
}

/** Lines that fit into a width, broken between words. */
export function broken(text: string, withinPx: number, perLetterPx = letterPx): string[] {
  const most = Math.max(8, Math.floor(withinPx / perLetterPx))
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`
    if (longer.length <= most) {
      line = longer
      continue
    }
    if (line !== '') lines.push(line)
    line = word.length <= most ? word : `${word.slice(0, most - 1)}…`
  }
  return line === '' ? lines : [...lines, line]
}
