// What classic members say of themselves when they join, and are given when they are in: the small format that
// consumers agree on among each other, and brokers only pass on (Kafka's ConsumerProtocolSubscription and
// ConsumerProtocolAssignment, version 0).

const version = 0
const noUserData = -1

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeInt16BE(value)
  return bytes
}
function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

/** The topics of a subscription of any version: later ones only add fields behind them. */
export function topicsOf(metadata: Buffer): string[] {
  let at = 2
  const count = metadata.readInt32BE(at)
  at += 4
  return Array.from({ length: count }, () => {
    const length = metadata.readInt16BE(at)
    at += 2 + length
    return metadata.toString('utf8', at - length, at)
  })
}

/** The same topics as another member, and nothing owned yet. */
export function subscriptionLike(metadata: Buffer): Buffer {
  const topics = topicsOf(metadata).map((topic) => {
    const text = Buffer.from(topic)
    return Buffer.concat([int16(text.length), text])
  })
  return Buffer.concat([int16(version), int32(topics.length), ...topics, int32(noUserData)])
}

export function assignmentOfNothing(): Buffer {
  return Buffer.concat([int16(version), int32(0), int32(noUserData)])
}
