// What was found: each with its sentence, the faults that touched it, and what happened message by message.
import type { Proof } from '../../../validators/finding.ts'
import type { History } from '../../../validators/history.ts'
import type { ResultFinding, RunResult } from '../../../validators/result.ts'
import { count, counted } from '../words.ts'
import { html, type Markup } from './markup.ts'
import { clockMs, prose } from './report-words.ts'
import { sequenceSvg, stepWords } from './sequence-diagram.ts'
import { sequenceOf } from './sequence-steps.ts'

const proofsShownMax = 12
const idsShownMax = 20

export function findingsSection({ findings, verdict }: RunResult, history: History): Markup {
  /** Kinds of findings by the messages that were drawn for them. */
  const drawn = new Map<string, string>()
  const nothing =
    verdict === 'INCONCLUSIVE'
      ? 'Nothing was found, and that proves nothing: see what is missing below.'
      : 'Nothing was found.'
  return html`<section id="findings"><h2>Findings</h2>
${findings.length === 0 ? html`<div class="card"><p>${nothing}</p></div>` : findings.map((finding) => findingCard(finding, history, drawn))}</section>`
}

function findingCard(finding: ResultFinding, history: History, drawn: Map<string, string>): Markup {
  const { kind, count: number, sentence, summary, causes, ids, allowed } = finding
  const sequence = sequenceOf(history, finding)
  // Two findings may be two sides of one thing: it is drawn once.
  const messages = JSON.stringify(sequence)
  const drawnFor = sequence === undefined ? undefined : drawn.get(messages)
  if (sequence !== undefined && drawnFor === undefined) drawn.set(messages, kind)
  return html`<article class="card finding ${allowed === undefined ? '' : 'allowed'}">
<h3><span class="kind">${kind}</span> <span class="quiet">× ${count(number)}</span>${allowed === undefined ? undefined : html`<span class="tag">allowed: ${allowed}</span>`}</h3>
<p class="sentence">${prose(sentence)}</p>
${sentence === summary ? undefined : html`<p class="quiet">${summary}</p>`}
${causes.length === 0 ? html`<p class="quiet">No fault touched it.</p>` : html`<p>${causes.map((cause) => html`<span class="tag bad">▼ ${cause}</span>`)}</p>`}
${
  sequence === undefined
    ? undefined
    : drawnFor !== undefined
      ? html`<p class="quiet">${sequence.subject}, message by message: as drawn under ${drawnFor} above.</p>`
      : html`<section class="scroll" tabindex="0" aria-label="Messages of ${sequence.subject}">${sequenceSvg(sequence)}</section>
<p class="quiet">${sequence.subject}, message by message${sequence.leftOut.length === 0 ? '' : `; left out: ${sequence.leftOut.join(', ')}`}. A cross is an answer or a request that was lost; a thick arrow carried the record.</p>
<details><summary>The same in words</summary><ol>${sequence.steps.map((step) => html`<li>${stepWords(step)}</li>`)}</ol></details>`
}
${proofTable(finding)}
${ids.length === 0 ? undefined : html`<details><summary>${counted(number, 'id')}</summary><p class="mono">${ids.slice(0, idsShownMax).join(', ')}${number > Math.min(ids.length, idsShownMax) ? ', …' : ''}</p></details>`}
</article>`
}

function proofTable({ proof }: ResultFinding): Markup | undefined {
  if (proof.length === 0) return undefined
  const shown = proof.slice(0, proofsShownMax)
  const left = proof.length - shown.length
  return html`<details><summary>Proof</summary><div class="scroll"><table><thead><tr><th>id</th><th>place</th><th>producer</th><th>at</th><th>shows</th></tr></thead><tbody>
${shown.map((one) => html`<tr><td class="mono">${one.id}</td><td class="mono">${one.place}</td><td class="mono">${producerWords(one)}</td><td class="time">${one.atMs === undefined ? '' : clockMs(one.atMs)}</td><td>${one.shows}</td></tr>`)}
</tbody></table></div>${left > 0 ? html`<p class="quiet">${left} more in result.json.</p>` : undefined}</details>`
}

function producerWords({ producerId, producerEpoch, baseSequence }: Proof): string {
  return producerId === undefined
    ? ''
    : `${producerId}, epoch ${producerEpoch ?? '?'}, sequence ${baseSequence ?? '?'}`
}
