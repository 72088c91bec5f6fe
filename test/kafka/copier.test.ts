// Both copiers on a real cluster: exactly once without a fault, with an instance killed in the middle, with
// aborts on purpose; and the wrong ones, which nobody can tell from the right one as long as nothing goes wrong.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type ClusterAdmin, openAdmin } from '../../gauntlet/clusters/admin.ts'
import type { EmbeddedCluster } from '../../gauntlet/clusters/embedded.ts'
import type { CopierSpec } from '../../gauntlet/workloads/copier-settings.ts'
import { startGenerator } from '../../gauntlet/workloads/generator.ts'
import type { JournalEntry } from '../../gauntlet/workloads/journal.ts'
import { mistakeNames, mistakes } from '../../gauntlet/workloads/mistakes.ts'
import { createClusterClient } from '../../validators/readers/cluster-client.ts'
import { readLog } from '../../validators/readers/kafka-log.ts'
import { defaultIdSelector, placedIdSelector } from '../../validators/selector.ts'
import {
  type CopyOptions,
  type CopyResult,
  copyRun,
  readAll,
  runtime,
  untilCommitted,
} from './copier-run.ts'
import { startPlainCluster } from './plain-cluster.ts'

const clients = ['kafkajs', 'java'] as const
/** So many JVMs of copiers start at a time. */
const sideBySide = 4

let cluster: EmbeddedCluster
let bootstrap: string
let admin: ClusterAdmin
const folder = mkdtempSync(join(tmpdir(), 'copier-test-'))

beforeAll(async () => {
  cluster = await startPlainCluster(3)
  bootstrap = cluster.bootstrap.join(',')
  admin = openAdmin(cluster.brokers)
})

afterAll(async () => {
  admin.close()
  await cluster.stop()
  rmSync(folder, { recursive: true, force: true })
})

function copier(client: CopierSpec['client'], more: Partial<CopierSpec> = {}): CopierSpec {
  return { client, instances: 2, transactionSize: 50, restartTimes: 0, ...more }
}

function run(options: Omit<CopyOptions, 'bootstrap' | 'admin' | 'folder'>): Promise<CopyResult> {
  return copyRun({ ...options, bootstrap, admin, folder })
}

/** Every input exactly once, and nothing else. */
function expectExactlyOnce({ input, output, sent }: CopyResult): void {
  expect(input.size).toBe(sent)
  expect([...input.values()].filter((count) => count !== 1)).toEqual([])
  expect(output).toEqual(input)
}

const entriesOf = ({ journals }: CopyResult) => journals.flatMap(({ entries }) => entries)

function transactions(entries: readonly JournalEntry[], what: 'commit' | 'abort'): JournalEntry[] {
  return entries.filter((entry) => 'txn' in entry && entry.txn === what && entry.outcome === 'ok')
}

