import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { initCommand, planText } from '../../../gauntlet/commands/init.ts'
import { processOutput } from '../../../gauntlet/reports/output.ts'
import { readPlan } from '../../../proxy/plans/read-plan.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gauntlet-init-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const context = () => {
  let said = ''
  const output = {
    ...processOutput({}),
    isLive: false,
    write(text: string) {
      said += text
    },
  }
  return { context: { output, signal: new AbortController().signal }, said: () => said }
}

describe('gauntlet init', () => {
  it.each([
    'coordinator-crash',
    'network-partition',
    'broker-outage',
    'rebalance',
    'lost-commit-answer',
  ])('writes a plan for %s that the reader of plans takes', (fault) => {
    const text = planText('mine', {
      command: 'java -jar "my app.jar"',
      input: 'a',
      output: 'b',
      fault,
    })
    const read = readPlan(text, 'mine.yaml')
    expect(read).not.toHaveProperty('problems')
    if (!('plan' in read)) return
    expect(read.plan.workload).toMatchObject({ kind: 'command', run: 'java -jar "my app.jar"' })
    expect(read.plan.topics.input.name).toBe('a')
    expect(read.plan.faults).toHaveLength(1)
  })

  it('takes its answers from flags where nobody can be asked', async () => {
    const { context: around, said } = context()
    const file = join(folder, 'chaos', 'orders.yaml')
    await initCommand(file, { input: 'in', fault: 'rebalance' }, around)
    const read = readPlan(readFileSync(file, 'utf8'), file)
    expect(read).toMatchObject({ plan: { name: 'orders', topics: { input: { name: 'in' } } } })
    expect(said()).toContain('gauntlet run')
  })

  it('leaves a file alone that is there, unless it is forced', async () => {
    const file = join(folder, 'orders.yaml')
    writeFileSync(file, 'mine')
    const { context: around } = context()
    await expect(initCommand(file, {}, around)).rejects.toMatchObject({ code: 'wrong-arguments' })
    expect(readFileSync(file, 'utf8')).toBe('mine')
    await initCommand(file, { force: true }, around)
    expect(readFileSync(file, 'utf8')).not.toBe('mine')
  })

  it('says what can happen when it is asked for something else', () => {
    expect(() => planText('x', { command: '', input: 'a', output: 'b', fault: 'fire' })).toThrow(
      /unknown fault "fire"/,
    )
  })
})
