// The reader of the log on batches that we write ourselves: no broker, an answer per question.
import { beforeAll, describe, expect, it } from 'vitest'
import type { Message } from '../../../proxy/protocol/codec.ts'
import { initCompression } from '../../../proxy/protocol/compression.ts'
import { writeBatch, writeMarker } from '../../../proxy/protocol/record-batch.ts'
import type { ClusterClient, Question } from '../../../validators/readers/cluster-client.ts'
import { type LogLine, readLog } from '../../../validators/readers/kafka-log.ts'
import { placedIdSelector } from '../../../validators/selector.ts'

beforeAll(() => initCompression())

/** A leader that holds these batches, and answers with as many bytes as it is told. */
function leaderOf(
  batches: Buffer[],
  { bytesPerAnswer = 1_000_000, start = 0 } = {},
): ClusterClient {
  const log = Buffer.concat(batches)
  const last = batches.at(-1)
  const end = last === undefined ? start : Number(last.readBigInt64BE(0)) + last.readInt32BE(23) + 1
  const positionOf = (offset: number): number => {
    let position = 0
    for (const batch of batches) {
      if (offset <= Number(batch.readBigInt64BE(0)) + batch.readInt32BE(23)) return position
      position += batch.length
    }
    return position
  }
  const answer = ({ api, message, memory }: Question): Message => {
    const topic = (message.topics as Message[])[0] as Message
    const partition = (topic.partitions as Message[])[0] as Message
    if (api === 'ListOffsets') {
      const offset = partition.timestamp === -2n ? start : end
      return { topics: [{ partitions: [{ errorCode: 0, offset: BigInt(offset) }] }] }
    }
    const from = positionOf(Number(partition.fetchOffset))
    const whole = batches.find(
      (_, index) => positionOf(Number(batches[index]?.readBigInt64BE(0))) === from,
    )
    const bytes = Math.max(bytesPerAnswer, whole?.length ?? 0)
    const piece = log.subarray(from, from + bytes)
    // As a connection does: whatever an earlier answer left there is gone.
    const records = memory?.(piece.length).fill(0xff) ?? Buffer.alloc(piece.length)
    piece.copy(records)
    return { errorCode: 0, responses: [{ partitions: [{ errorCode: 0, records }] }] }
  }
  return {
    askLeader: async (_at, question, check) => {
      const message = answer(question)
      check?.(message)
      return message
    },
    nodes: () => Promise.reject(new Error('not asked')),
    partitions: () => Promise.reject(new Error('not asked')),
    askNode: () => Promise.reject(new Error('not asked')),
    askCoordinator: () => Promise.reject(new Error('not asked')),
    close: () => undefined,
  }
}

function data(baseOffset: number, ids: string[], producerId = -1, baseSequence = -1): Buffer {
  return writeBatch({
    records: ids.map((id) => ({ key: id, value: 'v' })),
    baseOffset,
    transactional: producerId >= 0,
    producerId,
    producerEpoch: producerId < 0 ? -1 : 0,
    baseSequence,
  })
}

const marker = (baseOffset: number, producerId: number, committed: boolean) =>
  writeMarker({ baseOffset, producerId, producerEpoch: 0, committed, coordinatorEpoch: 3 })

async function linesOf(cluster: ClusterClient, firstOffset?: number): Promise<LogLine[]> {
  const lines: LogLine[] = []
  await readLog({
    cluster,
    role: 'output',
    topic: 'output',
    partition: 0,
    ...(firstOffset === undefined ? {} : { firstOffset }),
    select: placedIdSelector('key'),
    nowMs: () => 1,
    sink: (line) => void lines.push(line),
  })
  return lines
}

const states = (lines: LogLine[]) =>
  lines.flatMap((line) => (line.type === 'log-batch' ? [[line.ids.join(), line.state]] : []))

// Two producers side by side; the first aborts, then commits; the second is never ended.
const interleaved = [
  data(0, ['a-0', 'a-1'], 1, 0),
  data(2, ['b-0'], 2, 0),
  data(3, ['plain']),
  marker(4, 1, false),
  data(5, ['a-2'], 1, 2),
  marker(6, 1, true),
  data(7, ['b-1'], 2, 1),
]

