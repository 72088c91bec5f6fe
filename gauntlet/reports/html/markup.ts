// Text to HTML, safe by construction: whatever stands in a template is escaped, unless it is markup already. The only
// place where a page's text becomes markup.

/** Text that may stand in a page as it is. */
export interface Markup {
  readonly markup: string
}

type Part = Markup | string | number | undefined | readonly Part[]

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

export function escaped(text: string): string {
  return printable(text).replace(/[&<>"']/g, (character) => entities[character] ?? character)
}

/** A record's id may hold anything; control characters have no place in a page. */
function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, (character) =>
    character === '\n' || character === '\t' ? character : '\ufffd',
  )
}

function rendered(part: Part): string {
  if (part === undefined) return ''
  if (typeof part === 'string') return escaped(part)
  if (typeof part === 'number') return String(part)
  if ('markup' in part) return part.markup
  return part.map(rendered).join('')
}

/** A template of markup: html`<p>${text}</p>`. */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  return {
    markup: strings.reduce(
      (all, text, index) => all + text + (index < parts.length ? rendered(parts[index]) : ''),
      '',
    ),
  }
}

/** Our own constants only: style and script. */
export function trusted(text: string): Markup {
  return { markup: text }
}

/** JSON that can stand within a script element. */
export function embeddedJson(value: unknown): Markup {
  const text = JSON.stringify(value)
    .replaceAll('<', '\\u003c')
    .replaceAll('\u2028', '\\u2028')
    .replaceAll('\u2029', '\\u2029')
  return { markup: text }
}

/** Coordinates with one digit after the point: more is not seen and costs bytes. */
export function rounded(value: number): number {
  return Math.round(value * 10) / 10
}
