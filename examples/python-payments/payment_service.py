"""Charges every order once: payments and the position in the orders are one transaction."""

import json
import os
import signal
import sys

from confluent_kafka import OFFSET_INVALID, Consumer, KafkaException, Producer, TopicPartition

ORDERS = os.environ.get("ORDERS_TOPIC", "orders")
PAYMENTS = os.environ.get("PAYMENTS_TOPIC", "payments")
BOOTSTRAP = os.environ["KAFKA_BOOTSTRAP_SERVERS"]
# The careless form takes another one: see uncommitted.yaml.
ISOLATION = os.environ.get("ISOLATION_LEVEL", "read_committed")
BATCH = 50
TIMEOUT_S = 10

running = True


def leave(*_):
    global running
    running = False


def payment_for(order):
    """The key and the value of the payment for an order."""
    placed = json.loads(order.value())
    payment = {"orderId": placed["orderId"], "charged": placed["amount"]}
    return placed["orderId"], json.dumps(payment)


def retried(call, *arguments):
    """Calls again as long as the client says that this is safe."""
    while True:
        try:
            return call(*arguments)
        except KafkaException as failure:
            if not failure.args[0].retriable():
                raise
            print(f"again: {failure.args[0].str()}", flush=True)


def next_positions(messages):
    """For each partition the offset behind its last message."""
    last = {(m.topic(), m.partition()): m.offset() + 1 for m in messages}
    return [TopicPartition(topic, partition, offset) for (topic, partition), offset in last.items()]


def charge(producer, consumer, messages):
    producer.begin_transaction()
    for message in messages:
        key, value = payment_for(message)
        producer.produce(PAYMENTS, key=key, value=value)
    group = consumer.consumer_group_metadata()
    retried(producer.send_offsets_to_transaction, next_positions(messages), group, TIMEOUT_S)
    retried(producer.commit_transaction, TIMEOUT_S)


def go_back(consumer):
    """What was read for a transaction that was aborted has to be read again."""
    for partition in retried(consumer.committed, consumer.assignment(), TIMEOUT_S):
        if partition.offset == OFFSET_INVALID:
            partition.offset = consumer.get_watermark_offsets(partition, TIMEOUT_S)[0]
        consumer.seek(partition)


def main():
    signal.signal(signal.SIGTERM, leave)
    consumer = Consumer(
        {
            "bootstrap.servers": BOOTSTRAP,
            "client.id": "payment-service",
            "group.id": os.environ.get("GROUP_ID", "payment-service"),
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "isolation.level": ISOLATION,
            "session.timeout.ms": 6000,
        }
    )
    producer = Producer(
        {
            "bootstrap.servers": BOOTSTRAP,
            "client.id": "payment-service",
            "transactional.id": os.environ.get("TRANSACTIONAL_ID", "payment-service"),
            "transaction.timeout.ms": 15000,
        }
    )
    retried(producer.init_transactions, TIMEOUT_S)
    consumer.subscribe([ORDERS])
    print("ready", flush=True)
    while running:
        messages = [m for m in consumer.consume(BATCH, timeout=0.2) if m.error() is None]
        if not messages:
            continue
        try:
            charge(producer, consumer, messages)
        except KafkaException as failure:
            if not failure.args[0].txn_requires_abort():
                sys.exit(f"ending: {failure.args[0].str()}")
            print(f"aborting: {failure.args[0].str()}", flush=True)
            retried(producer.abort_transaction, TIMEOUT_S)
            go_back(consumer)
    consumer.close()


main()
