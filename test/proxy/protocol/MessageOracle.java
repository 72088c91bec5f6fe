// Kafka's own message classes as the judge of our codec.
//
// `messages SEED`: for every API and version (and the data records named below) makes messages with random
// values from Kafka's run-time schemas, and prints a line each: kind, name, API key, version, variant, the
// bytes that Kafka's class writes, the JSON that its converter writes, the record fields in their order.
// In the JSON, an int64 is {"$long": "1"} and bytes are {"$bytes": "base64"}, so that nothing is rounded.
//
// `responses`: reads lines of API key, version and bytes; prints what Kafka's classes read there: the number
// of bytes left over, the errors that AbstractResponse.errorCounts finds, and the JSON.

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.BinaryNode;
import com.fasterxml.jackson.databind.node.BooleanNode;
import com.fasterxml.jackson.databind.node.DoubleNode;
import com.fasterxml.jackson.databind.node.IntNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.LongNode;
import com.fasterxml.jackson.databind.node.NullNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.ShortNode;
import com.fasterxml.jackson.databind.node.TextNode;
import java.io.BufferedOutputStream;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.ParameterizedType;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collection;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.message.ApiMessageType;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.MessageUtil;
import org.apache.kafka.common.protocol.types.BoundField;
import org.apache.kafka.common.protocol.types.RawTaggedField;
import org.apache.kafka.common.protocol.types.Schema;
import org.apache.kafka.common.protocol.types.TaggedFields;
import org.apache.kafka.common.protocol.types.Type;
import org.apache.kafka.common.record.internal.BaseRecords;
import org.apache.kafka.common.requests.AbstractResponse;

public class MessageOracle {
    private static final JsonNodeFactory JSON = JsonNodeFactory.instance;
    private static final Base64.Encoder BASE64 = Base64.getEncoder();
    private static final String[] VARIANTS = {"default", "full", "sparse", "mixed", "unknown-tags", "extreme"};
    private static final String[] DATA = {
        "org.apache.kafka.common.message.AbortedTxn",
        "org.apache.kafka.common.message.ConsumerProtocolAssignment",
        "org.apache.kafka.common.message.ConsumerProtocolSubscription",
        "org.apache.kafka.common.message.ControlRecordTypeSchema",
        "org.apache.kafka.common.message.DefaultPrincipalData",
        "org.apache.kafka.common.message.EndTxnMarker",
        "org.apache.kafka.common.message.LeaderChangeMessage",
        "org.apache.kafka.common.message.RequestHeaderData",
        "org.apache.kafka.common.message.ResponseHeaderData",
        "org.apache.kafka.coordinator.transaction.generated.TransactionLogKey",
        "org.apache.kafka.coordinator.transaction.generated.TransactionLogValue",
        "org.apache.kafka.coordinator.group.generated.OffsetCommitKey",
        "org.apache.kafka.coordinator.group.generated.OffsetCommitValue",
    };

    private static PrintStream out;
    private static Random random;
    private static String variant;

    public static void main(String[] arguments) throws Exception {
        out = new PrintStream(new BufferedOutputStream(System.out, 1 << 16), false, StandardCharsets.UTF_8);
        try {
            if (arguments[0].equals("messages")) printMessages(Long.parseLong(arguments[1]));
            else readResponses();
        } catch (Exception problem) {
            // Not thrown on: the launcher of source files cannot show such traces.
            problem.printStackTrace();
            System.exit(1);
        }
        out.flush();
    }

    // Making messages

    private static void printMessages(long seed) throws Exception {
        for (ApiMessageType api : ApiMessageType.values()) {
            // Four keys are reserved for requests that no longer exist.
            if (api.lowestSupportedVersion() > api.highestSupportedVersion(true)) continue;
            print("request", api.apiKey(), api.newRequest().getClass(), api.requestSchemas(), seed);
            print("response", api.apiKey(), api.newResponse().getClass(), api.responseSchemas(), seed);
        }
        for (String name : DATA) {
            Class<?> type = Class.forName(name);
            print("data", -1, type, (Schema[]) type.getField("SCHEMAS").get(null), seed);
        }
    }

    /** The default of every field of every struct, present in a version or not. */
    private static void printDefaults(Class<?> message) throws Exception {
        printDefaults(message, message);
        for (Class<?> inner : message.getDeclaredClasses()) {
            if (Message.class.isAssignableFrom(inner)) printDefaults(message, inner);
        }
    }

