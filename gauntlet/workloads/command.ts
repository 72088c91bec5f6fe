// Any program of the user's as the application under test. It finds what it needs in environment variables:
// ours (copier-settings.ts lists them), and those of the plan, whose values may name the same things.
import { OperatorError } from '../../proxy/errors.ts'
import { instanceEnvironment } from './copier-settings.ts'
import type { Program } from './program.ts'
import { fillTemplate } from './template.ts'
import type { InstanceSetup } from './workload.ts'

/** A program as a plan asks for it. */
export interface CommandSpec {
  /** A command line for `/bin/sh`. */
  run: string
  cwd?: string
  /** Values may hold `${bootstrap}`, `${input}`, `${output}`, `${group}`, `${transactional-id}`, `${instance}`, `${journal}`. */
  env?: Readonly<Record<string, string>>
  instances: number
  /** A regular expression that a line of its output matches once it is up. */
  ready?: string
  /** How often an instance that ends by itself is started again. */
  restartTimes: number
  /** How long it may take until it is ready. */
  startGraceMs?: number
}

/** What `${…}` stands for in the values of `env`. */
export function templateValues(setup: InstanceSetup): Record<string, string> {
  return {
    bootstrap: setup.bootstrap,
    input: setup.inputTopic,
    output: setup.outputTopics.join(','),
    group: setup.group,
    'transactional-id': setup.transactionalId,
    instance: String(setup.index),
    journal: setup.journalFile,
  }
}

export function commandProgram(spec: CommandSpec, setup: InstanceSetup): Program {
  const values = templateValues(setup)
  const env: Record<string, string> = { ...instanceEnvironment(setup) }
  for (const [name, value] of Object.entries(spec.env ?? {})) {
    env[name] = fillTemplate(value, values)
  }
  return {
    command: '/bin/sh',
    // A stop signal goes to the whole group. A shell without a trap would end at once, and with it, for us,
    // the program that has only begun to leave. With one it waits for the program, then leaves as that did.
    args: ['-c', `trap 'exit $?' TERM\n${spec.run}`],
    ...(spec.cwd === undefined ? {} : { cwd: spec.cwd }),
    env,
    ...(spec.ready === undefined ? {} : { ready: readyPattern(spec.ready) }),
  }
}

function readyPattern(text: string): RegExp {
  try {
    return new RegExp(text)
  } catch (error) {
    throw new OperatorError(
      'wrong-plan',
      `\`ready\` is no regular expression: ${(error as Error).message}`,
      'Write a JavaScript regular expression without slashes, such as Started .* in [0-9.]+ seconds.',
    )
  }
}
