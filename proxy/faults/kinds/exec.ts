// The user's own hook: whatever can be done from a shell, done at an exact step. It is applied when the command
// has ended well, and undone by the heal command.
import Type from 'typebox'
import { defineKind } from '../fault.ts'
import { Duration, durationMs } from '../vocabulary.ts'

const commandMax = 10_000
const timeoutDefaultMs = 30_000

const Command = Type.String({
  minLength: 1,
  maxLength: commandMax,
  description: 'A command line for /bin/sh',
})
const params = Type.Object(
  {
    command: Command,
    'heal-command': Type.Optional(Command),
    timeout: Type.Optional(Duration),
  },
  { additionalProperties: false },
)

export const exec = defineKind({
  name: 'exec',
  summary: 'Runs a command of yours, and another one at heal. From plans on disk only.',
  params,
  windowed: (given) => given['heal-command'] !== undefined,
  effect: (given) => ({
    on: 'hook',
    command: given.command,
    ...(given['heal-command'] === undefined ? {} : { healCommand: given['heal-command'] }),
    timeoutMs: given.timeout === undefined ? timeoutDefaultMs : durationMs(given.timeout),
  }),
  needs: () => ['run-command'],
  fromDiskOnly: true,
})