describe.each(clients)('the %s copier', (client) => {
  it('copies every record exactly once when nothing goes wrong, and says in its journal what it did', async () => {
    const result = await run({
      name: `plain-${client}`,
      copier: copier(client),
      partitions: 4,
      load: { records: 1_000, rate: 1_000 },
    })
    expectExactlyOnce(result)
    const entries = entriesOf(result)
    const ids = [...result.input.keys()].sort()
    const committed = transactions(entries, 'commit')
    expect(committed.flatMap((entry) => ('ids' in entry ? entry.ids : [])).sort()).toEqual(ids)
    const sends = entries.filter((entry) => 'sent' in entry)
    // A rebalance while the second instance joins makes the first do work again that it had not committed.
    expect([...new Set(sends.map((entry) => entry.sent))].sort()).toEqual(ids)
    expect(new Set(sends.map((entry) => entry.at)).size).toBe(sends.length)
    expect(sends[0]?.at).toMatch(new RegExp(`^plain-${client}-output-[01]@[0-9]+$`))
    const reads = entries.flatMap((entry) => ('read' in entry ? entry.read : []))
    expect([...new Set(reads)].sort()).toEqual(ids)
    const value = JSON.parse(result.values[0]!) as Record<string, unknown>
    expect(value).toMatchObject({ copied: expect.stringMatching(/-input-[0-3]@[0-9]+$/) })
  })

  it('copies every record exactly once when an instance is killed in the middle and started again', async () => {
    const result = await run({
      name: `killed-${client}`,
      copier: copier(client),
      partitions: 4,
      load: { records: 2_000, rate: 1_000 },
      meanwhile: async ([first], [journalFile]) => {
        await untilCommitted(journalFile!, 3)
        await first!.kill()
        await first!.restart()
      },
    })
    expectExactlyOnce(result)
    // The one that was killed had begun, and its journal is whole but for a line at most.
    expect(transactions(result.journals[0]!.entries, 'commit').length).toBeGreaterThanOrEqual(3)
    for (const { brokenLines } of result.journals) expect(brokenLines).toBeLessThanOrEqual(1)
  })

  it('aborts the transactions that it is told to abort, and does their work again', async () => {
    const result = await run({
      name: `aborts-${client}`,
      copier: copier(client, { instances: 1, transactionSize: 10, abortTransactions: [2, 4] }),
      partitions: 1,
      load: { records: 200, rate: 10_000 },
    })
    expectExactlyOnce(result)
    const entries = entriesOf(result)
    const aborted = transactions(entries, 'abort')
    const count = aborted.length + transactions(entries, 'commit').length
    expect(count).toBeGreaterThanOrEqual(22)
    console.log(
      `${client}: ${count} transactions, ${Math.round(result.tookMs / count)} ms each, with start and join`,
    )
    expect(aborted.map((entry) => entry.transaction?.replace(/^.*-/, ''))).toEqual(['2', '4'])
    // What was aborted was written before, and written again after.
    const again = aborted.flatMap((entry) => ('ids' in entry ? entry.ids : []))
    const sends = entries.filter((entry) => 'sent' in entry && again.includes(entry.sent))
    expect(sends.length).toBe(2 * again.length)
  })

  it('that makes a mistake is not caught without a fault', async () => {
    const known = mistakeNames.filter((name) =>
      (mistakes[name].clients as readonly string[]).includes(client),
    )
    const results: CopyResult[] = []
    for (let from = 0; from < known.length; from += sideBySide) {
      const some = known.slice(from, from + sideBySide).map((mistake) =>
        run({
          name: `${mistake}-${client}`,
          copier: copier(client, { instances: 1, mistake }),
          partitions: 2,
          load: { records: 200, rate: 200 },
        }),
      )
      results.push(...(await Promise.all(some)))
    }
    expect(results.length).toBe(client === 'java' ? 11 : 8)
    for (const result of results) expectExactlyOnce(result)
  })

  it('never hands on records of aborted transactions, unless it reads uncommitted', async () => {
    const load = { records: 300, rate: 300, aborted: 0.2 }
    const [right, wrong] = await Promise.all([
      run({
        name: `right-${client}`,
        copier: copier(client, { instances: 1 }),
        partitions: 2,
        load,
      }),
      run({
        name: `wrong-${client}`,
        copier: copier(client, { instances: 1, mistake: 'read-uncommitted' }),
        partitions: 2,
        load,
      }),
    ])
    expectExactlyOnce(right)
    expect(right.aborted).toBeGreaterThan(0)
    const handedOn = [...wrong.output.keys()].filter((id) => !wrong.input.has(id))
    expect(handedOn.length).toBe(wrong.aborted)
    expect(handedOn.every((id) => /^a[01]-[0-9]+$/.test(id))).toBe(true)
  })
})

