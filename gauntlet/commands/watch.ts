// `gauntlet watch`: a running proxy followed from a terminal: its faults, its errors and, asked for, each step of each
// transaction, line by line until Ctrl-C; on a terminal the counts stand below.
import { exitCodes } from '../../proxy/errors.ts'
import type { TransactionOutcome } from '../../proxy/events.ts'
import { eventLine } from '../reports/event-line.ts'
import { count, duration } from '../reports/words.ts'
import { askRest, followRest } from '../rest-client.ts'
import { type CommandContext, proxyOf, type RawOptions } from './flags.ts'

const countsEveryMs = 1_000

interface Counts {
  transactions: Record<TransactionOutcome, number>
  faultsApplied: number
  open: number
  oldestOpenMs: number
  verdict: string
}

export async function watchCommand(
  options: RawOptions,
  { output, signal }: CommandContext,
): Promise<number> {
  const proxy = proxyOf(options)
  const verbose = options.verbose === true
  const counts: Counts = {
    transactions: { committed: 0, aborted: 0, unknown: 0 },
    faultsApplied: 0,
    open: 0,
    oldestOpenMs: 0,
    verdict: '',
  }
  const clear = (): void => {
    if (output.isLive) output.write('\r\u001b[2K')
  }
  const draw = (): void => {
    if (output.isLive) output.write(countsText(counts).slice(0, output.columns() - 1))
  }
  const { lastEventId } = await askRest(proxy, 'GET', '/health')
  const { ended } = await followRest(
    proxy,
    lastEventId,
    {
      onEvents(events) {
        clear()
        for (const { event } of events) {
          if (event.type === 'transaction' && event.phase === 'ended') {
            counts.transactions[event.outcome ?? 'unknown'] += 1
          }
          if (event.type === 'fault-applied') counts.faultsApplied += 1
          const line = eventLine(event, verbose)
          if (line !== undefined) output.write(`${line}\n`)
        }
        draw()
      },
      onMissed: (missed) => output.write(`${count(missed)} events were missed\n`),
    },
    signal,
  )
  output.write(`Following ${proxy.url}; Ctrl-C ends it.\n`)
  const look = async (): Promise<void> => {
    const [{ body: state }, { body: said }] = await Promise.all([
      askRest<{ transactions: { ageMs: number }[] }>(proxy, 'GET', '/v1/transactions'),
      askRest<{ verdict: string }>(proxy, 'GET', '/v1/verdict'),
    ])
    const open = state.transactions.filter(({ ageMs }) => ageMs > 0)
    counts.open = open.length
    counts.oldestOpenMs = Math.max(0, ...open.map(({ ageMs }) => ageMs))
    counts.verdict = said.verdict
    clear()
    draw()
  }
  const ticker = output.isLive
    ? setInterval(() => {
        // The stream itself says when the proxy has gone.
        look().catch(() => undefined)
      }, countsEveryMs)
    : undefined
  try {
    await ended
  } finally {
    clearInterval(ticker)
    clear()
  }
  return exitCodes.asExpected
}

export function countsText({ transactions, faultsApplied, open, oldestOpenMs, verdict }: Counts) {
  const oldest = open === 0 ? '' : `, oldest ${duration(oldestOpenMs)}`
  return [
    `  transactions ${count(transactions.committed)} committed, ${count(transactions.aborted)} aborted, ${count(transactions.unknown)} unknown`,
    `${count(open)} open${oldest}`,
    `faults applied ${count(faultsApplied)}`,
    `verdict ${verdict}`,
  ].join(' · ')
}
