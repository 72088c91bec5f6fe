// How each client was seen to use Kafka, and what is wrong with that. It fails nothing; absent where nobody looked.
import type { ClientPosture } from '../../../proxy/events.ts'
import type { RunResult } from '../../../validators/result.ts'
import { counted } from '../words.ts'
import { html, type Markup } from './markup.ts'

const clientsShownMax = 40

export function postureSection({ posture }: RunResult): Markup | undefined {
  if (posture === undefined) return undefined
  const shown = [...posture]
    .sort((a, b) => b.problems.length - a.problems.length)
    .slice(0, clientsShownMax)
  const left = posture.length - shown.length
  const problems = posture.reduce((sum, client) => sum + client.problems.length, 0)
  return html`<section id="posture"><h2>How the clients use Kafka</h2><div class="card">
<p>${problems === 0 ? `Nothing is wrong with the way in which ${counted(posture.length, 'client')} used Kafka.` : `${counted(problems, 'remark')} on ${counted(posture.length, 'client')}. None of them fails a run.`}</p>
<div class="scroll"><table><thead><tr><th>client</th><th>library</th><th>writes</th><th>reads</th><th>groups</th><th>remarks</th></tr></thead><tbody>
${shown.map(clientRow)}
</tbody></table></div>${left > 0 ? html`<p class="quiet">${left} more in result.json.</p>` : undefined}</div></section>`
}

function clientRow(client: ClientPosture): Markup {
  const { instance, clientId, software, softwareVersion, produces, reads, groups, problems } =
    client
  const lines = (texts: readonly string[]) => texts.map((text) => html`<div>${text}</div>`)
  return html`<tr><td>${clientId ?? '(no client id)'}${instance === undefined ? '' : html`<div class="quiet">${instance}</div>`}</td><td>${[software, softwareVersion].filter((part) => part !== undefined).join(' ')}</td><td>${lines(produces.map(({ topic, acks, idempotent, transactional }) => `${topic}: acks ${acks}, ${transactional ? 'transactional' : idempotent ? 'idempotent' : 'not idempotent'}`))}</td><td>${lines(reads.map(({ topic, isolation }) => `${topic}: ${isolation}`))}</td><td>${lines(groups.map(({ group, protocol, offsets, autoCommit }) => `${group}${protocol === undefined ? '' : ` (${protocol})`}: offsets ${offsets}${autoCommit ? ', by the clock' : ''}`))}</td><td>${problems.length === 0 ? html`<span class="tag good">✓ none</span>` : problems.map(({ problem, message }) => html`<div><span class="tag unsure">? ${problem}</span> ${message}</div>`)}</td></tr>`
}