describe('the reader of the log', () => {
  it('derives from the markers what is committed, aborted and open, in the order of offsets', async () => {
    const lines = await linesOf(leaderOf(interleaved))
    expect(states(lines)).toEqual([
      ['a-0,a-1', 'aborted'],
      ['b-0', 'open'],
      ['plain', 'committed'],
      ['a-2', 'committed'],
      ['b-1', 'open'],
    ])
    expect(
      lines.map((line) =>
        'offset' in line ? line.offset : 'baseOffset' in line ? line.baseOffset : 'end',
      ),
    ).toEqual([0, 2, 3, 4, 5, 6, 7, 'end'])
    expect(lines[3]).toMatchObject({
      type: 'log-marker',
      result: 'abort',
      coordinatorEpoch: 3,
      producerId: 1,
    })
    expect(lines[0]).toMatchObject({
      producerId: 1,
      producerEpoch: 0,
      baseSequence: 0,
      lastOffset: 1,
    })
    expect(lines.at(-1)).toMatchObject({ type: 'partition-end', firstOffset: 0, highWatermark: 8 })
  })

  it('asks for the next piece before it has decoded the one at hand', async () => {
    const cluster = leaderOf([data(0, ['a']), data(1, ['b']), data(2, ['c'])], {
      bytesPerAnswer: 1,
    })
    const told: string[] = []
    await readLog({
      cluster: {
        ...cluster,
        askLeader(at, question, check) {
          const topic = (question.message.topics as Message[])[0] as Message
          const partition = (topic.partitions as Message[])[0] as Message
          if (question.api === 'Fetch') told.push(`asked from ${partition.fetchOffset}`)
          return cluster.askLeader(at, question, check)
        },
      },
      role: 'output',
      topic: 'output',
      partition: 0,
      select: placedIdSelector('key'),
      nowMs: () => 1,
      sink: (line) => void (line.type === 'log-batch' && told.push(`told ${line.ids.join()}`)),
    })
    expect(told).toEqual([
      'asked from 0',
      'asked from 1',
      'told a',
      'asked from 2',
      'told b',
      'told c',
    ])
  })

  it('gives the same lines whatever each answer holds, cut off in the middle of a batch too', async () => {
    const whole = await linesOf(leaderOf(interleaved))
    for (const bytesPerAnswer of [1, 70, 100, 151, 200]) {
      expect(await linesOf(leaderOf(interleaved, { bytesPerAnswer }))).toEqual(whole)
    }
  })

  it('reports a batch with a wrong checksum or with records that cannot be read, and goes on', async () => {
    const flipped = data(1, ['x-1'])
    flipped.writeUInt8(flipped.readUInt8(flipped.length - 2) ^ 1, flipped.length - 2)
    const lines = await linesOf(leaderOf([data(0, ['x-0']), flipped, data(2, ['x-2'])]))
    expect(lines[1]).toEqual({
      type: 'log-damage',
      atMs: 1,
      role: 'output',
      topic: 'output',
      partition: 0,
      baseOffset: 1,
      lastOffset: 1,
      problem: 'its checksum is wrong',
    })
    expect(states(lines)).toEqual([
      ['x-0', 'committed'],
      ['x-2', 'committed'],
    ])
  })

  it('begins at the batch that holds the first offset, or at the start of the log', async () => {
    const late = await linesOf(leaderOf(interleaved), 5)
    expect(states(late)).toEqual([
      ['a-2', 'committed'],
      ['b-1', 'open'],
    ])
    expect(late.at(-1)).toMatchObject({ firstOffset: 5 })
    const cut = await linesOf(leaderOf([data(10, ['x-0'])], { start: 10 }))
    expect(cut.at(-1)).toMatchObject({ firstOffset: 10, highWatermark: 11 })
  })

  it('gives up when there is nothing where something must be', async () => {
    const gap = leaderOf([data(0, ['x-0'])])
    const lying: ClusterClient = {
      ...gap,
      askLeader: async (at, question, check) => {
        if (question.api === 'Fetch') {
          return { errorCode: 0, responses: [{ partitions: [{ errorCode: 0, records: null }] }] }
        }
        return gap.askLeader(at, question, check)
      },
    }
    await expect(linesOf(lying)).rejects.toThrow('no batch at offset 0 of output-0')
  })
})
