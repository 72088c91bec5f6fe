import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { entryFile } from '../../../gauntlet/entry.ts'
import { judgeHistory, resultText, writeResult } from '../../../gauntlet/judge-history.ts'
import type { HistoryLine } from '../../../validators/history-line.ts'
import { cleanLines, output } from '../../validators/builders.ts'

const folder = mkdtempSync(join(tmpdir(), 'gauntlet-verify-'))
afterAll(() => rmSync(folder, { recursive: true }))

function verify(...args: string[]): { code: number | null; out: string; err: string } {
  const result = spawnSync(process.execPath, [entryFile('gauntlet/cli.js'), 'verify', ...args], {
    cwd: folder,
    encoding: 'utf8',
    timeout: 60_000,
  })
  return { code: result.status, out: result.stdout, err: result.stderr }
}

function historyFile(name: string, lines: readonly HistoryLine[]): string {
  const file = join(folder, name)
  writeFileSync(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
  return file
}

const clean = historyFile('history.ndjson', cleanLines())
const doubled: HistoryLine[] = cleanLines().flatMap((line) =>
  line.type === 'log-marker' && line.offset === 8 ? [output(8, ['in-0']), line] : [line],
)

describe('a finished history', () => {
  it('gives the same bytes every time that it is judged', () => {
    expect(resultText(judgeHistory(clean))).toBe(resultText(judgeHistory(clean)))
    const { code, out } = verify(clean, '--json')
    expect(out).toBe(resultText(judgeHistory(clean)))
    expect(JSON.parse(out).verdict).toBe('PASS')
    expect(code).toBe(0)
  })

  it('is compared with the result that lies beside it, in the folder of a run', async () => {
    await writeResult(folder, judgeHistory(clean))
    expect(verify(folder).out).toContain('the same, byte for byte, as')
    writeFileSync(join(folder, 'result.json'), '{}\n')
    expect(verify(folder).out).toContain('not the same as')
  })

  it('ends with the exit code of its verdict, and the result goes where it is asked to', () => {
    const failing = historyFile('doubled.ndjson', doubled)
    const { code, out } = verify(failing, '--quiet', '--out', 'again')
    expect(out).toMatch(/^FAIL literal: duplicate: 1 record twice/)
    expect(code).toBe(1)
    expect(readFileSync(join(folder, 'again/result.json'), 'utf8')).toBe(
      resultText(judgeHistory(failing)),
    )
    const torn = join(folder, 'torn.ndjson')
    writeFileSync(torn, readFileSync(clean, 'utf8').slice(0, -5))
    expect(verify(torn, '--quiet')).toMatchObject({
      code: 2,
      out: expect.stringContaining('ends within a line'),
    })
  })

  it('that is none is refused with 64 and the number of the line', () => {
    const wrong = join(folder, 'wrong.ndjson')
    writeFileSync(wrong, 'not a line\n')
    expect(verify(wrong)).toMatchObject({ code: 64, err: expect.stringContaining('line 1') })
  })
})

it('a cluster that does not answer ends with 69', () => {
  const { code, err } = verify('--bootstrap', '127.0.0.1:1', '--topics', 'a,b')
  expect(err).toContain('no broker answered')
  expect(code).toBe(69)
})
