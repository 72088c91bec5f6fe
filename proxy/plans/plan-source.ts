// The text of a plan as YAML: parsed within bounds, every place findable by its path, and changed by
// `--set` before anybody looks at what it says. The only file of the project that knows the yaml package.
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Node,
  type Pair,
  parseDocument,
} from 'yaml'
import { nearestWord } from './nearest.ts'
import { entryName } from './plan.ts'
import type { Flaw, PlanPath, PlanProblem } from './problem.ts'

/** A plan is written by hand; a file past this is something else. */
export const planBytesMax = 1_000_000
/** How often the anchors of one file may be repeated, all together. */
export const aliasesMax = 100
/** Maps and lists within each other. */
export const depthMax = 50

/** One `--set PATH=VALUE`, with what its value was parsed to. */
interface Override {
  text: string
  path: PlanPath
  valueStart: number
  value: ParsedText
}

interface ParsedText {
  text: string
  document: Document
}

export interface PlanSource {
  file: string
  parsed: ParsedText
  overrides: Override[]
}

function parse(text: string): ParsedText {
  return { text, document: parseDocument(text, { prettyErrors: false, logLevel: 'error' }) }
}

export function readSource(
  text: string,
  file: string,
): { source: PlanSource } | { problems: PlanProblem[] } {
  const whole = { file, text, offset: 0, length: 1 }
  if (Buffer.byteLength(text) > planBytesMax) {
    const message = `a plan has at most ${planBytesMax} bytes, this file has ${Buffer.byteLength(text)}`
    return { problems: [problemAt({ ...whole, text: '' }, message)] }
  }
  if (nestingOf(text) > depthMax) {
    return { problems: [problemAt(whole, `more than ${depthMax} brackets within each other`)] }
  }
  const parsed = parse(text)
  if (parsed.document.errors.length > 0) {
    return { problems: parsed.document.errors.map((error) => syntaxProblem(file, text, error)) }
  }
  return { source: { file, parsed, overrides: [] } }
}

/** Deepest run of open brackets: the parser recurses, so this is looked at before it starts. */
function nestingOf(text: string): number {
  let depth = 0
  let deepest = 0
  for (const character of text) {
    if (character === '[' || character === '{') deepest = Math.max(deepest, ++depth)
    else if (character === ']' || character === '}') depth = Math.max(0, depth - 1)
  }
  return deepest
}

function syntaxProblem(
  file: string,
  text: string,
  error: { code: string; message: string; pos: [number, number] },
): PlanProblem {
  const [offset, end] = error.pos
  if (error.code === 'DUPLICATE_KEY') {
    // The package marks where the key begins only.
    const length = /^[^:\s]*/.exec(text.slice(offset))?.[0].length ?? 1
    return problemAt({ file, text, offset, length }, 'this key stands twice in one map')
  }
  const message = `not valid YAML: ${error.message.split('\n')[0] ?? error.code}`
  return problemAt({ file, text, offset, length: end - offset }, message)
}

/** Whether something stands at a place. */
export function hasKey(source: PlanSource, path: PlanPath): boolean {
  return nodeAt(source.parsed.document, path) !== undefined
}

/** The plan as plain data. */
export function sourceData(source: PlanSource): { data: unknown } | { problems: PlanProblem[] } {
  try {
    return { data: source.parsed.document.toJS({ maxAliasCount: aliasesMax }) }
  } catch (error) {
    // The package reports too many aliases, and one that nothing anchors, in this way alone.
    if (!(error instanceof ReferenceError)) throw error
    const { file, parsed } = source
    const message = `anchors are repeated more than ${aliasesMax} times, or one is missing`
    return { problems: [problemAt({ file, text: parsed.text, offset: 0, length: 1 }, message)] }
  }
}

/** The effective plan as text, with the changes of `--set` in it. */
export function sourceText(source: PlanSource): string {
  return source.overrides.length === 0 ? source.parsed.text : String(source.parsed.document)
}

/** Changes one place. The path was resolved before; problems with the value's YAML name the flag. */
export function setInSource(
  source: PlanSource,
  override: { text: string; path: PlanPath; valueStart: number },
): PlanProblem[] {
  const { text, path, valueStart } = override
  const valueText = text.slice(valueStart)
  const flagProblem = (message: string, offset = 0, length = valueStart - 1) =>
    problemAt({ file: '--set', text, offset, length }, message)
  const value = parse(valueText)
  const [error] = value.document.errors
  if (error !== undefined) {
    return [flagProblem(`the value is not valid YAML`, valueStart + error.pos[0], 1)]
  }
  const obstacle = obstacleAbove(source.parsed.document, path)
  if (obstacle !== undefined) return [flagProblem(obstacle)]
  source.parsed.document.setIn([...path], value.document.contents)
  source.overrides.push({ text, path, valueStart, value })
  return []
}

/** What stands above a place and cannot take it in: a value without keys, or one that is kept elsewhere. */
function obstacleAbove(document: Document, path: PlanPath): string | undefined {
  let node: unknown = document.contents
  for (const [index, step] of path.entries()) {
    const name = path.slice(0, index).join('.')
    if (isAlias(node)) return `\`${name}\` repeats an anchor: change it where the anchor stands`
    if (node === undefined || node === null || isEmptyScalar(node as Node)) return undefined
    if (isSeq(node)) node = node.items[Number(step)]
    else if (isMap(node)) node = pairAt(node, step)?.value
    else return `\`${name}\` has no keys to set`
  }
  return undefined
}

