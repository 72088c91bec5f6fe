// The faults: how often each matched, fired and was applied, and what came of each firing.
import type { FaultStatus, Firing } from '../../../proxy/events.ts'
import type { RunResult } from '../../../validators/result.ts'
import { count, duration } from '../words.ts'
import { html, type Markup } from './markup.ts'
import { clockMs } from './report-words.ts'

const firingsShownMax = 25

export function faultsSection({ faults }: RunResult): Markup {
  return html`<section id="faults"><h2>Faults</h2><div class="card">
${
  faults.length === 0
    ? html`<p>The plan has no fault.</p>`
    : html`<div class="scroll"><table><thead><tr><th>fault</th><th>kind</th><th class="number">matched</th><th class="number">fired</th><th class="number">applied</th><th class="number">healed</th><th>state</th></tr></thead><tbody>
${faults.map((fault) => html`<tr><td><b>${fault.name}</b></td><td><code>${fault.kind}</code></td><td class="number">${count(fault.matched)}</td><td class="number">${count(fault.fired)}</td><td class="number">${count(fault.applied)}</td><td class="number">${count(fault.healed)}</td><td>${fault.applied === 0 ? html`<span class="tag unsure">never applied</span>` : fault.state}</td></tr>`)}
</tbody></table></div>${faults.map(firings)}`
}</div></section>`
}

function firings({ name, firings: all, fired }: FaultStatus): Markup | undefined {
  if (all.length === 0) return undefined
  const shown = all.slice(0, firingsShownMax)
  const left = Math.max(fired, all.length) - shown.length
  return html`<details ${all.length <= 3 ? html`open` : undefined}><summary>Firings of ${name}</summary><div class="scroll"><table><thead><tr><th>#</th><th>fired</th><th>lasted</th><th>at</th><th>effect</th><th>the broker’s answer</th></tr></thead><tbody>
${shown.map((firing) => html`<tr><td>${firing.number}</td><td class="time">${clockMs(firing.firedAtMs)}</td><td class="time">${lasted(firing)}</td><td>${messageOf(firing)}</td><td>${effectOf(firing)}</td><td>${firing.brokerAnswer === undefined ? '' : html`<code>${firing.brokerAnswer}</code>`}</td></tr>`)}
</tbody></table></div>${left > 0 ? html`<p class="quiet">${count(left)} more in result.json.</p>` : undefined}</details>`
}

function lasted({ firedAtMs, appliedAtMs, healedAtMs }: Firing): string {
  if (healedAtMs !== undefined) return duration(healedAtMs - firedAtMs)
  return appliedAtMs === undefined ? 'not applied' : 'an instant'
}

function messageOf({ exchange, moment }: Firing): string {
  if (exchange === undefined) return ''
  const who = exchange.transactionalIds?.[0] ?? exchange.instance ?? exchange.clientId ?? ''
  const nth = exchange.transaction === undefined ? '' : `, transaction ${exchange.transaction}`
  return `${moment ?? 'message'} ${exchange.api} v${exchange.version}${who === '' ? '' : ` of ${who}`}${nth}`
}

function effectOf({ effect, targets, discarded, synthetic }: Firing): string {
  return [
    effect ?? (targets === undefined ? '' : targets.join(', ')),
    ...(discarded === true ? ['discarded: its client went away first'] : []),
    ...(synthetic === true ? ['no broker sends this code at this version'] : []),
  ]
    .filter((part) => part !== '')
    .join('; ')
}
