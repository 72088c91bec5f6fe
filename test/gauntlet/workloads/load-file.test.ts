// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the placeholders of plans look like those of JavaScript
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { recordMaker } from '../../../gauntlet/workloads/load.ts'
import { loadWithFiles } from '../../../gauntlet/workloads/load-file.ts'

const folder = mkdtempSync(join(tmpdir(), 'gauntlet-load-'))
afterAll(() => rmSync(folder, { recursive: true }))
const planFile = join(folder, 'plan.yaml')
writeFileSync(join(folder, 'values.ndjson'), '{"order":"${id}"}\n\n{"refund":"${id}"}\n')
writeFileSync(join(folder, 'empty.ndjson'), '\n')

const phase = (value?: string) => ({
  kind: 'records' as const,
  records: 4,
  ratePerSecond: 10,
  abortedShare: 0,
  openEnded: false,
  ...(value === undefined ? {} : { value }),
})

describe('loadWithFiles', () => {
  it('takes the lines of a file beside the plan as templates, in turn', async () => {
    const [loaded] = await loadWithFiles([phase('values.ndjson')], planFile)
    if (loaded?.kind !== 'records') throw new Error('a phase of records')
    const make = recordMaker(() => 0.5)
    const values = [0, 1, 2].map(() => make(loaded, { partition: 0, aborted: false }).value)
    expect(values).toEqual(['{"order":"p0-0"}', '{"refund":"p0-1"}', '{"order":"p0-2"}'])
  })

  it('leaves everything else as it is', async () => {
    const phases = [phase(), phase('plain ${id}'), { kind: 'wait' as const, waitMs: 5 }]
    expect(await loadWithFiles(phases, planFile)).toEqual(phases)
  })

  it('refuses a file that is not there or holds nothing', async () => {
    await expect(loadWithFiles([phase('gone.ndjson')], planFile)).rejects.toMatchObject({
      code: 'file-not-found',
    })
    await expect(loadWithFiles([phase('empty.ndjson')], planFile)).rejects.toMatchObject({
      code: 'wrong-plan',
    })
  })
})
