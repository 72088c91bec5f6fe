// The page of one run, from its result and its history: the verdict and its reason first, then what one looks for next.
import type { History } from '../../../validators/history.ts'
import type { RunResult } from '../../../validators/result.ts'
import { count, counted, duration } from '../words.ts'
import { faultsSection } from './faults-section.ts'
import { findingsSection } from './findings-section.ts'
import { embeddedJson, html, type Markup } from './markup.ts'
import { pageOf } from './page.ts'
import { postureSection } from './posture-section.ts'
import { clockMs, day, prose } from './report-words.ts'
import { drawRun } from './run-picture.ts'
import { timelineSection } from './timeline-section.ts'

export interface RunReport {
  result: RunResult
  history: History
  /** The plan as it was run; a history without one has none. */
  planText: string | undefined
  /** Commands that repeat the run or its judgement. */
  commands: ReadonlyArray<{ does: string; line: string }>
}

/** More of the result is not embedded; the file beside the page has all of it. */
export const embeddedBytesMax = 600_000
/** Of each fault, when the whole result would be too much. */
const firingsEmbeddedMax = 20
const planCharsMax = 100_000
const reasonsShownMax = 8

export function runReport({ result, history, planText, commands }: RunReport): string {
  const picture = drawRun(history, result)
  const body = html`
${verdictSection(result, history, planText !== undefined)}
${numbers(result)}
${timelineSection(picture)}
${findingsSection(result, history)}
${faultsSection(result)}
${guardsSection(result)}
${postureSection(result)}
${planText === undefined ? undefined : planSection(planText)}
${repeatSection(commands, result)}
<footer>Written by eos-gauntlet from result.json and history.ndjson, which hold more. The result is embedded in this file. Times are UTC. Payloads of records are in none of these.</footer>`
  return pageOf({
    title: `${result.verdict} ${result.plan}`,
    body,
    data: embeddedJson(embeddable(result)),
  })
}

export const verdictSign = { PASS: '✓', FAIL: '✕', INCONCLUSIVE: '?' } as const

function expectedWords(result: RunResult): string {
  if (result.asExpected) return result.expected === 'PASS' ? '' : 'as the plan expects'
  const kinds = result.expectedFindings
  return `the plan expects ${result.expected}${kinds.length === 0 ? '' : ` with ${kinds.join(', ')}`}`
}

function verdictSection(result: RunResult, history: History, hasPlan: boolean): Markup {
  const { verdict, reasons, notes, plan, asks, seed, cluster } = result
  const more = reasons.slice(1, reasonsShownMax)
  const left = reasons.length - 1 - more.length
  const features = Object.entries(cluster.features)
    .filter(([name]) => name === 'transaction.version')
    .map(([name, level]) => `, ${name} ${level}`)
  return html`<header class="verdict ${verdict}" id="verdict">
<h1>${verdictSign[verdict]} ${verdict} <small>${expectedWords(result)}</small></h1>
<p class="reason">${prose(reasons[0] ?? 'no reason was given')}</p>
${more.length === 0 ? undefined : html`<ul>${more.map((reason) => html`<li>${prose(reason)}</li>`)}${left > 0 ? html`<li>${left} more in result.json</li>` : undefined}</ul>`}
${asks === '' ? undefined : html`<p class="asks quiet">${asks}</p>`}
<p class="about"><span>plan <b>${plan}</b></span><span>seed <b>${seed}</b></span><span>Kafka <b>${cluster.version}</b>, ${counted(cluster.brokers, 'broker')} (${cluster.kind}${features})</span><span>${day(history.run.atMs)} ${clockMs(history.run.atMs).slice(0, 8)}</span><span>took <b>${duration(result.timings.whole ?? 0)}</b></span></p>
</header>
<nav aria-label="Parts of this report"><a href="#time">Timeline</a><a href="#findings">Findings</a><a href="#faults">Faults</a><a href="#guards">What was made sure of</a>${hasPlan ? html`<a href="#plan">Plan</a>` : undefined}<a href="#repeat">Repeat it</a></nav>
${notes.length === 0 ? undefined : html`<details><summary>${counted(notes.length, 'note')}</summary><ul>${notes.map((note) => html`<li>${prose(note)}</li>`)}</ul></details>`}`
}

interface Figure {
  name: string
  value: string
  state: 'plain' | 'bad' | 'zero'
}

/** Of these none is good news. */
const unwanted = (name: string, value: number): Figure => ({
  name,
  value: count(value),
  state: value > 0 ? 'bad' : 'zero',
})

