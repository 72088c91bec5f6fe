// `gauntlet posture`: who uses Kafka how, as a running proxy has seen it.
import { exitCodes } from '../../proxy/errors.ts'
import type { ClientPosture } from '../../proxy/events.ts'
import { postureLines } from '../reports/posture-table.ts'
import { askRest } from '../rest-client.ts'
import { type CommandContext, proxyOf, type RawOptions } from './flags.ts'

export async function postureCommand(
  options: RawOptions,
  { output }: CommandContext,
): Promise<number> {
  const { body } = await askRest<{ clients: ClientPosture[] }>(
    proxyOf(options),
    'GET',
    '/v1/clients',
  )
  const { clients } = body
  output.write(
    options.json === true
      ? `${JSON.stringify(clients, null, 2)}\n`
      : `${postureLines(clients, output.colours).join('\n')}\n`,
  )
  return exitCodes.asExpected
}
