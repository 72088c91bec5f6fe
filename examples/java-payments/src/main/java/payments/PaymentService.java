package payments;

import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** Charges every order once: payments and the position in the orders are one transaction. */
public final class PaymentService {
  private static final Pattern ORDER = Pattern.compile("\"orderId\":\"([^\"]+)\",\"amount\":([0-9.]+)");

  private final String orders = setting("ORDERS_TOPIC", "orders");
  private final String payments = setting("PAYMENTS_TOPIC", "payments");
  /** The careless form does not: see forgetful.yaml. */
  private final boolean goesBack = setting("GOES_BACK", "true").equals("true");
  private final KafkaConsumer<String, String> consumer = new KafkaConsumer<>(consumerSettings());
  private final KafkaProducer<String, String> producer = new KafkaProducer<>(producerSettings());
  private volatile boolean running = true;

  public static void main(String[] arguments) {
    PaymentService service = new PaymentService();
    Thread main = Thread.currentThread();
    Runtime.getRuntime().addShutdownHook(new Thread(() -> {
      service.running = false;
      try {
        main.join(5_000);
      } catch (InterruptedException interrupted) {
        Thread.currentThread().interrupt();
      }
    }));
    service.run();
  }

  private void run() {
    producer.initTransactions();
    consumer.subscribe(List.of(orders));
    System.out.println("ready");
    while (running) {
      ConsumerRecords<String, String> records = consumer.poll(Duration.ofMillis(200));
      if (records.isEmpty()) continue;
      try {
        charge(records);
      } catch (KafkaException failure) {
        System.out.println("aborting: " + failure.getMessage());
        producer.abortTransaction();
        if (goesBack) goBack();
      }
    }
    consumer.close();
    producer.close();
  }

  private void charge(ConsumerRecords<String, String> records) {
    producer.beginTransaction();
    Map<TopicPartition, OffsetAndMetadata> positions = new HashMap<>();
    for (ConsumerRecord<String, String> record : records) {
      producer.send(paymentFor(record));
      positions.put(
          new TopicPartition(record.topic(), record.partition()), new OffsetAndMetadata(record.offset() + 1));
    }
    producer.sendOffsetsToTransaction(positions, consumer.groupMetadata());
    commit();
  }

  /** No answer is no refusal: the commit is asked for again until the answer comes. */
  private void commit() {
    while (true) {
      try {
        producer.commitTransaction();
        return;
      } catch (TimeoutException late) {
        System.out.println("again: " + late.getMessage());
      }
    }
  }

  /** What was read for a transaction that was aborted has to be read again. */
  private void goBack() {
    Map<TopicPartition, OffsetAndMetadata> committed = consumer.committed(consumer.assignment());
    for (TopicPartition partition : consumer.assignment()) {
      OffsetAndMetadata position = committed.get(partition);
      if (position == null) consumer.seekToBeginning(List.of(partition));
      else consumer.seek(partition, position);
    }
  }

  private ProducerRecord<String, String> paymentFor(ConsumerRecord<String, String> record) {
    Matcher order = ORDER.matcher(record.value());
    if (!order.find()) throw new IllegalArgumentException("no order");
    String payment = "{\"orderId\":\"" + order.group(1) + "\",\"charged\":" + order.group(2) + "}";
    return new ProducerRecord<>(payments, order.group(1), payment);
  }

  private static Properties consumerSettings() {
    Properties settings = common();
    settings.put("group.id", setting("GROUP_ID", "payment-service"));
    settings.put("isolation.level", "read_committed");
    settings.put("enable.auto.commit", "false");
    settings.put("auto.offset.reset", "earliest");
    settings.put("session.timeout.ms", "6000");
    settings.put("key.deserializer", StringDeserializer.class.getName());
    settings.put("value.deserializer", StringDeserializer.class.getName());
    return settings;
  }

  private static Properties producerSettings() {
    Properties settings = common();
    settings.put("transactional.id", setting("TRANSACTIONAL_ID", "payment-service"));
    settings.put("transaction.timeout.ms", "15000");
    settings.put("key.serializer", StringSerializer.class.getName());
    settings.put("value.serializer", StringSerializer.class.getName());
    return settings;
  }

  private static Properties common() {
    Properties settings = new Properties();
    settings.put("bootstrap.servers", setting("KAFKA_BOOTSTRAP_SERVERS", null));
    settings.put("client.id", "payment-service");
    return settings;
  }

  private static String setting(String name, String otherwise) {
    String value = System.getenv(name);
    if (value != null && !value.isEmpty()) return value;
    if (otherwise == null) throw new IllegalStateException(name + " is not set");
    return otherwise;
  }
}
