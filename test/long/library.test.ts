// Every shipped plan, with both copiers, so often in a row: the verdict must be the one that the plan states.
// Leaves a dated table in docs/results/. GAUNTLET_REPEAT sets how often (default 3), GAUNTLET_PLANS which ones.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { packageRoot } from '../../gauntlet/entry.ts'
import { runPlan } from '../../gauntlet/run.ts'
import { readPlan } from '../../proxy/plans/read-plan.ts'

const repeat = Number(process.env.GAUNTLET_REPEAT ?? 3)
const chosen = process.env.GAUNTLET_PLANS?.split(',')
const clients = (process.env.GAUNTLET_CLIENTS ?? 'java,kafkajs').split(',')
const folder = join(packageRoot(), 'chaos-plans')
const files = readdirSync(folder).filter(
  (name) => name.endsWith('.yaml') && (chosen?.includes(name.replace('.yaml', '')) ?? true),
)

const rows: string[] = []

afterAll(() => {
  const day = new Date().toISOString().slice(0, 10)
  const results = join(packageRoot(), 'docs', 'results')
  mkdirSync(results, { recursive: true })
  const text = `# The plans that come with the package, ${day}

\`npm run test:long\` on Node ${process.version}, ${process.platform}: each plan from a fresh cluster to its verdict.

| plan | copier | run | verdict | expected | findings | faults applied | seconds |
|---|---|---|---|---|---|---|---|
${rows.join('\n')}
`
  writeFileSync(join(results, `library-${day}.md`), text)
})

describe.each(files)('%s', (file) => {
  const path = join(folder, file)
  const text = readFileSync(path, 'utf8')
  // A wrong copier or a plan about one client's protocol is written for that client.
  const own = /mistake:|advertise:|transaction\.version/.test(text)
  const subjects = own ? ['as written'] : clients
  for (const client of subjects) {
    for (let run = 1; run <= repeat; run++) {
      it(`gives the verdict that it states (${client}, run ${run})`, async () => {
        const set = client === 'as written' ? [] : [`workload.copier.client=${client}`]
        const read = readPlan(text, path, { set })
        if (!('plan' in read)) throw new Error(JSON.stringify(read.problems))
        const startedMs = performance.now()
        const outDir = join(tmpdir(), 'gauntlet-library', `${read.plan.name}-${client}-${run}`)
        const never = new AbortController().signal
        const result = await runPlan(read.plan, { outDir, verbose: false }, () => undefined, never)
        const seconds = Math.round((performance.now() - startedMs) / 1000)
        const found = result.findings.map(({ kind, count }) => `${kind} × ${count}`).join(', ')
        const faults = result.faults.map(({ name, applied }) => `${name} ${applied}`).join(', ')
        rows.push(
          `| ${read.plan.name} | ${client} | ${run} | ${result.verdict} | ${result.expected} | ${found} | ${faults} | ${seconds} |`,
        )
        expect(result.asExpected, result.reasons.join('; ')).toBe(true)
      })
    }
  }
})
