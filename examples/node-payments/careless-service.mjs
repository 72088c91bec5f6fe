// The same with a mistake that is easily made: payments are written in a transaction, but the position in the orders
// is committed after it, by the consumer. A process that dies between the two charges those orders again.
import { serve } from './service.mjs'

await serve(async ({ transaction, consumer, position }) => {
  await transaction.commit()
  await consumer.commitOffsets([position])
})
