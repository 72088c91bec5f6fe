import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openSessionHistory } from '../../../gauntlet/library/session-history.ts'
import { openHistoryFile, openHistoryWriter } from '../../../validators/history-file.ts'
import type { HistoryLine } from '../../../validators/history-line.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gauntlet-session-test-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const progress = (atMs: number): HistoryLine & { type: 'progress' } => ({
  type: 'progress',
  atMs,
  instance: 'application',
  via: 'EndTxn',
})
const armed = (atMs: number, fault: string): HistoryLine & { type: 'fault-armed' } => ({
  type: 'fault-armed',
  atMs,
  fault,
  kind: 'drop',
})

describe('the history of a session', () => {
  it('gives a verdict all that went over the wire, and faults and errors since the verdict before', async () => {
    const session = openSessionHistory(folder)
    async function copied(name: string): Promise<HistoryLine[]> {
      const file = join(folder, name)
      const history = openHistoryWriter(file)
      await session.copyTo(history)
      await history.close()
      return [...openHistoryFile(file).lines()]
    }
    const error = { type: 'error', atMs: 3, code: 'fault-not-applied', message: 'gone' } as const
    session.write(progress(1))
    session.write(armed(2, 'first'))
    session.write(error)
    expect(await copied('one')).toEqual([progress(1), armed(2, 'first'), error])
    session.write(progress(4))
    session.write(armed(5, 'second'))
    expect(await copied('two')).toEqual([progress(1), progress(4), armed(5, 'second')])
    expect(await copied('three')).toEqual([progress(1), progress(4)])
    await session.close()
  })

  it('is empty where nothing was seen', async () => {
    const session = openSessionHistory(folder)
    const history = openHistoryWriter(join(folder, 'none'))
    await session.copyTo(history)
    await history.close()
    await session.close()
    expect(history.lines).toBe(0)
  })
})
