package leadstream.peer;

import java.nio.charset.StandardCharsets;

/** A quick hash of 128 bits over texts. */
final class Hash {
  private static final long PRIME = 0x9e3779b97f4a7c15L;
  private static final long OTHER = 0xc2b2ae3d27d4eb4fL;

  long high;
  long low;

  void begin() {
    high = PRIME;
    low = OTHER;
  }

  void add(String text) {
    add(text.getBytes(StandardCharsets.UTF_8));
  }

  void add(byte[] bytes) {
    int at = 0;
    for (; at + 8 <= bytes.length; at += 8) {
      add(Longs.getLong(bytes, at));
    }
    long rest = bytes.length;
    for (; at < bytes.length; at++) {
      rest = rest << 8 | bytes[at] & 255;
    }
    add(rest);
  }

  void add(long word) {
    high = mix(high ^ word * OTHER) + low;
    low = mix(Long.rotateLeft(low, 29) + word * PRIME) ^ high;
  }

  private static long mix(long word) {
    long mixed = (word ^ word >>> 32) * PRIME;
    return mixed ^ mixed >>> 29;
  }
}