    private static void printDefaults(Class<?> message, Class<?> struct) throws Exception {
        Object fresh = struct.getDeclaredConstructor().newInstance();
        ObjectNode json = JSON.objectNode();
        for (Field field : fieldsOf(fresh)) json.set(field.getName(), plain(field.get(fresh)));
        out.println(String.join("\t", "defaults", message.getSimpleName(), struct.getSimpleName(), "", "", "",
            json.toString(), ""));
    }

    private static JsonNode plain(Object value) {
        if (value == null) return NullNode.instance;
        if (value instanceof Boolean bool) return BooleanNode.valueOf(bool);
        if (value instanceof Long number) return JSON.objectNode().put("$long", number.toString());
        if (value instanceof Double number) return new DoubleNode(number);
        if (value instanceof Number number) return new IntNode(number.intValue());
        if (value instanceof byte[] bytes) return JSON.objectNode().put("$bytes", BASE64.encodeToString(bytes));
        if (value instanceof ByteBuffer bytes) return JSON.objectNode().put("$bytes", base64(bytes));
        if (value instanceof Collection<?>) return JSON.arrayNode();
        if (value instanceof Message) return JSON.objectNode();
        return new TextNode(value.toString());
    }

    private static void print(String kind, int apiKey, Class<?> type, Schema[] schemas, long seed)
        throws Exception {
        printDefaults(type);
        Class<?> converter = Class.forName(type.getName() + "JsonConverter");
        Method read = converter.getMethod("read", JsonNode.class, short.class);
        Method write = converter.getMethod("write", type, short.class);
        for (short version = 0; version < schemas.length; version++) {
            if (schemas[version] == null) continue;
            for (int i = 0; i < VARIANTS.length; i++) {
                variant = VARIANTS[i];
                random = new Random(seed * 1_000_003 + type.getName().hashCode() * 31L + version * 7L + i);
                Message message;
                if (variant.equals("default")) {
                    message = (Message) type.getDeclaredConstructor().newInstance();
                    fillNullRecords(message);
                } else {
                    message = (Message) read.invoke(null, struct(schemas[version], type), version);
                }
                if (variant.equals("unknown-tags") && isFlexible(schemas[version])) addUnknownTags(message, schemas[version]);
                ByteBuffer bytes = MessageUtil.toByteBufferAccessor(message, version).buffer();
                JsonNode json = (JsonNode) write.invoke(null, message, version);
                List<String> records = new ArrayList<>();
                collectRecords(message, records);
                out.println(String.join("\t", kind, type.getSimpleName(), "" + apiKey, "" + version, variant,
                    base64(bytes), exact(json).toString(), records.isEmpty() ? "" : String.join(";", records) + ";"));
            }
        }
    }

    private static boolean isFlexible(Schema schema) {
        for (BoundField field : schema.fields()) {
            if (field.def.type instanceof TaggedFields) return true;
        }
        return false;
    }

    private static ObjectNode struct(Schema schema, Class<?> type) {
        ObjectNode node = JSON.objectNode();
        for (BoundField field : schema.fields()) {
            if (field.def.type instanceof TaggedFields) {
                for (org.apache.kafka.common.protocol.types.Field tagged
                    : ((TaggedFields) field.def.type).fields().values()) {
                    if (!variant.equals("mixed") || random.nextBoolean()) put(node, tagged, type);
                }
            } else {
                put(node, field.def, type);
            }
        }
        return node;
    }

    private static void put(ObjectNode node, org.apache.kafka.common.protocol.types.Field def, Class<?> type) {
        Field field = javaField(type, def.name);
        node.set(field.getName(), value(def.type, field));
    }

    /** The schemas have snake_case names; the JSON has those of the Java fields. */
    private static Field javaField(Class<?> type, String snakeCase) {
        String wanted = snakeCase.replace("_", "");
        for (Field field : type.getDeclaredFields()) {
            if (Modifier.isStatic(field.getModifiers())) continue;
            if (field.getName().equalsIgnoreCase(wanted)) return field;
        }
        throw new IllegalStateException(type + " has no field for " + snakeCase);
    }

