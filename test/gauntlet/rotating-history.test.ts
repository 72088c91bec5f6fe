import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { judgeHistory } from '../../gauntlet/judge-history.ts'
import { openRotatingHistory } from '../../gauntlet/rotating-history.ts'
import type { ProxyEvent } from '../../proxy/events.ts'
import { openHistoryFile } from '../../validators/history-file.ts'
import type { RunLine } from '../../validators/history-line.ts'

let folder: string
let problems: string[]
let nowMs: number

const head = (): RunLine => ({
  type: 'run',
  atMs: nowMs,
  format: 1,
  plan: 'proxy',
  seed: 1,
  cluster: { kind: 'external', version: 'unknown', brokers: 0, features: {} },
  inputs: [],
  outputs: [],
  id: 'header:gauntlet-id',
  instances: [],
  proxied: true,
  faults: [],
  expect: { verdict: 'PASS', allow: [] },
})

const open = (fileBytes = 10_000, filesMax = 3, at = folder) =>
  openRotatingHistory({
    folder: at,
    fileBytes,
    filesMax,
    nowMs: () => nowMs,
    head,
    onProblem: (message) => problems.push(message),
  })

const oddity = (number: number): ProxyEvent => ({
  type: 'oddity',
  atMs: nowMs,
  message: `${number} ${'x'.repeat(200)}`,
})

const linesOf = (name: string) => [...openHistoryFile(join(folder, name)).lines()]

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gauntlet-histories-'))
  problems = []
  nowMs = 1_000_000
})

afterEach(() => {
  rmSync(folder, { recursive: true })
})

it('keeps the last files, each of bounded size, whole, and to be judged by itself', async () => {
  const history = open()
  const events = 500
  for (let number = 0; number < events; number += 1) history.write([oddity(number)])
  await history.close()
  const names = readdirSync(folder).sort()
  expect(names).toHaveLength(3)
  for (const name of names) {
    expect(statSync(join(folder, name)).size).toBeLessThan(11_000)
    const [first, ...others] = linesOf(name)
    expect(first).toMatchObject({ type: 'run', format: 1 })
    expect(others.length).toBeGreaterThan(0)
    expect(judgeHistory(join(folder, name)).verdict).toBe('INCONCLUSIVE')
  }
  // Nothing is missing between them.
  const numbers = names.flatMap((name) =>
    linesOf(name).flatMap((line) =>
      line.type === 'oddity' ? [Number(line.message.split(' ')[0])] : [],
    ),
  )
  const first = numbers[0] ?? Number.NaN
  expect(numbers).toEqual(Array.from({ length: events - first }, (_, index) => first + index))
  expect(problems).toEqual([])
})

it('goes on behind what an earlier proxy has left, and writes over none of it', async () => {
  for (let turn = 0; turn < 2; turn += 1) {
    const history = open()
    history.write([oddity(turn)])
    await history.close()
  }
  const names = readdirSync(folder).sort()
  expect(names).toEqual(['proxy-00000001.ndjson', 'proxy-00000002.ndjson'])
  expect(linesOf('proxy-00000001.ndjson')).toHaveLength(2)
})

it('leaves lines out when they cannot be written, says so once there and once here, and goes on later', async () => {
  const at = join(folder, 'gone')
  mkdirSync(at)
  const history = open(10_000, 3, at)
  rmSync(at, { recursive: true })
  writeFileSync(at, 'a file where the folder was')
  history.write([oddity(1), oddity(2)])
  history.write([oddity(3)])
  expect(problems).toHaveLength(1)
  rmSync(at)
  mkdirSync(at)
  nowMs += 60_000
  history.write([oddity(4)])
  await history.close()
  const [name = ''] = readdirSync(at)
  const lines = [...openHistoryFile(join(at, name)).lines()]
  expect(lines.map(({ type }) => type)).toEqual(['run', 'guard', 'oddity'])
  expect(lines[1]).toMatchObject({ message: expect.stringContaining('3 events are missing') })
})
