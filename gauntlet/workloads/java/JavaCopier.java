// The Java copier, run as a child process: consumes, transforms and produces with the offsets in the
// transaction and the member's data beside them, one transactional id per instance. It is told everything by
// environment variables (gauntlet/workloads/copier-settings.ts) and runs with kafka-clients 3.9 and 4.x.
//
// After an error there are three ways on, and the producer says which:
// - commitTransaction timed out: what became of it is open, so the same call is made again, nothing else;
// - abortTransaction works: the transaction is gone, the work is done again from the committed offsets;
// - abortTransaction fails: the producer is of no use any more. A new one with the same id ends whatever was
//   open when it is initialised, and only after that the committed offsets are read.

import java.io.FileOutputStream;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Random;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.CooperativeStickyAssignor;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.RangeAssignor;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InterruptException;
import org.apache.kafka.common.errors.ProducerFencedException;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

public final class JavaCopier {
  private static final long RETRY_DELAY_MS = 200;
  private static final long POLL_MS = 200;
  private static final int ABORT_ATTEMPTS = 3;
  private static final Duration CLOSE_LIMIT = Duration.ofSeconds(2);
  /** A commit that takes longer is taken for failed, by one mistake alone. */
  private static final int IMPATIENT_BLOCK_MS = 2_000;
  /** Of one mistake alone; Kafka's default is 5 s. */
  private static final int AUTO_COMMIT_INTERVAL_MS = 2_000;
  private static final String ID_HEADER = "gauntlet-id";

  private final String input = text("GAUNTLET_INPUT", null);
  private final String[] outputs = text("GAUNTLET_OUTPUT", null).split(",");
  private final String transactionalId = text("GAUNTLET_TRANSACTIONAL_ID", null);
  private final String mistake = text("GAUNTLET_MISTAKE", "");
  private final int transactionSize = number("GAUNTLET_TRANSACTION_SIZE", 100);
  private final int lingerMs = number("GAUNTLET_LINGER_MS", 50);
  private final double abortShare = Double.parseDouble(text("GAUNTLET_ABORT_SHARE", "0"));
  private final Set<Integer> abortTransactions = numbers("GAUNTLET_ABORT_TRANSACTIONS");
  private final Random abortRandom;
  private final int workTimeMs = number("GAUNTLET_WORK_TIME_MS", 0);
  private final boolean transactional =
      !Set.of("output-without-transaction", "acks-one", "send-failures-ignored").contains(mistake);
  private final boolean autoCommit = mistake.equals("auto-commit");
  private final boolean offsetsInside =
      transactional && !autoCommit && !mistake.equals("offsets-outside-transaction");
  private final Journal journal = new Journal(text("GAUNTLET_JOURNAL", null));

  private volatile boolean leaving;
  private Producer<byte[], byte[]> producer;
  private Consumer<byte[], byte[]> consumer;
  /** Records that were polled and are not copied yet. */
  private final Deque<ConsumerRecord<byte[], byte[]>> waiting = new ArrayDeque<>();
  /** Filled by one mistake alone: the work that is sent again without a look at the committed offsets. */
  private Work again;
  /** The last transaction, if what became of it is open. */
  private Work open;
  private int ordinal;

  private JavaCopier() {
    long seed = Long.parseLong(text("GAUNTLET_SEED", "0"));
    abortRandom = new Random(seed * 31 + transactionalId.hashCode());
  }

  /** One unit of work: its records and where the group stands after them. */
  private static final class Work {
    final List<ConsumerRecord<byte[], byte[]>> records;
    final Map<TopicPartition, OffsetAndMetadata> offsets;
    final List<String> ids = new ArrayList<>();
    String transaction = "";
    boolean commitAsked;

    Work(List<ConsumerRecord<byte[], byte[]>> records, Map<TopicPartition, OffsetAndMetadata> offsets) {
      this.records = records;
      this.offsets = offsets;
      for (ConsumerRecord<byte[], byte[]> record : records) ids.add(id(record));
    }
  }

