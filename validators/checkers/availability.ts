// `availability`: in a smaller share of the time than the plan allows did anybody make progress. Without a bound
// nothing is concluded; where nothing could be measured a guard speaks.
import { availability, windowMs } from '../availability.ts'
import type { Finding } from '../finding.ts'
import type { History } from '../history.ts'

const percent = (share: number): string => `${Math.round(share * 1_000) / 10}%`

export function lowAvailability(history: History): Finding[] {
  const bound = history.run.expect.availability
  const measured = availability(history)
  if (bound === undefined || measured === undefined || measured.share >= bound) return []
  const { share, windows, firstIdleAtMs } = measured
  return [
    {
      kind: 'availability',
      summary: `progress in ${percent(share)} of ${windows} windows of ${windowMs} ms, at least ${percent(bound)} are asked for`,
      count: windows - Math.round(share * windows),
      ids: [],
      proof: [
        {
          shows: 'the first window without progress began',
          ...(firstIdleAtMs === undefined ? {} : { atMs: firstIdleAtMs }),
        },
      ],
    },
  ]
}
