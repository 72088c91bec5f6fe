// `gauntlet health`: asks a running proxy whether it works, as health checks of containers do. Says nothing when all
// is well, so that it fills no log.
import { exitCodes, OperatorError } from '../../proxy/errors.ts'
import { type CommandContext, proxyAddress, type RawOptions } from './flags.ts'

const urlDefault = 'http://127.0.0.1:8474'
/** Whoever checks a container asks again soon. */
const patienceMs = 2_000

export async function healthCommand(
  given: string | undefined,
  options: RawOptions,
  { signal }: CommandContext,
): Promise<number> {
  const question = `${proxyAddress(given ?? urlDefault)}/${options.ready === true ? 'ready' : 'health'}`
  const response = await fetch(question, {
    signal: AbortSignal.any([signal, AbortSignal.timeout(patienceMs)]),
  }).catch((cause: unknown) => {
    const why = cause instanceof Error ? (cause.cause ?? cause) : cause
    throw new OperatorError(
      'cluster-unavailable',
      `nobody answers at ${question} (${why instanceof Error ? why.message : String(why)})`,
      'Start `gauntlet proxy`, or give the address of its REST.',
    )
  })
  const said = await response.text()
  if (response.ok) return exitCodes.asExpected
  throw new OperatorError(
    'cluster-unavailable',
    `${question} answers ${response.status}: ${said}`,
    'Its log says what is wrong.',
  )
}
