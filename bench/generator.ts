// A process that loads one connection: it keeps a fixed number of requests in flight and takes the time of
// each. Answers must come in order and bear the ids that were sent, or the run stops: a proxy that is quick
// because it loses things must not look good.
// One JSON command a line on standard input (see commands.ts); lines of JSON come back.
import { readFileSync } from 'node:fs'
import net from 'node:net'
import { createInterface } from 'node:readline'
import type { GeneratorCommand, LoadCommand, OpenCommand } from './commands.ts'

const sizeBytes = 4
const correlationAt = 8
/** Ids turn over long before the protocol's 2^31 would. */
const correlationMask = 0x3fff_ffff

function say(value: object): void {
  process.stdout.write(`${JSON.stringify(value)}\n`)
}

function connect(port: number): Promise<net.Socket> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ port, host: '127.0.0.1', noDelay: true })
    socket.once('error', reject)
    socket.once('connect', () => {
      socket.removeListener('error', reject)
      resolve(socket)
    })
  })
}

/** Calls back for each answer with its correlation id, then once for the chunk. */
function onAnswers(
  socket: net.Socket,
  answerBytes: number,
  each: (id: number) => void,
  chunkDone: () => void,
): void {
  let rest: Buffer | undefined
  socket.on('data', (data) => {
    const chunk = rest === undefined ? data : Buffer.concat([rest, data])
    let at = 0
    while (chunk.length - at >= answerBytes) {
      if (chunk.readInt32BE(at) + sizeBytes !== answerBytes) throw new Error('a strange answer')
      each(chunk.readInt32BE(at + sizeBytes))
      at += answerBytes
    }
    rest = at < chunk.length ? chunk.subarray(at) : undefined
    chunkDone()
  })
}

/** The value below which the given share of sorted times lies. */
function percentile(sorted: Float64Array, share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
}

async function load(command: LoadCommand): Promise<void> {
  const { depth, warmMs, measureMs } = command
  const frame = readFileSync(command.requestFile)
  const socket = await connect(command.port)
  // One frame per request in flight, in a row: requests that go out together leave in one write, uncopied.
  const ring = Buffer.alloc(frame.length * depth)
  for (let slot = 0; slot < depth; slot++) frame.copy(ring, slot * frame.length)
  const sentAtMs = new Float64Array(depth)
  let sent = 0
  let answered = 0
  let timesMs = new Float64Array(1 << 16)
  let measured = 0
  let beginMs = 0
  let state: 'warming' | 'measuring' | 'ending' = 'warming'

  function send(count: number): void {
    const nowMs = performance.now()
    const first = sent % depth
    for (let index = 0; index < count; index++) {
      const slot = (first + index) % depth
      ring.writeInt32BE(sent & correlationMask, slot * frame.length + correlationAt)
      sentAtMs[slot] = nowMs
      sent += 1
    }
    const straight = Math.min(count, depth - first)
    socket.write(ring.subarray(first * frame.length, (first + straight) * frame.length))
    if (straight < count) socket.write(ring.subarray(0, (count - straight) * frame.length))
  }

  return new Promise((resolve, reject) => {
    socket.once('error', reject)
    socket.once('close', () => {
      if (state === 'ending' && answered === sent) resolve()
      else reject(new Error(`the connection closed after ${answered} answers to ${sent} requests`))
    })
    let inChunk = 0
    let nowMs = 0
    onAnswers(
      socket,
      command.answerBytes,
      (id) => {
        if (id !== (answered & correlationMask)) {
          throw new Error(`answer ${id} came where ${answered & correlationMask} was due`)
        }
        if (inChunk === 0) nowMs = performance.now()
        inChunk += 1
        if (state === 'measuring') {
          if (measured === timesMs.length) {
            const longer = new Float64Array(measured * 2)
            longer.set(timesMs)
            timesMs = longer
          }
          timesMs[measured++] = nowMs - (sentAtMs[answered % depth] ?? 0)
        }
        answered += 1
      },
      () => {
        if (inChunk === 0) return
        const count = inChunk
        inChunk = 0
        if (state === 'warming' && nowMs - startMs >= warmMs) {
          say({ at: 'begin' })
          beginMs = performance.now()
          state = 'measuring'
        } else if (state === 'measuring' && nowMs - beginMs >= measureMs) {
          say({ at: 'end' })
          state = 'ending'
          const sorted = timesMs.subarray(0, measured).sort()
          say({
            at: 'result',
            requests: measured,
            seconds: (nowMs - beginMs) / 1_000,
            p50Us: percentile(sorted, 0.5) * 1_000,
            p99Us: percentile(sorted, 0.99) * 1_000,
          })
        }
        if (state !== 'ending') send(count)
        else if (answered === sent) socket.end()
      },
    )
    const startMs = performance.now()
    send(depth)
  })
}

/** Connections that have each had one answer, and then say nothing. */
async function open(command: OpenCommand): Promise<net.Socket[]> {
  const frame = readFileSync(command.requestFile)
  const sockets: net.Socket[] = []
  for (let index = 0; index < command.connections; index++) {
    const socket = await connect(command.port)
    await new Promise<void>((resolve, reject) => {
      socket.once('close', () => reject(new Error(`connection ${index + 1} was closed`)))
      onAnswers(
        socket,
        command.answerBytes,
        () => resolve(),
        () => undefined,
      )
      socket.write(frame)
    })
    socket.removeAllListeners('close')
    sockets.push(socket)
  }
  return sockets
}

let held: net.Socket[] = []

async function perform(command: GeneratorCommand): Promise<void> {
  switch (command.do) {
    case 'load':
      await load(command)
      break
    case 'open':
      held = await open(command)
      say({ at: 'opened', connections: held.length })
      break
    case 'close':
      for (const socket of held) socket.destroy()
      held = []
      break
  }
  say({ at: 'done' })
}

createInterface({ input: process.stdin })
  .on('line', (line) => {
    perform(JSON.parse(line) as GeneratorCommand).catch((cause: Error) => {
      say({ at: 'failed', message: cause.message })
    })
  })
  .on('close', () => process.exit(0))
say({ at: 'ready' })
