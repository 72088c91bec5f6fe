// One event of a running proxy as one line for people; nothing for what only a program would want, unless asked.
import type { Firing, ProxyEvent } from '../../proxy/events.ts'
import { clientTitle } from './posture-table.ts'
import { transactionLine } from './transaction-line.ts'

function firingText({ number, exchange, effect, brokerAnswer }: Firing): string {
  const by =
    exchange === undefined ? '' : ` on ${exchange.api} of ${exchange.clientId ?? 'a client'}`
  const what = effect === undefined ? '' : `: ${effect}`
  const answer = brokerAnswer === undefined ? '' : ` (the broker answered ${brokerAnswer})`
  return `#${number}${by}${what}${answer}`
}

/** Undefined for events that are of no interest without `verbose`. */
export function eventLine(event: ProxyEvent, verbose: boolean): string | undefined {
  const time = new Date(event.atMs).toISOString().slice(11, 23)
  switch (event.type) {
    case 'fault-fired':
    case 'fault-applied':
    case 'fault-answered':
    case 'fault-healed':
      return `${time}  ${event.fault} ${event.type.replace('fault-', '')} ${firingText(event.firing)}`
    case 'policy-violated': {
      const { client, message, action } = event
      return `${time}  policy: ${clientTitle(client)} ${message}${action === 'refused' ? ': answered POLICY_VIOLATION' : ''}`
    }
    case 'error':
      return `${time}  error: ${event.message}`
    case 'loop-stalled':
      return `${time}  the proxy stood still for ${Math.round(event.stalledMs)} ms`
    case 'version-unknown':
      return `${time}  ${event.api ?? `API ${event.apiKey}`} version ${event.version} is newer than this proxy knows: it passes, unfollowed and out of reach of faults`
    case 'broker-seen':
      return `${time}  broker ${event.node} is at ${event.host}:${event.port}`
    case 'broker-gone':
      return `${time}  broker ${event.node} is no longer among the cluster’s`
    default:
      if (!verbose) return undefined
      return transactionLine(event) ?? `${time}  ${JSON.stringify(event)}`
  }
}
