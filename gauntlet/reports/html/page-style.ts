// How a report looks: light, dark and on paper. System fonts, one accent, colours named by what they mean.
export const pageStyle = `
:root { color-scheme: light dark;
  --ground: #fbfbfa; --card: #ffffff; --ink: #1d2127; --quiet: #626b78; --line: #e2e5e9; --soft: #f2f4f6;
  --pass: #14713f; --pass-soft: #e3f4ea; --fail: #b3261e; --fail-soft: #fce9e7; --unsure: #8a5a00; --unsure-soft: #fdf1d8;
  --committed: #3b6fd4; --aborted: #7b8490; --unknown: #c98500; --fault: #b04a1c; --fault-soft: rgb(206 96 40 / .11); --link: #2557b8; }
@media (prefers-color-scheme: dark) { :root {
  --ground: #15181c; --card: #1c2025; --ink: #e6e9ed; --quiet: #9aa4b1; --line: #30363e; --soft: #232830;
  --pass: #6fd39b; --pass-soft: #17362a; --fail: #ff9a90; --fail-soft: #42211f; --unsure: #f2bf5e; --unsure-soft: #3a2e16;
  --committed: #6b9bf5; --aborted: #8d96a3; --unknown: #eab040; --fault: #f09363; --fault-soft: rgb(240 147 99 / .13); --link: #8cb4ff; } }
* { box-sizing: border-box; } .shared { position: absolute; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 15px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; font-variant-numeric: tabular-nums; }
main { max-width: 1180px; margin: 0 auto; padding: 28px 32px 56px; }
a { color: var(--link); }
:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; border-radius: 4px; }
h1, h2, h3, p { margin: 0; }
h2 { font-size: 19px; font-weight: 640; letter-spacing: -.01em; margin: 44px 0 12px; }
h3 { font-size: 16px; font-weight: 620; }
code, pre, .mono { font-family: ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, monospace; font-size: .9em; }
.quiet { color: var(--quiet); }
.skip { position: absolute; left: -999px; } .skip:focus { left: 8px; top: 8px; background: var(--card); padding: 6px 10px; }
.verdict { border-radius: 12px; padding: 24px 28px; background: var(--pass-soft); border-left: 6px solid var(--pass); }
.verdict.FAIL { background: var(--fail-soft); border-color: var(--fail); } .verdict.INCONCLUSIVE { background: var(--unsure-soft); border-color: var(--unsure); }
.verdict h1 { font-size: 30px; line-height: 1.2; font-weight: 720; letter-spacing: -.015em; color: var(--pass); display: flex; flex-wrap: wrap; gap: 4px 14px; align-items: baseline; }
.verdict.FAIL h1 { color: var(--fail); } .verdict.INCONCLUSIVE h1 { color: var(--unsure); }
.verdict h1 small { font-size: 14px; font-weight: 500; letter-spacing: 0; color: var(--quiet); }
.verdict .reason { font-size: 17px; line-height: 1.5; margin-top: 10px; max-width: 90ch; overflow-wrap: anywhere; }
.verdict ul { margin: 10px 0 0; padding-left: 20px; }
.about { display: flex; flex-wrap: wrap; gap: 4px 22px; margin-top: 16px; font-size: 14px; color: var(--quiet); }
.about b { color: var(--ink); font-weight: 600; }
.asks { margin: 14px 0 0; font-size: 15px; }
nav { display: flex; flex-wrap: wrap; gap: 4px 18px; margin: 16px 2px 0; font-size: 14px; } nav a { text-decoration: none; } nav a:hover { text-decoration: underline; }
.numbers { display: grid; grid-template-columns: repeat(auto-fit, minmax(128px, 1fr)); gap: 1px; background: var(--card); border: 1px solid var(--line); border-radius: 10px; overflow: hidden; margin-top: 22px; }
  .numbers div { box-shadow: 0 0 0 1px var(--line); padding: 12px 16px; } .numbers dt { font-size: 13px; color: var(--quiet); } .numbers dd { margin: 2px 0 0; font-size: 21px; font-weight: 620; }
.numbers .bad dd { color: var(--fail); } .numbers .zero dd { color: var(--quiet); font-weight: 500; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 18px 20px; margin: 0 0 16px; }
.scroll { overflow-x: auto; } .scroll svg { display: block; max-width: none; }
table { border-collapse: collapse; width: 100%; font-size: 14px; } th { text-align: left; font-weight: 560; color: var(--quiet); font-size: 13px; }
th, td { padding: 8px 14px 8px 0; border-bottom: 1px solid var(--line); vertical-align: top; } tr:last-child > td { border-bottom: 0; } td.number, th.number { text-align: right; }
td { overflow-wrap: anywhere; } td.time { white-space: nowrap; } .card > p.quiet { font-size: 14px; margin-top: 8px; }
.finding > h3 { display: flex; gap: 10px; align-items: baseline; flex-wrap: wrap; } .finding .kind { color: var(--fail); } .finding.allowed .kind { color: var(--quiet); }
.finding .sentence { margin: 8px 0 4px; max-width: 100ch; overflow-wrap: anywhere; } .finding .scroll { margin-top: 14px; padding-top: 12px; border-top: 1px solid var(--line); }
.tag { display: inline-block; border: 1px solid var(--line); border-radius: 20px; padding: 0 9px; font-size: 13px; color: var(--quiet); background: var(--soft); margin: 2px 6px 2px 0; overflow-wrap: anywhere; }
.tag.good { color: var(--pass); } .tag.bad { color: var(--fail); } .tag.unsure { color: var(--unsure); }
details { margin-top: 10px; } summary { cursor: pointer; color: var(--quiet); font-size: 14px; } summary:hover { color: var(--ink); }
pre { background: var(--soft); border-radius: 8px; padding: 14px 16px; overflow-x: auto; margin: 10px 0 0; line-height: 1.5; font-size: 13px; }
.command { display: flex; gap: 10px; align-items: center; margin-top: 8px; } .command pre { flex: 1; margin: 0; padding: 9px 14px; }
button { font: inherit; font-size: 13px; color: var(--ink); background: var(--card); border: 1px solid var(--line); border-radius: 7px; padding: 4px 11px; cursor: pointer; } button:hover { background: var(--soft); }
.tools { display: none; gap: 6px; align-items: center; } .scripted .tools { display: flex; } .tools button { min-width: 34px; }
.top { display: flex; justify-content: space-between; align-items: center; flex-wrap: wrap; gap: 8px 20px; margin-bottom: 10px; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 18px; font-size: 13px; color: var(--quiet); } .legend span { display: inline-flex; align-items: center; gap: 6px; }
.copy { display: none; } .scripted .copy { display: inline-block; }
#tip { position: fixed; z-index: 9; pointer-events: none; background: var(--ink); color: var(--ground); font-size: 13px; line-height: 1.45; padding: 7px 11px; border-radius: 7px; white-space: pre-line; max-width: 420px; display: none; }
svg text { fill: var(--ink); font-size: 12px; } svg .quiet { fill: var(--quiet); font-size: 11.5px; }
.timeline .tick line { stroke: var(--line); } .timeline .tick text { fill: var(--quiet); font-size: 11.5px; }
.timeline .phase line { stroke: var(--quiet); stroke-dasharray: 2 3; } .timeline .phase text { fill: var(--quiet); font-size: 11px; }
.timeline .band { fill: var(--fault-soft); stroke: var(--fault); stroke-opacity: .5; stroke-dasharray: 3 3; vector-effect: non-scaling-stroke; }
.timeline .fault { fill: var(--fault); stroke: var(--fault); stroke-width: 2; vector-effect: non-scaling-stroke; opacity: .85; } .fault-name { fill: var(--fault); font-weight: 600; }
.timeline .fault-number { fill: #fff; font-size: 11px; font-weight: 600; pointer-events: none; } @media (prefers-color-scheme: dark) { .timeline .fault-number { fill: #15181c; } }
.lane-name { font-weight: 560; } .chart-name { font-weight: 560; } .lane-line, .grid { stroke: var(--line); vector-effect: non-scaling-stroke; }
.bar { stroke-width: 1; vector-effect: non-scaling-stroke; stroke: var(--card); } .bar.committed { fill: var(--committed); } .bar.aborted { fill: var(--card); stroke: var(--aborted); stroke-width: 1.5; }
.bar.unsure, .bar.unknown { fill: url(#hatch); stroke: var(--unknown); } .bar.open { fill: none; stroke: var(--unknown); stroke-dasharray: 3 2; } .bar.found { stroke: var(--fail); stroke-width: 2; }
.cell .bar { stroke: none; } .cell .bar.aborted { fill: var(--aborted); fill-opacity: .45; } .hatch-ground { fill: var(--card); } .hatch-line { fill: var(--unknown); }
.sign { font-weight: 700; fill: var(--quiet); font-size: 12px; cursor: default; } .sign.found { fill: var(--fail); } .sign:focus { outline: 2px solid var(--link); }
.process { fill: var(--ink); font-size: 11px; }
.rate { fill: var(--committed); fill-opacity: .22; stroke: var(--committed); stroke-width: 1.2; vector-effect: non-scaling-stroke; }
.stall { fill: var(--unknown); fill-opacity: .16; } .stall-words { fill: var(--unsure); font-size: 11.5px; }
.p50, .p99 { fill: none; stroke: var(--committed); stroke-width: 2.2; stroke-linecap: round; vector-effect: non-scaling-stroke; } .p99 { stroke: var(--fault); stroke-width: 1.6; stroke-dasharray: 4 4; }
.timeline:focus-visible { outline-offset: 6px; }
.life { stroke: var(--line); stroke-width: 1.5; } .participant { fill: var(--soft); stroke: var(--line); } .participant-name { font-weight: 600; }
.message { stroke: var(--ink); stroke-width: 1.4; } .message.reply { stroke: var(--quiet); stroke-dasharray: 5 3; } .message.marked { stroke-width: 2.2; } .message.lost { stroke: var(--fail); } .message.marker { stroke: var(--committed); }
.arrow-head { fill: var(--ink); } .cross { stroke: var(--fail); stroke-width: 2.4; fill: none; }
.message-text { paint-order: stroke; stroke: var(--card); stroke-width: 4px; stroke-linejoin: round; } .message-text.bad { fill: var(--fail); font-weight: 600; } .message-text.marked { font-weight: 600; } svg .message-text.quiet { fill: var(--quiet); }
.clock { fill: var(--quiet); font-size: 11.5px; font-family: ui-monospace, Menlo, Consolas, monospace; }
.section-line { stroke: var(--line); } .section-name { fill: var(--quiet); font-weight: 600; }
.note { fill: var(--soft); stroke: var(--line); } .note.bad { fill: var(--unsure-soft); stroke: var(--unsure); } .note-text { font-size: 12px; }
.fault-block { fill: var(--fault-soft); stroke: var(--fault); } .hit { fill: var(--fault); font-weight: 600; paint-order: stroke; stroke: var(--card); stroke-width: 5px; } .fault-text { fill: var(--fault); font-weight: 600; }
footer { margin-top: 44px; font-size: 13px; color: var(--quiet); }
@media (max-width: 700px) { main { padding: 16px; } }
@page { margin: 14mm; }
@media print { :root { color-scheme: light; } body { font-size: 11pt; background: #fff; } main { max-width: none; padding: 0; } nav, .tools, .scripted .tools, .copy, .scripted .copy, .skip { display: none; }
  h2, h3 { break-after: avoid; } .numbers, svg, tr, .verdict { break-inside: avoid; } .tag { white-space: nowrap; } .scroll { overflow: visible; } .scroll svg { width: 100%; height: auto; } pre { white-space: pre-wrap; } details > summary { list-style: none; } * { print-color-adjust: exact; } }
`
