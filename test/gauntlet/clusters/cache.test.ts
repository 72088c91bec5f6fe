import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { cacheDirectory, cachedDirectory } from '../../../gauntlet/clusters/cache.ts'

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cache-test-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

describe('the cache', () => {
  it('lies where XDG_CACHE_HOME says, else in the home folder', () => {
    expect(cacheDirectory({ XDG_CACHE_HOME: '/elsewhere' })).toBe('/elsewhere/eos-gauntlet')
    expect(cacheDirectory({})).toMatch(/\/\.cache\/eos-gauntlet$/)
  })

  it('makes an entry once', async () => {
    let fills = 0
    const fill = async (temporary: string) => {
      fills++
      await writeFile(join(temporary, 'jar'), 'bytes')
    }
    const entry = join(folder, 'kafka', 'entry')
    expect(await cachedDirectory(entry, fill)).toBe(entry)
    expect(await cachedDirectory(entry, fill)).toBe(entry)
    expect(fills).toBe(1)
    expect(readFileSync(join(entry, 'jar'), 'utf8')).toBe('bytes')
  })

  it('keeps nothing of an entry that could not be finished', async () => {
    const entry = join(folder, 'entry')
    const failing = cachedDirectory(entry, async (temporary) => {
      await writeFile(join(temporary, 'jar'), 'half')
      throw new Error('the line is down')
    })
    await expect(failing).rejects.toThrow('the line is down')
    expect(readdirSync(folder)).toEqual([])
    await cachedDirectory(entry, (temporary) => writeFile(join(temporary, 'jar'), 'whole'))
    expect(readFileSync(join(entry, 'jar'), 'utf8')).toBe('whole')
  })

  it('replaces a folder that somebody left unfinished', async () => {
    const entry = join(folder, 'entry')
    await mkdir(entry)
    await writeFile(join(entry, 'jar'), 'half')
    await cachedDirectory(entry, (temporary) => writeFile(join(temporary, 'jar'), 'whole'))
    expect(readFileSync(join(entry, 'jar'), 'utf8')).toBe('whole')
  })

  it('lets two who fill at once end with one whole entry', async () => {
    const entry = join(folder, 'entry')
    const fill = (text: string) => (temporary: string) => writeFile(join(temporary, 'jar'), text)
    await Promise.all([cachedDirectory(entry, fill('one')), cachedDirectory(entry, fill('two'))])
    expect(['one', 'two']).toContain(readFileSync(join(entry, 'jar'), 'utf8'))
    expect(readdirSync(folder)).toEqual(['entry'])
  })
})
