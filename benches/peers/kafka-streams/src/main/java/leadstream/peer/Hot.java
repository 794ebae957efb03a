package leadstream.peer;

import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.common.utils.Bytes;

/**
 * The values last used, in front of a store without a cache of its own: that of Kafka Streams holds its entries in a tree, whose look-ups are a quarter of
 * all time here, to join the writes of one key between two commits, of which there are next to none. Everything put here is put into the store as well.
 *
 * <p>Two generations: what is used goes to the young one; when that has its share of bytes it becomes the old one, and what the old one held is forgotten.
 */
final class Hot<V> {
  /** What one task may keep: of half a gibibyte for all four partitions a quarter. */
  static final long BYTES = 128L << 20;
  /** What a value's key and its place in the table take. */
  private static final int ENTRY_BYTES = 128;

  private final long mostBytes;
  private Map<Bytes, V> young = new HashMap<>();
  private Map<Bytes, V> old = new HashMap<>();
  private long youngBytes;

  /** `bytes` for both generations. */
  Hot(long bytes) {
    mostBytes = bytes / 2;
  }

  /** The value, of about so many bytes; null where it is not at hand. */
  V get(Bytes key) {
    V value = young.get(key);
    return value != null ? value : old.get(key);
  }

  /** Keeps a value in the place of one of `bytesBefore`, 0 if there was none. */
  void put(Bytes key, V value, int bytes, int bytesBefore) {
    boolean known = young.put(key, value) != null;
    youngBytes += known ? bytes - bytesBefore : bytes + ENTRY_BYTES;
    if (youngBytes > mostBytes) {
      old = young;
      young = new HashMap<>(old.size());
      youngBytes = 0;
    }
  }
}
