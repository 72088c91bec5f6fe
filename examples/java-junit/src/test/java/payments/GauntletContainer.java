package payments;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.UUID;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import com.github.dockerjava.api.command.InspectContainerResponse;
import org.testcontainers.containers.GenericContainer;
import org.testcontainers.containers.wait.strategy.Wait;
import org.testcontainers.images.builder.Transferable;

/**
 * The gauntlet as a container. Clients are told published ports, which are known only when the container has been
 * started: so it waits for the script that is written then, and that names them.
 */
final class GauntletContainer extends GenericContainer<GauntletContainer> {
  private static final int REST = 8474;
  /** Bootstrap; the brokers with the ids 1 to 3 have the ports behind it. */
  private static final int DOOR = 19092;
  private static final int BROKERS_MAX = 3;
  private static final String SCRIPT = "/tmp/gauntlet-start.sh";

  private final String upstream;
  private final String token = UUID.randomUUID().toString();

  GauntletContainer(String image, String upstream) {
    super(image);
    this.upstream = upstream;
    addExposedPorts(REST);
    addExposedPorts(IntStream.rangeClosed(DOOR, DOOR + BROKERS_MAX).toArray());
    withEnv("GAUNTLET_TOKEN", token);
    withCreateContainerCmdModifier(order -> order.withEntrypoint("sh", "-c"));
    setCommandParts(new String[] {"while [ ! -f " + SCRIPT + " ]; do sleep 0.1; done; exec sh " + SCRIPT});
    waitingFor(Wait.forHttp("/ready").forPort(REST).withStartupTimeout(Duration.ofMinutes(2)));
  }

  @Override
  protected void containerIsStarting(InspectContainerResponse started) {
    String published =
        IntStream.rangeClosed(DOOR, DOOR + BROKERS_MAX)
            .mapToObj(port -> port + "=" + getMappedPort(port))
            .collect(Collectors.joining(","));
    String script =
        "exec gauntlet proxy --bootstrap=" + upstream
            + " --listen=0.0.0.0:" + DOOR + "@" + getHost() + " --published=" + published
            + " --rest=0.0.0.0:" + REST + " --history=/tmp/gauntlet-seen --await-cluster=2m\n";
    copyFileToContainer(Transferable.of(script, 0755), SCRIPT);
  }

  String getBootstrapServers() {
    return getHost() + ":" + getMappedPort(DOOR);
  }

  /** Arms a fault: the JSON of an entry of a plan's `faults`. */
  void inject(String fault) throws IOException, InterruptedException {
    var response = HttpClient.newHttpClient().send(request("/v1/faults").POST(BodyPublishers.ofString(fault)).build(), BodyHandlers.ofString());
    if (response.statusCode() != 201) throw new IllegalArgumentException(response.body());
  }

  /** What has become of a fault, as JSON: matched, fired, applied, and each firing. */
  String fault(String name) throws IOException, InterruptedException {
    return HttpClient.newHttpClient().send(request("/v1/faults/" + name).build(), BodyHandlers.ofString()).body();
  }

  /** Heals everything, waits until all has come to rest, and judges. Exit code 0: PASS, 1: FAIL, 2: INCONCLUSIVE. */
  ExecResult verdict(String input, String output, String group) throws IOException, InterruptedException {
    return execInContainer(
        "gauntlet", "verify", "--proxy=http://127.0.0.1:" + REST, "--seen=/tmp/gauntlet-seen", "--topics=" + input + "," + output, "--group=" + group, "--out=/tmp/gauntlet-" + output);
  }

  private HttpRequest.Builder request(String path) {
    return HttpRequest.newBuilder(URI.create("http://" + getHost() + ":" + getMappedPort(REST) + path))
        .header("authorization", "Bearer " + token)
        .header("content-type", "application/json");
  }
}
