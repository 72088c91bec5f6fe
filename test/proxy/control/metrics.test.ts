import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { packageRoot } from '../../../gauntlet/entry.ts'
import { findProgram } from '../../../gauntlet/prerequisites.ts'
import { histogramText } from '../../../proxy/control/histogram.ts'
import { openRest } from './rest-bench.ts'

type Rest = Awaited<ReturnType<typeof openRest>>
let open: Rest | undefined
const rest = async (): Promise<Rest> => {
  open = await openRest()
  return open
}
afterEach(async () => {
  await open?.close()
  open = undefined
})

const scrape = async ({ ask }: Rest): Promise<string> => (await ask('GET', '/metrics')).body
const deployed = (name: string): string => readFileSync(join(packageRoot(), 'deploy', name), 'utf8')

/** What the tool says of it, or that it is not there. */
async function promtool(args: string[], input: string): Promise<string | undefined> {
  const program = await findProgram('promtool')
  if (program === undefined) {
    console.warn(`promtool ${args.join(' ')} was not run: it is not installed (package prometheus)`)
    return undefined
  }
  return new Promise((resolve) => {
    const child = execFile(program, args, (cause, stdout, stderr) =>
      resolve(cause === null ? `${stdout}${stderr}`.trim() : `${cause.message}${stdout}${stderr}`),
    )
    child.stdin?.end(input)
  })
}

describe('metrics', () => {
  it('have a help and a type each, and labels of closed sets only', async () => {
    const text = await scrape(await rest())
    const names = [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name)
    expect(names.length).toBeGreaterThan(25)
    for (const name of names) expect(text).toContain(`# HELP ${name} `)
    const labels = new Set([...text.matchAll(/[{,]([a-z_]+)="/g)].map(([, label]) => label))
    const allowed =
      'action api broker direction fault kind le outcome plane policy problem requirement stage state verdict version what'
    expect([...labels].filter((label) => !allowed.split(' ').includes(label ?? ''))).toEqual([])
  })

  it('are all that the dashboard and the alerts ask for', async () => {
    const text = await scrape(await rest())
    const there = new Set([...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name))
    for (const file of ['grafana-dashboard.json', 'prometheus-alerts.yaml']) {
      const used = [...deployed(file).matchAll(/gauntlet_[a-z_]+/g)].map(([name]) =>
        name.replace(/_(bucket|sum|count)$/, ''),
      )
      expect(used.length).toBeGreaterThan(5)
      expect(used.filter((name) => !there.has(name))).toEqual([])
    }
  })

  it('are found right by promtool, and so are the alerts', async () => {
    const said = await promtool(['check', 'metrics'], await scrape(await rest()))
    if (said !== undefined) expect(said).toBe('')
    const rules = await promtool(
      ['check', 'rules', join(packageRoot(), 'deploy', 'prometheus-alerts.yaml')],
      '',
    )
    if (rules !== undefined) expect(rules).toMatch(/SUCCESS/)
  })
})

describe('a histogram as text', () => {
  it('adds its groups up, and turns milliseconds into seconds', () => {
    const series = [{ labels: { api: 'a"b' }, groups: [1, 2, 4], sumMs: 1_500 }]
    expect(histogramText('x_seconds', 'What it is', [5, 500], series)).toBe(
      [
        '# HELP x_seconds What it is',
        '# TYPE x_seconds histogram',
        'x_seconds_bucket{api="a\\"b",le="0.005"} 1',
        'x_seconds_bucket{api="a\\"b",le="0.5"} 3',
        'x_seconds_bucket{api="a\\"b",le="+Inf"} 7',
        'x_seconds_sum{api="a\\"b"} 1.5',
        'x_seconds_count{api="a\\"b"} 7',
        '',
      ].join('\n'),
    )
  })
})
