// A Java client on strings: producers and consumers of the Kafka library, moved one call at a time by lines on
// standard input. Every line is answered by one line: OK and values, or ERR, the exception's class and text.
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

public final class KafkaPuppet {
  private static final Map<String, KafkaProducer<String, String>> PRODUCERS = new HashMap<>();
  private static final Map<String, List<Future<RecordMetadata>>> SENT = new HashMap<>();
  private static final Map<String, KafkaConsumer<String, String>> CONSUMERS = new HashMap<>();
  private static final Map<String, Map<TopicPartition, OffsetAndMetadata>> READ = new HashMap<>();

  private KafkaPuppet() {}

  public static void main(String[] arguments) throws Exception {
    BufferedReader in =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      String[] words = line.split("\t", -1);
      try {
        out.println(("OK\t" + perform(words)).replace('\n', ' '));
      } catch (Throwable thrown) {
        Throwable cause = thrown instanceof ExecutionException ? thrown.getCause() : thrown;
        out.println(
            ("ERR\t" + cause.getClass().getSimpleName() + "\t" + cause.getMessage())
                .replace('\n', ' '));
      }
    }
    // The runner is gone or done: nothing is closed politely, so nothing can hang.
    Runtime.getRuntime().halt(0);
  }

  private static String perform(String[] words) throws Exception {
    String name = words[1];
    switch (words[0]) {
      case "producer":
        PRODUCERS.put(
            name,
            new KafkaProducer<>(
                properties(words), new StringSerializer(), new StringSerializer()));
        SENT.put(name, new ArrayList<>());
        return "";
      case "init":
        PRODUCERS.get(name).initTransactions();
        return "";
      case "begin":
        PRODUCERS.get(name).beginTransaction();
        return "";
      case "send":
        SENT.get(name)
            .add(
                PRODUCERS
                    .get(name)
                    .send(
                        new ProducerRecord<>(
                            words[2], Integer.valueOf(words[3]), null, words[4])));
        return "";
      case "flush":
        return flush(name);
      case "offsets":
        PRODUCERS
            .get(name)
            .sendOffsetsToTransaction(READ.get(words[2]), CONSUMERS.get(words[2]).groupMetadata());
        return "";
      case "commit":
        PRODUCERS.get(name).commitTransaction();
        return "";
      case "abort":
        PRODUCERS.get(name).abortTransaction();
        return "";
      case "consumer":
        CONSUMERS.put(
            name,
            new KafkaConsumer<>(
                properties(words), new StringDeserializer(), new StringDeserializer()));
        READ.put(name, new HashMap<>());
        return "";
      case "subscribe":
        CONSUMERS.get(name).subscribe(List.of(words[2]));
        return "";
      case "poll":
        return poll(name, Integer.parseInt(words[2]), Long.parseLong(words[3]));
      case "assigned":
        return String.valueOf(CONSUMERS.get(name).assignment().size());
      case "commit-offsets":
        CONSUMERS.get(name).commitSync(READ.get(name));
        return "";
      case "close":
        if (PRODUCERS.containsKey(name)) PRODUCERS.remove(name).close(Duration.ofSeconds(10));
        if (CONSUMERS.containsKey(name)) CONSUMERS.remove(name).close(Duration.ofSeconds(10));
        return "";
      default:
        throw new IllegalArgumentException("no such command: " + words[0]);
    }
  }

  private static Properties properties(String[] words) {
    Properties properties = new Properties();
    for (int i = 2; i < words.length; i++) {
      int split = words[i].indexOf('=');
      properties.put(words[i].substring(0, split), words[i].substring(split + 1));
    }
    return properties;
  }

  /** What became of everything sent since the last time: an offset, or an exception. */
  private static String flush(String name) throws InterruptedException {
    PRODUCERS.get(name).flush();
    List<String> results = new ArrayList<>();
    for (Future<RecordMetadata> sent : SENT.get(name)) {
      try {
        results.add(String.valueOf(sent.get().offset()));
      } catch (ExecutionException failed) {
        results.add(failed.getCause().getClass().getSimpleName());
      }
    }
    SENT.get(name).clear();
    return String.join(",", results);
  }

  /** Values in the order in which they come, until there are so many or the time is over. */
  private static String poll(String name, int count, long limitMs) {
    List<String> values = new ArrayList<>();
    long endMs = System.currentTimeMillis() + limitMs;
    while (values.size() < count && System.currentTimeMillis() < endMs) {
      for (ConsumerRecord<String, String> record :
          CONSUMERS.get(name).poll(Duration.ofMillis(100))) {
        values.add(record.partition() + ":" + record.offset() + ":" + record.value());
        READ.get(name)
            .put(
                new TopicPartition(record.topic(), record.partition()),
                new OffsetAndMetadata(record.offset() + 1));
      }
    }
    return String.join(",", values);
  }
}
