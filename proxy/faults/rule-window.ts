// `from` and `to` of a fault: outside of the window between them it fires on nothing. The message that opens the
// window is not yet in it, the one that closes it no more. It may open again; without `from` it is open at first.
import type { FaultSpec } from './fault.ts'
import type { MessageView } from './message-view.ts'
import type { PastFirings } from './past-firings.ts'
import {
  compileChoice,
  compileLastingTest,
  compileMessageTest,
  isMessageTrigger,
  type TopicAliases,
} from './trigger.ts'
import type { Trigger } from './trigger-schema.ts'

export interface RuleWindow {
  readonly isOpen: boolean
  /** The triggers at its ends; those that are messages must be shown to `notice`. */
  readonly edges: readonly { trigger: Trigger; turn(): void }[]
  admits(view: MessageView): boolean
  /** Whether messages like this one may open or close it, now or later. */
  couldTurn(view: MessageView): boolean
  /** A message has happened. */
  notice(view: MessageView): void
}

export function createRuleWindow(
  { from, to, name }: Pick<FaultSpec, 'from' | 'to' | 'name'>,
  parts: {
    aliases: TopicAliases
    past: PastFirings
    random: (stream: string) => () => number
  },
): RuleWindow {
  let isOpen = from === undefined

  /** Whether a message is the one; each message counts once, however often it is asked about. */
  function edge(trigger: Trigger | undefined, end: string): (view: MessageView) => boolean {
    if (trigger === undefined || !isMessageTrigger(trigger)) return () => false
    const test = compileMessageTest(trigger, parts.aliases, parts.past)
    const choose = compileChoice(trigger, parts.random(`${end} of ${name}`))
    let seen: MessageView | undefined
    let answer = false
    return (view) => {
      if (view !== seen) {
        seen = view
        answer = test(view) && choose(view)
      }
      return answer
    }
  }

  function edgeOf(trigger: Trigger | undefined, opens: boolean): RuleWindow['edges'] {
    if (trigger === undefined) return []
    const turn = (): void => {
      isOpen = opens
    }
    return [{ trigger, turn }]
  }

  const lastingTests = [from, to]
    .filter((trigger) => trigger !== undefined && isMessageTrigger(trigger))
    .map((trigger) => compileLastingTest(trigger as Trigger, parts.aliases, parts.past))
  const opens = edge(from, 'from')
  const closes = edge(to, 'to')
  return {
    get isOpen() {
      return isOpen
    },
    edges: [...edgeOf(from, true), ...edgeOf(to, false)],
    couldTurn: (view) => lastingTests.some((test) => test(view)),
    admits: (view) => isOpen && !closes(view),
    notice(view) {
      if (closes(view)) isOpen = false
      if (opens(view)) isOpen = true
    },
  }
}