    private static Class<?> elementClass(Field field) {
        if (field.getGenericType() instanceof ParameterizedType list) {
            return (Class<?>) list.getActualTypeArguments()[0];
        }
        // A generated collection: FooCollection extends ImplicitLinkedHashMultiCollection<Foo>.
        ParameterizedType parent = (ParameterizedType) field.getType().getGenericSuperclass();
        return (Class<?>) parent.getActualTypeArguments()[0];
    }

    private static JsonNode value(Type type, Field field) {
        if (type.isNullable() && isNull()) return NullNode.instance;
        if (type.isArray()) {
            ArrayNode array = JSON.arrayNode();
            Type element = type.arrayElementType().get();
            boolean ofStructs = element instanceof Schema;
            int count = variant.equals("sparse") ? 0
                : variant.equals("extreme") && !ofStructs ? 130 + random.nextInt(20)
                : 1 + random.nextInt(3);
            for (int i = 0; i < count; i++) {
                array.add(ofStructs ? struct((Schema) element, elementClass(field)) : primitive(element));
            }
            return array;
        }
        if (type instanceof Schema schema) return struct(schema, field.getType());
        return primitive(type);
    }

    private static boolean isNull() {
        if (variant.equals("sparse")) return true;
        return !variant.equals("full") && random.nextInt(4) == 0;
    }

    private static JsonNode primitive(Type type) {
        if (type == Type.BOOLEAN) return BooleanNode.valueOf(random.nextBoolean());
        if (type == Type.INT8) return new IntNode((byte) integer(Byte.MIN_VALUE, Byte.MAX_VALUE));
        if (type == Type.INT16) return new ShortNode((short) integer(Short.MIN_VALUE, Short.MAX_VALUE));
        if (type == Type.UINT16) return new IntNode((int) integer(0, 65_535));
        if (type == Type.INT32) return new IntNode((int) integer(Integer.MIN_VALUE, Integer.MAX_VALUE));
        if (type == Type.UNSIGNED_INT32) return new LongNode(integer(0, 4_294_967_295L));
        if (type == Type.INT64) return new LongNode(integer(Long.MIN_VALUE, Long.MAX_VALUE));
        if (type == Type.FLOAT64) return new DoubleNode(random.nextGaussian() * 1e6);
        if (type == Type.UUID) return new TextNode(new Uuid(random.nextLong(), random.nextLong()).toString());
        String name = type.toString();
        if (name.endsWith("STRING")) return new TextNode(text());
        if (name.endsWith("BYTES") || name.endsWith("RECORDS")) return new BinaryNode(bytes());
        throw new IllegalStateException("unknown type " + name);
    }

    private static long integer(long lowest, long highest) {
        if (variant.equals("sparse")) return 0;
        if (variant.equals("extreme")) return random.nextBoolean() ? lowest : highest;
        // Not 35: as the error of an ApiVersions answer it means another layout.
        return random.nextBoolean() ? 36 + random.nextInt(80)
            : highest > 1_000_000L ? random.nextInt() & highest : random.nextInt(34);
    }

    private static String text() {
        if (variant.equals("sparse")) return "";
        if (variant.equals("extreme")) return "Grüße €\uD83D\uDE00 ".repeat(1 + random.nextInt(40));
        return "text-" + Long.toString(random.nextLong() >>> random.nextInt(60), 36);
    }

    private static byte[] bytes() {
        if (variant.equals("sparse")) return new byte[0];
        byte[] bytes = new byte[random.nextInt(variant.equals("extreme") ? 20_000 : 90)];
        random.nextBytes(bytes);
        return bytes;
    }

    // Kafka's classes hold null where the schema says that records may not be null.
    private static void fillNullRecords(Message message) throws Exception {
        for (Field field : fieldsOf(message)) {
            if (BaseRecords.class.isAssignableFrom(field.getType()) && field.get(message) == null) {
                field.set(message, org.apache.kafka.common.record.internal.MemoryRecords.EMPTY);
            }
        }
    }

    private static List<Field> fieldsOf(Object value) {
        List<Field> fields = new ArrayList<>();
        for (Field field : value.getClass().getDeclaredFields()) {
            if (Modifier.isStatic(field.getModifiers()) || field.getName().startsWith("_")) continue;
            field.setAccessible(true);
            if (field.getType() != int.class || !field.getName().equals("next") && !field.getName().equals("prev")) {
                fields.add(field);
            }
        }
        return fields;
    }

