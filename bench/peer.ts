// A process that stands for a broker and does as little as one can: it cuts what comes into frames by their
// length and answers each with the same bytes under the request's own correlation id.
//   node peer.js ANSWER-FILE
// Prints {"port":N} and ends when its standard input closes.
import { readFileSync } from 'node:fs'
import net from 'node:net'

const sizeBytes = 4
const correlationAt = 8
/** Size, API key, version and correlation id: all that is read of a request. */
const headBytes = 12

const [answerFile] = process.argv.slice(2)
if (answerFile === undefined) throw new Error('peer needs the file of its answer')
const answer = readFileSync(answerFile)

/** Correlation ids of the requests that end in a chunk; keeps what is left over for the next. */
function createCutter(): (chunk: Buffer, found: number[]) => void {
  const head = Buffer.alloc(headBytes)
  let headFilled = 0
  let remaining = 0
  return (chunk, found) => {
    let at = 0
    while (at < chunk.length) {
      if (headFilled < headBytes) {
        const taken = chunk.copy(head, headFilled, at, at + headBytes - headFilled)
        headFilled += taken
        at += taken
        if (headFilled < headBytes) return
        remaining = head.readInt32BE(0) + sizeBytes - headBytes
      }
      const taken = Math.min(remaining, chunk.length - at)
      remaining -= taken
      at += taken
      if (remaining > 0) return
      found.push(head.readInt32BE(correlationAt))
      headFilled = 0
    }
  }
}

const server = net.createServer({ noDelay: true }, (socket) => {
  const cut = createCutter()
  const ids: number[] = []
  socket.on('data', (chunk) => {
    cut(chunk, ids)
    if (ids.length === 0) return
    // One write for all requests of a chunk: the peer must not be what is measured.
    const out = Buffer.allocUnsafe(ids.length * answer.length)
    for (let index = 0; index < ids.length; index++) {
      const start = index * answer.length
      answer.copy(out, start)
      out.writeInt32BE(ids[index] ?? 0, start + sizeBytes)
    }
    ids.length = 0
    socket.write(out)
  })
  socket.on('error', () => socket.destroy())
})

server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => {
  const address = server.address()
  if (address === null || typeof address === 'string')
    throw new Error('a TCP server has an address')
  process.stdout.write(`${JSON.stringify({ port: address.port })}\n`)
})
process.stdin.on('end', () => process.exit(0)).resume()
