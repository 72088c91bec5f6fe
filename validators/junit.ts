// junit.xml: one test case per expectation, so that a CI page shows what was made sure of. A kind of anomaly that the
// plan expects passes when it was found. What keeps a run from being judged is an <error type="inconclusive">, never
// `skipped`, which CI pages show as green; a plan that came to no verdict at all is one, too. A run that came out as its plan expects is green throughout.
import { createRequire } from 'node:module'
import type { Builder } from 'junit-report-builder'
import { anomalyKinds } from './history-line.ts'
import type { RunResult } from './result.ts'

// The package's types promise a default export that its code does not have.
const junit = createRequire(import.meta.url)('junit-report-builder') as Builder

/** A plan that came to none: no cluster, a program that did not start. */
export interface WithoutVerdict {
  plan: string
  message: string
}

export function junitOf(
  results: readonly RunResult[],
  withoutVerdict: readonly WithoutVerdict[] = [],
): string {
  const builder = junit.newBuilder().name('eos-gauntlet')
  for (const result of results) {
    const suite = builder
      .testSuite()
      .name(result.plan)
      .time((result.timings.whole ?? 0) / 1_000)
    const testCase = (group: string, name: string) =>
      suite.testCase().className(`${result.plan}.${group}`).name(name)

    const verdict = testCase('verdict', `is ${result.expected}`)
    if (!result.asExpected) {
      const text = `${result.verdict}: ${result.reasons.join('; ')}`
      if (result.verdict === 'INCONCLUSIVE') verdict.error(text, 'inconclusive')
      else verdict.failure(text, result.verdict)
    }

    for (const kind of anomalyKinds) {
      const found = result.findings.filter((one) => one.kind === kind && one.allowed === undefined)
      const isDue = result.expected === 'FAIL' && result.expectedFindings.includes(kind)
      const anyWillDo = result.expected === 'FAIL' && result.expectedFindings.length === 0
      const one = testCase('anomaly', isDue ? `finds ${kind}` : `no ${kind}`)
      if (isDue && found.length === 0) one.failure(`${kind} was expected and not found`, kind)
      if (!isDue && !anyWillDo && found.length > 0) {
        one.failure(found.map(({ sentence }) => sentence).join('; '), kind)
      }
    }

    for (const { name, applied } of result.faults) {
      const one = testCase('fault', `${name} was applied`)
      if (applied === 0 && !result.asExpected)
        one.error(`fault ${name} was never applied`, 'inconclusive')
    }

    for (const { name, missing } of result.guards) {
      const one = testCase('guard', name)
      if (missing.length > 0 && !result.asExpected) one.error(missing.join('; '), 'inconclusive')
    }
  }
  for (const { plan, message } of withoutVerdict) {
    const suite = builder.testSuite().name(plan)
    suite
      .testCase()
      .className(`${plan}.verdict`)
      .name('comes to a verdict')
      .error(message, 'no-verdict')
  }
  return builder.build()
}
