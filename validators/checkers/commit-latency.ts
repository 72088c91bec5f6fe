// `commit-latency`: a percentile of all commits, inside and outside of the faults' windows, is higher than the plan
// allows. Without a bound nothing is concluded. Commits whose outcome the client never learnt have no latency: they
// are the matter of other checkers.
import { commitLatency } from '../commit-latency.ts'
import { counted, type Finding, gather } from '../finding.ts'
import type { History } from '../history.ts'
import { latencyRanks } from '../history-line.ts'

const said = (ms: number | undefined): string => (ms === undefined ? 'none' : `${ms} ms`)

export function slowCommits(history: History): Finding[] {
  const bounds = history.run.expect.commitLatencyMs
  if (bounds === undefined) return []
  const { whole, inside, outside } = commitLatency(history)
  if (whole === undefined) return []
  const gathered = gather()
  const words: string[] = []
  for (const rank of latencyRanks) {
    const bound = bounds[rank]
    if (bound === undefined || whole[rank] <= bound) continue
    gathered.add(null)
    words.push(`${rank} ${whole[rank]} ms, at most ${bound} ms are allowed`)
    gathered.prove({
      shows: `${rank} of ${counted(whole.commits, 'commit')}: ${said(inside?.[rank])} inside of the faults' windows, ${said(outside?.[rank])} outside`,
    })
  }
  if (gathered.count === 0) return []
  return [gathered.finding('commit-latency', `commits took too long: ${words.join('; ')}`)]
}
