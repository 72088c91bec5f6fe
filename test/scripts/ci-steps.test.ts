// The shell steps of action.yml, run as GitHub would, with a `gauntlet` that only says how it was called.
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { packageRoot } from '../../gauntlet/entry.ts'

const script = (name: string): string => join(packageRoot(), 'scripts', 'ci', name)

interface Action {
  inputs: Record<string, { default?: string; description: string }>
  runs: { steps: Array<{ name?: string; run?: string; shell?: string; env?: object; if?: string }> }
}

const action = parse(readFileSync(join(packageRoot(), 'action.yml'), 'utf8')) as Action

describe('the run step of the action', () => {
  let folder: string

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'ci-steps-test-'))
    mkdirSync(join(folder, 'bin'))
    mkdirSync(join(folder, 'chaos'))
    for (const name of ['b.yaml', 'a.yaml', 'notes.txt']) {
      writeFileSync(join(folder, 'chaos', name), '')
    }
    const fake = join(folder, 'bin', 'gauntlet')
    writeFileSync(fake, '#!/bin/sh\nprintf "%s\\n" "$@" > called\nexit $ENDS_WITH\n')
    chmodSync(fake, 0o755)
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  function ran(inputs: Record<string, string>) {
    const output = join(folder, 'output')
    const { status, stdout } = spawnSync('bash', [script('run.sh')], {
      cwd: folder,
      encoding: 'utf8',
      env: {
        ...process.env,
        PATH: `${join(folder, 'bin')}:${process.env.PATH}`,
        GITHUB_OUTPUT: output,
        ENDS_WITH: '0',
        ...inputs,
      },
    })
    const called = join(folder, 'called')
    return {
      status,
      stdout,
      outputs: existsSync(output) ? readFileSync(output, 'utf8').trim().split('\n') : [],
      called: existsSync(called) ? readFileSync(called, 'utf8').trim().split('\n') : [],
    }
  }

  it('runs the plans that are named, globs in order, each word once', () => {
    const { status, called, outputs } = ran({
      PLAN: 'baseline\n  chaos/*.yaml',
      ARGS: '--seed 7  --verbose',
      OUT: 'results',
    })
    expect(status).toBe(0)
    expect(called).toEqual([
      ...['run', 'baseline', 'chaos/a.yaml', 'chaos/b.yaml'],
      ...['--github', '--out', 'results', '--seed', '7', '--verbose'],
    ])
    expect(outputs).toEqual(['exit-code=0', 'out=results'])
  })

  it('runs a suite, with its clients', () => {
    const { called } = ran({ SUITE: 'smoke mistakes', CLIENTS: 'java,kafkajs' })
    expect(called).toEqual([
      ...['suite', 'smoke', 'mistakes', '--github', '--out', 'gauntlet-out'],
      ...['--client', 'java,kafkajs'],
    ])
  })

  it('takes no word of an input for a command', () => {
    const { called } = ran({ PLAN: 'a;touch $(echo hurt) `touch hurt` "b' })
    expect(existsSync(join(folder, 'hurt'))).toBe(false)
    expect(called).toContain('a;touch')
  })

  it.each([0, 1, 2, 65, 69, 130])('ends as gauntlet did: %i', (code) => {
    const { status, outputs } = ran({ PLAN: 'baseline', ENDS_WITH: String(code) })
    expect(status).toBe(code)
    expect(outputs[0]).toBe(`exit-code=${code}`)
  })

  it('lets INCONCLUSIVE pass with a warning where that is wanted, and nothing else', () => {
    const lenient = { PLAN: 'baseline', INCONCLUSIVE: 'pass' }
    const inconclusive = ran({ ...lenient, ENDS_WITH: '2' })
    expect(inconclusive).toMatchObject({ status: 0, stdout: expect.stringContaining('::warning') })
    expect(inconclusive.outputs[0]).toBe('exit-code=2')
    expect(ran({ ...lenient, ENDS_WITH: '1' }).status).toBe(1)
  })

  it.each([
    [{}, 'give plan or suite'],
    [{ PLAN: 'a', SUITE: 'b' }, 'not both'],
    [{ PLAN: 'chaos/*.yml' }, 'no plan is called chaos/*.yml'],
    [{ PLAN: 'a', CLIENTS: 'java' }, 'clients belongs to suite'],
    [{ PLAN: 'a', INCONCLUSIVE: 'maybe' }, 'neither fail nor pass'],
  ])('refuses what makes no sense, and runs nothing: %j', (inputs, sentence) => {
    const { status, stdout, called } = ran(inputs)
    expect(status).toBe(64)
    expect(stdout).toContain(`::error title=eos-gauntlet::`)
    expect(stdout).toContain(sentence)
    expect(called).toEqual([])
  })
})

describe('action.yml', () => {
  const steps = action.runs.steps.filter(({ run }) => run !== undefined)

  it('runs scripts that are there, with a shell, and puts no input into their text', () => {
    expect(steps.length).toBe(2)
    for (const { run = '', shell } of steps) {
      expect(shell).toBe('bash')
      expect(run).not.toContain('${{')
      const [, named] = /\$ACTION_FOLDER\/(scripts\/\S+\.sh)/.exec(run) ?? []
      expect(existsSync(join(packageRoot(), named ?? 'no script'))).toBe(true)
    }
  })

  it('uses every input that it declares, and declares every one that it uses', () => {
    const text = readFileSync(join(packageRoot(), 'action.yml'), 'utf8')
    const used = new Set([...text.matchAll(/inputs\.([a-z-]+)/g)].map(([, name]) => name))
    expect([...used].sort()).toEqual(Object.keys(action.inputs).sort())
  })

  it('keeps the results although the run failed', () => {
    expect(action.runs.steps.at(-1)?.if).toContain('always()')
  })
})
