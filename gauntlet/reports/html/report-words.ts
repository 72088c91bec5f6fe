// Words, numbers and times as the page says them. Times are UTC with milliseconds, as in the sentences of findings.
import type { Firing } from '../../../proxy/events.ts'
import { count, counted, duration } from '../words.ts'
import { html, type Markup } from './markup.ts'
import type { Bar, Cell, Look } from './run-picture.ts'

/** 12:01:07.312 */
export function clockMs(atMs: number): string {
  return new Date(atMs).toISOString().slice(11, 23)
}

/** 12:01:07, or with tenths where ticks are that close. */
export function clockTick(atMs: number, stepMs: number): string {
  return new Date(atMs).toISOString().slice(11, stepMs < 1_000 ? 21 : 19)
}

/** 2026-11-24 */
export function day(atMs: number): string {
  return new Date(atMs).toISOString().slice(0, 10)
}

export function lookWords({ look, unsure }: Pick<Bar, 'look' | 'unsure'>): string {
  switch (look) {
    case 'committed':
      return unsure ? 'committed; the client was without the answer' : 'committed'
    case 'aborted':
      return unsure ? 'aborted; the client was without the answer' : 'aborted'
    case 'unknown':
      return 'outcome unknown'
    case 'open':
      return 'never ended'
  }
}

export function barWords(bar: Bar): string {
  const parts = [
    `${bar.transactionalId}, transaction ${bar.transaction}: ${lookWords(bar)}`,
    `${clockMs(bar.fromMs)} to ${clockMs(bar.toMs)} (${duration(bar.toMs - bar.fromMs)})`,
    counted(bar.records, 'record'),
    ...(bar.found ? ['named by a finding'] : []),
  ]
  return parts.join('\n')
}

const looks: readonly Look[] = ['committed', 'aborted', 'unknown', 'open']

export function countsWords(counts: Record<Look, number>): string {
  return looks
    .filter((look) => counts[look] > 0)
    .map((look) => `${count(counts[look])} ${look}`)
    .join(', ')
}

export function cellWords(name: string, cell: Cell): string {
  return [
    `${name}: ${countsWords(cell.counts)}`,
    `${clockMs(cell.fromMs)} to ${clockMs(cell.toMs)}`,
    ...(cell.unsure > 0 ? [`the client was without the answer in ${count(cell.unsure)}`] : []),
    ...(cell.found > 0 ? [`${count(cell.found)} named by a finding`] : []),
  ].join('\n')
}

export function firingWords(fault: string, firing: Firing): string {
  const { number, firedAtMs, healedAtMs, effect, brokerAnswer, exchange, moment, discarded } =
    firing
  const at = exchange === undefined ? '' : `at ${moment ?? 'message'} ${exchange.api}`
  return [
    `${fault}, firing ${number} ${at}`.trim(),
    healedAtMs === undefined
      ? clockMs(firedAtMs)
      : `${clockMs(firedAtMs)} to ${clockMs(healedAtMs)} (${duration(healedAtMs - firedAtMs)})`,
    ...(effect === undefined ? [] : [effect]),
    ...(brokerAnswer === undefined ? [] : [`the broker answered ${brokerAnswer}`]),
    ...(discarded === true ? ['discarded: its client went away first'] : []),
  ].join('\n')
}

/** A sentence in which `names` between backticks stand out. */
export function prose(text: string): Markup {
  const parts = text.split('`')
  // An odd one is no name but a backtick.
  if (parts.length % 2 === 0) return html`${text}`
  return html`${parts.map((part, index) => (index % 2 === 1 ? html`<code>${part}</code>` : part))}`
}
