import { expect, it } from 'vitest'
import { notJudged } from '../../validators/not-judged.ts'
import { resultOf } from '../../validators/result.ts'
import { judge } from '../../validators/verdict.ts'
import { cleanLines, history, run } from './builders.ts'

const kindsOf = (changes: Parameters<typeof run>[0], extent: 'not' | 'in-part') =>
  notJudged(history(run(changes)))
    .filter((one) => one.extent === extent)
    .map(({ kind }) => kind)

it('names what topics alone cannot tell, and what they can tell in part', () => {
  const pair = { proxied: false, instances: [] }
  expect(kindsOf(pair, 'not')).toContain('torn-transaction')
  expect(kindsOf(pair, 'not')).not.toContain('missing-output')
  expect(kindsOf(pair, 'in-part')).toContain('aborted-read')
  const { group: _group, ...line } = run({ ...pair, inputs: [] })
  expect(notJudged(history(line))).toContainEqual({
    kind: 'missing-output',
    extent: 'not',
    why: 'no input was named to compare with',
  })
})

it('leaves nothing out where the traffic passed the proxy, and then says nothing in the result', () => {
  const clean = history(...cleanLines())
  expect(notJudged(clean)).toEqual([])
  expect(resultOf(clean, judge(clean))).not.toHaveProperty('notJudged')
})
