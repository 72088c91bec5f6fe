// So many clients in a process of their own, each with one connection on which it asks now and then. A test kills the
// process to see what becomes of connections whose client has died. `node idle-clients.mjs HOST PORT COUNT`
import { connectBroker } from '../../../dist/proxy/flow/broker-client.js'

const [host, port, count] = process.argv.slice(2)
const askEveryMs = 2_000
const connectTogether = 25
const options = { clientId: 'idle', timeoutMs: 30_000 }

async function live() {
  for (;;) {
    try {
      const client = await connectBroker({ host, port: Number(port) }, options)
      while (client.open) {
        await client.request('Metadata', { topics: [] })
        await new Promise((resolve) => setTimeout(resolve, askEveryMs * (0.5 + Math.random())))
      }
    } catch {
      // A broker is down: as clients do, it comes again.
      await new Promise((resolve) => setTimeout(resolve, askEveryMs))
    }
  }
}

for (let begun = 0; begun < Number(count); begun += connectTogether) {
  for (let one = 0; one < connectTogether; one += 1) void live()
  await new Promise((resolve) => setTimeout(resolve, 100))
}
process.stdout.write('up\n')
process.stdin.on('end', () => process.exit(0)).resume()
