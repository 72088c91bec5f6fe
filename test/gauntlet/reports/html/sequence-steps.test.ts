import { describe, expect, it } from 'vitest'
import {
  broken,
  sequenceSvg,
  stepWords,
} from '../../../../gauntlet/reports/html/sequence-diagram.ts'
import { sequenceOf } from '../../../../gauntlet/reports/html/sequence-steps.ts'
import { historyOf } from '../../../../validators/history.ts'
import type { HistoryLine } from '../../../../validators/history-line.ts'
import { resultOf } from '../../../../validators/result.ts'
import { judge } from '../../../../validators/verdict.ts'
import { cleanLines, ended, fault, run, send } from '../../../validators/builders.ts'

/** The first finding of a kind, as a sequence. */
function sequenceFor(kind: string, lines: HistoryLine[]) {
  const history = historyOf(lines)
  const finding = resultOf(history, judge(history)).findings.find((one) => one.kind === kind)
  if (finding === undefined) throw new Error(`no ${kind}`)
  return sequenceOf(history, finding)
}

/** Transaction 2 writes again what transaction 1 has written; the answer to the first commit was lost. */
function redone(): HistoryLine[] {
  const endTxn = {
    connection: 1,
    plane: 'client' as const,
    node: 3,
    instance: 'copier-0',
    clientId: 'copier-0',
    api: 'EndTxn',
    version: 4,
    correlationId: 9_000,
    transactionalIds: ['copier-0'],
    transaction: 1,
  }
  const ending = { atMs: 1_030, phase: 'ending' as const, outcome: undefined as never }
  return [
    ...cleanLines().map((line) =>
      line.type === 'log-batch' && line.role === 'output' && line.baseOffset === 3
        ? { ...line, ids: ['in-0', 'in-3'] }
        : line,
    ),
    ended(1, 'commit', ending),
    ended(1, 'commit', { ...ending, atMs: 1_040, outcome: 'unknown', decided: 'committed' }),
    fault('applied', {
      number: 2,
      firedAtMs: 1_035,
      appliedAtMs: 1_036,
      healedAtMs: 1_045,
      exchange: endTxn,
      moment: 'reply',
      effect: 'closed the connection',
    }),
  ]
}

describe('what happened to the record of a finding', () => {
  it('is told message by message, the fault between the request and what the client knew', () => {
    const sequence = sequenceFor('duplicate', redone())
    expect(sequence?.subject).toBe('in-0')
    expect(sequence?.participants).toEqual(['copier-0', 'coordinator (broker 3)', 'broker 1'])
    const words = sequence?.steps.map(stepWords) ?? []
    const order = [
      'transaction 1 of copier-0',
      'copier-0 to broker 1: Produce output-0 (2 records), NONE',
      'copier-0 to coordinator (broker 3): EndTxn(commit), NONE (the answer never arrived), hit by crash#2 at the reply',
      'fault crash#2 fired at the reply of EndTxn: closed the connection',
      'copier-0: outcome unknown to the client; the broker had committed it',
      'fault crash#2 healed',
      'transaction 2 of copier-0',
    ].map((part) => words.findIndex((one) => one.includes(part)))
    expect(order).not.toContain(-1)
    expect(order).toEqual([...order].sort((a, b) => a - b))
  })

  it('is drawn with a cross where the answer was lost, and with the fault across the lines', () => {
    const sequence = sequenceFor('duplicate', redone())
    if (sequence === undefined) throw new Error('a sequence')
    const svg = sequenceSvg(sequence).markup
    expect(svg.match(/class="cross"/g)).toHaveLength(1)
    expect(svg).toContain('NONE, never arrived')
    expect(svg).toContain('▼ crash#2</text>')
    const clean = sequenceFor(
      'duplicate',
      redone().filter((line) => !(line.type === 'transaction' && line.outcome === 'unknown')),
    )
    expect(clean === undefined ? '' : sequenceSvg(clean).markup).not.toContain('class="cross"')
  })

  it('marks the message that carried the record, and shows few of the others', () => {
    const more = Array.from({ length: 9 }, (_, index) =>
      send(1, { baseSequence: 100 + index, partition: 4 }, 1_010),
    )
    const sequence = sequenceFor('duplicate', [...redone(), ...more])
    const produced = sequence?.steps.filter(
      (step) => step.kind === 'exchange' && step.request.startsWith('Produce'),
    )
    expect(produced?.some((step) => step.kind === 'exchange' && step.marked)).toBe(true)
    expect(sequence?.leftOut).toEqual(['6 more Produce of transaction 1 of copier-0'])
  })

  it('is nothing where no message is concerned', () => {
    const finding = {
      kind: 'stall' as const,
      summary: 'stood still',
      sentence: 'stood still',
      ids: [],
      count: 1,
      proof: [{ shows: 'no progress', atMs: 1_000 }],
      causes: [],
    }
    expect(sequenceOf(historyOf([run()]), finding)).toBeUndefined()
    expect(sequenceOf(historyOf([run()]), { ...finding, proof: [] })).toBeUndefined()
  })
})

describe('the lines of a text', () => {
  it('are broken between words, and a word that is too long is cut', () => {
    expect(broken('one two three', 64)).toEqual(['one two', 'three'])
    expect(broken('abcdefghijklmnop', 64)).toEqual(['abcdefghi…'])
  })
})
