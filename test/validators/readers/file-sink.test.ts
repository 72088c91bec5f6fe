// A file in the place of an output topic: what the application wrote there is judged like records.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { historyOf } from '../../../validators/history.ts'
import type { HistoryLine } from '../../../validators/history-line.ts'
import { type FileSink, readFileSink } from '../../../validators/readers/file-sink.ts'
import { judge } from '../../../validators/verdict.ts'
import { drained, end, groupOffset, input, run } from '../builders.ts'

const folder = mkdtempSync(join(tmpdir(), 'gauntlet-sink-'))
afterAll(() => rmSync(folder, { recursive: true }))

function sinkOf(text: string, changes: Partial<FileSink> = {}): FileSink {
  const path = join(folder, 'sink')
  writeFileSync(path, text)
  return { kind: 'file', name: 'sink', path, format: 'ndjson', id: 'json:$.id', ...changes }
}

async function linesOf(sink: FileSink, between: (line: HistoryLine) => void = () => undefined) {
  const lines: HistoryLine[] = []
  const emit = (line: HistoryLine) => {
    lines.push(line)
    between(line)
  }
  const rows = await readFileSink(sink, { nowMs: () => 9_000, emit })
  return { lines, rows }
}

const idsOf = async (sink: FileSink) =>
  (await linesOf(sink)).lines.flatMap((line) => (line.type === 'log-batch' ? line.ids : []))

const row = (id: string) => `${JSON.stringify({ id, amount: 5 })}\n`

/** Three inputs, all passed by the group, and what the sink holds of them. */
async function judged(text: string, between?: (line: HistoryLine) => void) {
  const { lines } = await linesOf(sinkOf(text), between)
  return judge(
    historyOf([
      run({
        outputs: [{ topic: 'sink', partitions: 1, contract: 'one-per-input', sink: 'file' }],
        instances: [],
      }),
      ...[input(0, ['in-0', 'in-1', 'in-2']), end('input', 3), drained(), groupOffset(3)],
      ...lines,
    ]),
  )
}

describe('a file as the sink of a pipeline', () => {
  it('is a PASS with each id once, though none of it passed the proxy', async () => {
    expect(await judged(row('in-0') + row('in-1') + row('in-2'))).toMatchObject({
      verdict: 'PASS',
      records: { expected: 3, committed: 3 },
    })
  })

  it('shows the work that was done again, and the work that was lost', async () => {
    const { findings } = await judged(row('in-0') + row('in-1') + row('in-1'))
    expect(findings.map(({ kind, ids }) => [kind, ids])).toEqual([
      ['missing-output', ['in-2']],
      ['duplicate', ['in-1']],
    ])
  })

  it('shows a row that was cut off by a kill as damaged', async () => {
    const { findings } = await judged(`${row('in-0')}{"id":"in-${row('in-1')}${row('in-2')}`)
    expect(findings.map(({ kind }) => kind)).toEqual(['missing-output', 'unexpected'])
  })

  it('is INCONCLUSIVE when it does not read the same twice', async () => {
    const text = row('in-0') + row('in-1') + row('in-2')
    const { verdict, reasons } = await judged(text, (line) => {
      if (line.type === 'partition-end') writeFileSync(join(folder, 'sink'), row('in-0'))
    })
    expect(verdict).not.toBe('PASS')
    expect(reasons.join()).toContain(
      'sink-0: the first reading counts 3 committed records, the second 1',
    )
  })
})

describe('rows', () => {
  it('of NDJSON may end with any line end, or none, and be any text', async () => {
    expect(await idsOf(sinkOf('{"id":1}\r\n\n{"id":"b"}'))).toEqual(['1', 'b'])
    expect(await idsOf(sinkOf('order a done\nnothing\n', { id: 'regex:order (\\w+)' }))).toEqual([
      'a',
      null,
    ])
  })

  it('of CSV may hold quotes, commas and line ends', async () => {
    const text = 'id,note\na,plain\n"b,1","two\nlines, and a ""quote"""\n,without\n'
    const csv = { format: 'csv', id: 'column:id' } as const
    expect(await idsOf(sinkOf(text, csv))).toEqual(['a', 'b,1', null])
    await expect(idsOf(sinkOf(text, { ...csv, id: 'column:key' }))).rejects.toThrow(
      'has no column key: id, note',
    )
  })

  it('are numbered over several lines of the history', async () => {
    const ids = Array.from({ length: 2_500 }, (_, index) => `in-${index}`)
    const { lines, rows } = await linesOf(sinkOf(ids.map(row).join('')))
    expect(rows).toBe(2_500)
    const bases = lines.flatMap((line) => (line.type === 'log-batch' ? [line.baseOffset] : []))
    expect(bases).toEqual([0, 1_000, 2_000])
  })

  it('that cannot be read reject', async () => {
    const missing = { ...sinkOf(''), path: join(folder, 'nowhere') }
    await expect(linesOf(missing)).rejects.toThrow('ENOENT')
  })
})