const isEmptyScalar = (node: Node) => isScalar(node) && node.value === null

/** Puts flaws to their places. */
export function placeFlaws(source: PlanSource, flaws: readonly Flaw[]): PlanProblem[] {
  const problems = flaws.map((flaw) => placeFlaw(source, flaw))
  const order = (problem: PlanProblem) => (problem.file.startsWith('--') ? 0 : problem.line)
  problems.sort((a, b) => order(a) - order(b) || a.column - b.column)
  const seen = new Set<string>()
  return problems.filter((problem) => {
    const place = `${problem.file}:${problem.line}:${problem.column} ${problem.message}`
    if (seen.has(place)) return false
    seen.add(place)
    return true
  })
}

function placeFlaw(source: PlanSource, flaw: Flaw): PlanProblem {
  const { path, at, message, given, allowed } = flaw
  const nearest = given === undefined ? undefined : nearestWord(given, allowed ?? [])
  const details = {
    path: dottedPath(source, path),
    ...(allowed === undefined ? {} : { allowed }),
    ...(nearest === undefined ? {} : { nearest }),
  }
  const override = source.overrides.findLast(
    (one) =>
      one.path.length <= path.length && one.path.every((step, index) => step === path[index]),
  )
  if (override !== undefined) {
    const inner = path.slice(override.path.length)
    const [start, end] = rangeOf(override.value, inner, at)
    const offset = override.valueStart + start
    return {
      ...problemAt({ file: '--set', text: override.text, offset, length: end - start }, message),
      ...details,
    }
  }
  const { file, parsed } = source
  const [start, end] = rangeOf(parsed, path, at)
  return {
    ...problemAt({ file, text: parsed.text, offset: start, length: end - start }, message),
    ...details,
  }
}

/** Faults are known by their names, not by their positions. */
function dottedPath(source: PlanSource, path: PlanPath): string {
  const named = path.map((step, index) => {
    if (index !== 1 || path[0] !== 'faults' || typeof step !== 'number') return String(step)
    const fault = source.parsed.document.getIn(['faults', step])
    return (isMap(fault) ? entryName(fault.toJSON()) : undefined) ?? String(step)
  })
  return named.join('.')
}

function resolved(document: Document, node: unknown): Node | undefined {
  if (isAlias(node)) return node.resolve(document)
  return (node ?? undefined) as Node | undefined
}

function pairAt(map: unknown, key: string | number): Pair | undefined {
  if (!isMap(map)) return undefined
  return map.items.find((pair) => isScalar(pair.key) && String(pair.key.value) === String(key))
}

function nodeAt(document: Document, path: PlanPath): Node | undefined {
  let node = resolved(document, document.contents)
  for (const step of path) {
    if (isSeq(node)) node = resolved(document, node.items[Number(step)])
    else node = resolved(document, pairAt(node, step)?.value)
    if (node === undefined) return undefined
  }
  return node
}

/** Characters of the place, or of the nearest place above it that is in the text. */
function rangeOf(parsed: ParsedText, path: PlanPath, at: 'key' | 'value'): [number, number] {
  const { document, text } = parsed
  const step = path.at(-1)
  if (step === undefined) return firstContent(text)
  const above = path.slice(0, -1)
  const parent = nodeAt(document, above)
  if (isSeq(parent)) {
    const item = parent.items[Number(step)] as Node | undefined
    // A map is shown by its first key, like maps elsewhere.
    const shown = isMap(item) ? ((item.items[0]?.key as Node | undefined) ?? item) : item
    return shown?.range == null ? rangeOf(parsed, above, 'key') : [shown.range[0], shown.range[1]]
  }
  const pair = pairAt(parent, step)
  if (pair === undefined) return rangeOf(parsed, above, 'key')
  const key = pair.key as Node
  const value = pair.value as Node | null
  // A map or list is named by its key: a caret under all of it would say nothing.
  const byValue = at === 'value' && (isScalar(value) || isAlias(value)) && !isEmptyScalar(value)
  const range = byValue ? value.range : key.range
  return range == null ? rangeOf(parsed, above, 'key') : [range[0], range[1]]
}

/** The plan as a whole is shown by its first line that is no comment. */
function firstContent(text: string): [number, number] {
  const match = /^(?!\s*(#|$|---)).+$/m.exec(text)
  if (match === null) return [0, 1]
  const key = /^\s*[^:\s]+/.exec(match[0])?.[0] ?? match[0]
  return [match.index, match.index + key.length]
}

function problemAt(
  place: { file: string; text: string; offset: number; length: number },
  message: string,
): PlanProblem {
  const { file, text } = place
  const offset = Math.min(Math.max(place.offset, 0), text.length)
  const lineStart = offset === 0 ? 0 : text.lastIndexOf('\n', offset - 1) + 1
  const nextBreak = text.indexOf('\n', offset)
  const sourceLine = text
    .slice(lineStart, nextBreak === -1 ? text.length : nextBreak)
    .replace(/\r$/, '')
  const column = offset - lineStart + 1
  const line = text.slice(0, lineStart).split('\n').length
  const length = Math.max(1, Math.min(place.length, sourceLine.length - column + 1))
  return { file, line, column, length, path: '', message, sourceLine }
}
