// Is a page whole? Every element closed in its order, every attribute quoted and once, every id once. Stricter than
// HTML asks for, so that nothing depends on what a browser mends.

const closesItself = new Set(['meta', 'link', 'br', 'hr', 'img', 'input'])
const holdsText = new Set(['script', 'style'])

/** Sentences about what is wrong; none when all is well. */
export function flawsOf(page: string): string[] {
  const flaws: string[] = []
  const open: string[] = []
  const ids = new Set<string>()
  const tag = /<(\/?)([a-zA-Z][\w-]*)((?:\s+[\w:-]+(?:="[^"<]*")?)*)\s*(\/?)>/y
  let at = page.startsWith('<!DOCTYPE html>') ? '<!DOCTYPE html>'.length : 0
  if (at === 0) flaws.push('no doctype')
  while (at < page.length) {
    const next = page.indexOf('<', at)
    if (next < 0) break
    tag.lastIndex = next
    const match = tag.exec(page)
    if (match === null) return [...flaws, `a stray < at ${page.slice(next, next + 60)}`]
    const [whole, closing, name = '', attributes = '', selfClosing] = match
    at = next + whole.length
    if (closing === '/') {
      const expected = open.pop()
      if (expected !== name) return [...flaws, `</${name}> closes ${expected}`]
      continue
    }
    const names = [...attributes.matchAll(/\s([\w:-]+)(?:="([^"]*)")?/g)]
    for (const [, attribute = '', value = ''] of names) {
      if (names.filter(([, other]) => other === attribute).length > 1) {
        flaws.push(`${attribute} twice in <${name}>`)
      }
      if (/^on/i.test(attribute)) flaws.push(`<${name}> has ${attribute}`)
      if (attribute === 'id' && ids.has(value)) flaws.push(`id ${value} twice`)
      if (attribute === 'id') ids.add(value)
      if (/[\d.]NaN|^NaN|Infinity|undefined/.test(value)) flaws.push(`${attribute}="${value}"`)
    }
    if (selfClosing === '/' || closesItself.has(name)) continue
    if (holdsText.has(name)) {
      const end = page.indexOf(`</${name}>`, at)
      if (end < 0) return [...flaws, `<${name}> is never closed`]
      at = end + name.length + 3
      continue
    }
    open.push(name)
  }
  return open.length > 0 ? [...flaws, `never closed: ${open.join(', ')}`] : flaws
}
