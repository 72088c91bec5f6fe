// Entry file of a process of its own: judges a synthetic history of so many records and says what it took. The lines
// are made as they are asked for, so that what is measured is what the validator holds.
// Arguments: `sequence` or `uuid`, and the number of records.
import { readFileSync } from 'node:fs'
import { historyFrom } from '../validators/history.ts'
import type { HistoryLine } from '../validators/history-line.ts'
import { judge } from '../validators/verdict.ts'

const [kind = 'sequence', count = '1000000'] = process.argv.slice(2)
const records = Number(count)
const batchRecords = 1_000
const partitions = 4

const hex = Array.from({ length: 65_536 }, (_, number) => number.toString(16).padStart(4, '0'))

/** Thirty-two bits that look like chance; different for different numbers. */
function mixed(number: number): number {
  let bits = Math.imul(number ^ (number >>> 16), 0x85ebca6b)
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35)
  return (bits ^ (bits >>> 16)) >>> 0
}

/** Cheap to make, so that the measurement is not one of the making. */
function idOf(number: number): string {
  if (kind === 'sequence') return `p${number % partitions}-${Math.floor(number / partitions)}`
  const [one, two] = [mixed(number), mixed(number ^ 0x5bd1e995)]
  const [three, four] = [mixed(number + 0x9e3779b9), mixed(~number)]
  const part = (bits: number, shift: 0 | 16) => hex[(bits >>> shift) & 0xffff]
  return `${part(one, 0)}${part(one, 16)}-${part(two, 0)}-${part(two, 16)}-${part(three, 0)}-${part(three, 16)}${part(four, 0)}${part(four, 16)}`
}

/** The ids of a partition's Nth batch: every fourth number. */
function idsOf(partition: number, batch: number): string[] {
  return Array.from({ length: batchRecords }, (_, at) =>
    idOf((batch * batchRecords + at) * partitions + partition),
  )
}

const batchesEach = Math.ceil(records / partitions / batchRecords)

function* lines(...types: ReadonlyArray<HistoryLine['type']>): Generator<HistoryLine> {
  const wants = (type: HistoryLine['type']) => types.length === 0 || types.includes(type)
  const every = { atMs: 9_000 }
  yield {
    ...every,
    type: 'run',
    format: 1,
    plan: 'synthetic',
    seed: 1,
    cluster: { kind: 'synthetic', version: '4.3.1', brokers: 1, features: {} },
    inputs: [{ topic: 'input', partitions }],
    outputs: [{ topic: 'output', partitions, contract: 'one-per-input' }],
    group: 'synthetic',
    id: 'header:gauntlet-id',
    instances: [],
    proxied: false,
    faults: [],
    expect: { verdict: 'PASS', allow: [] },
  }
  for (const role of ['input', 'output'] as const) {
    for (let partition = 0; partition < partitions; partition++) {
      const at = { role, topic: role, partition }
      for (let batch = 0; batch < batchesEach; batch++) {
        const baseOffset = batch * (batchRecords + 1)
        if (wants('log-batch')) {
          yield {
            ...every,
            ...at,
            type: 'log-batch',
            baseOffset,
            lastOffset: baseOffset + batchRecords - 1,
            producerId: 7,
            producerEpoch: 0,
            baseSequence: batch * batchRecords,
            transactional: true,
            state: 'committed',
            codec: 'none',
            timestampMs: 1_000,
            ids: idsOf(partition, batch),
          }
        }
        if (wants('log-marker')) {
          yield {
            ...every,
            ...at,
            type: 'log-marker',
            offset: baseOffset + batchRecords,
            producerId: 7,
            producerEpoch: 0,
            result: 'commit',
            coordinatorEpoch: 0,
            timestampMs: 1_001,
          }
        }
        if (role === 'output' && wants('read')) {
          yield {
            ...every,
            type: 'read',
            reader: 'final',
            topic: role,
            partition,
            offsets: [[baseOffset, batchRecords]],
            ids: idsOf(partition, batch),
          }
        }
      }
      const end = batchesEach * (batchRecords + 1)
      if (wants('partition-end')) {
        yield {
          ...every,
          ...at,
          type: 'partition-end',
          firstOffset: 0,
          highWatermark: end,
          lastStable: end,
        }
      }
    }
  }
  if (wants('drain')) {
    yield { ...every, type: 'drain', drained: true, waitedMs: 0, boundMs: 0, left: [] }
  }
}

/** The most that this process has held since it began; what Node calls maxRSS counts the one that started it, too. */
function peakBytes(): number {
  const status = readFileSync('/proc/self/status', 'utf8')
  return Number(/^VmHWM:\s+([0-9]+) kB$/m.exec(status)?.[1]) * 1_024
}

const began = performance.now()
const emptyBytes = peakBytes()
const cpuBefore = process.cpuUsage()
const history = historyFrom(lines)
const { verdict, records: counts } = judge(history)
if (verdict !== 'PASS') throw new Error(`a clean history was judged ${verdict}`)
const { user, system } = process.cpuUsage(cpuBefore)
const answer = {
  records: counts.committed,
  seconds: (performance.now() - began) / 1_000,
  cpuSeconds: (user + system) / 1e6,
  idBytes: history.idBytes,
  /** At its highest, and before there was a history. */
  peakBytes: peakBytes(),
  emptyBytes,
}
process.stdout.write(`${JSON.stringify(answer)}\n`)
