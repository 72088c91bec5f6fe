import { describe, expect, it } from 'vitest'
import { injectedFault } from '../../../gauntlet/library/injected-fault.ts'
import type { FaultStatus, Firing } from '../../../proxy/events.ts'

/** A fault whose firings come with the looks at it, and a clock that each look moves on by its pause. */
function fault(firings: readonly Firing[], matched = 0) {
  const done: string[] = []
  let nowMs = 0
  let looks = 0
  const status: FaultStatus = {
    name: 'lost',
    kind: 'drop',
    matched,
    fired: 0,
    applied: 0,
    healed: 0,
    state: 'armed',
    firings: [],
  }
  const note = (word: string) => async (name: string) => void done.push(`${word} ${name}`)
  const handle = injectedFault(
    'lost',
    {
      async status() {
        looks += 1
        return { ...status, firings: firings.slice(0, looks) }
      },
      fire: note('fire'),
      release: note('release'),
      heal: note('heal'),
      disarm: note('disarm'),
    },
    {
      nowMs: () => nowMs,
      after(delayMs, callback) {
        nowMs += delayMs
        setImmediate(callback)
        return () => undefined
      },
    },
  )
  return { handle, done }
}

const fired = (number: number, more: Partial<Firing> = {}): Firing => ({
  number,
  firedAtMs: number,
  ...more,
})

describe('a fault in the hand of a program', () => {
  it('is waited for until its effect is there, and not only until it has fired', async () => {
    const { handle } = fault([fired(1), fired(2, { appliedAtMs: 7 }), fired(3, { appliedAtMs: 9 })])
    expect(await handle.applied()).toMatchObject({ number: 2, appliedAtMs: 7 })
    expect(await handle.applied({ times: 2 })).toMatchObject({ number: 3 })
  })

  it('tells apart what was applied and what is over', async () => {
    const { handle } = fault([
      fired(1, { appliedAtMs: 2 }),
      fired(2, { appliedAtMs: 3, healedAtMs: 8 }),
    ])
    expect(await handle.healed()).toMatchObject({ number: 2 })
  })

  it('says what was seen when its time is over', async () => {
    const unseen = fault([]).handle.applied({ timeoutMs: 1_000 })
    await expect(unseen).rejects.toMatchObject({
      code: 'fault-not-in-time',
      message: 'fault "lost" was not applied within 1 s: no message matched its trigger',
    })
    const unfired = fault([], 4).handle.healed({ timeoutMs: 500 })
    await expect(unfired).rejects.toThrow(/not healed within 0\.5 s: 4 messages matched/)
  })

  it('is disarmed once, however often it is asked for, and at the end of its block', async () => {
    const { handle, done } = fault([])
    await handle.fire()
    await handle.release()
    await handle.heal()
    await handle.disarm()
    await handle.disarm()
    await handle[Symbol.asyncDispose]()
    expect(done).toEqual(['fire lost', 'release lost', 'heal lost', 'disarm lost'])
  })
})
