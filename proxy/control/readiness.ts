// Whether a broker answers. Asked for by everybody's health checks at once, so an answer is kept for a moment.
import { OperatorError } from '../errors.ts'
import type { Runtime } from '../runtime.ts'
import type { RemoteEngine } from '../start-proxy.ts'

const answerKeptMs = 1_000

export interface Readiness {
  /** Rejects with the reason when no broker answers. */
  check(): Promise<void>
  /** The proxy is about to stop: no more traffic shall be sent here. */
  leave(): void
}

export function createReadiness(engine: RemoteEngine, runtime: Runtime): Readiness {
  let askedAtMs = Number.NEGATIVE_INFINITY
  let asked: Promise<void> = Promise.resolve()
  let isLeaving = false
  return {
    leave() {
      isLeaving = true
    },
    async check() {
      if (isLeaving) {
        throw new OperatorError(
          'cluster-unavailable',
          'this proxy is stopping',
          'Use another one, or wait until it has been started again.',
        )
      }
      if (runtime.nowMs() - askedAtMs < answerKeptMs) return asked
      askedAtMs = runtime.nowMs()
      asked = engine.discover().catch((cause: unknown) => {
        throw new OperatorError(
          'cluster-unavailable',
          `no broker answers (${cause instanceof Error ? cause.message : String(cause)})`,
          'Check that the cluster runs and that --bootstrap names it.',
        )
      })
      return asked
    },
  }
}
