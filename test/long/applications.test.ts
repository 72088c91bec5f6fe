// Applications that do to themselves what they should not: each run must end, with the right verdict, a sentence that
// says what happened, and no process left. On one real cluster.
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { EmbeddedCluster } from '../../gauntlet/clusters/embedded.ts'
import { packageRoot } from '../../gauntlet/entry.ts'
import { runPlan } from '../../gauntlet/run.ts'
import type { Result, RunEvent } from '../../gauntlet/run-events.ts'
import { readPlan } from '../../proxy/plans/read-plan.ts'
import { startPlainCluster } from '../kafka/plain-cluster.ts'

const folder = mkdtempSync(join(tmpdir(), 'gauntlet-applications-test-'))
const copier = `node ${join(packageRoot(), 'dist', 'gauntlet', 'workloads', 'kafkajs-copier.js')}`
let cluster: EmbeddedCluster

beforeAll(async () => {
  cluster = await startPlainCluster(3)
})

afterAll(async () => {
  await cluster.stop()
  rmSync(folder, { recursive: true })
})

interface Ran {
  result: Result
  outDir: string
  events: RunEvent[]
}

async function ran(
  name: string,
  workload: object,
  more: { rest?: string; records?: number; onEvent?: (event: RunEvent) => void } = {},
): Promise<Ran> {
  const text = `
name: ${name}
seed: 3
cluster: { external: { bootstrap: ${JSON.stringify(cluster.bootstrap)} } }
topics: { input: { name: ${name}-in, partitions: 2 }, output: { name: ${name}-out, partitions: 2 } }
load: { records: ${more.records ?? 200}, rate: 100/s }
workload: ${JSON.stringify(workload)}
${more.rest ?? ''}`
  const read = readPlan(text, `${name}.yaml`)
  if (!('plan' in read)) throw new Error(JSON.stringify(read.problems))
  const outDir = join(folder, name)
  const events: RunEvent[] = []
  const result = await runPlan(
    read.plan,
    { outDir, verbose: false },
    (event) => {
      events.push(event)
      more.onEvent?.(event)
    },
    new AbortController().signal,
  )
  return { result, outDir, events }
}

const command = (run: string, more: object = {}) => ({
  command: { run, instances: 1, 'start-grace': '10s', ...more },
})

