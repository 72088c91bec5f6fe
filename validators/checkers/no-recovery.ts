// `no-recovery`: after the last fault had healed, an instance needed longer than the plan allows to work again, or
// never did. Without a bound nothing is concluded.
import type { Finding } from '../finding.ts'
import type { History } from '../history.ts'
import { lastHealedAtMs, liveness } from '../liveness.ts'

export function noRecovery(history: History): Finding[] {
  const bound = history.run.expect.recoveryMs
  const healed = lastHealedAtMs(history)
  if (bound === undefined || healed === undefined) return []
  const { timeToRecoverMs, notRecovered } = liveness(history)
  const since = { shows: 'the last fault healed', atMs: healed }
  if (notRecovered.length > 0) {
    return [
      {
        kind: 'no-recovery',
        summary: `${notRecovered.join(', ')} made no progress after the last fault had healed`,
        count: notRecovered.length,
        ids: [],
        proof: [since],
      },
    ]
  }
  if (timeToRecoverMs === undefined || timeToRecoverMs <= bound) return []
  return [
    {
      kind: 'no-recovery',
      summary: `${Math.round(timeToRecoverMs)} ms until every instance worked again, at most ${bound} ms are allowed`,
      count: 1,
      ids: [],
      proof: [since],
    },
  ]
}
