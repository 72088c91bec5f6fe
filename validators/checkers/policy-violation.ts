// `policy-violation`: an instance of the application wrote or read a topic otherwise than a policy of the plan, or of
// the running proxy, wants. Concluded from what the proxy told, refused or only reported; it tells once for each client,
// policy, topic and requirement, so these are kinds of violations and not requests.
// Must not judge clients that are no instance of the run: they may use the same proxy.
import { counted, type Finding, gather } from '../finding.ts'
import type { History } from '../history.ts'

export function policyViolation(history: History): Finding[] {
  const gathered = gather()
  for (const line of history.lines('policy-violated')) {
    if (line.type !== 'policy-violated') continue
    const { instance } = line.client
    if (instance === undefined || !history.run.instances.includes(instance)) continue
    gathered.add(null)
    gathered.prove({
      shows: `${instance} ${line.message}`,
      instance,
      atMs: line.atMs,
    })
  }
  if (gathered.count === 0) return []
  const summary = `${counted(gathered.count, 'way')} in which a policy was not kept`
  return [gathered.finding('policy-violation', summary)]
}
