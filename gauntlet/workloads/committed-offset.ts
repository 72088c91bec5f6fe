// Where a consumer group has got to, as surely as kafkajs can tell. It sends OffsetFetch 4, which cannot ask
// for stable offsets, to whichever broker a randomly chosen one names as coordinator.
// - Pending transactions: the caller initialises the partition's producer first. InitProducerId is answered
//   only when the markers of the id's last transaction are written everywhere, __consumer_offsets included,
//   and the group coordinator answers its marker only when the offsets are in force. Nothing is pending then.
// - A broker that is cut off from the others goes on believing that it is the coordinator, and answers from
//   the past. Offsets only grow, so the largest of several answers counts, each asked through a random
//   broker; and never less than what this process has committed itself.

import type { Admin } from 'kafkajs'
import type { BrokerAccess } from '../../proxy/flow/access.ts'
import { kafkajsClient } from './kafkajs-client.ts'

/** With one of three brokers lying, all answers are old once in 243 times, and only while it can be reached. */
const answersWanted = 5
const retryDelayMs = 200

export interface CommittedOffsets {
  /** The next offset to read; 0 if the group has committed none. Fails when no answer is as new as `atLeast`. */
  of(partition: number, atLeast: number): Promise<number>
  close(): void
}

export function committedOffsets(options: {
  bootstrap: string
  access?: BrokerAccess | undefined
  clientId: string
  requestTimeoutMs: number
  group: string
  topic: string
  log: (line: string) => void
}): CommittedOffsets {
  let admin: Promise<Admin> | undefined

  async function connected(): Promise<Admin> {
    const fresh = kafkajsClient(options).admin()
    await fresh.connect()
    return fresh
  }

  function forget(): void {
    const old = admin
    admin = undefined
    // A connection that failed may fail to close as well; it is not used again.
    old?.then((it) => it.disconnect()).catch(() => undefined)
  }

  async function ask(partition: number): Promise<number> {
    admin ??= connected()
    const topics = await (await admin).fetchOffsets({
      groupId: options.group,
      topics: [options.topic],
    })
    const found = topics[0]?.partitions.find((entry) => entry.partition === partition)
    if (found === undefined) throw new Error(`no answer about ${options.topic}-${partition}`)
    return Math.max(0, Number(found.offset))
  }

  return {
    async of(partition, atLeast) {
      try {
        let newest = 0
        for (let answers = 0; answers < answersWanted; answers++) {
          newest = Math.max(newest, await ask(partition))
        }
        if (newest >= atLeast) return newest
        await new Promise((resolve) => setTimeout(resolve, retryDelayMs))
        throw new Error(`${options.topic}-${partition} is at ${newest}, known to be at ${atLeast}`)
      } catch (error) {
        forget()
        throw error
      }
    },
    close: forget,
  }
}
