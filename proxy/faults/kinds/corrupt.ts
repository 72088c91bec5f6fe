// Damages the records of a Produce request, or of what a Fetch is answered: of the topic, partition or record that
// the trigger names, else the first. `broken`: a byte is flipped and the checksum no longer fits, so a broker
// refuses the batch. `valid`: a byte of one record's value is flipped (and one of its `gauntlet-id` header, where
// it has one, so that whoever counts ids sees it) and the checksum made right: nobody on the way can tell.
import Type from 'typebox'
import { recordCarriers } from '../../protocol/records-in.ts'
import { defineKind, needsMessageTrigger } from '../fault.ts'

const params = Type.Object({ crc: Type.Enum(['broken', 'valid']) }, { additionalProperties: false })

export const corrupt = defineKind({
  name: 'corrupt',
  summary: 'Damages records in transit, with the checksum broken or made right.',
  params,
  windowed: () => false,
  effect: ({ crc }) => ({ on: 'message', verdict: { do: 'corrupt', crc } }),
  problems(_params, spec) {
    const { request, reply } = spec.when
    const side = request === undefined ? 'reply' : 'request'
    const carriers: readonly string[] = recordCarriers[side]
    const api = request ?? reply
    if (api === undefined) return needsMessageTrigger(spec)
    if (carriers.includes(api)) return []
    const message = `has nothing to damage: records are in ${carriers.map((name) => `\`${side}: ${name}\``).join(' and ')}`
    const other = side === 'request' ? '`reply: Fetch`' : '`request: Produce`'
    return [{ path: [], message: `${message}, or ${other}` }]
  },
})