describe('the settings of a copier', () => {
  it('reach the Java client: names, timeouts, assignment, compression, time for its work', async () => {
    const client = createClusterClient(cluster.bootstrap, {
      clientId: 'settings-test',
      requestTimeoutMs: 10_000,
      patienceMs: 30_000,
      runtime,
    })
    const ids = ['settings-id-0', 'settings-id-1']
    const memberIds: unknown[] = []
    const protocols = new Set<unknown>()
    const timeouts: unknown[] = []
    try {
      const result = await run({
        name: 'settings',
        copier: copier('java', {
          transactionalId: `\${workload}-id-\${index}`,
          groupInstanceId: `member-\${index}`,
          assignment: 'cooperative',
          compression: 'lz4',
          transactionTimeoutMs: 9_000,
          sessionTimeoutMs: 10_000,
          workTimeMs: 30,
        }),
        partitions: 4,
        load: { records: 600, rate: 300 },
        async meanwhile(_instances, journalFiles) {
          await untilCommitted(journalFiles[0]!, 1)
          const groups = ['settings-group']
          while (memberIds.length < ids.length) {
            const answer = await client.askCoordinator(
              { type: 'group', key: groups[0]! },
              { api: 'DescribeGroups', message: { groups } },
            )
            const [group] = answer.groups as Record<string, unknown>[]
            protocols.add(group!.protocolData)
            const members = group!.members as Record<string, unknown>[]
            if (members.length < ids.length) continue
            memberIds.push(...members.map((member) => member.groupInstanceId))
          }
          for (const key of ids) {
            const answer = await client.askCoordinator(
              { type: 'transaction', key },
              { api: 'DescribeTransactions', message: { transactionalIds: [key] } },
            )
            const [state] = answer.transactionStates as Record<string, unknown>[]
            timeouts.push(state!.transactionTimeoutMs)
          }
        },
      })
      expectExactlyOnce(result)
      expect(memberIds.sort()).toEqual(['member-0', 'member-1'])
      expect(protocols).toContain('cooperative-sticky')
      expect(timeouts).toEqual([9_000, 9_000])
      const codecs = new Set<string>()
      for (const partition of [0, 1]) {
        await readLog({
          cluster: client,
          role: 'output',
          topic: 'settings-output',
          partition,
          select: placedIdSelector(defaultIdSelector),
          nowMs: () => runtime.nowMs(),
          sink: (line) => {
            if (line.type === 'log-batch') codecs.add(String(line.codec))
          },
        })
      }
      expect([...codecs]).toEqual(['lz4'])
      // A static member that stops does not leave: its place is kept until its session is over.
      expect((await admin.groupState('settings-group')).members).toBe(2)
      const commits = transactions(entriesOf(result), 'commit').length
      expect(result.tookMs).toBeGreaterThan((commits / ids.length) * 30)
    } finally {
      client.close()
    }
  })
})

describe('the generator', () => {
  it('writes the records of each phase once, in order, and no more', async () => {
    const topic = 'phases'
    await admin.createTopics([{ name: topic, partitions: 2 }])
    const generator = startGenerator({
      bootstrap,
      topic,
      partitions: 2,
      phases: [
        { kind: 'records', records: 3, ratePerSecond: 1_000 },
        { kind: 'wait', waitMs: 300 },
        { kind: 'records', records: 4, ratePerSecond: 1_000, value: 'again' },
      ],
      runtime,
      onError: (error) => {
        throw error
      },
    })
    expect(await generator.finish()).toEqual({ sent: 7, aborted: 0 })
    expect(generator.done()).toBe(true)
    const records = await readAll({ bootstrap, admin }, topic)
    const ofPartition = (source: string) =>
      records.filter(({ id }) => id.startsWith(source)).map(({ id }) => id)
    expect(ofPartition('p0')).toEqual(['p0-0', 'p0-1', 'p0-2', 'p0-3'])
    expect(ofPartition('p1')).toEqual(['p1-0', 'p1-1', 'p1-2'])
    expect(records.filter(({ value }) => value === 'again').length).toBe(4)
  })

  it('writes every record once although the leaders of its partitions die', async () => {
    const topic = 'outage'
    await admin.createTopics([{ name: topic, partitions: 6 }])
    const generator = startGenerator({
      bootstrap,
      topic,
      partitions: 6,
      records: 3_000,
      rate: 1_000,
      runtime,
      onError: () => undefined,
    })
    while (generator.sent() < 1_000) await new Promise((resolve) => setTimeout(resolve, 20))
    await cluster.kill(2)
    const ledByTheDead = async (): Promise<boolean> =>
      (await admin.placesOf(topic))?.some(({ leader }) => leader === 2 || leader < 0) !== false
    while (await ledByTheDead()) await new Promise((resolve) => setTimeout(resolve, 20))
    await cluster.start(2)
    const { sent } = await generator.finish()
    expect(sent).toBeGreaterThanOrEqual(3_000)
    const ids = (await readAll({ bootstrap, admin }, topic)).map(({ id }) => id)
    expect(ids.length).toBe(sent)
    expect(new Set(ids).size).toBe(sent)
  })
})
