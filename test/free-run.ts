// Ports in a row that nobody listens on: for what has to be told its ports before it starts.
import net from 'node:net'

/** Below the range from which systems give out ports by themselves. */
const lowest = 15_000
const highest = 30_000
const tries = 50

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = net.createServer()
    server.once('error', () => resolve(false))
    server.listen({ host: '127.0.0.1', port }, () => server.close(() => resolve(true)))
  })
}

export async function freeRun(count: number): Promise<number[]> {
  for (let attempt = 0; attempt < tries; attempt++) {
    const first = lowest + Math.floor(Math.random() * (highest - lowest - count))
    const ports = Array.from({ length: count }, (_, index) => first + index)
    const free = await Promise.all(ports.map(isFree))
    if (free.every(Boolean)) return ports
  }
  throw new Error(`no ${count} free ports in a row`)
}
