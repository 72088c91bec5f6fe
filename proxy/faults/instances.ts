// How a fault names processes of the application: an index, a glob of names, or those of another fault.
import Type from 'typebox'
import type { FaultSpec, KindProblem } from './fault.ts'

const another = 'same-as '

export const instanceParam = Type.Union(
  [Type.Integer({ minimum: 0 }), Type.String({ minLength: 1 })],
  {
    title: 'instance',
    description: 'Index or name (globs allowed) of an instance, or `same-as FAULT`',
  },
)

/** The fault whose processes are meant, if it is said that way. */
export function faultNamedBy(instance: number | string | undefined): string | undefined {
  return typeof instance === 'string' && instance.startsWith(another)
    ? instance.slice(another.length).trim()
    : undefined
}

/** Without a message nobody knows whose process is meant. */
export function instanceProblems(
  instance: number | string | undefined,
  spec: FaultSpec,
): KindProblem[] {
  const byMessage = spec.when.request !== undefined || spec.when.reply !== undefined
  if (instance !== undefined || byMessage) return []
  return [{ path: [], message: 'needs `instance:` when no message triggers it' }]
}
