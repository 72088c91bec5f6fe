import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readRunAgain } from '../../../gauntlet/commands/replay.ts'
import { keepPlan, readPlanFile } from '../../../gauntlet/plan-files.ts'
import { createRuleBook } from '../../../proxy/faults/rules.ts'
import type { Plan } from '../../../proxy/plans/plan.ts'
import { readPlan } from '../../../proxy/plans/read-plan.ts'
import { systemRuntime } from '../../../proxy/runtime.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'replay-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const written = `
name: by-chance
asks: Does chance come back?
workload: { copier: { client: java, instances: 2 } }
load: { records: 100 }
faults:
  - name: slow
    when: { request: Produce, probability: 30% }
    inject: { delay: { by: 10ms, jitter: 50ms } }
    times: unlimited
`

function planOf(read: ReturnType<typeof readPlan>): Plan {
  if ('problems' in read) throw new Error(JSON.stringify(read.problems))
  return read.plan
}

/** The chance that a plan's faults would have. */
function chanceOf(plan: Plan): number[] {
  const { random } = systemRuntime(plan.seed)
  const rules = createRuleBook({ random, aliases: {} })
  return plan.faults.map((fault) => rules.arm(fault).random())
}

describe('a run again', () => {
  it('is the plan that was run, with its overrides, and the seed that was drawn', () => {
    const ran = planOf(
      readPlan(written, 'by-chance.yaml', { set: ['load.records=77'], seedDefault: 4711 }),
    )
    const first = join(folder, 'first')
    keepPlan(ran, first)
    writeFileSync(join(first, 'result.json'), JSON.stringify({ verdict: 'PASS', seed: ran.seed }))
    writeFileSync(join(first, 'history.ndjson'), 'of no use to a replay\n')
    // Nothing but these two files is needed.
    const moved = join(folder, 'moved')
    mkdirSync(moved)
    for (const file of ['plan.yaml', 'result.json']) cpSync(join(first, file), join(moved, file))
    const again = planOf(readRunAgain(moved))
    expect(again.seed).toBe(4711)
    expect(again.load).toEqual(ran.load)
    expect(again).toMatchObject({ name: ran.name, faults: ran.faults, workload: ran.workload })
    expect(chanceOf(again)).toEqual(chanceOf(ran))
    expect(chanceOf({ ...again, seed: 4712 })).not.toEqual(chanceOf(ran))
  })

  it('takes the seed of the result, whatever the kept plan says', () => {
    const ran = planOf(readPlan(readPlanFile('baseline').text, 'baseline.yaml', {}))
    keepPlan(ran, folder)
    writeFileSync(join(folder, 'result.json'), JSON.stringify({ seed: 99 }))
    expect(planOf(readRunAgain(folder)).seed).toBe(99)
  })

  it.each([
    ['result.json', '{}', 'names no seed'],
    ['result.json', 'half a resu', 'is not JSON'],
  ])('needs a whole %s: %s', (file, text, problem) => {
    writeFileSync(join(folder, 'plan.yaml'), written)
    writeFileSync(join(folder, file), text)
    expect(() => readRunAgain(folder)).toThrow(problem)
  })

  it('says which of the two files is missing', () => {
    writeFileSync(join(folder, 'result.json'), '{"seed": 1}')
    expect(() => readRunAgain(folder)).toThrow('plan.yaml')
    rmSync(join(folder, 'result.json'))
    writeFileSync(join(folder, 'plan.yaml'), written)
    expect(() => readRunAgain(folder)).toThrow('result.json')
  })
})
