import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openJournal, parseJournal } from '../../../gauntlet/workloads/journal.ts'

describe('the journal', () => {
  let folder: string
  let file: string

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'journal-test-'))
    file = join(folder, 'copier-0.ndjson')
  })

  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  it('gives back every kind of entry that was written', () => {
    const journal = openJournal(file)
    journal.append(
      { read: ['p0-1', 'p0-2'], transaction: 'copier-0/7-1' },
      { sent: 'p0-1', outcome: 'ok', at: 'output-1@42' },
      { sent: 'p0-2', outcome: 'unknown', transaction: 'copier-0/7-1' },
    )
    journal.append({ txn: 'commit', outcome: 'unknown', ids: ['p0-1', 'p0-2'] })
    journal.close()
    expect(parseJournal(readFileSync(file, 'utf8'))).toEqual({
      entries: [
        { read: ['p0-1', 'p0-2'], transaction: 'copier-0/7-1' },
        { sent: 'p0-1', outcome: 'ok', at: 'output-1@42' },
        { sent: 'p0-2', outcome: 'unknown', transaction: 'copier-0/7-1' },
        { txn: 'commit', outcome: 'unknown', ids: ['p0-1', 'p0-2'] },
      ],
      brokenLines: 0,
    })
  })

  it('is in the file when append returns, without a close', () => {
    openJournal(file).append({ read: ['p0-1'] })
    expect(readFileSync(file, 'utf8')).toBe('{"read":["p0-1"]}\n')
  })

  it('survives a line that was cut off: the next process goes on behind it', () => {
    writeFileSync(file, '{"read":["p0-1"]}\n{"txn":"com')
    const journal = openJournal(file)
    journal.append({ txn: 'abort', outcome: 'ok', ids: ['p0-1'] })
    journal.close()
    expect(parseJournal(readFileSync(file, 'utf8'))).toEqual({
      entries: [{ read: ['p0-1'] }, { txn: 'abort', outcome: 'ok', ids: ['p0-1'] }],
      brokenLines: 1,
    })
  })

  it('counts lines that keep to no shape, and reads the others', () => {
    const text = [
      'no json',
      'null',
      '{"sent":"p0-1","outcome":"maybe"}',
      '{"sent":7,"outcome":"ok"}',
      '{"txn":"commit","outcome":"ok"}',
      '{"txn":"prepare","outcome":"ok","ids":[]}',
      '{"read":["p0-1",2]}',
      '',
      '{"sent":"p0-1","outcome":"failed","extra":true}',
    ].join('\n')
    expect(parseJournal(text)).toEqual({
      entries: [{ sent: 'p0-1', outcome: 'failed' }],
      brokenLines: 7,
    })
  })

  it('of an application that wrote none has no entries', () => {
    expect(parseJournal('')).toEqual({ entries: [], brokenLines: 0 })
  })
})
