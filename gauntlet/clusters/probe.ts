// The one question that tells whether a broker is there: which brokers do you know to be alive? Asked on the
// wire with a Metadata request, because logs say what a broker believes, not what it answers.
// Written out by hand: it must work against a broker of any version, before anything else does.
import { connect } from 'node:net'
import type { Address } from './cluster.ts'

const metadataKey = 3
/** Known to every broker from 0.11 to 4.x, and without compact fields. */
const metadataVersion = 4
const correlationId = 1
/** A healthy broker answers in a few milliseconds; a starting one may hold the request back. */
export const probeTimeoutMs = 2_000
/** Metadata without topics is small; anything longer is not a Kafka broker. */
const answerBytesMax = 64 * 1024

function request(): Buffer {
  const client = Buffer.from('gauntlet-probe')
  const frame = Buffer.alloc(4 + 2 + 2 + 4 + 2 + client.length + 4 + 1)
  let at = frame.writeInt32BE(frame.length - 4, 0)
  at = frame.writeInt16BE(metadataKey, at)
  at = frame.writeInt16BE(metadataVersion, at)
  at = frame.writeInt32BE(correlationId, at)
  at = frame.writeInt16BE(client.length, at)
  at += client.copy(frame, at)
  // No topics, and none to be created.
  at = frame.writeInt32BE(0, at)
  frame.writeInt8(0, at)
  return frame
}

/** Correlation id, throttle time, then the brokers: id, host, port, rack. */
function aliveBrokers(answer: Buffer): number[] {
  const nodes: number[] = []
  let at = 8
  const count = answer.readInt32BE(at)
  at += 4
  for (let index = 0; index < count; index++) {
    nodes.push(answer.readInt32BE(at))
    at += 4
    at += 2 + answer.readInt16BE(at)
    at += 4
    at += 2 + Math.max(0, answer.readInt16BE(at))
  }
  return nodes
}

/** Node ids that the broker at this address counts as registered and unfenced; undefined if it did not answer. */
export function askAliveBrokers(
  address: Address,
  timeoutMs: number = probeTimeoutMs,
): Promise<number[] | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host: address.host, port: address.port, noDelay: true })
    let received = Buffer.alloc(0)
    const finish = (nodes: number[] | undefined) => {
      socket.destroy()
      resolve(nodes)
    }
    socket.setTimeout(timeoutMs, () => finish(undefined))
    socket.on('error', () => finish(undefined))
    socket.on('close', () => finish(undefined))
    socket.on('connect', () => socket.write(request()))
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk])
      if (received.length < 4) return
      const length = received.readInt32BE(0)
      if (length < 0 || length > answerBytesMax) return finish(undefined)
      if (received.length < 4 + length) return
      try {
        finish(aliveBrokers(received.subarray(4)))
      } catch {
        // Not the answer of a Kafka broker.
        finish(undefined)
      }
    })
  })
}
