// Fields of a message that a plan gives values for: whether Kafka's schemas have them, at any version that the
// trigger lets through, and whether the values fit. Checked when the plan is read, not when the fault fires.
import { apiNamed } from '../protocol/codec.ts'
import { pathProblem } from '../protocol/field-paths.ts'
import type { FaultSpec, KindProblem } from './fault.ts'

/** What is wrong with the fields of a request or reply of the trigger's API, each by its path. */
export function givenFieldProblems(
  direction: 'request' | 'response',
  { when }: FaultSpec,
  fields: Readonly<Record<string, unknown>>,
): KindProblem[] {
  const api = apiNamed(when.request ?? when.reply ?? '')
  // Without an API, or with an unknown one, the trigger has a problem of its own.
  if (api === undefined) return []
  const { minVersion, maxVersion } = api
  const versions: number[] = []
  for (let v = when.version ?? minVersion; v <= (when.version ?? maxVersion); v++) {
    if (v >= minVersion && v <= maxVersion) versions.push(v)
  }
  return Object.entries(fields).flatMap(([path, value]): KindProblem[] => {
    const problem = pathProblem(direction, api.key, versions, path, value)
    if (problem === undefined) return []
    const { message, given, allowed, isValue } = problem
    return [
      {
        path: [path],
        message,
        at: isValue === true ? 'value' : 'key',
        ...(given === undefined || allowed === undefined ? {} : { given, allowed }),
      },
    ]
  })
}
