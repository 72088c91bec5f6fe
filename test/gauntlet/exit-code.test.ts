import { expect, it } from 'vitest'
import { exitCodeOf } from '../../gauntlet/exit-code.ts'
import { resultOf } from './result-builder.ts'

it.each([
  [[0], 0],
  [[0, 0], 0],
  [[0, 1], 1],
  [[0, 2, 0], 2],
  [[2, 1], 1],
  [[1, 2], 1],
])('makes of the exit codes %j of its runs %i', (codes, exitCode) => {
  expect(exitCodeOf(codes.map((code) => resultOf({ exitCode: code })))).toBe(exitCode)
})
