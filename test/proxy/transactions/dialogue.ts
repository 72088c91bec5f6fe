// Conversations between clients and brokers, one exchange a line, shown to a tracker message by message.
//
//   [who] >> Api(arguments) [@pid/epoch] [vN]  <<  answer
//
// who        a (default) or b: two processes with one transactional id
// Api        Find, Init, Add(out-0), AddOffsets(g), Produce(out-0#seq), TxnOffsets(g in-0=5),
//            EndTxn(commit|abort), Markers(100/0 commit, ...), Commit(g in-0=5)
// answer     NONE | ERROR_NAME | 100/4 (ids handed out) | lost (the broker may have it) | undelivered
//            swallowed ANSWER (the client gets nothing) | ANSWER told ERROR | nothing told NONE (made up)
//            detached (the client's leg is closed, the request kept)
//            pending (no answer yet)
// late N << answer     the request of line N (from 1) is delivered by a fault, now
//
// A client takes its ids from the answers that it is told, numbers its batches, and V2 clients take the
// epoch after EndTxn; so lines need ids and sequences only where they differ from a correct client's.
import type { Plane, TransactionProtocol } from '../../../proxy/events.ts'
import {
  apiNamed,
  decodeRequest,
  decodeResponse,
  defaultRequest,
  defaultResponse,
  encodeRequest,
  encodeResponse,
  type Message,
} from '../../../proxy/protocol/codec.ts'
import { errorCodeNamed } from '../../../proxy/protocol/error-codes.ts'
import { writeBatch } from '../../../proxy/protocol/record-batch.ts'
import {
  createTracker,
  type Location,
  type Observation,
  type Tracker,
  type TransactionEffect,
} from '../../../proxy/transactions/tracker.ts'

export const transactionalId = 'orders'

type Ids = { producerId: number; producerEpoch: number }

interface Client {
  instance: string
  ids: Ids
  sequences: Map<string, number>
}

export interface Turn {
  line: string
  request: Observation
  requestPlace: Location
  reply?: Observation
  replyPlace?: Location
  effects: readonly TransactionEffect[]
}

export interface Dialogue {
  tracker: Tracker
  turns: Turn[]
  effects: TransactionEffect[]
  say(line: string): Turn
}

const versions: Record<TransactionProtocol, Record<string, number>> = {
  V1: {
    Produce: 11,
    AddPartitionsToTxn: 3,
    AddOffsetsToTxn: 4,
    TxnOffsetCommit: 4,
    EndTxn: 4,
    InitProducerId: 5,
    FindCoordinator: 6,
    WriteTxnMarkers: 1,
    OffsetCommit: 9,
  },
  V2: {
    Produce: 12,
    AddPartitionsToTxn: 3,
    AddOffsetsToTxn: 4,
    TxnOffsetCommit: 5,
    EndTxn: 5,
    InitProducerId: 5,
    FindCoordinator: 6,
    WriteTxnMarkers: 2,
    OffsetCommit: 9,
  },
}

const apiNames: Record<string, string> = {
  Find: 'FindCoordinator',
  Init: 'InitProducerId',
  Add: 'AddPartitionsToTxn',
  AddOffsets: 'AddOffsetsToTxn',
  Produce: 'Produce',
  TxnOffsets: 'TxnOffsetCommit',
  EndTxn: 'EndTxn',
  Markers: 'WriteTxnMarkers',
  Commit: 'OffsetCommit',
}

export function requestOf(api: string, version: number, fields: Message): Message {
  const key = apiNamed(api)?.key ?? -1
  const whole = { ...defaultRequest(key, version), ...fields } as Message
  return decodeRequest(key, version, encodeRequest(key, version, whole))
}

export function replyOf(api: string, version: number, fields: Message): Message {
  const key = apiNamed(api)?.key ?? -1
  const whole = { ...defaultResponse(key, version), ...fields } as Message
  return decodeResponse(key, version, encodeResponse(key, version, whole))
}

function place(text: string): { topic: string; partition: number } {
  const dash = text.lastIndexOf('-')
  return { topic: text.slice(0, dash), partition: Number(text.slice(dash + 1)) }
}

