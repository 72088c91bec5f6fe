import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { packageRoot } from '../../../gauntlet/entry.ts'
import { isMistake, mistakeNames, mistakes } from '../../../gauntlet/workloads/mistakes.ts'
import { anomalyKinds } from '../../../validators/history-line.ts'

const folder = join(packageRoot(), 'gauntlet', 'workloads')
const sources = {
  kafkajs: ['kafkajs-copier.ts', 'kafkajs-partition.ts'],
  java: [join('java', 'JavaCopier.java')],
}
/** What both are told before they start. */
const shared = 'copier-settings.ts'

describe('the table of mistakes', () => {
  it.each(mistakeNames)(
    'says what is wrong with %s, what brings it out and what is found',
    (name) => {
      const { wrong, fails, anomaly, clients } = mistakes[name]
      expect(wrong).toMatch(/^[a-z].{20,}/)
      expect(fails).toMatch(/.{20,}/)
      expect(anomalyKinds).toContain(anomaly)
      expect(clients.length).toBeGreaterThan(0)
    },
  )

  it.each(
    mistakeNames.flatMap((name) => mistakes[name].clients.map((client) => [name, client] as const)),
  )('does not promise %s of a %s copier that does not know it', (name, client) => {
    const text = [...sources[client], shared]
      .map((file) => readFileSync(join(folder, file), 'utf8'))
      .join()
    expect(text).toMatch(new RegExp(`['"]${name}['"]`))
  })

  it('knows its own names and no others', () => {
    expect(mistakeNames.every(isMistake)).toBe(true)
    expect(isMistake('none')).toBe(false)
    expect(isMistake('toString')).toBe(false)
  })
})