  public static void main(String[] arguments) {
    JavaCopier copier = new JavaCopier();
    Thread main = Thread.currentThread();
    Runtime.getRuntime().addShutdownHook(new Thread(() -> {
      copier.leaving = true;
      try {
        // The transaction under way is finished; whoever waits for us has a grace of its own.
        main.join(number("GAUNTLET_TRANSACTION_TIMEOUT_MS", 15_000));
      } catch (InterruptedException interrupted) {
        Thread.currentThread().interrupt();
      }
    }));
    Thread leash = new Thread(JavaCopier::endWithStarter);
    leash.setDaemon(true);
    leash.start();
    log("ready");
    copier.run();
    log("left");
  }

  /** Standard input is a pipe that our starter holds: it ends when the starter does. */
  private static void endWithStarter() {
    try {
      while (System.in.read() >= 0) {
        // Nothing is ever said on it.
      }
    } catch (IOException broken) {
      log("standard input: " + broken.getMessage());
    }
    System.exit(1);
  }

  private void run() {
    while (!leaving) {
      try {
        consumer = newConsumer();
        consumer.subscribe(List.of(input), new ForgetRevoked());
        while (!leaving) step();
      } catch (KafkaException unusable) {
        log("starting over: " + unusable);
        pause();
      } finally {
        closeAll();
      }
    }
    journal.close();
  }

  private void step() {
    if (producer == null && !openProducer()) return;
    Work work = again != null ? again : collect();
    again = null;
    if (work != null) copy(work);
  }

  // ---- Reading ----

