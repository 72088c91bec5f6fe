import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { entryFile } from '../../gauntlet/entry.ts'
import { shippedPlans } from '../../gauntlet/plan-files.ts'

const folder = mkdtempSync(join(tmpdir(), 'gauntlet-cli-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** The compiled program, as a user starts it; none of these calls may start anything. */
function gauntlet(...args: string[]): { code: number | null; out: string; err: string } {
  const result = spawnSync(process.execPath, [entryFile('gauntlet/cli.js'), ...args], {
    cwd: folder,
    encoding: 'utf8',
    timeout: 60_000,
  })
  return { code: result.status, out: result.stdout, err: result.stderr }
}

function planFile(name: string, text: string): string {
  const file = join(folder, name)
  writeFileSync(file, text)
  return file
}

const wrongPlan = planFile(
  'wrong.yaml',
  `name: wrong
workload: { copier: { client: java } }
load: { records: 100 }
faults:
  - when: { reply: EndTnx, nth: 2 }
    inject: { drop: reply }
`,
)

describe('wrong arguments end with 64 and the nearest right word', () => {
  it.each([
    [['rnu', 'baseline'], 'unknown command "rnu"', 'Did you mean "run"?'],
    [['run', 'baseline', '--sed', '4'], 'unknown flag --sed', 'Did you mean --seed?'],
    [['proxy', '--bootstap', 'a:1'], 'unknown flag --bootstap', 'Did you mean --bootstrap?'],
    [['run', 'baselin'], 'there is no plan baselin', 'Did you mean "baseline"?'],
    [['plans', 'mistaks'], 'there is no folder, tag or plan mistaks', 'Did you mean "mistakes"?'],
    [['cluster', 'upp'], 'unknown cluster action "upp"', 'Did you mean "up"?'],
    [['faults', 'fier'], 'unknown action of faults "fier"', 'Did you mean "fire"?'],
    [['txn', 'descrbe', 'a'], 'unknown action of txn "descrbe"', 'Did you mean "describe"?'],
    [['init', 'new.yaml', '--fault', 'rebalnce'], 'unknown fault "rebalnce"', '"rebalance"?'],
    [['watch', 'it'], 'it: more words than it takes', '--help'],
    [['run'], 'run needs <...plans>', 'gauntlet run --help'],
    [['run', 'baseline', '--seed', 'x'], '--seed x is not a whole number', 'Give one from 0'],
    [['run', 'baseline', '--seed'], 'value is missing', '--help'],
    [['run', 'baseline', '--cluster', 'moon'], '--cluster moon is no cluster', 'embedded'],
    [['proxy'], 'there is no cluster to stand in front of', '--bootstrap HOST:PORT'],
    [['proxy', '--bootstrap', 'kafka'], '--bootstrap kafka is no address', 'HOST:PORT'],
    [
      ['proxy', '--bootstrap', 'a:1', '--listen', '0.0.0.0:19092'],
      'clients cannot be told to come to 0.0.0.0',
      '0.0.0.0:19092@NAME',
    ],
    [
      ['proxy', '--bootstrap', 'a:1', '--listen', '127.0.0.1:1@a/b'],
      '--listen 127.0.0.1:1@a/b is no address',
      'HOST:PORT@NAME',
    ],
    [['replay', '.'], 'is no folder of a run', 'gauntlet-out'],
    [['verify'], 'there is nothing to verify', '--bootstrap HOST:PORT'],
    [['verify', 'a', '--bootstrap', 'a:1'], 'a history and a cluster at once', '--topics'],
    [['verify', '--bootstrap', 'a:1'], '--topics is missing', 'INPUT,OUTPUT'],
    [['verify', 'no-such-run'], 'cannot read the history no-such-run', 'history.ndjson'],
    [[], 'no command was given', 'gauntlet demo'],
  ])('gauntlet %j', (args, message, remedy) => {
    const { code, err } = gauntlet(...args)
    expect(err).toContain(message)
    expect(err).toContain(remedy)
    expect(code).toBe(64)
  })
})

describe('a wrong plan ends with 65', () => {
  it('starts nothing, not even the right plans beside it', () => {
    const { code, err } = gauntlet('run', 'baseline', wrongPlan, '--out', 'never')
    expect(err).toContain('1 problem; nothing was started.')
    expect(code).toBe(65)
    expect(gauntlet('replay', 'never').err).toContain('no folder of a run')
  })

  it('names the flag that made it wrong', () => {
    const { code, err } = gauntlet('validate', 'baseline', '--set', 'load.record=5')
    expect(err).toContain('--set load.record=5  unknown key "record", did you mean "records"?')
    expect(code).toBe(65)
  })

  it('is JSON for programs', () => {
    const { code, out } = gauntlet('validate', 'wrong.yaml', '--json')
    const { valid, problems } = JSON.parse(out)
    expect(valid).toBe(false)
    expect(problems).toMatchObject([{ line: 5, column: 20, length: 6, nearest: 'EndTxn' }])
    expect(code).toBe(65)
  })

  it('is refused for the proxy alone when it asks to kill what others run', () => {
    const { code, err } = gauntlet(
      ...['proxy', '--bootstrap', '127.0.0.1:1', '--plan', 'coordinator-crash-in-commit'],
    )
    expect(err).toContain('not possible on an external cluster')
    expect(code).toBe(65)
  })
})

describe('what can be asked without starting anything ends with 0', () => {
  it('validates every shipped plan by name, with changes', () => {
    const { code, out } = gauntlet(...['validate', ...shippedPlans(), '--set', 'load.records=500'])
    expect(out.trim().split('\n')).toHaveLength(shippedPlans().length)
    expect(code).toBe(0)
  })

  it('lists the shipped plans with their questions', () => {
    const { code, out } = gauntlet('plans')
    for (const name of shippedPlans()) expect(out).toContain(name)
    expect(out).toContain('Does every record arrive exactly once when nothing goes wrong?')
    expect(code).toBe(0)
  })

  it('lists a folder or a tag', () => {
    const { code, out } = gauntlet('plans', 'late-messages')
    expect(out).toContain('late-commit-v2')
    expect(out).not.toContain('baseline')
    expect(code).toBe(0)
    expect(gauntlet('plans', 'smoke').out).toContain('baseline')
  })

  it('lists them as JSON', () => {
    const entries = JSON.parse(gauntlet('plans', '--json').out) as { name: string }[]
    expect(entries.map(({ name }) => name)).toEqual(shippedPlans())
  })

  it('explains itself, where to begin, and every command with an example that begins with it', () => {
    const { code, out } = gauntlet('--help')
    expect(code).toBe(0)
    expect(out).toContain('gauntlet COMMAND --help')
    const [, list = ''] = /Commands:\n([\s\S]*?)\n\n/.exec(out) ?? []
    const commands = list.split('\n').map((line) => line.trim().split(' ')[0] ?? '')
    expect(commands).toEqual(expect.arrayContaining(['run', 'init', 'watch', 'txn', 'posture']))
    for (const command of commands) {
      const [, examples = ''] = /Examples:\n([\s\S]*)/.exec(gauntlet(command, '--help').out) ?? []
      expect(examples, command).toMatch(new RegExp(`^ {2}gauntlet ${command}\\b`))
    }
  })
})
