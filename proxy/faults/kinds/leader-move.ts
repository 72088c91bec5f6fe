// Another replica becomes the leader of a partition, or of each partition of a topic; back at the heal.
import Type from 'typebox'
import { defineKind } from '../fault.ts'

const params = Type.Object(
  { 'leader-of': Type.String({ minLength: 1, description: 'TOPIC or TOPIC-PARTITION' }) },
  { additionalProperties: false },
)

export const leaderMove = defineKind({
  name: 'leader-move',
  summary: 'The leadership of `leader-of: TOPIC[-PARTITION]` moves to another replica.',
  params,
  windowed: () => true,
  effect: (given) => ({ on: 'leadership', partitions: given['leader-of'] }),
})