  /** Up to a transaction's size of records, waiting a little for more after the first one. */
  private Work collect() {
    long endMs = 0;
    while (!leaving && waiting.size() < transactionSize) {
      long waitMs = waiting.isEmpty() ? POLL_MS : endMs - System.currentTimeMillis();
      if (!waiting.isEmpty() && waitMs <= 0) break;
      boolean first = waiting.isEmpty();
      for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(waitMs))) {
        waiting.add(record);
      }
      if (waiting.isEmpty()) return null;
      // By its next poll the consumer takes everything that it has handed out for done.
      if (autoCommit) break;
      if (first) endMs = System.currentTimeMillis() + lingerMs;
    }
    if (leaving || waiting.isEmpty()) return null;
    List<ConsumerRecord<byte[], byte[]>> records = new ArrayList<>();
    while (!waiting.isEmpty() && records.size() < transactionSize) records.add(waiting.poll());
    return new Work(records, offsetsAfter(records));
  }

  private Map<TopicPartition, OffsetAndMetadata> offsetsAfter(List<ConsumerRecord<byte[], byte[]>> records) {
    Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
    for (ConsumerRecord<byte[], byte[]> record : records) {
      offsets.put(partition(record), new OffsetAndMetadata(record.offset() + 1));
    }
    Set<TopicPartition> unfinished = new HashSet<>();
    for (ConsumerRecord<byte[], byte[]> record : waiting) unfinished.add(partition(record));
    for (TopicPartition partition : offsets.keySet()) {
      // The position also covers the markers and aborted records behind the last record.
      if (!unfinished.contains(partition)) {
        offsets.put(partition, new OffsetAndMetadata(consumer.position(partition)));
      }
    }
    return offsets;
  }

  /** Goes back to what is committed, for every partition that is ours. */
  private void rewind() {
    waiting.clear();
    Set<TopicPartition> assigned = consumer.assignment();
    if (assigned.isEmpty()) return;
    Map<TopicPartition, OffsetAndMetadata> committed = null;
    while (committed == null && !leaving) {
      try {
        committed = consumer.committed(assigned);
      } catch (TimeoutException late) {
        log("asking for the committed offsets: " + late.getMessage());
      }
    }
    if (committed == null) return;
    for (TopicPartition partition : assigned) {
      OffsetAndMetadata offset = committed.get(partition);
      if (offset == null) consumer.seekToBeginning(List.of(partition));
      else consumer.seek(partition, offset);
    }
    settle(committed);
  }

  /** Says in the journal what became of the last transaction, now that the committed offsets tell. */
  private void settle(Map<TopicPartition, OffsetAndMetadata> committed) {
    if (open == null) return;
    boolean known = true;
    boolean applied = true;
    for (Map.Entry<TopicPartition, OffsetAndMetadata> after : open.offsets.entrySet()) {
      known &= committed.containsKey(after.getKey());
      OffsetAndMetadata offset = committed.get(after.getKey());
      applied &= offset != null && offset.offset() >= after.getValue().offset();
    }
    // A partition that has gone to another member meanwhile tells nothing.
    if (!open.commitAsked) journal.transaction(open, "abort", "ok");
    else if (known) journal.transaction(open, "commit", applied ? "ok" : "failed");
    open = null;
  }

  private final class ForgetRevoked implements ConsumerRebalanceListener {
    @Override
    public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
      waiting.removeIf(record -> partitions.contains(partition(record)));
    }

    @Override
    public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
      log("assigned " + partitions);
    }
  }

  // ---- Writing ----

  /** The group as the offsets of a transaction are committed for; one mistake forgets who it is in it. */
  private ConsumerGroupMetadata membership() {
    return mistake.equals("produce-after-revocation")
        ? new ConsumerGroupMetadata(text("GAUNTLET_GROUP", null))
        : consumer.groupMetadata();
  }

  private void copy(Work work) {
    work.transaction = transactionalId + "/" + ProcessHandle.current().pid() + "-" + ++ordinal;
    boolean abort = transactional && abortsOnPurpose();
    journal.read(work);
    try {
      if (transactional) producer.beginTransaction();
      send(work);
      sleep(workTimeMs);
      if (offsetsInside) producer.sendOffsetsToTransaction(work.offsets, membership());
      if (abort) {
        abortAndRewind(work);
        return;
      }
      if (transactional && !commit(work)) return;
    } catch (KafkaException error) {
      log(work.transaction + ": " + error);
      if (transactional) abortAndRewind(work);
      else rewind();
      return;
    }
    if (!offsetsInside && !autoCommit) commitOutside(work);
  }

  /** Only mistaken copiers come here. */
  private void commitOutside(Work work) {
    try {
      consumer.commitSync(work.offsets);
    } catch (KafkaException error) {
      log("committing offsets: " + error);
      rewind();
    }
  }

  private boolean abortsOnPurpose() {
    boolean drawn = abortShare > 0 && abortRandom.nextDouble() < abortShare;
    return drawn || abortTransactions.contains(ordinal);
  }

  private void send(Work work) {
    List<Future<RecordMetadata>> answers = new ArrayList<>();
    List<String> ids = new ArrayList<>();
    for (ConsumerRecord<byte[], byte[]> record : work.records) {
      for (String output : outputs) {
        answers.add(producer.send(new ProducerRecord<>(output, null, record.key(), copied(record), record.headers())));
        ids.add(id(record));
      }
    }
    producer.flush();
    KafkaException failure = null;
    StringBuilder lines = new StringBuilder();
    for (int index = 0; index < answers.size(); index++) {
      try {
        RecordMetadata place = answers.get(index).get();
        // Told that its batch was there already, the client knows no offset.
        String at = place.hasOffset() ? place.topic() + "-" + place.partition() + "@" + place.offset() : null;
        lines.append(Journal.sent(ids.get(index), "ok", at, work.transaction));
      } catch (ExecutionException failed) {
        lines.append(Journal.sent(ids.get(index), "unknown", null, work.transaction));
        if (failure == null) failure = new KafkaException("not sent", failed.getCause());
      } catch (InterruptedException interrupted) {
        throw new InterruptException(interrupted);
      }
    }
    journal.write(lines.toString());
    if (failure == null) return;
    if (!mistake.equals("send-failures-ignored")) throw failure;
    log(work.transaction + ": nobody looks at this: " + failure.getCause());
  }

  /** True when the commit is certain. Otherwise everything that has to follow has been done. */
  private boolean commit(Work work) {
    work.commitAsked = true;
    while (true) {
      try {
        producer.commitTransaction();
        journal.transaction(work, "commit", "ok");
        return true;
      } catch (TimeoutException unknown) {
        log(work.transaction + ": commit: " + unknown.getMessage());
        if (mistake.equals("redo-after-unknown-commit")) {
          journal.transaction(work, "commit", "unknown");
          closeProducer();
          again = work;
          return false;
        }
        if (leaving) {
          journal.transaction(work, "commit", "unknown");
          return false;
        }
      }
    }
  }

  /** Ends the transaction of `work`, by a new producer if need be, and goes back to what is committed. */
  private void abortAndRewind(Work work) {
    // An abort after a commit that got no answer would be a lie: the new producer finds out.
    if (!work.commitAsked && abort()) {
      journal.transaction(work, "abort", "ok");
      if (!mistake.equals("position-not-rewound")) rewind();
      return;
    }
    // The client lets an error of the commit be answered by an abort when it knows that none took place.
    if (work.commitAsked && abort()) {
      journal.transaction(work, "commit", "failed");
      rewind();
      return;
    }
    journal.transaction(work, work.commitAsked ? "commit" : "abort", "unknown");
    open = work;
    closeProducer();
  }

  private boolean abort() {
    for (int attempt = 1; attempt <= ABORT_ATTEMPTS; attempt++) {
      try {
        producer.abortTransaction();
        return true;
      } catch (TimeoutException late) {
        log("abort: " + late.getMessage());
      } catch (ProducerFencedException fenced) {
        log("fenced: " + fenced.getMessage());
        return false;
      } catch (KafkaException | IllegalStateException refused) {
        log("abort refused: " + refused);
        return false;
      }
    }
    return false;
  }

  // ---- Clients ----

  /** A producer that is the only one with its id; then the offsets are read again. */
  private boolean openProducer() {
    Producer<byte[], byte[]> fresh = newProducer();
    try {
      while (transactional && !leaving) {
        try {
          fresh.initTransactions();
          break;
        } catch (TimeoutException late) {
          log("initialising: " + late.getMessage());
        }
      }
    } catch (KafkaException refused) {
      log("initialising: " + refused);
      fresh.close(Duration.ZERO);
      pause();
      return false;
    }
    producer = fresh;
    if (again == null) rewind();
    return true;
  }

  private Producer<byte[], byte[]> newProducer() {
    int requestTimeoutMs = number("GAUNTLET_REQUEST_TIMEOUT_MS", 5_000);
    boolean impatient = mistake.equals("redo-after-unknown-commit");
    Properties properties = common("producer");
    boolean leaderAlone = mistake.equals("acks-one");
    properties.put("enable.idempotence", String.valueOf(!leaderAlone));
    properties.put("acks", leaderAlone ? "1" : "all");
    properties.put("compression.type", text("GAUNTLET_COMPRESSION", "none"));
    putIfSet(properties, "max.request.size", "GAUNTLET_REQUEST_BYTES_MAX");
    properties.put("delivery.timeout.ms", String.valueOf(2 * requestTimeoutMs + 2_000));
    properties.put(
        "max.block.ms",
        String.valueOf(impatient ? IMPATIENT_BLOCK_MS : number("GAUNTLET_BLOCK_MS", 10_000)));
    if (transactional) {
      boolean random = mistake.equals("random-transactional-id");
      properties.put("transactional.id", random ? transactionalId + "-" + UUID.randomUUID() : transactionalId);
      properties.put("transaction.timeout.ms", text("GAUNTLET_TRANSACTION_TIMEOUT_MS", "15000"));
    }
    return new KafkaProducer<>(properties, new ByteArraySerializer(), new ByteArraySerializer());
  }

  private Consumer<byte[], byte[]> newConsumer() {
    Properties properties = common("consumer");
    properties.put("group.id", text("GAUNTLET_GROUP", null));
    properties.put("enable.auto.commit", String.valueOf(autoCommit));
    properties.put("auto.commit.interval.ms", String.valueOf(AUTO_COMMIT_INTERVAL_MS));
    putIfSet(properties, "group.instance.id", "GAUNTLET_GROUP_INSTANCE_ID");
    properties.put("auto.offset.reset", "earliest");
    properties.put(
        "isolation.level", mistake.equals("read-uncommitted") ? "read_uncommitted" : "read_committed");
    properties.put("max.poll.records", String.valueOf(transactionSize));
    properties.put("max.poll.interval.ms", text("GAUNTLET_REBALANCE_TIMEOUT_MS", "30000"));
    properties.put("default.api.timeout.ms", text("GAUNTLET_BLOCK_MS", "10000"));
    if (text("GAUNTLET_GROUP_PROTOCOL", "classic").equals("consumer")) {
      // Session timeout and heartbeats are the broker's affair in this protocol.
      properties.put("group.protocol", "consumer");
    } else {
      properties.put("session.timeout.ms", text("GAUNTLET_SESSION_TIMEOUT_MS", "6000"));
      properties.put("heartbeat.interval.ms", text("GAUNTLET_HEARTBEAT_INTERVAL_MS", "1500"));
      switch (text("GAUNTLET_ASSIGNMENT", "")) {
        case "cooperative" -> properties.put("partition.assignment.strategy", CooperativeStickyAssignor.class.getName());
        case "eager" -> properties.put("partition.assignment.strategy", RangeAssignor.class.getName());
        default -> {
          // The client's own default: eager, and ready to become cooperative.
        }
      }
    }
    return new KafkaConsumer<>(properties, new ByteArrayDeserializer(), new ByteArrayDeserializer());
  }

  private static void putIfSet(Properties properties, String key, String variable) {
    String value = text(variable, "");
    if (!value.isEmpty()) properties.put(key, value);
  }

  /** TLS and SASL, where the way to the brokers asks for them. */
  private static void secure(Properties properties) {
    String protocol = text("KAFKA_SECURITY_PROTOCOL", "");
    if (protocol.isEmpty()) return;
    properties.put("security.protocol", protocol);
    String caFile = text("KAFKA_SSL_CA_FILE", "");
    if (!caFile.isEmpty()) {
      properties.put("ssl.truststore.type", "PEM");
      properties.put("ssl.truststore.location", caFile);
    }
    String mechanism = text("KAFKA_SASL_MECHANISM", "");
    if (mechanism.isEmpty()) return;
    properties.put("sasl.mechanism", mechanism);
    String module = mechanism.equals("PLAIN") ? "plain.PlainLoginModule" : "scram.ScramLoginModule";
    properties.put(
        "sasl.jaas.config",
        "org.apache.kafka.common.security." + module + " required username=" + quoted(text("KAFKA_SASL_USERNAME", ""))
            + " password=" + quoted(text("KAFKA_SASL_PASSWORD", "")) + ";");
  }

  private static String quoted(String value) {
    return "\"" + value.replace("\\", "\\\\").replace("\"", "\\\"") + "\"";
  }

  private Properties common(String role) {
    Properties properties = new Properties();
    properties.put("bootstrap.servers", text("KAFKA_BOOTSTRAP_SERVERS", null));
    properties.put("client.id", text("GAUNTLET_WORKLOAD", "copier") + "-" + text("GAUNTLET_INSTANCE", "0") + "-" + role);
    properties.put("request.timeout.ms", text("GAUNTLET_REQUEST_TIMEOUT_MS", "5000"));
    secure(properties);
    properties.put("retry.backoff.ms", "20");
    properties.put("retry.backoff.max.ms", "500");
    properties.put("reconnect.backoff.max.ms", "500");
    properties.put("socket.connection.setup.timeout.ms", "2000");
    properties.put("socket.connection.setup.timeout.max.ms", "5000");
    return properties;
  }

  private void closeProducer() {
    if (producer != null) {
      try {
        producer.close(Duration.ZERO);
      } catch (KafkaException broken) {
        log("closing the producer: " + broken.getMessage());
      }
    }
    producer = null;
  }

  private void closeAll() {
    waiting.clear();
    closeProducer();
    try {
      if (consumer != null) consumer.close(CLOSE_LIMIT);
    } catch (KafkaException broken) {
      log("closing the consumer: " + broken.getMessage());
    }
    consumer = null;
  }

  // ---- Records ----

  private static TopicPartition partition(ConsumerRecord<?, ?> record) {
    return new TopicPartition(record.topic(), record.partition());
  }

  private static String id(ConsumerRecord<byte[], byte[]> record) {
    Header header = record.headers().lastHeader(ID_HEADER);
    byte[] id = header != null ? header.value() : record.key();
    return id == null ? "" : new String(id, StandardCharsets.UTF_8);
  }

  /** {"id":"p0-1"} read at input-3@17 becomes {"id":"p0-1","copied":"input-3@17"}. */
  private static byte[] copied(ConsumerRecord<byte[], byte[]> record) {
    String place = record.topic() + "-" + record.partition() + "@" + record.offset();
    String value = record.value() == null ? "" : new String(record.value(), StandardCharsets.UTF_8);
    String trimmed = value.stripTrailing();
    String result;
    if (trimmed.startsWith("{") && trimmed.endsWith("}")) {
      String fields = trimmed.substring(0, trimmed.length() - 1).stripTrailing();
      result = fields + (fields.equals("{") ? "" : ",") + "\"copied\":" + Journal.quoted(place) + "}";
    } else {
      result = value + " copied from " + place;
    }
    return result.getBytes(StandardCharsets.UTF_8);
  }

  // ---- What the copier believes, one JSON object per line; see journal.ts ----

  private static final class Journal {
    private final FileOutputStream file;

    Journal(String path) {
      try {
        boolean cut = endsWithinLine(path);
        file = new FileOutputStream(path, true);
        if (cut) write("\n");
      } catch (IOException impossible) {
        throw new IllegalStateException("cannot write " + path, impossible);
      }
    }

    private static boolean endsWithinLine(String path) throws IOException {
      try (RandomAccessFile old = new RandomAccessFile(path, "rw")) {
        if (old.length() == 0) return false;
        old.seek(old.length() - 1);
        return old.read() != '\n';
      }
    }

    /** One write, past any buffer of ours: a kill cuts at most the last line. */
    void write(String lines) {
      try {
        file.write(lines.getBytes(StandardCharsets.UTF_8));
      } catch (IOException impossible) {
        throw new IllegalStateException("cannot write the journal", impossible);
      }
    }

    void read(Work work) {
      write("{\"read\":" + list(work.ids) + label(work.transaction));
    }

    void transaction(Work work, String what, String outcome) {
      write("{\"txn\":\"" + what + "\",\"outcome\":\"" + outcome + "\",\"ids\":" + list(work.ids) + label(work.transaction));
    }

    static String sent(String id, String outcome, String at, String transaction) {
      String place = at == null ? "" : ",\"at\":" + quoted(at);
      return "{\"sent\":" + quoted(id) + ",\"outcome\":\"" + outcome + "\"" + place + label(transaction);
    }

    private static String label(String transaction) {
      return ",\"transaction\":" + quoted(transaction) + "}\n";
    }

    private static String list(List<String> ids) {
      StringBuilder text = new StringBuilder("[");
      for (String id : ids) text.append(text.length() == 1 ? "" : ",").append(quoted(id));
      return text.append("]").toString();
    }

    static String quoted(String text) {
      StringBuilder quoted = new StringBuilder("\"");
      for (char character : text.toCharArray()) {
        if (character == '"' || character == '\\') quoted.append('\\').append(character);
        else if (character < ' ') quoted.append(String.format("\\u%04x", (int) character));
        else quoted.append(character);
      }
      return quoted.append('"').toString();
    }

    void close() {
      try {
        file.close();
      } catch (IOException broken) {
        log("closing the journal: " + broken.getMessage());
      }
    }
  }

  // ---- Small things ----

  private static String text(String name, String otherwise) {
    String value = System.getenv(name);
    if (value != null && !value.isEmpty()) return value;
    if (otherwise == null) throw new IllegalStateException(name + " is not set");
    return otherwise;
  }

  private static int number(String name, int otherwise) {
    return Integer.parseInt(text(name, String.valueOf(otherwise)));
  }

  private static Set<Integer> numbers(String name) {
    Set<Integer> numbers = new HashSet<>();
    Arrays.stream(text(name, "").split(",")).filter(item -> !item.isEmpty()).map(Integer::valueOf).forEach(numbers::add);
    return numbers;
  }

  private static void log(String line) {
    System.out.println(Instant.now() + " " + line);
  }

  private static void pause() {
    sleep(RETRY_DELAY_MS);
  }

  private static void sleep(long delayMs) {
    if (delayMs == 0) return;
    try {
      Thread.sleep(delayMs);
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
