// Fills a topic for the audit's measurement, and reads it back with Java's own consumer. Each line on standard input is
// a job: `fill BOOTSTRAP TOPIC RECORDS BYTES` writes records with an id in their header, in transactions of a thousand;
// `read BOOTSTRAP TOPIC` reads all partitions read_committed to their ends. Lines of JSON come back.

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

public final class AuditLoad {
  private static final int TRANSACTION_RECORDS = 1_000;
  private static final Duration POLL = Duration.ofMillis(200);

  private AuditLoad() {}

  public static void main(String[] arguments) throws IOException {
    BufferedReader jobs = new BufferedReader(new InputStreamReader(System.in));
    System.out.println("{\"at\":\"ready\"}");
    for (String line = jobs.readLine(); line != null; line = jobs.readLine()) {
      String[] job = line.split(" ");
      if (job[0].equals("fill")) {
        fill(job[1], job[2], Integer.parseInt(job[3]), Integer.parseInt(job[4]));
      } else {
        read(job[1], job[2]);
      }
      System.out.println("{\"at\":\"done\"}");
    }
  }

  private static void fill(String bootstrap, String topic, int records, int bytes) {
    Properties settings = new Properties();
    settings.put("bootstrap.servers", bootstrap);
    settings.put("transactional.id", "audit-fill");
    settings.put("batch.size", 64 * 1024);
    settings.put("linger.ms", 5);
    byte[] value = new byte[bytes];
    try (KafkaProducer<byte[], byte[]> producer =
        new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer())) {
      producer.initTransactions();
      int partitions = producer.partitionsFor(topic).size();
      for (int written = 0; written < records; ) {
        producer.beginTransaction();
        for (int more = 0; more < TRANSACTION_RECORDS && written < records; more++, written++) {
          int partition = written % partitions;
          ProducerRecord<byte[], byte[]> record =
              new ProducerRecord<>(topic, partition, null, value);
          String id = "p" + partition + "-" + written / partitions;
          record.headers().add("gauntlet-id", id.getBytes(StandardCharsets.UTF_8));
          producer.send(record);
        }
        producer.commitTransaction();
      }
    }
  }

  private static void read(String bootstrap, String topic) {
    Properties settings = new Properties();
    settings.put("bootstrap.servers", bootstrap);
    settings.put("isolation.level", "read_committed");
    settings.put("auto.offset.reset", "earliest");
    settings.put("max.poll.records", 5_000);
    long started = System.nanoTime();
    long cpuStarted = cpuNanos();
    long records = 0;
    long bytes = 0;
    try (KafkaConsumer<byte[], byte[]> consumer =
        new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
      List<TopicPartition> partitions =
          consumer.partitionsFor(topic).stream()
              .map(one -> new TopicPartition(topic, one.partition()))
              .toList();
      consumer.assign(partitions);
      consumer.seekToBeginning(partitions);
      Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
      while (!partitions.stream().allMatch(one -> consumer.position(one) >= ends.get(one))) {
        ConsumerRecords<byte[], byte[]> polled = consumer.poll(POLL);
        for (ConsumerRecord<byte[], byte[]> record : polled) {
          records++;
          bytes += record.value().length + record.headers().lastHeader("gauntlet-id").value().length;
        }
      }
    }
    double seconds = (System.nanoTime() - started) / 1e9;
    double cpuSeconds = (cpuNanos() - cpuStarted) / 1e9;
    System.out.printf(
        java.util.Locale.ROOT,
        "{\"at\":\"result\",\"records\":%d,\"bytes\":%d,\"seconds\":%.6f,\"cpuSeconds\":%.6f}%n",
        records, bytes, seconds, cpuSeconds);
  }

  private static long cpuNanos() {
    return ((com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean())
        .getProcessCpuTime();
  }
}
