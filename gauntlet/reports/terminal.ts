// A run on the terminal: one line per phase, and while a phase lasts a line that is drawn over and over with
// what has been sent, read, committed and broken so far. Without a terminal: plain lines, and now and then
// one of progress, so that a log shows that something goes on.
import type { Report, RunEvent, RunProgress } from '../run-events.ts'
import type { Output } from './output.ts'
import { quietLine, verdictLines } from './terminal-verdict.ts'
import { clock, count, duration } from './words.ts'

const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏']
const frameMs = 100
/** Between two lines of progress where lines cannot be drawn over. */
const plainProgressMs = 5_000

export interface TerminalOptions {
  /** Nothing but problems and the verdict. */
  quiet: boolean
  /** The command that repeats the run. */
  again: string
  version: string
}

export interface Terminal {
  report: Report
  /** Takes the live line away and says the last words, whatever was reported after them. */
  close(): void
}

export function createTerminal(output: Output, options: TerminalOptions): Terminal {
  const { colours } = output
  let live: { text: string; timer: NodeJS.Timeout } | undefined
  let progress: RunProgress | undefined
  let frame = 0
  let lastPlainMs = 0
  let lastWords: string[] = []

  function draw(): void {
    if (live === undefined) return
    const spinner = frames[frame++ % frames.length] ?? ''
    // The counts come first: what the phase is called may be cut, they may not.
    const counts = progress === undefined ? '' : `${progressText(progress)}   `
    const text = `  ${spinner} ${counts}${live.text}`.slice(0, output.columns() - 1)
    output.write(`\r\u001b[2K${text}`)
  }

  function clear(): void {
    if (live !== undefined) output.write('\r\u001b[2K')
  }

  function line(text: string): void {
    clear()
    output.write(`${text}\n`)
    draw()
  }

  function stopLive(): void {
    clear()
    if (live !== undefined) clearInterval(live.timer)
    live = undefined
    progress = undefined
  }

  function startLive(text: string): void {
    stopLive()
    if (!output.isLive) return
    const timer = setInterval(draw, frameMs)
    timer.unref()
    live = { text, timer }
    draw()
  }

  function phaseLine(mark: string, text: string, ms: number): string {
    return `  ${mark} ${text}  ${colours.dim(duration(ms))}`
  }

  function showPlainProgress(now: RunProgress): void {
    if (output.isLive || now.elapsedMs - lastPlainMs < plainProgressMs) return
    lastPlainMs = now.elapsedMs
    line(`    ${progressText(now)}`)
  }

  function report(event: RunEvent): void {
    switch (event.type) {
      case 'run':
        line(
          `\n  ${colours.bold(event.plan)}   ${colours.dim(`seed ${event.seed}   eos-gauntlet ${options.version}`)}`,
        )
        if (event.asks !== '') line(`  ${colours.dim(event.asks)}`)
        line('')
        break
      case 'phase-started':
        startLive(event.text)
        break
      case 'phase-done':
        stopLive()
        line(phaseLine(colours.green('✔'), event.text, event.ms))
        break
      case 'phase-failed':
        stopLive()
        line(phaseLine(colours.red('✖'), event.text, event.ms))
        break
      case 'progress':
        progress = event
        showPlainProgress(event)
        break
      case 'step':
        line(`    ${colours.dim(event.text)}`)
        break
      case 'note':
        line(`    ${event.text}`)
        break
      case 'problem':
        line(`  ${colours.yellow('!')} ${event.text}`)
        break
      case 'verdict':
        lastWords = verdictLines({ ...event, again: options.again }, colours)
        break
    }
  }

  function reportQuietly(event: RunEvent): void {
    if (event.type === 'problem') output.writeError(`! ${event.text}\n`)
    if (event.type === 'verdict') lastWords = [quietLine(event.result)]
  }

  return {
    report: options.quiet ? reportQuietly : report,
    close() {
      stopLive()
      for (const text of lastWords) line(text)
      lastWords = []
    },
  }
}

/** 1,200 sent · 1,150 read · tx 24 committed · crash 1/1 · 00:14 */
export function progressText(progress: RunProgress): string {
  const { records, transactions, faults, elapsedMs } = progress
  const ended = [
    `${count(transactions.committed)} committed`,
    ...(transactions.aborted > 0 ? [`${count(transactions.aborted)} aborted`] : []),
    ...(transactions.unknown > 0 ? [`${count(transactions.unknown)} unknown`] : []),
  ]
  return [
    clock(elapsedMs),
    `${count(records.sent)} sent`,
    `${count(records.read)} read`,
    `transactions ${ended.join(', ')}`,
    ...faults.map(({ name, applied, times }) =>
      times === 'unlimited' ? `${name} ×${applied}` : `${name} ${applied}/${times}`,
    ),
  ].join(' · ')
}
