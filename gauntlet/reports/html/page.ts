// The frame of every report: one file that asks nothing of anybody else. Its policy lets only our own script run, so
// that even a hole in the escaping could start nothing.
import { createHash } from 'node:crypto'
import { html, type Markup, trusted } from './markup.ts'
import { pageScript } from './page-script.ts'
import { pageStyle } from './page-style.ts'

export interface Page {
  title: string
  body: Markup
  /** The data that the page was made of. */
  data: Markup
}

/** What the drawings of a page share. */
const drawingDefinitions = html`<svg class="shared" width="0" height="0" aria-hidden="true" focusable="false"><defs>
<pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect width="6" height="6" class="hatch-ground"/><rect width="2.5" height="6" class="hatch-line"/></pattern>
<marker id="arrow" viewBox="0 0 8 8" refX="7.5" refY="4" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" orient="auto"><path d="M0 0L8 4L0 8Z" class="arrow-head"/></marker>
</defs></svg>`

export function pageOf({ title, body, data }: Page): string {
  const scriptHash = createHash('sha256').update(pageScript).digest('base64')
  const policy = `default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-${scriptHash}'; base-uri 'none'; form-action 'none'`
  return html`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>${trusted(pageStyle)}</style>
</head>
<body>
<a class="skip" href="#verdict">To the verdict</a>
${drawingDefinitions}
<main>
${body}
</main>
<div id="tip" role="tooltip"></div>
<div id="told" class="skip" aria-live="polite"></div>
<script type="application/json" id="result">${data}</script>
<script>${trusted(pageScript)}</script>
</body>
</html>
`.markup
}
