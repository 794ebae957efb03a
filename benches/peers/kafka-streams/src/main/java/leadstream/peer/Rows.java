package leadstream.peer;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * A contact's history as flat bytes, in the order of the fold. A row: its length (2 bytes), time (8), the hash of the event's id (16), type (1), length of
 * the properties (2) and they, length of the event's own name (1) and it, then the bookings of 10 bytes and their number (1). A booking: rule (1), points
 * (4), what was applied (4), tags (1). A timer that booked has a row with a type of its own.
 */
final class Rows {
  static final int TIMER = 127;

  private static final int TIME = 2;
  private static final int HIGH = 10;
  private static final int LOW = 18;
  private static final int TYPE = 26;
  private static final int PROPERTIES = 27;
  private static final int BOOKING = 10;
  private static final int MOST_BYTES = PROPERTIES + 2 + Kept.MOST_BYTES + 256 + 20 * BOOKING;
  private static final Event.Type[] TYPES = Event.Type.values();

  byte[] bytes = new byte[1 << 16];
  int length;
  private int row;
  private int bookings;

  void clear() {
    length = 0;
  }

  void begin(long time, long high, long low, int type, Kept properties, String name) {
    int at = open();
    Longs.putLong(bytes, at + TIME, time);
    Longs.putLong(bytes, at + HIGH, high);
    Longs.putLong(bytes, at + LOW, low);
    bytes[at + TYPE] = (byte) type;
    Longs.putShort(bytes, at + PROPERTIES, properties.length);
    System.arraycopy(properties.bytes, 0, bytes, at + PROPERTIES + 2, properties.length);
    length = at + PROPERTIES + 2 + properties.length;
    // A known type's own name says nothing more.
    byte[] own = type == Event.Type.OTHER.ordinal() ? name.getBytes(StandardCharsets.UTF_8) : NO_NAME;
    int ownLength = Math.min(255, own.length);
    bytes[length++] = (byte) ownLength;
    System.arraycopy(own, 0, bytes, length, ownLength);
    length += ownLength;
  }

  private static final byte[] NO_NAME = {};

  /** Begins a row with all of another one but its bookings. */
  void beginLike(byte[] other, int otherRow) {
    int at = open();
    int size = bookingsAt(other, otherRow) - otherRow;
    System.arraycopy(other, otherRow, bytes, at, size);
    length = at + size;
  }

  private int open() {
    if (bytes.length < length + MOST_BYTES) {
      bytes = Arrays.copyOf(bytes, 2 * bytes.length);
    }
    row = length;
    bookings = 0;
    return row;
  }

  void book(int rule, long raw, long applied, int tags) {
    bytes[length] = (byte) rule;
    Longs.putInt(bytes, length + 1, (int) raw);
    Longs.putInt(bytes, length + 5, (int) applied);
    bytes[length + 9] = (byte) tags;
    length += BOOKING;
    bookings++;
  }

  void end() {
    bytes[length++] = (byte) bookings;
    Longs.putShort(bytes, row, length - row);
  }

  static int next(byte[] bytes, int row) {
    return row + Longs.getShort(bytes, row);
  }

  static long time(byte[] bytes, int row) {
    return Longs.getLong(bytes, row + TIME);
  }

  static long high(byte[] bytes, int row) {
    return Longs.getLong(bytes, row + HIGH);
  }

  static long low(byte[] bytes, int row) {
    return Longs.getLong(bytes, row + LOW);
  }

  static boolean isTimer(byte[] bytes, int row) {
    return bytes[row + TYPE] == TIMER;
  }

  static Event.Type type(byte[] bytes, int row) {
    return TYPES[bytes[row + TYPE]];
  }

  static int bookings(byte[] bytes, int row) {
    return bytes[next(bytes, row) - 1];
  }

  static int bookingsAt(byte[] bytes, int row) {
    return next(bytes, row) - 1 - BOOKING * bookings(bytes, row);
  }

  static int bookingAfter(int booking) {
    return booking + BOOKING;
  }

  static int rule(byte[] bytes, int booking) {
    return bytes[booking];
  }

  static long applied(byte[] bytes, int booking) {
    return Longs.getInt(bytes, booking + 5);
  }

  static int tags(byte[] bytes, int booking) {
    return bytes[booking + 9];
  }

  /** Where the id lies in these rows, or -1. */
  static int find(byte[] bytes, int from, int to, long high, long low) {
    for (int row = from; row < to; row = next(bytes, row)) {
      if (low(bytes, row) == low && high(bytes, row) == high) {
        return row;
      }
    }
    return -1;
  }

  /** How the properties of a row compare with these. */
  static int compareProperties(byte[] bytes, int row, Kept properties) {
    int from = row + PROPERTIES + 2;
    return Arrays.compareUnsigned(bytes, from, from + Longs.getShort(bytes, row + PROPERTIES), properties.bytes, 0, properties.length);
  }

  /** Makes it the event that the row is of. */
  static void restore(byte[] bytes, int row, Event event) {
    int properties = row + PROPERTIES + 2;
    int end = properties + Longs.getShort(bytes, row + PROPERTIES);
    event.clear();
    event.type = type(bytes, row);
    event.timeMs = time(bytes, row);
    event.idHigh = high(bytes, row);
    event.idLow = low(bytes, row);
    event.name = new String(bytes, end + 1, bytes[end] & 255, StandardCharsets.UTF_8);
    Kept.restore(bytes, properties, end, event);
    event.settle();
  }

  /** The type of a row's event in words. */
  static String word(byte[] bytes, int row) {
    Event.Type type = type(bytes, row);
    if (type != Event.Type.OTHER) {
      return type.word;
    }
    int name = row + PROPERTIES + 2 + Longs.getShort(bytes, row + PROPERTIES);
    return Event.snake(new String(bytes, name + 1, bytes[name] & 255, StandardCharsets.UTF_8));
  }
}