function numbers({
  records,
  transactions,
  faults,
  recovery,
  commitLatency,
  availability,
}: RunResult): Markup {
  const plain = (name: string, value: string): Figure => ({ name, value, state: 'plain' })
  const applied = faults.filter((fault) => fault.applied > 0).length
  const figures: Figure[] = [
    plain('inputs', count(records.expected)),
    plain('outputs', count(records.committed)),
    unwanted('lost', records.lost),
    unwanted('doubled', records.duplicated),
    unwanted('unexpected', records.unexpected),
    plain('commits', count(transactions.committed)),
    plain('aborts', count(transactions.aborted)),
    unwanted('unknown', transactions.unknown),
    ...(transactions.hanging > 0 ? [unwanted('hanging', transactions.hanging)] : []),
    ...(transactions.fenced > 0 ? [plain('producers fenced', count(transactions.fenced))] : []),
    plain('faults applied', `${applied} of ${faults.length}`),
    ...(recovery.longestStallMs === undefined
      ? []
      : [plain('longest stall', duration(recovery.longestStallMs))]),
    ...(recovery.timeToRecoverMs === undefined
      ? []
      : [plain('time to recover', duration(recovery.timeToRecoverMs))]),
    ...(commitLatency === undefined
      ? []
      : [
          plain('commit p50', duration(commitLatency.whole.p50)),
          plain('commit p99', duration(commitLatency.whole.p99)),
        ]),
    ...(availability === undefined
      ? []
      : [plain('availability', `${(availability.share * 100).toFixed(1)} %`)]),
  ]
  return html`<dl class="numbers">${figures.map(({ name, value, state }) => html`<div class="${state}"><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`
}

function guardsSection({ guards, notJudged = [], unknownOutcomes }: RunResult): Markup {
  const missing = guards.filter(({ holds }) => !holds)
  const words =
    missing.length === 0
      ? `Nothing kept this run from being judged: ${counted(guards.length, 'check')} held.`
      : `${counted(missing.length, 'check')} of ${guards.length} did not hold, so finding nothing would prove nothing.`
  return html`<section id="guards"><h2>What was made sure of</h2><div class="card"><p>${words}</p>
${missing.length === 0 ? undefined : html`<table><thead><tr><th>check</th><th>what is missing</th></tr></thead><tbody>${missing.map(({ name, missing: what }) => html`<tr><td><code>${name}</code></td><td>${what.map((one) => html`<div>${one}</div>`)}</td></tr>`)}</tbody></table>`}
${notJudged.length === 0 ? undefined : html`<table><thead><tr><th>not judged</th><th></th><th>why</th></tr></thead><tbody>${notJudged.map(({ kind, extent, why }) => html`<tr><td>${kind}</td><td>${extent === 'not' ? 'not at all' : 'in part'}</td><td>${why}</td></tr>`)}</tbody></table>`}
<details><summary>The checks that held</summary><p>${guards.filter(({ holds }) => holds).map(({ name }) => html`<span class="tag good">✓ ${name}</span>`)}</p></details>
${unknownOutcomes === undefined ? undefined : html`<details><summary>Sends whose client never learnt what became of them</summary><p>${Object.entries(unknownOutcomes).map(([name, value]) => html`<span class="tag">${name} ${String(value)}</span>`)}</p></details>`}
</div></section>`
}

function planSection(text: string): Markup {
  const shown = text.length > planCharsMax ? `${text.slice(0, planCharsMax)}\n… (cut here)` : text
  return html`<section id="plan"><h2>Plan</h2><details open><summary>As it was run, overrides and seed included</summary><pre tabindex="0">${shown}</pre></details></section>`
}

function repeatSection(commands: RunReport['commands'], { timings }: RunResult): Markup {
  const { whole: _whole, ...steps } = timings
  return html`<section id="repeat"><h2>Repeat it</h2><div class="card">${commands.map(({ does, line }, index) => html`<p class="quiet">${does}</p><div class="command"><pre id="command-${index}" tabindex="0">${line}</pre><button type="button" class="copy" data-of="command-${index}">copy</button></div>`)}
<details><summary>How long each step took</summary><p>${Object.entries(steps).map(([name, ms]) => html`<span class="tag">${name} ${duration(ms)}</span>`)}</p></details></div></section>`
}

/** The result as it is; of one that is too long, the firings beyond the first are counted only, and ids cut. */
export function embeddable(result: RunResult): unknown {
  if (JSON.stringify(result).length <= embeddedBytesMax) return result
  return {
    ...result,
    faults: result.faults.map((fault) => ({
      ...fault,
      firings: fault.firings.slice(0, firingsEmbeddedMax),
      firingsLeftOut: Math.max(0, fault.firings.length - firingsEmbeddedMax),
    })),
    findings: result.findings.map((finding) => ({
      ...finding,
      proof: finding.proof.slice(0, 4),
      proofLeftOut: Math.max(0, finding.proof.length - 4),
    })),
  }
}
