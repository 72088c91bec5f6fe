import java.util.TreeSet;
import org.apache.kafka.common.config.ConfigDef;

/** Prints the name of every setting that this Kafka's brokers know, the internal ones too, one a line. */
public class ConfigNames {
    public static void main(String[] arguments) throws Exception {
        // Kafka ignores unknown settings without a word, so somebody has to compare names before it starts.
        Object definition = Class.forName("kafka.server.KafkaConfig").getMethod("configDef").invoke(null);
        for (String name : new TreeSet<>(((ConfigDef) definition).names())) {
            System.out.println(name);
        }
    }
}
