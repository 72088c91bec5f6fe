// Transactions for who looks at them on the command line: a table, one in full, those that hang. Pure text.
import type { HangingTransaction } from '../../proxy/effects/transactions-at-brokers.ts'
import type { DescribedTransaction, ListedTransaction } from '../transaction-desk.ts'
import type { Output } from './output.ts'

type Colours = Output['colours']

const partitionsShownMax = 3

function ageText(ageMs: number | undefined): string {
  if (ageMs === undefined || ageMs === 0) return ''
  const seconds = Math.round(ageMs / 1_000)
  if (seconds < 120) return `${seconds} s`
  return seconds < 7_200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3_600)} h`
}

function partitionsText(partitions: readonly string[]): string {
  const more = partitions.length - partitionsShownMax
  return [...partitions.slice(0, partitionsShownMax), ...(more > 0 ? [`${more} more`] : [])].join(
    ', ',
  )
}

function table(rows: ReadonlyArray<readonly string[]>, colours: Colours): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  )
  return rows.map((row, index) => {
    const line = `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`
    return index === 0 ? colours.dim(line.trimEnd()) : line.trimEnd()
  })
}

export function transactionTable(
  transactions: readonly ListedTransaction[],
  colours: Colours,
): string[] {
  if (transactions.length === 0) return ['  no transactional id is known']
  const rows = transactions.map((one) => [
    one.transactionalId,
    one.state,
    `${one.producerId}/${one.producerEpoch}`,
    one.coordinator === undefined ? '' : String(one.coordinator),
    ageText(one.ageMs),
    partitionsText(one.partitions),
    one.marks.join(', '),
  ])
  const header = ['transactional id', 'state', 'producer/epoch', 'coordinator', 'age', 'partitions']
  return table([[...header, ''], ...rows], colours)
}

const reasons = {
  'nobody-knows-it': 'no coordinator knows it',
  'past-its-timeout': 'past its timeout',
  'open-for-long': 'open for long',
} as const

export function hangingTable(found: readonly HangingTransaction[], colours: Colours): string[] {
  if (found.length === 0) return ['  no transaction hangs']
  const rows = found.map(({ id, why, ageMs, partitions, producerId, producerEpoch }) => [
    id,
    reasons[why],
    `${producerId}/${producerEpoch}`,
    ageText(ageMs),
    partitionsText(partitions),
  ])
  return table([['id', 'why', 'producer/epoch', 'age', 'partitions'], ...rows], colours)
}

export function describedLines({ seen, cluster }: DescribedTransaction, nowMs: number): string[] {
  const lines: Array<[string, string]> = []
  if (cluster !== undefined) {
    const { startedAtMs } = cluster
    lines.push(
      ['state', `${cluster.state}, by broker ${cluster.coordinator}`],
      ['producer', `${cluster.producerId}, epoch ${cluster.producerEpoch}`],
      ['timeout', `${cluster.timeoutMs} ms`],
      ['open for', startedAtMs === undefined ? 'not open' : ageText(nowMs - startedAtMs) || '0 s'],
      ['partitions', cluster.partitions.join(', ') || 'none'],
    )
  }
  if (seen !== undefined) {
    lines.push(
      ['phase', `${seen.phase}, transaction ${seen.transaction} of this id seen here`],
      ['protocol', seen.protocol ?? 'not seen yet'],
      ['instance', seen.instance ?? 'not known'],
      ['marks', seen.marks.join(', ') || 'none'],
    )
  }
  return lines.map(([name, value]) => `  ${name.padEnd(11)}${value}`)
}
