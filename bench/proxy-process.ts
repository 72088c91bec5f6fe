// Our proxy as a process of its own, so that its CPU time and memory can be read: the engine itself, without
// the worker thread that it has in a run.
//   node proxy-process.js UPSTREAM-PORT idle|armed|armed-produce
// Prints {"port":N} and ends when its standard input closes.
import { createEngine } from '../proxy/engine.ts'
import { systemRuntime } from '../proxy/runtime.ts'

const host = '127.0.0.1'
const node = 1

const [upstreamPort, rules] = process.argv.slice(2)
const upstream = { host, port: Number(upstreamPort) }

const engine = createEngine(
  {
    bootstrap: [upstream],
    listenHost: host,
    advertisedHost: host,
    advertise: {},
    topicAliases: {},
    // A run with rules follows every Produce; a proxy that stands idle need not.
    journalAllProduce: rules !== 'idle',
  },
  {
    runtime: systemRuntime(1),
    host: undefined,
    listener(event) {
      if (event.type === 'error') process.stderr.write(`${event.code}: ${event.message}\n`)
    },
  },
)
engine.noteBroker(node, upstream)
if (rules !== 'idle') {
  const api = rules === 'armed-produce' ? 'Produce' : 'EndTxn'
  engine.arm({
    name: 'never',
    when: { request: api, 'transactional-id': 'an-id-that-never-comes' },
    inject: { delay: { by: '1s' } },
  })
}
const door = await engine.openDoor(undefined, 0)
process.stdout.write(`${JSON.stringify({ port: door.port })}\n`)
process.stdin.on('end', () => process.exit(0)).resume()