/** Processes that have this text in their environment, wherever they have gone. */
function processesWith(text: string): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => Number.isInteger(pid) && pid !== process.pid)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/environ`, 'latin1').includes(text)
      } catch {
        return false
      }
    })
}

describe('an application', () => {
  it('that crashes at once: INCONCLUSIVE, with its exit code', async () => {
    const { result } = await ran('crash-at-once', command('echo no database; exit 3'))
    expect(result.verdict).toBe('INCONCLUSIVE')
    expect(result.reasons[0]).toMatch(/^command-0 ended by itself with code 3 .*command-0\.log/)
  })

  it('that crashes later: INCONCLUSIVE, and the run does not wait for what cannot come', async () => {
    const crash = command(`(sleep 6; kill -9 $$) & exec ${copier}`)
    const { result } = await ran('crash-later', crash, { records: 3_000 })
    expect(result.verdict).toBe('INCONCLUSIVE')
    expect(result.reasons[0]).toMatch(/^command-0 ended by itself by SIGKILL/)
  })

  it('that hangs: INCONCLUSIVE after its start-grace', async () => {
    const { result } = await ran('hang', command('exec sleep 1000'))
    expect(result.verdict).toBe('INCONCLUSIVE')
    expect(result.reasons[0]).toMatch(/^command-0 never connected to the proxy, and no record came/)
    expect(processesWith(join(folder, 'hang'))).toEqual([])
  })

  it('that prints megabytes a second: PASS, and its log is bounded', async () => {
    const loud = `(while :; do head -c 4000000 /dev/zero | tr '\\\\0' x; echo; sleep 0.05; done) & exec ${copier}`
    const { result, outDir } = await ran('loud', command(loud))
    expect(result.reasons).toEqual([expect.stringContaining('every one accounted for')])
    const log = join(outDir, 'command-0.log')
    expect(statSync(log).size).toBeLessThan(128 * 1024 * 1024)
    expect(readFileSync(log, 'latin1')).toContain('MB of output were cut here]')
    expect(processesWith(outDir)).toEqual([])
  })

  it('that ignores SIGTERM: judged all the same, killed, and said so', async () => {
    const deaf = `trap '' TERM; ${copier}; while :; do sleep 1; done`
    const { result, events, outDir } = await ran('deaf', command(deaf, { 'stop-grace': '1s' }))
    expect(result.verdict).toBe('PASS')
    expect(events).toContainEqual({
      type: 'note',
      text: 'command-0 did not end within 1 s of SIGTERM, and was killed',
    })
    expect(processesWith(outDir)).toEqual([])
  })

  it('that starts slowly: PASS within its start-grace, INCONCLUSIVE beyond it', async () => {
    const slow = `sleep 5; exec ${copier}`
    expect((await ran('slow', command(slow))).result.verdict).toBe('PASS')
    const late = command(`sleep 600; exec ${copier}`, { 'start-grace': '2s' })
    const { result } = await ran('too-slow', late)
    expect(result.verdict).toBe('INCONCLUSIVE')
  })

  it('that goes round the proxy: INCONCLUSIVE, and told from one that does nothing', async () => {
    const direct = { KAFKA_BOOTSTRAP_SERVERS: cluster.bootstrap.join(',') }
    const { result } = await ran('round', command(`exec ${copier}`, { env: direct }))
    expect(result.verdict).toBe('INCONCLUSIVE')
    expect(result.reasons[0]).toContain(
      'it has the addresses of the brokers and goes round the proxy',
    )
  })

  it('that writes garbage into its journal: INCONCLUSIVE, and no line of it is shown', async () => {
    const program = `head -c 300000 /dev/urandom > "$GAUNTLET_JOURNAL"; printf '{"secret":1}\\n{}\\n[]\\n' >> "$GAUNTLET_JOURNAL"; GAUNTLET_JOURNAL=/dev/null exec ${copier}`
    const { result } = await ran('garbage', command(program))
    expect(result.verdict).toBe('INCONCLUSIVE')
    expect(result.reasons[0]).toMatch(/^command-0 wrote \d+ lines into its journal .* no entries/)
    expect(JSON.stringify(result)).not.toContain('secret')
  })

  it('that works in a group of its own choice: INCONCLUSIVE, with the word that mends it', async () => {
    const own = { GAUNTLET_GROUP: 'order-service' }
    const rest = 'expect: { drain: 3s }'
    const lost = await ran('other-group', command(`exec ${copier}`, { env: own }), { rest })
    expect(lost.result.verdict).toBe('INCONCLUSIVE')
    expect(lost.result.reasons.join()).toContain('say `group: order-service` under the workload')
    const mended = command(`exec ${copier}`, { env: own, group: 'order-service' })
    expect((await ran('same-group', mended, { rest })).result.verdict).toBe('PASS')
  })

  it('that doubles records and then crashes: FAIL, because what can be proved is proved', async () => {
    const program = join(packageRoot(), 'test', 'long', 'twice-and-out.mjs')
    const { result } = await ran('doubling', command(`exec node ${program}`))
    expect(result.verdict).toBe('FAIL')
    expect(result.findings.map(({ kind }) => kind)).toContain('duplicate')
    expect(result.reasons.join()).toContain('command-0 ended by itself with code 9')
  })
})

describe('an attached application', () => {
  const started: ChildProcess[] = []

  /** As somebody would who has read the address on the terminal. */
  function startAt(address: string, name: string, more: Record<string, string> = {}): void {
    const [program = '', ...args] = copier.split(' ')
    const child = spawn(program, args, {
      stdio: ['pipe', 'ignore', 'ignore'],
      env: {
        ...process.env,
        KAFKA_BOOTSTRAP_SERVERS: address,
        GAUNTLET_INPUT: `${name}-in`,
        GAUNTLET_OUTPUT: `${name}-out`,
        GAUNTLET_GROUP: 'gauntlet',
        GAUNTLET_TRANSACTIONAL_ID: name,
        GAUNTLET_WORKLOAD: name,
        GAUNTLET_JOURNAL: '/dev/null',
        NODE_ENV: undefined,
        ...more,
      },
    })
    started.push(child)
  }

  const addressIn = (event: RunEvent): RegExpExecArray | null =>
    event.type === 'note' ? /^(attach-\d+): start it with (\S+) as/.exec(event.text) : null

  async function stopAll(): Promise<void> {
    await Promise.all(
      started.splice(0).map(
        (child) =>
          new Promise((resolve) => {
            child.once('exit', resolve)
            child.kill('SIGKILL')
          }),
      ),
    )
  }

  it('passes, known by the port that it was given', async () => {
    const { result, outDir } = await ran(
      'attached',
      { attach: { for: '3s', 'start-grace': '20s' } },
      {
        onEvent(event) {
          const told = addressIn(event)
          if (told !== null) startAt(told[2] ?? '', 'attached')
        },
      },
    )
    await stopAll()
    expect(result.reasons).toEqual([expect.stringContaining('every one accounted for')])
    expect(JSON.parse(readFileSync(join(outDir, 'attach.json'), 'utf8'))).toHaveProperty('attach-0')
  })

  it('passes with a fault on one of two, told apart by client id', async () => {
    const instances = [{ 'client-id': 'blue-*' }, { 'client-id': 'green-*' }]
    const { result } = await ran(
      'shared',
      { attach: { instances, 'start-grace': '20s' } },
      {
        rest: `
faults:
  - name: lost
    when: { reply: EndTxn, instance: 1, committed: true, nth: 2 }
    inject: { disconnect: before-reply }`,
        onEvent(event) {
          const told = addressIn(event)
          if (told === null) return
          const workload = told[1] === 'attach-0' ? 'blue' : 'green'
          startAt(told[2] ?? '', 'shared', { GAUNTLET_WORKLOAD: workload })
        },
      },
    )
    await stopAll()
    expect(result.reasons).toEqual([expect.stringContaining('with 1 fault applied')])
    expect(result.faults[0]?.firings[0]?.exchange?.instance).toBe('attach-1')
  })

  it('that nobody starts: INCONCLUSIVE after its start-grace', async () => {
    const { result } = await ran('nobody', { attach: { 'start-grace': '2s' } })
    expect(result.verdict).toBe('INCONCLUSIVE')
    expect(result.reasons[0]).toContain('attach-0 never connected to the proxy')
  })

  it('whose topics hold records already is refused before anything starts', async () => {
    const text = { attach: { 'start-grace': '2s' } }
    await expect(ran('attached', text)).rejects.toMatchObject({
      code: 'cannot-do-here',
      message: expect.stringContaining('is not empty'),
    })
  })
})
