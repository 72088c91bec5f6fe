package payments;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.testcontainers.containers.GenericContainer;
import org.testcontainers.containers.Network;
import org.testcontainers.containers.wait.strategy.Wait;
import payments.Payments.Writing;

/** Whether payments are made exactly once when an answer of the broker is lost. */
class PaymentsTest {
  private static final int ORDERS = 100;

  private final Network network = Network.newNetwork();
  private final GenericContainer<?> kafka =
      new GenericContainer<>("apache/kafka:4.3.1")
          .withNetwork(network)
          .withNetworkAliases("kafka")
          .withEnv("KAFKA_NODE_ID", "1")
          .withEnv("KAFKA_PROCESS_ROLES", "broker,controller")
          .withEnv("KAFKA_LISTENERS", "PLAINTEXT://:9092,CONTROLLER://:9093")
          .withEnv("KAFKA_ADVERTISED_LISTENERS", "PLAINTEXT://kafka:9092")
          .withEnv("KAFKA_CONTROLLER_LISTENER_NAMES", "CONTROLLER")
          .withEnv("KAFKA_LISTENER_SECURITY_PROTOCOL_MAP", "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT")
          .withEnv("KAFKA_CONTROLLER_QUORUM_VOTERS", "1@kafka:9093")
          .withEnv("KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR", "1")
          .withEnv("KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR", "1")
          .withEnv("KAFKA_TRANSACTION_STATE_LOG_MIN_ISR", "1")
          .waitingFor(Wait.forLogMessage(".*Kafka Server started.*", 1).withStartupTimeout(Duration.ofMinutes(2)));
  private final GauntletContainer gauntlet =
      new GauntletContainer("eos-gauntlet:local", "kafka:9092").withNetwork(network);

  @BeforeEach
  void start() {
    kafka.start();
    gauntlet.start();
  }

  @AfterEach
  void stop() {
    gauntlet.stop();
    kafka.stop();
    network.close();
  }

  private void placeOrders(String topic) {
    Map<String, Object> settings =
        Map.of(
            "bootstrap.servers", gauntlet.getBootstrapServers(),
            "key.serializer", StringSerializer.class,
            "value.serializer", StringSerializer.class);
    try (var producer = new KafkaProducer<String, String>(settings)) {
      for (int number = 0; number < ORDERS; number++) {
        var order = new ProducerRecord<String, String>(topic, "order " + number);
        order.headers().add("gauntlet-id", ("orders-" + number).getBytes(StandardCharsets.UTF_8));
        producer.send(order);
      }
    }
  }

  @Test
  void inTransactionsTheyAreMadeOnceAlthoughACommitLosesItsAnswer() throws Exception {
    placeOrders("orders");
    gauntlet.inject(
        """
        { "name": "lost", "when": { "reply": "EndTxn", "committed": true, "error": "NONE", "nth": 2 },
          "inject": { "disconnect": { "at": "before-reply" } } }
        """);
    new Payments(gauntlet.getBootstrapServers(), "careful", Writing.IN_TRANSACTIONS).pay("orders", "payments", ORDERS);
    assertTrue(gauntlet.fault("lost").contains("\"applied\":1"));
    var verdict = gauntlet.verdict("orders", "payments", "careful");
    assertEquals(0, verdict.getExitCode(), verdict::toString);
  }

  @Test
  void withoutIdempotenceTheyAreMadeTwiceWhichIsNoticed() throws Exception {
    placeOrders("orders");
    gauntlet.inject(
        """
        { "name": "lost", "when": { "reply": "Produce", "topic": "payments", "nth": 1 },
          "inject": { "disconnect": { "at": "before-reply" } } }
        """);
    new Payments(gauntlet.getBootstrapServers(), "hasty", Writing.WITHOUT_IDEMPOTENCE).pay("orders", "payments", ORDERS);
    var verdict = gauntlet.verdict("orders", "payments", "hasty");
    assertEquals(1, verdict.getExitCode(), verdict::toString);
    assertTrue(verdict.getStdout().contains("duplicate"), verdict::toString);
  }
}
