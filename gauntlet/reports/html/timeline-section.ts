// The timeline with its legend, its buttons, what was summed up in it, and the same in words: a table of the transactions
// that did not simply commit.
import { count, counted, duration } from '../words.ts'
import { html, type Markup } from './markup.ts'
import { clockMs, lookWords } from './report-words.ts'
import { barsMax, type RunPicture } from './run-picture.ts'
import { timelineSvg } from './timeline.ts'

const rowsMax = 60

export function timelineSection(picture: RunPicture): Markup {
  return html`<section id="time"><h2>Timeline</h2><div class="card">
<div class="top">${legend()}<div class="tools" role="group" aria-label="Timeline"><button type="button" data-act="left" aria-label="earlier">←</button><button type="button" data-act="right" aria-label="later">→</button><button type="button" data-act="out" aria-label="zoom out">−</button><button type="button" data-act="in" aria-label="zoom in">+</button><button type="button" data-act="all">all</button><button type="button" data-act="before" aria-label="previous mark">‹ mark</button><button type="button" data-act="next" aria-label="next mark">mark ›</button></div></div>
<section class="scroll" tabindex="0" aria-label="Timeline, scrolls sideways">${timelineSvg(picture)}</section>
<p class="quiet">${summedUp(picture).join(' ')}</p>
${notableTable(picture)}
</div></section>`
}

function legend(): Markup {
  const sample = (look: string, height: number) =>
    html`<svg width="20" height="14" aria-hidden="true"><rect class="bar ${look}" x="1" y="${13 - height}" width="18" height="${height}"/></svg>`
  return html`<div class="legend"><span>${sample('committed', 12)}committed</span><span>${sample('aborted', 7)}aborted ×</span><span>${sample('unknown', 12)}client without the answer ?</span><span>${sample('committed found', 12)}named by a finding !</span><span><svg width="20" height="14" aria-hidden="true"><rect class="fault-block" x="1" y="1" width="18" height="12"/></svg>fault lasts</span></div>`
}

/** Nothing is left out in silence. */
function summedUp(picture: RunPicture): string[] {
  const { transactions, cellMs, lanes, idsLeftOut, faults, notable, notableLeftOut } = picture
  const marked = notable.filter((bar) => bar.found || bar.unsure || bar.look !== 'aborted').length
  const cut = faults.filter(({ leftOut }) => leftOut > 0)
  return [
    cellMs === undefined
      ? `${counted(transactions, 'transaction')}, each with a bar from its first message to its known end.`
      : `Summed up: ${count(transactions)} transactions are more than the ${count(barsMax)} that have bars of their own, so each lane is cut into cells of ${duration(cellMs)}. A cell stands for the transactions that ended in it, its height shared by their outcomes. Above them stand the first ${count(marked)} that a finding names (!) or whose client was without the answer (?), where there is room.${notableLeftOut > 0 ? ` ${count(notableLeftOut)} aborted or unanswered ones are in the cells only.` : ''}`,
    ...(idsLeftOut > 0
      ? [
          `${count(idsLeftOut)} transactional ids share the last lane; the ${count(lanes.length - 1)} with most to see have their own.`,
        ]
      : []),
    ...cut.map(
      ({ name, firings, leftOut }) =>
        `Of ${name}, the first ${count(firings.length)} of ${count(firings.length + leftOut)} firings are drawn.`,
    ),
  ]
}

function notableTable({ notable, notableLeftOut }: RunPicture): Markup | undefined {
  if (notable.length === 0) return undefined
  const rows = notable.slice(0, rowsMax)
  const left = notable.length - rows.length + notableLeftOut
  return html`<details><summary>${counted(notable.length + notableLeftOut, 'transaction')} that did not simply commit, or that a finding names</summary>
<div class="scroll"><table><thead><tr><th>transaction</th><th>from</th><th>lasted</th><th>what became of it</th><th class="number">records</th><th></th></tr></thead><tbody>
${rows.map((bar) => html`<tr><td>${bar.transactionalId} ${bar.transaction}</td><td class="time">${clockMs(bar.fromMs)}</td><td class="time">${duration(bar.toMs - bar.fromMs)}</td><td>${lookWords(bar)}</td><td class="number">${count(bar.records)}</td><td>${bar.found ? html`<span class="tag bad">finding</span>` : ''}</td></tr>`)}
</tbody></table></div>${left > 0 ? html`<p class="quiet">${count(left)} more in history.ndjson.</p>` : undefined}</details>`
}
