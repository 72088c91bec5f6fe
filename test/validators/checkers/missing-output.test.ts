import { describe, expect, it } from 'vitest'
import type { ProxyEvent } from '../../../proxy/events.ts'
import { missingOutput } from '../../../validators/checkers/missing-output.ts'
import type { Contract } from '../../../validators/history-line.ts'
import {
  cleanLines,
  drained,
  end,
  groupOffset,
  history,
  input,
  journal,
  output,
  run,
  send,
} from '../builders.ts'

const under = (contract: Contract, changes = {}) =>
  run({ outputs: [{ topic: 'output', partitions: 1, contract }], ...changes })

describe('missing-output', () => {
  it('finds an input without an output once everything has come to rest', () => {
    const lines = [input(0, ['in-0', 'in-1']), output(0, ['in-0']), end('output', 2)]
    expect(missingOutput(history(...lines, drained()))).toEqual([
      {
        kind: 'missing-output',
        summary: '1 input done with and missing in output',
        count: 1,
        ids: ['in-1'],
        proof: [{ shows: 'an input that nothing came of', id: 'in-1', place: 'input-0@1' }],
      },
    ])
    expect(missingOutput(history(...lines))).toEqual([])
  })

  it('finds an input that the committed offsets have passed, at rest or not, and who committed them', () => {
    const commit: Extract<ProxyEvent, { type: 'offsets' }> = {
      type: 'offsets',
      atMs: 2_500,
      exchange: { ...send(0).exchange, api: 'OffsetCommit' },
      group: 'copiers',
      offsets: [{ topic: 'input', partition: 0, offset: 1 }],
      told: 'ok',
      brokerError: 'NONE',
    }
    const found = missingOutput(
      history(commit, input(0, ['in-0', 'in-1']), end('output', 0), groupOffset(1)),
    )
    expect(found).toMatchObject([
      {
        ids: ['in-0'],
        proof: [
          {
            shows: 'an input that nothing came of, though OffsetCommit declared it done',
            instance: 'copier-0',
            atMs: 2_500,
          },
        ],
      },
    ])
  })

  it('shows the aborted copy of what is missing', () => {
    const found = missingOutput(
      history(
        input(0, ['in-0']),
        output(0, ['in-0'], { state: 'aborted' }),
        end('output', 2),
        drained(),
      ),
    )
    expect(found[0]?.proof[1]).toMatchObject({
      shows: 'its output is aborted',
      place: 'output-0@0',
    })
  })

  it('expects nothing of aborted inputs, nor of inputs that may still be on their way', () => {
    expect(
      missingOutput(history(input(0, ['in-0'], { state: 'aborted' }), end('output', 0), drained())),
    ).toEqual([])
    expect(
      missingOutput(history(input(0, ['in-0']), end('output', 0), drained({ drained: false }))),
    ).toEqual([])
  })

  it('expects N copies under a fan-out of N, one under at-least-once, none under at-most-once and acked', () => {
    const lines = [input(0, ['in-0', 'in-1']), output(0, ['in-0']), end('output', 2), drained()]
    const count = (contract: Contract) =>
      missingOutput(history(under(contract), ...lines))[0]?.count
    expect(count({ 'fan-out': 2 })).toBe(2)
    expect(count('at-least-once')).toBe(1)
    expect(count('at-most-once')).toBeUndefined()
    expect(count('acked')).toBeUndefined()
  })

  it('lets declared failures be missing only where the plan says so', () => {
    const lines = [
      journal(1, { sent: 'in-0', outcome: 'failed' as const }),
      input(0, ['in-0']),
      end('output', 0),
      drained(),
    ]
    expect(missingOutput(history(...lines))).toHaveLength(1)
    expect(
      missingOutput(
        history(under('one-per-input', { declaredFailures: 'may-be-missing' }), ...lines),
      ),
    ).toEqual([])
  })

  it('says nothing about an output that was not read to its end', () => {
    expect(missingOutput(history(input(0, ['in-0']), drained()))).toEqual([])
    const two = run({ outputs: [{ topic: 'output', partitions: 2, contract: 'one-per-input' }] })
    expect(missingOutput(history(two, input(0, ['in-0']), end('output', 0), drained()))).toEqual([])
  })

  it('finds nothing in an empty and in a clean history', () => {
    expect(missingOutput(history())).toEqual([])
    expect(missingOutput(history(...cleanLines()))).toEqual([])
  })
})
