// Produce as the tracker needs it: the header of each batch and the answer to each, never a record.
import type { Outcome, SentBatch } from '../events.ts'
import { ProtocolError } from '../protocol/bytes.ts'
import type { Message } from '../protocol/codec.ts'
import { errorNameOf } from '../protocol/error-codes.ts'
import { type BatchHeader, readBatches } from '../protocol/record-batch.ts'
import type { Answer } from './apply-reply.ts'
import { batchMayBeInLog, none } from './broker-answers.ts'
import { bytesOf, numberOf, structsOf } from './message-fields.ts'
import { topicOf } from './subjects.ts'

const codeMissing = Number.NaN

export interface ReadBatches {
  batches: SentBatch[]
  /** Why some of the request's records could not be read as batches; the broker will refuse them too. */
  unreadable: string | undefined
}

/** The batches of a request with nothing said about them yet. */
export function batchesIn(
  request: Message,
  topicName: (topicId: string) => string | undefined,
): ReadBatches {
  const batches: SentBatch[] = []
  let unreadable: string | undefined
  for (const data of structsOf(request, 'topicData')) {
    const topic = topicOf(data, topicName) ?? ''
    for (const partitionData of structsOf(data, 'partitionData')) {
      const partition = numberOf(partitionData, 'index', -1)
      const read = headersOf(partitionData)
      if (typeof read === 'string') {
        unreadable = `Produce to ${topic}-${partition}: ${read}`
        continue
      }
      for (const batch of read) {
        batches.push({
          topic,
          partition,
          producerId: batch.producerId,
          producerEpoch: batch.producerEpoch,
          baseSequence: batch.baseSequence,
          records: batch.recordCount,
          transactional: batch.transactional,
          told: 'unknown',
        })
      }
    }
  }
  return { batches, unreadable }
}

/** The headers of a partition's batches, or why there are none to be read. */
function headersOf(partitionData: Message): readonly BatchHeader[] | string {
  const records = bytesOf(partitionData, 'records')
  if (records === undefined) return []
  try {
    return readBatches(records)
  } catch (cause) {
    if (cause instanceof ProtocolError) return cause.message
    throw cause
  }
}

interface PartitionAnswer {
  topic: string
  partition: number
  code: number
  baseOffset: number
}

function answersIn(
  reply: Message | undefined,
  topicName: (topicId: string) => string | undefined,
): PartitionAnswer[] {
  const answers: PartitionAnswer[] = []
  for (const response of reply === undefined ? [] : structsOf(reply, 'responses')) {
    const topic = topicOf(response, topicName) ?? ''
    for (const partition of structsOf(response, 'partitionResponses')) {
      answers.push({
        topic,
        partition: numberOf(partition, 'index', -1),
        code: numberOf(partition, 'errorCode', codeMissing),
        baseOffset: numberOf(partition, 'baseOffset', -1),
      })
    }
  }
  return answers
}

function toldBy(code: number): Outcome {
  if (code === none) return 'ok'
  return batchMayBeInLog(code) || Number.isNaN(code) ? 'unknown' : 'failed'
}

/** Error codes of the broker's answer by place in `batches`; NaN where it said nothing. */
export function answerBatches(
  batches: SentBatch[],
  answer: Answer,
  topicName: (topicId: string) => string | undefined,
): number[] {
  const fromBroker = answersIn(answer.broker, topicName)
  const toClient =
    answer.client === answer.broker ? fromBroker : answersIn(answer.client, topicName)
  return batches.map((batch, place) => {
    // The name behind a topic id may have become known since the request passed.
    batch.topic = topicName(batch.topic) ?? batch.topic
    // Answers keep the request's order; a search is needed only when somebody broke it.
    const find = (answers: readonly PartitionAnswer[]): PartitionAnswer | undefined => {
      const fits = (candidate: PartitionAnswer | undefined): boolean =>
        candidate?.topic === batch.topic && candidate.partition === batch.partition
      return fits(answers[place]) ? answers[place] : answers.find(fits)
    }
    const broker = find(fromBroker)
    const client = find(toClient)
    if (answer.stated === 'unknown') batch.told = 'unknown'
    else if (answer.client === undefined) batch.told = answer.told
    else if (answer.stated === 'failed' && answer.client === answer.broker) {
      // A fault changed the answer and did not say into what; a code that leaves it open stays open.
      batch.told = client !== undefined && batchMayBeInLog(client.code) ? 'unknown' : 'failed'
    } else batch.told = toldBy(client?.code ?? codeMissing)
    if (broker === undefined) return codeMissing
    batch.brokerError = errorNameOf(broker.code)
    if (broker.code === none && broker.baseOffset >= 0) batch.baseOffset = broker.baseOffset
    return broker.code
  })
}
