// Kafka's own record classes as the judge of our record batches.
//
// `write SEED`: prints batches of every compression and kind that Kafka writes. `read`: reads one batch per
// line (base64), checks it as a broker would, and prints what is in it. Both print a line for each batch: the
// bytes, then a JSON object with the header's fields and the records (offset, timestamp, key, value, headers).

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedOutputStream;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.Random;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.CompressionType;
import org.apache.kafka.common.record.internal.ControlRecordType;
import org.apache.kafka.common.record.internal.EndTransactionMarker;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.MutableRecordBatch;
import org.apache.kafka.common.record.internal.Record;
import org.apache.kafka.common.record.internal.SimpleRecord;

public class BatchOracle {
    private static final JsonNodeFactory JSON = JsonNodeFactory.instance;
    private static final PrintStream out =
        new PrintStream(new BufferedOutputStream(System.out, 1 << 16), false, StandardCharsets.UTF_8);

    public static void main(String[] arguments) {
        try {
            if (arguments[0].equals("write")) write(new Random(Long.parseLong(arguments[1])));
            else read();
            out.flush();
        } catch (Throwable problem) {
            problem.printStackTrace();
            System.exit(1);
        }
    }

    private static void write(Random random) {
        long now = 1_760_000_000_000L;
        for (CompressionType type : CompressionType.values()) {
            Compression compression = Compression.of(type).build();
            for (int count : new int[] {1, 3, 500}) {
                SimpleRecord[] records = new SimpleRecord[count];
                for (int i = 0; i < count; i++) records[i] = record(random, now + random.nextInt(10_000));
                print(MemoryRecords.withRecords(compression, records));
                print(MemoryRecords.withIdempotentRecords(compression, 77L, (short) 3, 2_147_483_000, records));
                print(MemoryRecords.withTransactionalRecords((byte) 2, 5_000_000_000L, compression,
                    9_007_199_254_740L, (short) 32_766, 12, 4, records));
                print(MemoryRecords.withRecords((byte) 2, 40L, compression, TimestampType.LOG_APPEND_TIME, records));
            }
        }
        for (ControlRecordType type : new ControlRecordType[] {ControlRecordType.ABORT, ControlRecordType.COMMIT}) {
            print(MemoryRecords.withEndTransactionMarker(1234L, now, 7, 99L, (short) 5,
                new EndTransactionMarker(type, 31)));
        }
    }

    private static SimpleRecord record(Random random, long timestamp) {
        Header[] headers = new Header[random.nextInt(3)];
        for (int i = 0; i < headers.length; i++) {
            headers[i] = new RecordHeader("name-" + i, random.nextInt(4) == 0 ? null : bytes(random, 20));
        }
        byte[] key = random.nextBoolean() ? null : bytes(random, 12);
        byte[] value = random.nextInt(10) == 0 ? null
            : random.nextBoolean() ? bytes(random, 300) : "the same text again ".repeat(random.nextInt(30)).getBytes();
        return new SimpleRecord(timestamp, key, value, headers);
    }

    private static byte[] bytes(Random random, int most) {
        byte[] bytes = new byte[random.nextInt(most)];
        random.nextBytes(bytes);
        return bytes;
    }

    private static void read() throws Exception {
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            print(MemoryRecords.readableRecords(ByteBuffer.wrap(Base64.getDecoder().decode(line))));
        }
    }

    private static void print(MemoryRecords records) {
        for (MutableRecordBatch batch : records.batches()) {
            batch.ensureValid();
            ObjectNode json = JSON.objectNode();
            json.put("sizeBytes", batch.sizeInBytes());
            json.put("baseOffset", batch.baseOffset());
            json.put("lastOffset", batch.lastOffset());
            json.put("partitionLeaderEpoch", batch.partitionLeaderEpoch());
            json.put("crc", batch.checksum());
            json.put("compression", batch.compressionType().name);
            json.put("timestampType", batch.timestampType() == TimestampType.CREATE_TIME ? "create" : "append");
            json.put("transactional", batch.isTransactional());
            json.put("control", batch.isControlBatch());
            json.put("maxTimestampMs", batch.maxTimestamp());
            json.put("producerId", batch.producerId());
            json.put("producerEpoch", batch.producerEpoch());
            json.put("baseSequence", batch.baseSequence());
            json.put("lastSequence", batch.lastSequence());
            json.put("recordCount", batch.countOrNull());
            ArrayNode list = json.putArray("records");
            for (Record record : batch) {
                record.ensureValid();
                ObjectNode one = list.addObject();
                one.put("offset", record.offset());
                one.put("timestampMs", record.timestamp());
                one.put("key", base64(record.key()));
                one.put("value", base64(record.value()));
                ArrayNode headers = one.putArray("headers");
                for (Header header : record.headers()) {
                    headers.addObject().put("key", header.key())
                        .put("value", header.value() == null ? null : base64(ByteBuffer.wrap(header.value())));
                }
            }
            ByteBuffer bytes = ByteBuffer.allocate(batch.sizeInBytes());
            batch.writeTo(bytes);
            bytes.flip();
            out.println(base64(bytes) + "\t" + json);
        }
    }

    private static String base64(ByteBuffer buffer) {
        if (buffer == null) return null;
        byte[] bytes = new byte[buffer.remaining()];
        buffer.duplicate().get(bytes);
        return Base64.getEncoder().encodeToString(bytes);
    }
}