    private static void addUnknownTags(Message message, Schema schema) throws Exception {
        for (int tag : new int[] {90, 91, 20_000}) {
            if (tag != 90 && random.nextBoolean()) continue;
            byte[] data = new byte[tag == 91 ? 200 : random.nextInt(5)];
            random.nextBytes(data);
            message.unknownTaggedFields().add(new RawTaggedField(tag, data));
        }
        // Only what the schema has in this version: a struct that is absent must stay at its default.
        for (BoundField bound : schema.fields()) {
            if (bound.def.type instanceof TaggedFields tagged) {
                for (org.apache.kafka.common.protocol.types.Field def : tagged.fields().values()) {
                    addUnknownTagsBelow(message, def);
                }
            } else {
                addUnknownTagsBelow(message, bound.def);
            }
        }
    }

    private static void addUnknownTagsBelow(Message message, org.apache.kafka.common.protocol.types.Field def)
        throws Exception {
        Type type = def.type.isArray() ? def.type.arrayElementType().get() : def.type;
        if (!(type instanceof Schema schema)) return;
        Field field = javaField(message.getClass(), def.name);
        field.setAccessible(true);
        Object value = field.get(message);
        if (value instanceof Message inner) addUnknownTags(inner, schema);
        if (value instanceof Collection<?> list) {
            for (Object element : list) addUnknownTags((Message) element, schema);
        }
    }

    private static void collectRecords(Message message, List<String> records) throws Exception {
        for (Field field : fieldsOf(message)) {
            Object value = field.get(message);
            if (BaseRecords.class.isAssignableFrom(field.getType())) {
                records.add(value == null ? "null"
                    : base64(((org.apache.kafka.common.record.internal.MemoryRecords) value).buffer()));
            }
            if (value instanceof Message inner) collectRecords(inner, records);
            if (value instanceof Collection<?> list) {
                for (Object element : list) if (element instanceof Message inner) collectRecords(inner, records);
            }
        }
    }

    // Reading answers

    private static void readResponses() throws Exception {
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            String[] parts = line.split("\t", -1);
            ApiMessageType api = ApiMessageType.fromApiKey(Short.parseShort(parts[0]));
            short version = Short.parseShort(parts[1]);
            byte[] bytes = Base64.getDecoder().decode(parts[2]);
            try {
                Message message = api.newResponse();
                ByteBufferAccessor body = new ByteBufferAccessor(ByteBuffer.wrap(bytes));
                message.read(body, version);
                Map<String, Integer> counts = new TreeMap<>();
                AbstractResponse response = AbstractResponse.parseResponse(ApiKeys.forId(api.apiKey()),
                    new ByteBufferAccessor(ByteBuffer.wrap(bytes)), version);
                for (Map.Entry<Errors, Integer> count : response.errorCounts().entrySet()) {
                    counts.put(count.getKey().name(), count.getValue());
                }
                Class<?> converter = Class.forName(message.getClass().getName() + "JsonConverter");
                JsonNode json = (JsonNode) converter.getMethod("write", message.getClass(), short.class)
                    .invoke(null, message, version);
                ObjectNode errors = JSON.objectNode();
                counts.forEach(errors::put);
                out.println(body.remaining() + "\t" + errors + "\t" + exact(json));
            } catch (Exception problem) {
                out.println("-1\t" + problem + "\t{}");
            }
        }
    }

    private static JsonNode exact(JsonNode node) throws Exception {
        if (node.isLong()) return JSON.objectNode().put("$long", Long.toString(node.longValue()));
        if (node.isBinary()) return JSON.objectNode().put("$bytes", BASE64.encodeToString(node.binaryValue()));
        if (node.isArray()) {
            ArrayNode array = JSON.arrayNode();
            for (JsonNode element : node) array.add(exact(element));
            return array;
        }
        if (!node.isObject()) return node;
        ObjectNode object = JSON.objectNode();
        for (Iterator<String> names = node.fieldNames(); names.hasNext();) {
            String name = names.next();
            object.set(name, exact(node.get(name)));
        }
        return object;
    }

    private static String base64(ByteBuffer buffer) {
        ByteBuffer copy = buffer.duplicate();
        byte[] bytes = new byte[copy.remaining()];
        copy.get(bytes);
        return BASE64.encodeToString(bytes);
    }
}
