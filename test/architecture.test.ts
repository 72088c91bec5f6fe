import { describe, expect, it } from 'vitest'
import { type Mistake, mistakeNames, mistakes } from '../gauntlet/workloads/mistakes.ts'
import {
  findingKinds,
  mistakesOfJava,
  mistakes as plannedMistakes,
} from '../proxy/plans/plan-schema.ts'
import { importProblems, type SourceFile, sourceFiles } from '../scripts/import-rules.ts'
import { anomalyKinds } from '../validators/history-line.ts'

const head = '// What belongs here.\n'

function problemsOf(...files: [path: string, text: string][]): string[] {
  const sources: SourceFile[] = files.map(([path, text]) => ({ path, text: head + text }))
  return importProblems(sources)
}

it('the source keeps to the directions, the doors and the shapes', () => {
  const files = sourceFiles()
  expect(files.length).toBeGreaterThan(100)
  expect(importProblems(files)).toEqual([])
})

describe('the check notices', () => {
  it.each([
    ['proxy/protocol/frame.ts', "import { a } from '../flow/links.ts'", 'may import nothing else'],
    ['proxy/faults/rules.ts', "import type { A } from '../flow/links.ts'", 'proxy/flow/links.ts'],
    ['proxy/engine.ts', "import { a } from '../validators/history.ts'", 'validators/history.ts'],
    ['proxy/flow/links.ts', "import { a } from '../faults/kinds/drop.ts'", 'knows no kind'],
    ['proxy/flow/links.ts', "const a = await import('../plans/plan.ts')", 'proxy/plans/plan.ts'],
    ['validators/checkers/a.ts', "import { a } from '../readers/b.ts'", 'of the history alone'],
    ['proxy/flow/links.ts', "import { parse } from 'yaml'", 'which only proxy/plans/'],
    ['gauntlet/run.ts', "import { connect } from 'node:net'", 'which only proxy/flow/'],
    ['gauntlet/run.ts', "import chalk from 'chalk'", 'a package without a door'],
    ['gauntlet/utils.ts', 'export const a = 1', 'a name that says nothing'],
    ['gauntlet/all.ts', "export * from './run.ts'", 'only passes on'],
  ])('%s: %s', (path, text, problem) => {
    expect(problemsOf([path, text]).join('\n')).toContain(problem)
  })

  it('a file without a head comment', () => {
    expect(importProblems([{ path: 'gauntlet/a.ts', text: 'export const a = 1' }])).toEqual([
      'gauntlet/a.ts does not open with a comment on what belongs in it',
    ])
  })

  it('a circle, once', () => {
    expect(
      problemsOf(
        ['gauntlet/a.ts', "import { b } from './b.ts'"],
        ['gauntlet/b.ts', "import { c } from './c.ts'"],
        ['gauntlet/c.ts', "import { a } from './a.ts'"],
      ),
    ).toEqual(['circle: gauntlet/a.ts -> gauntlet/b.ts -> gauntlet/c.ts -> gauntlet/a.ts'])
  })

  it('nothing where all is right', () => {
    expect(
      problemsOf(
        ['proxy/flow/a.ts', "import { b } from '../protocol/b.ts'\nimport net from 'node:net'"],
        ['gauntlet/a.ts', "import { b } from '../validators/b.ts'"],
      ),
    ).toEqual([])
  })
})

const clientsOf = (mistake: Mistake): readonly string[] => mistakes[mistake].clients

describe('lists that stand in two parts, because neither may import the other, are the same', () => {
  it('anomalies of the validator and findings of a plan', () => {
    expect([...findingKinds].sort()).toEqual([...anomalyKinds].sort())
  })

  it('wrong copiers and those that a plan may ask for', () => {
    expect([...plannedMistakes].sort()).toEqual([...mistakeNames].sort())
    const onlyJava = mistakeNames.filter((name) => !clientsOf(name).includes('kafkajs'))
    expect([...mistakesOfJava].sort()).toEqual(onlyJava.sort())
  })
})
