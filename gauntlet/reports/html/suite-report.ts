// The page of a suite: which plans came out as they should, why the others did not, and the way to the page of each run.
import type { SuiteEntry, SuiteResult } from '../../suite/suite-result.ts'
import { isAsExpected } from '../../suite/suite-result.ts'
import { appliedText, expectedText, outcomeText, whyText } from '../../suite/suite-table.ts'
import { count, counted, duration } from '../words.ts'
import { embeddedJson, html, type Markup } from './markup.ts'
import { pageOf } from './page.ts'
import { prose } from './report-words.ts'

export function suiteReport(suite: SuiteResult, pages: ReadonlySet<string>): string {
  const { entries, tookMs, clusters, startedAt } = suite
  const wrong = entries.filter((entry) => !isAsExpected(entry))
  const isFail = wrong.some(
    ({ outcome }) => outcome.kind === 'judged' && outcome.verdict !== 'INCONCLUSIVE',
  )
  const look = wrong.length === 0 ? 'PASS' : isFail ? 'FAIL' : 'INCONCLUSIVE'
  const title =
    wrong.length === 0 ? 'All as expected' : `${wrong.length} of ${entries.length} not as expected`
  const sign = { PASS: '✓', FAIL: '✕', INCONCLUSIVE: '?' }[look]
  const folders = [...new Set(entries.map(({ folder }) => folder))].sort()
  const body = html`<header class="verdict ${look}" id="verdict"><h1>${sign} ${title}</h1>
${wrong.length === 0 ? undefined : html`<ul>${wrong.map((entry) => html`<li><b>${entry.plan}</b> (${entry.client}): ${outcomeText(entry)}, expected ${expectedText(entry)}. ${prose(whyText(entry))}</li>`)}</ul>`}
<p class="about"><span><b>${counted(entries.length, 'run')}</b> in <b>${duration(tookMs)}</b></span><span>${counted(clusters.started, 'shared cluster')}</span><span>${startedAt.slice(0, 19).replace('T', ' ')}</span></p></header>
${tally(entries)}
${folders.map((folder) => folderSection(folder, entries, pages))}
<footer>Written by eos-gauntlet from suite.json, which is embedded in this file. The pages of the runs lie in the folders beside it.</footer>`
  return pageOf({ title: `Suite: ${title}`, body, data: embeddedJson(suite) })
}

function tally(entries: readonly SuiteEntry[]): Markup {
  const verdicts = entries.map(({ outcome }) =>
    outcome.kind === 'judged' ? outcome.verdict : outcome.kind,
  )
  const figures = [
    ['PASS', 'PASS'],
    ['FAIL', 'FAIL'],
    ['INCONCLUSIVE', 'INCONCLUSIVE'],
    ['no verdict', 'failed'],
    ['left out', 'not-for-client'],
  ] as const
  return html`<dl class="numbers">${figures.map(([name, kind]) => {
    const number = verdicts.filter((one) => one === kind).length
    return html`<div class="${number === 0 ? 'zero' : 'plain'}"><dt>${name}</dt><dd>${count(number)}</dd></div>`
  })}</dl>`
}

function folderSection(
  folder: string,
  entries: readonly SuiteEntry[],
  pages: ReadonlySet<string>,
): Markup {
  const here = entries.filter((entry) => entry.folder === folder)
  return html`<section><h2>${folder === '' ? 'The top of the library' : folder}</h2><div class="card"><div class="scroll"><table><thead><tr><th></th><th>plan</th><th>client</th><th>verdict</th><th>expected</th><th class="number">applied</th><th class="number">time</th></tr></thead><tbody>
${here.map((entry) => row(entry, pages))}
</tbody></table></div></div></section>`
}

function row(entry: SuiteEntry, pages: ReadonlySet<string>): Markup {
  const good = isAsExpected(entry)
  const { plan, asks, client, run, tookMs, because } = entry
  const name = pages.has(run)
    ? html`<a href="${encodeURIComponent(run)}/report.html">${plan}</a>`
    : html`${plan}`
  const note = good ? (entry.outcome.kind === 'not-for-client' ? whyText(entry) : because) : ''
  return html`<tr><td><span class="tag ${good ? 'good' : 'bad'}">${good ? '✓' : '✕'}</span></td><td>${name}<div class="quiet">${asks}</div>${note === '' ? undefined : html`<div class="quiet">${note}</div>`}${good ? undefined : html`<div>${prose(whyText(entry))}</div>`}</td><td>${client}</td><td>${outcomeText(entry)}</td><td>${expectedText(entry)}</td><td class="number">${appliedText(entry)}</td><td class="number time">${tookMs === 0 ? '-' : duration(tookMs)}</td></tr>`
}
