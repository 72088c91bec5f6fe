// Reserves ports on the loopback interface before anything listens on them.
// A port that the kernel hands out (listen on 0) lies in its ephemeral range, where between closing and
// listening again any outgoing connection may take it as its source port. Ours lie below that range,
// where nobody is given a port without asking for it by number. They come in blocks whose first port, the
// guard, we keep listening on: two gauntlets cannot both hold a guard, and the kernel frees it when we die.
import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { OperatorError } from '../../proxy/errors.ts'

/** Below are ports that people give to their own services. */
const firstPort = 12_000
const portsPerBlock = 16
/** macOS and Windows start their ephemeral range here; Linux tells. */
const usualEphemeralStart = 49_152
/** Where a system hands out nearly all ports there is no better place; guard and trial remain. */
const fallbackEnd = 32_768
const leastRange = 2_048
const loopback = '127.0.0.1'

interface Block {
  guard: Server
  reserved: Set<number>
  spare: number[]
}

const blocks: Block[] = []

function ephemeralStart(): number {
  if (process.platform !== 'linux') return usualEphemeralStart
  let text: string
  try {
    text = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8')
  } catch {
    return fallbackEnd
  }
  const start = Number(text.split(/\s+/)[0])
  return start - firstPort >= leastRange ? start : fallbackEnd
}

/** Listens, or says undefined if somebody else does. */
function listen(port: number, host: string): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy())
    server.once('error', () => resolve(undefined))
    server.listen({ port, host, exclusive: true }, () => resolve(server))
  })
}

async function isFree(port: number): Promise<boolean> {
  // A listener on all interfaces would take the port too, and is only seen from there.
  for (const host of [loopback, '0.0.0.0']) {
    const server = await listen(port, host)
    if (server === undefined) return false
    await new Promise((resolve) => server.close(resolve))
  }
  return true
}

/** The next block that nobody guards, with those of its ports that are free. */
async function openBlock(search: { from: number; count: number }): Promise<Block | undefined> {
  for (; search.count > 0; search.count--, search.from++) {
    const total = Math.floor((ephemeralStart() - firstPort) / portsPerBlock)
    const first = firstPort + (search.from % total) * portsPerBlock
    const guard = await listen(first, loopback)
    if (guard === undefined) continue
    guard.unref()
    const spare: number[] = []
    for (let port = first + 1; port < first + portsPerBlock; port++) {
      if (await isFree(port)) spare.push(port)
    }
    return { guard, reserved: new Set(), spare }
  }
  return undefined
}

let lastTask: Promise<unknown> = Promise.resolve()

/** Distinct ports that no other gauntlet takes until they are released or this process ends. */
export function reservePorts(count: number): Promise<number[]> {
  // One at a time: two calls at once would open more blocks than they need.
  const task = lastTask.then(() => reserve(count))
  lastTask = task.catch(() => undefined)
  return task
}

async function reserve(count: number): Promise<number[]> {
  const total = Math.floor((ephemeralStart() - firstPort) / portsPerBlock)
  // Starting at a place that depends on the process, two gauntlets seldom try the same blocks.
  const search = { from: (process.pid * 7) % total, count: total }
  const ports: number[] = []
  while (ports.length < count) {
    let block = blocks.find(({ spare }) => spare.length > 0)
    if (block === undefined) {
      block = await openBlock(search)
      if (block === undefined) {
        await releasePorts(ports)
        throw new OperatorError(
          'address-in-use',
          `No ${count} free ports were found between ${firstPort} and ${ephemeralStart()}.`,
          'Stop other programs that listen there.',
        )
      }
      blocks.push(block)
      continue
    }
    const port = block.spare.shift()!
    block.reserved.add(port)
    ports.push(port)
  }
  return ports
}

/** Gives ports back; those that are not ours are left alone. */
export async function releasePorts(ports: readonly number[]): Promise<void> {
  for (const port of ports) {
    const block = blocks.find(({ reserved }) => reserved.has(port))
    if (block === undefined) continue
    block.reserved.delete(port)
    // Not spare again: whoever had it may still be closing it. The block goes when all of it is back.
    if (block.reserved.size > 0) continue
    blocks.splice(blocks.indexOf(block), 1)
    await new Promise((resolve) => block.guard.close(resolve))
  }
}