function idsOf(text: string): Ids {
  const [producerId, producerEpoch] = text.split('/').map(Number)
  return { producerId: producerId ?? -1, producerEpoch: producerEpoch ?? -1 }
}

const asWire = (ids: Ids): Message => ({
  producerId: BigInt(ids.producerId),
  producerEpoch: ids.producerEpoch,
})

export function startDialogue(
  protocol: TransactionProtocol,
  tracker = createTracker({
    topicName: () => undefined,
    journalProduce: 'all',
  }),
): Dialogue {
  const clients: Record<string, Client> = {}
  const turns: Turn[] = []
  const all: TransactionEffect[] = []
  let atMs = 1_000
  let correlationId = 0
  let baseOffset = 0

  function clientNamed(name: string): Client {
    clients[name] ??= {
      instance: `copier-${name}`,
      ids: { producerId: -1, producerEpoch: -1 },
      sequences: new Map(),
    }
    return clients[name]
  }

  function requestFields(
    api: string,
    version: number,
    argument: string,
    client: Client,
    ids: Ids,
  ): Message {
    switch (api) {
      case 'FindCoordinator':
        return { keyType: 1, coordinatorKeys: [transactionalId] }
      case 'InitProducerId':
        return { transactionalId, transactionTimeoutMs: 60_000, ...asWire(ids) }
      case 'AddPartitionsToTxn': {
        const { topic, partition } = place(argument)
        const topics = [{ name: topic, partitions: [partition] }]
        if (version >= 4) {
          return { transactions: [{ transactionalId, ...asWire(ids), verifyOnly: false, topics }] }
        }
        return {
          v3AndBelowTransactionalId: transactionalId,
          v3AndBelowProducerId: BigInt(ids.producerId),
          v3AndBelowProducerEpoch: ids.producerEpoch,
          v3AndBelowTopics: topics,
        }
      }
      case 'AddOffsetsToTxn':
        return { transactionalId, ...asWire(ids), groupId: argument }
      case 'Produce': {
        const [where = '', sequence] = argument.split('#')
        const { topic, partition } = place(where)
        const next = client.sequences.get(where) ?? 0
        const baseSequence = sequence === undefined ? next : Number(sequence)
        if (sequence === undefined) client.sequences.set(where, next + 1)
        const records = writeBatch({
          records: [{ value: 'x' }],
          transactional: true,
          baseSequence,
          ...ids,
        })
        return {
          transactionalId,
          acks: -1,
          timeoutMs: 30_000,
          topicData: [{ name: topic, partitionData: [{ index: partition, records }] }],
        }
      }
      case 'TxnOffsetCommit':
      case 'OffsetCommit': {
        const [group = '', offset = ''] = argument.split(' ')
        const [where = '', committed = '0'] = offset.split('=')
        const { topic, partition } = place(where)
        const topics = [
          {
            name: topic,
            partitions: [
              {
                partitionIndex: partition,
                committedOffset: BigInt(committed),
                committedLeaderEpoch: -1,
                committedMetadata: '',
              },
            ],
          },
        ]
        const own = api === 'TxnOffsetCommit' ? { transactionalId, ...asWire(ids) } : {}
        return { ...own, groupId: group, topics }
      }
      case 'EndTxn':
        return { transactionalId, ...asWire(ids), committed: argument === 'commit' }
      case 'WriteTxnMarkers':
        return {
          markers: argument.split(', ').map((marker) => {
            const [which = '', result] = marker.split(' ')
            return {
              ...asWire(idsOf(which)),
              transactionResult: result === 'commit',
              topics: [{ name: 'out', partitionIndexes: [0] }],
              coordinatorEpoch: 0,
              transactionVersion: 0,
            }
          }),
        }
      default:
        throw new Error(`no such request: ${api}`)
    }
  }

  function replyFields(api: string, version: number, request: Message, answer: string): Message {
    const ids = /^\d+\/\d+$/.test(answer) ? idsOf(answer) : undefined
    const errorCode = ids === undefined ? errorCodeNamed(answer) : 0
    const perPartition = (field: string, topics: Message[]): Message[] =>
      topics.map((topic) => ({
        name: topic.name ?? '',
        partitions: ((topic.partitions ?? []) as Array<Message | number>).map((partition) => ({
          partitionIndex:
            typeof partition === 'number' ? partition : (partition.partitionIndex as number),
          [field]: errorCode,
        })),
      }))
    switch (api) {
      case 'FindCoordinator':
        return {
          coordinators: [
            { key: transactionalId, nodeId: 2, host: 'h', port: 1, errorCode, errorMessage: null },
          ],
        }
      case 'EndTxn':
        if (version < 5) return { errorCode }
        return { errorCode, ...asWire(ids ?? { producerId: -1, producerEpoch: -1 }) }
      case 'InitProducerId':
        return { errorCode, ...asWire(ids ?? { producerId: -1, producerEpoch: -1 }) }
      case 'AddPartitionsToTxn': {
        const topics = ((request.transactions as Message[] | undefined)?.[0]?.topics ??
          request.v3AndBelowTopics) as Message[]
        const results = topics.map((topic) => ({
          name: topic.name ?? '',
          resultsByPartition: (topic.partitions as number[]).map((partitionIndex) => ({
            partitionIndex,
            partitionErrorCode: errorCode,
          })),
        }))
        return version >= 4
          ? { resultsByTransaction: [{ transactionalId, topicResults: results }] }
          : { resultsByTopicV3AndBelow: results }
      }
      case 'AddOffsetsToTxn':
        return { errorCode }
      case 'Produce':
        return {
          responses: (request.topicData as Message[]).map((topic) => ({
            name: topic.name ?? '',
            partitionResponses: (topic.partitionData as Message[]).map((partition) => ({
              index: partition.index ?? 0,
              errorCode,
              baseOffset: errorCode === 0 ? BigInt(baseOffset++) : -1n,
              logAppendTimeMs: -1n,
              logStartOffset: 0n,
              recordErrors: [],
              errorMessage: null,
            })),
          })),
        }
      case 'TxnOffsetCommit':
      case 'OffsetCommit':
        return { topics: perPartition('errorCode', request.topics as Message[]) }
      case 'WriteTxnMarkers':
        return { markers: [] }
      default:
        throw new Error(`no such answer: ${api}`)
    }
  }

  /** What a correct client does with what it is told. */
  function learn(client: Client, api: string, toldReply: Message): void {
    const changes = api === 'InitProducerId' || api === 'EndTxn'
    if (!changes || toldReply.errorCode !== 0) return
    const producerId = Number(toldReply.producerId ?? -1n)
    if (producerId < 0) return
    client.ids = { producerId, producerEpoch: toldReply.producerEpoch as number }
    client.sequences.clear()
  }

  function answer(turn: Turn, client: Client | undefined, text: string, late: boolean): void {
    const { request } = turn
    const [, said = '', told] = /^(?:swallowed )?(\S+)(?: told (\S+))?$/.exec(text) ?? []
    const make = (what: string): Message =>
      replyOf(
        request.api,
        request.version,
        replyFields(request.api, request.version, request.request, what),
      )
    const reply = said === 'nothing' ? undefined : make(said)
    const toldReply = told === undefined ? undefined : make(told)
    const swallowed = text.startsWith('swallowed')
    const observed: Observation = {
      ...request,
      atMs,
      side: 'reply',
      ...(reply === undefined ? { delivered: false } : { reply }),
      ...(toldReply === undefined ? {} : { toldReply }),
      ...(swallowed ? { told: 'unknown' as const } : {}),
      ...(late ? { late: true } : {}),
    }
    turn.reply = observed
    turn.replyPlace = tracker.locate(observed)
    turn.effects = [...turn.effects, ...tracker.observeReply(observed)]
    const handed = toldReply ?? reply
    if (client !== undefined && handed !== undefined && !swallowed && !late) {
      learn(client, request.api, handed)
    }
  }

  function sayLate(line: string): Turn {
    const [, number, text = ''] = /^late (\d+) << (.+)$/.exec(line) ?? []
    const old = turns[Number(number) - 1]
    if (old === undefined) throw new Error(`no such line: ${line}`)
    const request: Observation = { ...old.request, atMs, late: true, delivered: true }
    const requestPlace = tracker.locate(request)
    const effects = tracker.observeRequest(request)
    const turn: Turn = { line, request, requestPlace, effects }
    answer(turn, undefined, text, true)
    return turn
  }

  function sayNow(line: string): Turn {
    const parsed = /^(?:(\w) )?>> (\w+)(?:\(([^)]*)\))?(?: @(\S+))?(?: v(\d+))?(?: << (.+))?$/.exec(
      line,
    )
    if (parsed === null) throw new Error(`cannot read: ${line}`)
    const [, who = 'a', short = '', argument = '', given, version, text = 'pending'] = parsed
    const api = apiNames[short] ?? short
    const client = clientNamed(who)
    const fresh: Ids = { producerId: -1, producerEpoch: -1 }
    const ids = given !== undefined ? idsOf(given) : api === 'InitProducerId' ? fresh : client.ids
    if (given !== undefined && api !== 'InitProducerId') client.ids = ids
    const plane: Plane = api === 'WriteTxnMarkers' ? 'inter-broker' : 'client'
    const spoken = Number(version ?? versions[protocol][api])
    correlationId += 1
    const request: Observation = {
      atMs,
      side: 'request',
      plane,
      node: 2,
      ...(plane === 'client' ? { instance: client.instance } : {}),
      connection: who === 'a' ? 1 : 2,
      apiKey: apiNamed(api)?.key ?? -1,
      api,
      version: spoken,
      correlationId,
      clientId: null,
      request: requestOf(api, spoken, requestFields(api, spoken, argument, client, ids)),
      ...(text === 'undelivered' || text === 'detached' || text.startsWith('nothing')
        ? { delivered: false }
        : {}),
    }
    const requestPlace = tracker.locate(request)
    const turn: Turn = { line, request, requestPlace, effects: tracker.observeRequest(request) }
    if (text === 'pending') return turn
    atMs += 1
    if (text === 'lost' || text === 'undelivered' || text === 'detached') {
      turn.effects = [
        ...turn.effects,
        ...tracker.connectionLost({ atMs, connection: request.connection, unanswered: [request] }),
      ]
    } else answer(turn, client, text, false)
    return turn
  }

  return {
    tracker,
    turns,
    effects: all,
    say(line) {
      atMs += 10
      const turn = line.startsWith('late ') ? sayLate(line) : sayNow(line)
      turns.push(turn)
      all.push(...turn.effects)
      return turn
    },
  }
}

