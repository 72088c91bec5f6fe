// npm run bench:page [-- --ids 200 --rate 2000 --seconds 20 --picture FILE]: whether the live page stutters when many
// transactions pass. The page is the built one, in Chromium, with the real control plane behind it in a process of its
// own; what is counted is what a person sees: frames, and how long the page was deaf.
import { spawn } from 'node:child_process'
import { cpus, loadavg } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { chromium } from 'playwright-core'
import { packageRoot } from '../gauntlet/entry.ts'

const { values } = parseArgs({
  options: {
    ids: { type: 'string', default: '200' },
    rate: { type: 'string', default: '2000' },
    seconds: { type: 'string', default: '20' },
    picture: { type: 'string' },
  },
})

const chromiumPath = process.env.GAUNTLET_CHROMIUM ?? '/usr/bin/chromium'
const warmMs = 5_000
const viewport = { width: 1440, height: 1000 }

/** What is asked of the page, on a machine at rest. */
const bars = { frameP95Ms: 34, frameWorstMs: 150, missed: 0 }

/** Runs in the page, so it is text here: this side knows no frames. */
const watched = `measureMs => new Promise(resolve => {
  const frames = []
  const longTasks = []
  new PerformanceObserver(list => {
    for (const { duration } of list.getEntries()) longTasks.push(duration)
  }).observe({ type: 'longtask' })
  const startedMs = performance.now()
  let lastMs = startedMs
  requestAnimationFrame(function frame(nowMs) {
    frames.push(nowMs - lastMs)
    lastMs = nowMs
    if (nowMs - startedMs < measureMs) requestAnimationFrame(frame)
    else resolve({ frames: frames.slice(1), longTasks })
  })
})`

interface Told {
  atMs: number
  ended: number
  events: number
}

const print = (line: string): void => void process.stdout.write(`${line}\n`)
const at = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN

const server = spawn(
  process.execPath,
  [join(packageRoot(), 'dist', 'bench', 'page-server.js'), values.ids, values.rate],
  { stdio: ['pipe', 'pipe', 'inherit'] },
)
const lines = createInterface({ input: server.stdout })[Symbol.asyncIterator]()
async function heard<Answer>(): Promise<Answer> {
  const { value, done } = await lines.next()
  if (done === true) throw new Error('the server of the page has ended')
  return JSON.parse(value) as Answer
}
async function told(): Promise<Told> {
  server.stdin.write('\n')
  return heard<Told>()
}

const [loadBefore = 0] = loadavg()
const browser = await chromium.launch({ executablePath: chromiumPath, args: ['--no-sandbox'] })
try {
  const { port } = await heard<{ port: number }>()
  const page = await browser.newPage({ viewport })
  await page.goto(`http://127.0.0.1:${port}/`)
  await page.getByText('live', { exact: true }).waitFor()
  await page.waitForTimeout(warmMs)
  const session = await page.context().newCDPSession(page)
  await session.send('Performance.enable', { timeDomain: 'threadTicks' })
  const seconds = async (): Promise<Record<string, number>> => {
    const { metrics } = await session.send('Performance.getMetrics')
    return Object.fromEntries(metrics.map(({ name, value }) => [name, value]))
  }
  const before = { told: await told(), browser: await seconds() }
  const { frames, longTasks } = (await page.evaluate(
    `(${watched})(${Number(values.seconds) * 1_000})`,
  )) as { frames: number[]; longTasks: number[] }
  const after = { told: await told(), browser: await seconds() }
  if (values.picture !== undefined) await page.screenshot({ path: values.picture })
  const text = (await page.locator('.feed header').textContent()) ?? ''
  const missed = Number(/([\d,]+) were missed/.exec(text)?.[1]?.replaceAll(',', '') ?? 0)
  const tookS = (after.told.atMs - before.told.atMs) / 1_000
  const spent = (name: string): string =>
    ((after.browser[name] ?? 0) - (before.browser[name] ?? 0)).toFixed(1)
  const sorted = frames.toSorted((a, b) => a - b)
  const ms = (value: number): string => `${value.toFixed(1)} ms`
  print(
    `${values.ids} transactional ids, ${Math.round((after.told.ended - before.told.ended) / tookS)} transactions and ` +
      `${Math.round((after.told.events - before.told.events) / tookS)} events a second, ${tookS.toFixed(1)} s; ` +
      `load ${loadBefore.toFixed(1)} on ${cpus().length} cores before`,
  )
  print(
    `frames: ${(frames.length / tookS).toFixed(1)} a second; p50 ${ms(at(sorted, 0.5))}, p95 ${ms(at(sorted, 0.95))}, ` +
      `p99 ${ms(at(sorted, 0.99))}, worst ${ms(sorted.at(-1) ?? Number.NaN)}`,
  )
  print(
    `long tasks (over 50 ms): ${longTasks.length}, together ${ms(longTasks.reduce((sum, one) => sum + one, 0))}, longest ${ms(Math.max(0, ...longTasks))}`,
  )
  print(
    `processor time of the main thread: ${spent('TaskDuration')} s busy, ${spent('ScriptDuration')} s of it scripts, ` +
      `${spent('LayoutDuration')} s layout, ${spent('RecalcStyleDuration')} s styles; ` +
      `heap ${((after.browser.JSHeapUsedSize ?? 0) / 1e6).toFixed(0)} MB; ${missed} events missed`,
  )
  const wrong = [
    ...(at(sorted, 0.95) > bars.frameP95Ms ? [`p95 of frames above ${bars.frameP95Ms} ms`] : []),
    ...((sorted.at(-1) ?? 0) > bars.frameWorstMs ? [`a frame above ${bars.frameWorstMs} ms`] : []),
    ...(missed > bars.missed ? ['events were missed'] : []),
  ]
  print(wrong.length === 0 ? 'Every bar is met.' : `Bars missed: ${wrong.join('; ')}`)
} finally {
  await browser.close()
  server.stdin.end()
  server.kill()
}
