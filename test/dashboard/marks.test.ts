import { describe, expect, it } from 'vitest'
import { createMarks, marksMax } from '../../dashboard/model/marks.ts'
import type { ProxyEvent } from '../../proxy/events.ts'

const of = (
  type: 'fault-fired' | 'fault-applied' | 'fault-healed',
  atMs: number,
  number = 1,
): ProxyEvent => ({
  type,
  atMs,
  fault: 'crash',
  kind: 'block',
  firing: {
    number,
    firedAtMs: number * 100,
    ...(type === 'fault-applied' ? { appliedAtMs: atMs } : {}),
    ...(type === 'fault-healed' ? { healedAtMs: atMs } : {}),
  },
})

describe('marks of faults', () => {
  it('makes one mark of what a firing went through', () => {
    const marks = createMarks()
    marks.see(of('fault-fired', 100))
    expect(marks.all()).toEqual([{ fault: 'crash', kind: 'block', number: 1, firedMs: 100 }])
    marks.see(of('fault-applied', 103))
    marks.see(of('fault-healed', 5_100))
    marks.see(of('fault-fired', 200, 2))
    expect(marks.all()).toMatchObject([{ appliedMs: 103, healedMs: 5_100 }, { number: 2 }])
  })

  it('takes a disarmed fault for healed', () => {
    const marks = createMarks()
    marks.see(of('fault-applied', 103))
    marks.see({ type: 'fault-disarmed', atMs: 700, fault: 'crash', kind: 'block' })
    expect(marks.all()).toMatchObject([{ appliedMs: 103, healedMs: 700 }])
  })

  it('keeps the newest', () => {
    const marks = createMarks()
    for (let number = 1; number <= marksMax + 1; number += 1) {
      marks.see(of('fault-fired', number * 100, number))
    }
    expect(marks.all()).toHaveLength(marksMax)
    expect(marks.all()[0]?.number).toBe(2)
  })
})