/** `1 ended committed by markers-seen`, `fenced 100/0`, `bumped 100/1`: an event in a few words. */
export function summary(effect: TransactionEffect): string | undefined {
  switch (effect.type) {
    case 'transaction': {
      const { transaction, phase, asked, outcome, evidence, decided } = effect
      const words = [String(transaction), phase]
      if (phase === 'ending' && asked !== undefined) words.push(asked)
      if (outcome !== undefined) words.push(outcome)
      if (decided !== undefined && decided !== outcome) words.push(`(decided ${decided})`)
      if (evidence !== undefined) words.push(`by ${evidence}`)
      return words.join(' ')
    }
    case 'producer':
      return `${effect.change} ${effect.producerId}/${effect.producerEpoch}`
    case 'oddity':
      return `odd: ${effect.message}`
    case 'progress':
      return `progress ${effect.instance}`
    case 'send':
    case 'offsets':
    case 'group':
      return undefined
  }
}

export function summaries(effects: readonly TransactionEffect[]): string[] {
  return effects.flatMap((effect) => summary(effect) ?? [])
}

/** How each transaction stood when it last changed. */
export function endings(effects: readonly TransactionEffect[]): string[] {
  const last = new Map<number, string>()
  for (const effect of effects) {
    if (effect.type === 'transaction') last.set(effect.transaction, summary(effect) ?? '')
  }
  return [...last.entries()].sort(([a], [b]) => a - b).map(([, text]) => text)
}
