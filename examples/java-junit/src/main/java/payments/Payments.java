package payments;

import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** The application under test: reads orders, and writes a payment for each to another topic. */
public final class Payments {
  /** How it writes: with the orders' offsets in one transaction, or as a producer that may send twice. */
  public enum Writing { IN_TRANSACTIONS, WITHOUT_IDEMPOTENCE }

  private static final int ORDERS_PER_TRANSACTION = 20;

  private final String bootstrapServers;
  private final String group;
  private final Writing writing;

  public Payments(String bootstrapServers, String group, Writing writing) {
    this.bootstrapServers = bootstrapServers;
    this.group = group;
    this.writing = writing;
  }

  /** Works until it has paid so many orders. */
  public void pay(String orders, String payments, int count) {
    try (var consumer = new KafkaConsumer<String, String>(consumerSettings());
        var producer = new KafkaProducer<String, String>(producerSettings())) {
      if (writing == Writing.IN_TRANSACTIONS) producer.initTransactions();
      consumer.subscribe(List.of(orders));
      for (int paid = 0; paid < count; ) {
        ConsumerRecords<String, String> some = consumer.poll(Duration.ofMillis(200));
        if (some.isEmpty()) continue;
        if (writing == Writing.IN_TRANSACTIONS) payInTransaction(consumer, producer, some, payments);
        else payPlainly(consumer, producer, some, payments);
        paid += some.count();
      }
    }
  }

  private void payInTransaction(
      KafkaConsumer<String, String> consumer,
      KafkaProducer<String, String> producer,
      ConsumerRecords<String, String> some,
      String payments) {
    producer.beginTransaction();
    some.forEach(order -> producer.send(paymentOf(order, payments)));
    producer.sendOffsetsToTransaction(endOf(some), consumer.groupMetadata());
    producer.commitTransaction();
  }

  private void payPlainly(
      KafkaConsumer<String, String> consumer,
      KafkaProducer<String, String> producer,
      ConsumerRecords<String, String> some,
      String payments) {
    some.forEach(order -> producer.send(paymentOf(order, payments)));
    producer.flush();
    consumer.commitSync(endOf(some));
  }

  private static ProducerRecord<String, String> paymentOf(
      ConsumerRecord<String, String> order, String payments) {
    var payment = new ProducerRecord<>(payments, order.key(), "paid " + order.value());
    byte[] id = order.headers().lastHeader("gauntlet-id").value();
    payment.headers().add("gauntlet-id", id);
    return payment;
  }

  private static Map<TopicPartition, OffsetAndMetadata> endOf(ConsumerRecords<String, String> some) {
    Map<TopicPartition, OffsetAndMetadata> ends = new HashMap<>();
    for (ConsumerRecord<String, String> order : some) {
      ends.put(
          new TopicPartition(order.topic(), order.partition()),
          new OffsetAndMetadata(order.offset() + 1));
    }
    return ends;
  }

  private Map<String, Object> consumerSettings() {
    return Map.of(
        "bootstrap.servers", bootstrapServers,
        "group.id", group,
        "auto.offset.reset", "earliest",
        "enable.auto.commit", false,
        "isolation.level", "read_committed",
        "max.poll.records", ORDERS_PER_TRANSACTION,
        "key.deserializer", StringDeserializer.class,
        "value.deserializer", StringDeserializer.class);
  }

  private Map<String, Object> producerSettings() {
    Map<String, Object> settings = new HashMap<>();
    settings.put("bootstrap.servers", bootstrapServers);
    settings.put("key.serializer", StringSerializer.class);
    settings.put("value.serializer", StringSerializer.class);
    if (writing == Writing.IN_TRANSACTIONS) settings.put("transactional.id", group + "-0");
    else settings.put("enable.idempotence", false);
    return settings;
  }
}
