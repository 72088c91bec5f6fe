// `commit-latency`: a percentile of all commits, inside and outside of the faults' windows, is higher than the plan
// allows. Without a bound nothing is concluded. Commits whose outcome the client never learnt have no latency: they
// are the matter of other checkers.
import { commitLatency } from '../commit-latency.ts'
import { type Finding, gather } from '../finding.ts'
import type { History } from '../history.ts'
import { latencyRanks } from '../history-line.ts'

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
      shows: `${rank} of ${whole.commits} commits: ${inside?.[rank] ?? 'no'} ms inside of the faults' windows, ${outside?.[rank] ?? 'no'} ms outside`,
    })
  }
  if (gathered.count === 0) return []
  return [gathered.finding('commit-latency', `commits took too long: ${words.join('; ')}`)]
}
