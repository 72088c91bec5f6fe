import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { historyOf, openHistory } from '../../validators/history.ts'
import { openHistoryFile, openHistoryWriter } from '../../validators/history-file.ts'
import { resultOf } from '../../validators/result.ts'
import { judge } from '../../validators/verdict.ts'
import { cleanLines, input } from './builders.ts'

let folder: string
let file: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'history-test-'))
  file = join(folder, 'history.ndjson')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

async function write(lines: ReturnType<typeof cleanLines>): Promise<void> {
  const writer = openHistoryWriter(file)
  for (const line of lines) {
    if (!writer.write(line)) await writer.drained()
  }
  expect(writer.lines).toBe(lines.length)
  await writer.close()
}

describe('a history file', () => {
  it('gives back every line, as often as one likes, and the verdict of the run', async () => {
    const lines = cleanLines()
    await write(lines)
    const opened = openHistoryFile(file)
    expect([...opened.lines()]).toEqual(lines)
    expect([...opened.lines()]).toEqual(lines)
    const fromFile = openHistory(file)
    const live = historyOf(lines)
    expect(JSON.stringify(resultOf(fromFile, judge(fromFile)))).toBe(
      JSON.stringify(resultOf(live, judge(live))),
    )
  })

  it('survives lines that are longer than its buffers, in any alphabet', async () => {
    const ids = Array.from({ length: 60_000 }, (_, index) => `größe-${index}-€`)
    const lines = [...cleanLines(), input(6, ids), input(60_006, ['last'])]
    await write(lines)
    expect([...openHistoryFile(file).lines()]).toEqual(lines)
  })

  it('leaves out a last line that was cut off, and makes the run INCONCLUSIVE', async () => {
    await write(cleanLines())
    appendFileSync(file, '{"type":"progress","atMs":1')
    const history = openHistory(file)
    expect(history.torn).toBe(true)
    expect(judge(history)).toMatchObject({
      verdict: 'INCONCLUSIVE',
      reasons: ['the history ends within a line: its writer was killed'],
    })
  })

  it('says which line is no line of a history', async () => {
    await write(cleanLines().slice(0, 2))
    appendFileSync(file, 'no json\n{}\n')
    expect(() => [...openHistoryFile(file).lines()]).toThrowError(
      expect.objectContaining({
        code: 'wrong-history',
        message: expect.stringContaining('line 3'),
      }),
    )
    writeFileSync(file, '{"type":"phase","atMs":1,"phase":"warm"}\n')
    expect(() => openHistory(file)).toThrowError(/no `run` line/)
    expect(() => openHistory(join(folder, 'missing'))).toThrowError(
      expect.objectContaining({ code: 'file-not-found' }),
    )
  })

  it('refuses a format of another time', () => {
    const [run, ...rest] = cleanLines()
    expect(() => historyOf([{ ...run, format: 2 } as never, ...rest])).toThrowError(/format 2/)
  })
})
