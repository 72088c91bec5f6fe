// What a scrape of the metrics costs with as many transactional ids as the proxy remembers:
// `node dist/bench/scrape.js`. The proxy runs on a thread of its own, as it does for users.
import { entryFile } from '../gauntlet/entry.ts'
import { startControl } from '../proxy/control/control.ts'
import { clientPlaneOnly } from '../proxy/faults/reach.ts'
import { connectBroker } from '../proxy/flow/broker-client.ts'
import { listen } from '../proxy/flow/sockets.ts'
import { encodeResponse } from '../proxy/protocol/codec.ts'
import { responseFrame } from '../proxy/protocol/frame.ts'
import { systemRuntime } from '../proxy/runtime.ts'
import { startProxy } from '../proxy/start-proxy.ts'
import { trackedProducersMax } from '../proxy/transactions/tracked.ts'

const host = '127.0.0.1'
const scrapes = 200
const apiVersionsKey = 18
const initProducerIdKey = 22

/** A broker that knows one API and hands out producer ids. */
async function startBroker() {
  let producerId = 0n
  return listen({ host, port: 0 }, (leg) => {
    let held = Buffer.alloc(0)
    leg.listen({
      bytes(chunk) {
        held = Buffer.concat([held, chunk])
        while (held.length >= 4 && held.length >= 4 + held.readInt32BE(0)) {
          const frame = held.subarray(4, 4 + held.readInt32BE(0))
          held = held.subarray(4 + held.readInt32BE(0))
          const [key, version, id] = [
            frame.readInt16BE(0),
            frame.readInt16BE(2),
            frame.readInt32BE(4),
          ]
          const keys = [apiVersionsKey, initProducerIdKey]
          const answer =
            key === apiVersionsKey
              ? { apiKeys: keys.map((apiKey) => ({ apiKey, minVersion: 0, maxVersion: 4 })) }
              : { producerId: producerId++, producerEpoch: 0 }
          leg.write(responseFrame(key, version, id, encodeResponse(key, version, answer)))
        }
        return false
      },
      ended: () => leg.end(),
      closed: () => undefined,
      drained: () => undefined,
    })
  })
}

async function main(): Promise<void> {
  const broker = await startBroker()
  const runtime = systemRuntime(1)
  let see: (events: never[]) => void = () => undefined
  const proxy = await startProxy({
    workerFile: entryFile('proxy/worker.js'),
    seed: 1,
    host: undefined,
    onEvents: (events) => see(events as never[]),
    options: {
      bootstrap: [broker.address],
      listenHost: host,
      advertisedHost: host,
      advertise: {},
      topicAliases: {},
      journalAllProduce: false,
    },
  })
  const control = await startControl({
    engine: proxy.engine,
    runtime,
    listen: { host, port: 0 },
    token: undefined,
    reach: clientPlaneOnly,
    runListeners: { host },
    faults: [],
    version: '0',
    onProblem: (message) => process.stderr.write(`${message}\n`),
  })
  see = control.see
  const door = await proxy.engine.openDoor(undefined, 0)
  const client = await connectBroker(door, { clientId: 'bench', timeoutMs: 10_000 })
  for (let from = 0; from < trackedProducersMax; from += 50) {
    await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        client.request('InitProducerId', {
          transactionalId: `id-${from + index}`,
          transactionTimeoutMs: 60_000,
          producerId: -1n,
          producerEpoch: -1,
        }),
      ),
    )
  }
  const known = (await proxy.engine.counters()).transactions.phases
  const tookMs: number[] = []
  // Time on the processor, ours and the asker's, says what a busy machine keeps from the clock.
  const usedBefore = process.cpuUsage()
  for (let scrape = 0; scrape < scrapes; scrape++) {
    const startMs = performance.now()
    const response = await fetch(`http://${host}:${control.address.port}/metrics`)
    await response.text()
    tookMs.push(performance.now() - startMs)
  }
  const { user, system } = process.cpuUsage(usedBefore)
  const cpuMs = ((user + system) / 1_000 / scrapes).toFixed(2)
  tookMs.sort((a, b) => a - b)
  const rank = (share: number): string =>
    (tookMs[Math.floor(share * (scrapes - 1))] ?? 0).toFixed(2)
  process.stdout.write(
    `${Object.values(known).reduce((sum, one) => sum + one, 0)} transactional ids: a scrape takes ${rank(0)} ms (least), ${rank(0.5)} ms (p50), ${rank(0.99)} ms (p99), ${cpuMs} ms of processor time with its asker\n`,
  )
  client.close()
  await control.close()
  await proxy.engine.stop()
  await proxy.terminate()
  await broker.close()
}

await main()
