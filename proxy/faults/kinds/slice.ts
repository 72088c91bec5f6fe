// Bytes arrive in crumbs: each write is cut into slices, down to one byte, that are sent one by one with a gap between
// them. Whoever reads a message in one piece by luck reads it in many now.
import Type from 'typebox'
import { defineKind } from '../fault.ts'
import { Duration, durationMs } from '../vocabulary.ts'

const params = Type.Object(
  {
    bytes: Type.Integer({ minimum: 1, maximum: 1_000_000, description: 'bytes in a slice' }),
    variation: Type.Optional(
      Type.Integer({ minimum: 0, description: 'a slice is up to so many bytes shorter or longer' }),
    ),
    gap: Type.Optional(Duration),
    jitter: Type.Optional(Duration),
    of: Type.Optional(Type.Enum(['request', 'reply', 'both'])),
  },
  { additionalProperties: false },
)

export const slice = defineKind({
  name: 'slice',
  summary: 'Bytes leave in separate small writes, `gap` and a random share of `jitter` apart.',
  params,
  windowed: () => true,
  effect: ({ bytes, variation, gap, jitter, of }) => ({
    on: 'connections',
    verdict: {
      do: 'narrow',
      request: of !== 'reply',
      reply: of !== 'request',
      slicing: {
        bytes,
        variationBytes: variation ?? 0,
        gapMs: gap === undefined ? 0 : durationMs(gap),
        jitterMs: jitter === undefined ? 0 : durationMs(jitter),
      },
    },
  }),
  problems: ({ bytes, variation }) =>
    variation === undefined || variation < bytes
      ? []
      : [{ path: ['variation'], message: 'must be smaller than `bytes`: no slice is empty' }],
})
