// Sends the bytes of a request once more, on a connection of its own, and tells what the broker says to them. The
// client knows nothing of it: two equal frames in one stream would shift all later answers.
import type { Leg } from '../flow/sockets.ts'
import { sizeBytes } from '../protocol/frame.ts'
import type { Runtime } from '../runtime.ts'

/** How long an answer to the copy is waited for. */
export const copyAnswerLimitMs = 120_000

export interface SecondSending {
  bytes: Buffer
  /** acks=0: the broker will not answer. */
  silent: boolean
  dial: (connected: () => void) => Leg
  sent(): void
  /** The frame without its size. */
  answered(frame: Buffer): void
  /** It came to nothing, before or after it was sent. */
  failed(why: string): void
}

export interface SecondConnections {
  send(sending: SecondSending): void
  /** Answers that are still awaited are given up. */
  close(): void
}

export function createSecondConnections(runtime: Runtime): SecondConnections {
  const open = new Set<(why: string) => void>()

  return {
    send({ bytes, silent, dial, sent, answered, failed }) {
      let isOver = false
      let received: Buffer = Buffer.alloc(0)
      const over = (): boolean => {
        if (isOver) return false
        isOver = true
        open.delete(giveUp)
        cancel()
        return true
      }
      const giveUp = (why: string): void => {
        if (!over()) return
        leg.close('fin')
        failed(why)
      }
      const cancel = runtime.after(copyAnswerLimitMs, () => giveUp('no answer came in time'))
      const leg = dial(() => {
        leg.write(bytes)
        sent()
        if (!silent || !over()) return
        // The broker reads what was written before it sees the end.
        leg.end()
      })
      open.add(giveUp)
      leg.listen({
        bytes(chunk) {
          received = Buffer.concat([received, chunk])
          const isWhole =
            received.length >= sizeBytes && received.length >= sizeBytes + received.readInt32BE(0)
          if (!isWhole || !over()) return false
          leg.close('fin')
          answered(received.subarray(sizeBytes))
          return false
        },
        ended: () => giveUp('the broker ended the connection'),
        closed: (failure) => giveUp(failure ?? 'the connection was closed'),
        drained: () => undefined,
      })
    },
    close() {
      for (const giveUp of [...open]) giveUp('the proxy stops')
    },
  }
}
