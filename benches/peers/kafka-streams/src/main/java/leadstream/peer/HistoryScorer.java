package leadstream.peer;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.KeyValueStore;

/** Scores with a {@link History} in a store of Kafka Streams, and forwards derived events as CloudEvents. */
final class HistoryScorer implements Processor<byte[], byte[], byte[], byte[]>, History.Store, Derived.Out {
  private static final byte[] SPEC = ascii("1.0");
  private static final byte[] SOURCE = ascii("/leadstream/kafka-streams");
  private static final byte[] JSON = ascii("application/json");

  private ProcessorContext<byte[], byte[]> context;
  private KeyValueStore<Bytes, byte[]> contacts;
  private final Hot<byte[]> hot = new Hot<>(Hot.BYTES);
  private History history;
  private int bytesBefore;
  private Record<byte[], byte[]> record;

  @Override
  public void init(ProcessorContext<byte[], byte[]> processorContext) {
    context = processorContext;
    contacts = context.getStateStore(Scorer.STORE);
    history = new History(this, this);
    // What waits for an instant is known from the contacts; no store of its own has to be kept up to date for it.
    try (KeyValueIterator<Bytes, byte[]> all = contacts.all()) {
      all.forEachRemaining(entry -> history.remember(entry.key.get(), entry.value));
    }
  }

  @Override
  public void process(Record<byte[], byte[]> input) {
    record = input;
    try {
      history.process(input.key(), input.value());
    } catch (IOException malformed) {
      throw new IllegalStateException("a record that is no JSON", malformed);
    }
    Scorer.SCORED.increment();
  }

  @Override
  public byte[] get(byte[] key) {
    Bytes wrapped = Bytes.wrap(key);
    byte[] value = hot.get(wrapped);
    bytesBefore = value == null ? 0 : value.length;
    return value == null ? contacts.get(wrapped) : value;
  }

  @Override
  public void put(byte[] key, byte[] value) {
    Bytes wrapped = Bytes.wrap(key);
    contacts.put(wrapped, value);
    hot.put(wrapped, value, value.length, bytesBefore);
  }

  @Override
  public void derived(byte[] key, byte[] value, byte[] id, String type, byte[] time) {
    Headers headers = new RecordHeaders();
    headers.add("ce_specversion", SPEC);
    headers.add("ce_id", id);
    headers.add("ce_source", SOURCE);
    headers.add("ce_type", ascii(type));
    headers.add("ce_time", time);
    headers.add("content-type", JSON);
    Scorer.DERIVED.increment();
    context.forward(new Record<>(key, value, record.timestamp(), headers));
  }

  private static byte[] ascii(String text) {
    return text.getBytes(StandardCharsets.US_ASCII);
  }
}
