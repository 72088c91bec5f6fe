// A fault as a program holds it: armed by `inject`, asked, waited for, fired, healed and disarmed. The same handle
// whether the proxy runs on a thread of ours or elsewhere behind REST.
import { OperatorError } from '../../proxy/errors.ts'
import type { FaultStatus, Firing } from '../../proxy/events.ts'
import type { FaultSpec } from '../../proxy/faults/fault.ts'
import type { Runtime } from '../../proxy/runtime.ts'

const patienceDefaultMs = 30_000
const lookEveryMs = 25

/** A fault as plans write it: the same JSON as an entry of `faults:`. Without a name it is called by its kind. */
export type Fault = Omit<FaultSpec, 'name'> & { name?: string }

export interface WaitOptions {
  /** How many firings to wait for; 1 unless given. */
  times?: number
  /** After this the wait is given up with an error that says what was seen; 30 s unless given. */
  timeoutMs?: number
}

export interface InjectedFault {
  readonly name: string
  /** What has become of it so far: messages matched, firings, and what came of each. */
  status(): Promise<FaultStatus>
  /** Resolves with the firing whose effect is there. */
  applied(options?: WaitOptions): Promise<Firing>
  /** Resolves with the firing whose effect is over. */
  healed(options?: WaitOptions): Promise<Firing>
  /** Fires it by hand; for faults that change no single message. */
  fire(): Promise<void>
  /** Lets go what it holds until `released`. */
  release(): Promise<void>
  /** Ends what it does now; it stays armed. */
  heal(): Promise<void>
  /** Heals it, and it fires no more. */
  disarm(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/** What drives a fault by its name, here or far away. */
export interface FaultDriver {
  /** Undefined when there is none of that name. */
  status(name: string): Promise<FaultStatus | undefined>
  fire(name: string): Promise<unknown>
  release(name: string): Promise<unknown>
  heal(name: string): Promise<unknown>
  disarm(name: string): Promise<unknown>
}

function notInTime(what: string, { name, matched, fired }: FaultStatus, limitMs: number): Error {
  const seen =
    matched === 0
      ? 'no message matched its trigger'
      : `${matched} messages matched its trigger, and it fired ${fired} times`
  return new OperatorError(
    'fault-not-in-time',
    `fault "${name}" was not ${what} within ${limitMs / 1_000} s: ${seen}`,
    matched === 0
      ? 'Check that the application bootstraps at the proxy, and what `when` asks for.'
      : 'Check `nth`, `times` and the window of the fault.',
  )
}

export function injectedFault(
  name: string,
  driver: FaultDriver,
  runtime: Pick<Runtime, 'nowMs' | 'after'>,
): InjectedFault {
  let isArmed = true

  async function status(): Promise<FaultStatus> {
    const found = await driver.status(name)
    if (found !== undefined) return found
    throw new OperatorError('unknown-fault', `no fault is called "${name}"`, 'Inject it again.')
  }

  /** Looks until the Nth firing has come so far. */
  async function until(
    what: 'applied' | 'healed',
    { times = 1, timeoutMs = patienceDefaultMs }: WaitOptions,
  ): Promise<Firing> {
    const endMs = runtime.nowMs() + timeoutMs
    const stamp = what === 'applied' ? 'appliedAtMs' : 'healedAtMs'
    for (;;) {
      const seen = await status()
      const there = seen.firings.filter((firing) => firing[stamp] !== undefined)
      const wanted = there[times - 1]
      if (wanted !== undefined) return wanted
      if (runtime.nowMs() >= endMs) throw notInTime(what, seen, timeoutMs)
      await new Promise<void>((resolve) => runtime.after(lookEveryMs, resolve))
    }
  }

  async function disarm(): Promise<void> {
    if (!isArmed) return
    isArmed = false
    await driver.disarm(name)
  }

  return {
    name,
    status,
    applied: (options = {}) => until('applied', options),
    healed: (options = {}) => until('healed', options),
    async fire() {
      await driver.fire(name)
    },
    async release() {
      await driver.release(name)
    },
    async heal() {
      await driver.heal(name)
    },
    disarm,
    [Symbol.asyncDispose]: disarm,
  }
}
