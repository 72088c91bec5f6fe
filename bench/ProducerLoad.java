// Loads a real broker with the Java producer: idempotent and transactional, records of 1 kB, as fast as it goes.
// Each line on standard input is a job, BOOTSTRAP TOPIC MILLISECONDS; lines of JSON come back, as from the load
// generator: begin and end of the measured time, then the result.

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;

public final class ProducerLoad {
  private static final int RECORD_BYTES = 1_000;
  private static final long WARM_MS = 1_000;
  private static final long COMMIT_EVERY_MS = 250;

  private ProducerLoad() {}

  public static void main(String[] arguments) throws IOException {
    BufferedReader jobs = new BufferedReader(new InputStreamReader(System.in));
    System.out.println("{\"at\":\"ready\"}");
    int number = 0;
    for (String line = jobs.readLine(); line != null; line = jobs.readLine()) {
      String[] job = line.split(" ");
      number += 1;
      load(job[0], job[1], Long.parseLong(job[2]), number);
      System.out.println("{\"at\":\"done\"}");
    }
  }

  private static Properties settings(String bootstrap, int number) {
    Properties settings = new Properties();
    settings.put("bootstrap.servers", bootstrap);
    settings.put("client.id", "bench-producer");
    settings.put("transactional.id", "bench-" + number);
    settings.put("acks", "all");
    settings.put("batch.size", 64 * 1024);
    settings.put("linger.ms", 5);
    settings.put("buffer.memory", 16 * 1024 * 1024);
    settings.put("key.serializer", ByteArraySerializer.class.getName());
    settings.put("value.serializer", ByteArraySerializer.class.getName());
    return settings;
  }

  private static void load(String bootstrap, String topic, long measureMs, int number) {
    AtomicLong acknowledged = new AtomicLong();
    byte[] value = new byte[RECORD_BYTES];
    try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(settings(bootstrap, number))) {
      producer.initTransactions();
      run(producer, topic, value, WARM_MS, acknowledged);
      System.out.println("{\"at\":\"begin\"}");
      long before = acknowledged.get();
      long began = System.nanoTime();
      run(producer, topic, value, measureMs, acknowledged);
      double seconds = (System.nanoTime() - began) / 1e9;
      System.out.println("{\"at\":\"end\"}");
      long records = acknowledged.get() - before;
      System.out.println(
          "{\"at\":\"result\",\"bytes\":" + records * RECORD_BYTES + ",\"seconds\":" + seconds + "}");
    }
  }

  /** Whole transactions until the time is over; a record counts when the broker has acknowledged it. */
  private static void run(
      KafkaProducer<byte[], byte[]> producer,
      String topic,
      byte[] value,
      long forMs,
      AtomicLong acknowledged) {
    long end = System.nanoTime() + forMs * 1_000_000;
    while (System.nanoTime() < end) {
      long commitAt = Math.min(end, System.nanoTime() + COMMIT_EVERY_MS * 1_000_000);
      producer.beginTransaction();
      while (System.nanoTime() < commitAt) {
        producer.send(
            new ProducerRecord<>(topic, value),
            (metadata, failure) -> {
              if (failure == null) acknowledged.incrementAndGet();
            });
      }
      producer.commitTransaction();
    }
  }
}
