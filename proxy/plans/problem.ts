// What is wrong with a plan, where it stands, and how that is shown: the place, the message with the
// nearest right word, the source line and a caret under the wrong part.

/** Keys and list positions from the top of the plan down to a place in it. */
export type PlanPath = readonly (string | number)[]

/** A problem as a check finds it: by path, before anybody knows the line. */
export interface Flaw {
  path: PlanPath
  /** The caret goes under the key or under its value. */
  at: 'key' | 'value'
  message: string
  /** The wrong word, when the problem is a word that is not one of `allowed`. */
  given?: string
  allowed?: readonly string[]
}

/** A problem with its place in the file, or in the `--set` flag that brought it. */
export interface PlanProblem {
  file: string
  /** Counts from 1, like `column`. */
  line: number
  column: number
  /** Characters that the caret underlines. */
  length: number
  /** Dotted path of the place, with faults by name. */
  path: string
  message: string
  allowed?: readonly string[]
  nearest?: string
  sourceLine: string
}

/** Longer lists of allowed words help nobody on a terminal; the nearest word does. */
const allowedShownMax = 14

/** One line of text: `file:line:column  message, did you mean "word"?` */
export function problemLine(problem: PlanProblem): string {
  const place = isFlag(problem)
    ? `${problem.file} ${problem.sourceLine}`
    : `${problem.file}:${problem.line}:${problem.column}`
  return `${place}  ${problemMessage(problem)}`
}

export function problemMessage({ message, nearest, allowed }: PlanProblem): string {
  if (nearest !== undefined) return `${message}, did you mean "${nearest}"?`
  if (allowed !== undefined && allowed.length > 0 && allowed.length <= allowedShownMax) {
    return `${message}; allowed: ${allowed.join(', ')}`
  }
  return message
}

/** The problem as a person reads it: place and message, then the source line and the caret. */
export function problemText(problem: PlanProblem): string {
  const number = isFlag(problem) ? '' : String(problem.line)
  const gutter = ' '.repeat(number.length)
  // Tabs stay tabs, so that the caret stands under the right character in every terminal.
  const lead = problem.sourceLine.slice(0, problem.column - 1).replace(/[^\t]/g, ' ')
  return [
    problemLine(problem),
    `    ${number} | ${problem.sourceLine}`,
    `    ${gutter} | ${lead}${'^'.repeat(Math.max(1, problem.length))}`,
  ].join('\n')
}

function isFlag(problem: PlanProblem): boolean {
  return problem.file.startsWith('--')
}
