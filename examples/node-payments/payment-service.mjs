// Charges every order once: payments and the position in the orders are one transaction.
import { serve } from './service.mjs'

await serve(async ({ transaction, group, position: { topic, partition, offset } }) => {
  await transaction.sendOffsets({
    consumerGroupId: group,
    topics: [{ topic, partitions: [{ partition, offset }] }],
  })
  await transaction.commit()
})
