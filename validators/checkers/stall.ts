// `stall`: the application made no progress for longer than the plan allows. Without a bound nothing is concluded:
// a group that waits for a dead member stands still for as long as it was configured to.
import type { Finding } from '../finding.ts'
import type { History } from '../history.ts'
import { liveness } from '../liveness.ts'

export function stall(history: History): Finding[] {
  const bound = history.run.expect.stallMs
  const { longestStallMs, stalledFromMs } = liveness(history)
  if (bound === undefined || longestStallMs === undefined || longestStallMs <= bound) return []
  return [
    {
      kind: 'stall',
      summary: `no progress for ${Math.round(longestStallMs)} ms, at most ${bound} ms are allowed`,
      count: 1,
      ids: [],
      proof: [
        {
          shows: 'the last progress before the application stood still',
          ...(stalledFromMs === undefined ? {} : { atMs: stalledFromMs }),
        },
      ],
    },
  ]
}
