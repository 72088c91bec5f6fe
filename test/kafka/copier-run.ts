// One copy from an input topic to an output topic on a real cluster, and what came of it.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ClusterAdmin } from '../../gauntlet/clusters/admin.ts'
import type { CopierSpec } from '../../gauntlet/workloads/copier-settings.ts'
import { type GeneratorOptions, startGenerator } from '../../gauntlet/workloads/generator.ts'
import { type Journal, parseJournal } from '../../gauntlet/workloads/journal.ts'
import { startInstance } from '../../gauntlet/workloads/start-workload.ts'
import type { Instance } from '../../gauntlet/workloads/workload.ts'
import { systemRuntime } from '../../proxy/runtime.ts'
import { startConsumerReader } from '../../validators/readers/kafka-consumer.ts'
import { defaultIdSelector, idSelector } from '../../validators/selector.ts'

const lookMs = 50
const stopGraceMs = 15_000

export interface CopyOptions {
  name: string
  bootstrap: string
  admin: ClusterAdmin
  folder: string
  copier: CopierSpec
  partitions: number
  load: { records: number; rate: number; aborted?: number }
  /** Called when the load has begun and every instance runs; the load goes on until it is done. */
  meanwhile?: (instances: readonly Instance[], journalFiles: readonly string[]) => Promise<void>
}

export interface CopyResult {
  /** How often each id can be read from the input and from the output by a read_committed reader. */
  input: Map<string, number>
  output: Map<string, number>
  values: string[]
  journals: Journal[]
  sent: number
  aborted: number
  /** From the first record until everything was copied. */
  tookMs: number
}

export const runtime = systemRuntime(4)

const pause = (delayMs: number) => new Promise<void>((resolve) => setTimeout(resolve, delayMs))

/** Resolves when an instance has committed so many transactions. */
export async function untilCommitted(journalFile: string, transactions: number): Promise<void> {
  while (true) {
    const { entries } = parseJournal(
      existsSync(journalFile) ? readFileSync(journalFile, 'utf8') : '',
    )
    const committed = entries.filter((entry) => 'txn' in entry && entry.txn === 'commit')
    if (committed.length >= transactions) return
    await pause(lookMs)
  }
}

/** Resolves when the group has committed everything; the test's own time limit is the only one. */
async function untilDrained(admin: ClusterAdmin, group: string, topic: string): Promise<void> {
  while (true) {
    const offsets = new Map(
      (await admin.groupOffsets(group)).map(({ partition, offset }) => [partition, offset]),
    )
    const ends = await admin.logEnds(topic)
    if (ends.every((end) => offsets.get(end.partition) === end.highWatermark)) return
    await pause(lookMs)
  }
}

/** Everything that a read_committed reader gets of a topic whose writers are done, partition by partition. */
export async function readAll(
  { bootstrap, admin }: Pick<CopyOptions, 'bootstrap' | 'admin'>,
  topic: string,
): Promise<{ id: string; value: string }[]> {
  const selectId = idSelector(defaultIdSelector)
  const records: { id: string; value: string }[] = []
  const problems: string[] = []
  const reader = startConsumerReader({
    bootstrap: bootstrap.split(','),
    reader: 'final',
    partitions: (await admin.logEnds(topic)).map(({ partition, highWatermark }) => ({
      topic,
      partition,
      firstOffset: 0,
      endOffset: highWatermark,
    })),
    select: (record) => {
      const id = selectId(record)
      records.push({ id: String(id), value: String(record.value) })
      return id
    },
    sink: (line) => {
      if (line.type === 'reader-error') problems.push(line.message)
    },
    patienceMs: 30_000,
    runtime,
  })
  await reader.done
  await reader.stop()
  if (problems.length > 0) throw new Error(problems.join('; '))
  return records
}

export function counted(records: readonly { id: string }[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const { id } of records) counts.set(id, (counts.get(id) ?? 0) + 1)
  return counts
}

export async function copyRun(options: CopyOptions): Promise<CopyResult> {
  const { name, bootstrap, admin, folder, copier, partitions, load } = options
  const input = `${name}-input`
  const output = `${name}-output`
  const group = `${name}-group`
  await admin.createTopics([
    { name: input, partitions },
    { name: output, partitions: 2 },
  ])
  const journalFiles = Array.from({ length: copier.instances }, (_, index) =>
    join(folder, `${name}-${index}.ndjson`),
  )
  const instances: Instance[] = []
  try {
    await Promise.all(
      journalFiles.map(async (journalFile, index) => {
        instances[index] = await startInstance(
          { copier },
          {
            index,
            name: `${name}-${index}`,
            bootstrap,
            inputTopic: input,
            outputTopics: [output],
            group,
            transactionalId: `${name}-${index}`,
            journalFile,
            logFile: join(folder, `${name}-${index}.log`),
          },
          { runtime, seed: 4 },
        )
      }),
    )
    const startedMs = runtime.nowMs()
    const errors: Error[] = []
    const generator = startGenerator({
      bootstrap,
      topic: input,
      partitions,
      ...load,
      runtime,
      onError: (error) => errors.push(error),
    } satisfies GeneratorOptions)
    await options.meanwhile?.(instances, journalFiles)
    const { sent, aborted } = await generator.finish()
    await untilDrained(admin, group, input)
    const tookMs = runtime.nowMs() - startedMs
    await Promise.all(instances.map((instance) => instance.stop(stopGraceMs)))
    if (errors.length > 0) throw new AggregateError(errors, 'the generator met errors')
    const copied = await readAll(options, output)
    return {
      input: counted(await readAll(options, input)),
      output: counted(copied),
      values: copied.map(({ value }) => value),
      journals: journalFiles.map((file) => parseJournal(readFileSync(file, 'utf8'))),
      sent,
      aborted,
      tookMs,
    }
  } finally {
    await Promise.all(instances.map((instance) => instance?.stop(0)))
  }
}
