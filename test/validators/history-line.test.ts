// docs/history.md is the schema of a history for whoever reads one without our code: each type of line has a row
// that names its fields.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'
import { packageRoot } from '../../gauntlet/entry.ts'

const textOf = (path: string) => readFileSync(join(packageRoot(), path), 'utf8')

/** Every object type of a file whose `type` is a word, with the names of its other fields. */
function lineTypes(path: string): Map<string, string[]> {
  const found = new Map<string, string[]>()
  const visit = (node: ts.Node): void => {
    if (ts.isInterfaceDeclaration(node) || ts.isTypeLiteralNode(node)) {
      const fields = node.members.filter(ts.isPropertySignature)
      const word = fields.find(({ name }) => name.getText() === 'type')?.type
      if (word !== undefined && ts.isLiteralTypeNode(word) && ts.isStringLiteral(word.literal)) {
        const names = fields.map(({ name }) => name.getText())
        found.set(
          word.literal.text,
          names.filter((name) => name !== 'type' && name !== 'atMs'),
        )
      }
    }
    ts.forEachChild(node, visit)
  }
  visit(ts.createSourceFile(path, textOf(path), ts.ScriptTarget.ES2023, true))
  return found
}

const types = new Map([...lineTypes('validators/history-line.ts'), ...lineTypes('proxy/events.ts')])
const rows = new Map(
  textOf('docs/history.md')
    .split('\n')
    .flatMap((line) => {
      const word = /^\| `([a-z-]+)` \|/.exec(line)?.[1]
      return word === undefined ? [] : [[word, line] as const]
    }),
)

describe('the documented schema of a history', () => {
  it('is compared with types that are really there', () => {
    expect(types.size).toBeGreaterThan(30)
    expect(types.get('drain')).toEqual(['drained', 'waitedMs', 'boundMs', 'left'])
  })

  it.each([...types])('has a row for `%s` that names every field', (type, fields) => {
    const row = rows.get(type) ?? ''
    expect(row).not.toBe('')
    expect(fields.filter((field) => !new RegExp(`\`${field}(\\[\\])?\``).test(row))).toEqual([])
  })

  it('has no row for what no history holds', () => {
    expect([...rows.keys()].filter((word) => !types.has(word))).toEqual([])
  })
})
