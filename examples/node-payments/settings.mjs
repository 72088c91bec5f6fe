// What the service is told by its environment, as it would be in production.
function required(name) {
  const value = process.env[name]
  if (value === undefined || value === '') throw new Error(`${name} is not set`)
  return value
}

export const settings = {
  brokers: required('KAFKA_BOOTSTRAP_SERVERS').split(','),
  orders: process.env.ORDERS_TOPIC ?? 'orders',
  payments: process.env.PAYMENTS_TOPIC ?? 'payments',
  group: process.env.GROUP_ID ?? 'payment-service',
  transactionalId: process.env.TRANSACTIONAL_ID ?? 'payment-service',
}

/** The payment for an order, as a message. */
export function paymentFor({ value }) {
  const { orderId, amount } = JSON.parse(value.toString())
  return { key: orderId, value: JSON.stringify({ orderId, charged: amount }) }
}
