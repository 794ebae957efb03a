package leadstream.peer;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.Serializer;

/** What both jobs keep of a contact: sums, caps, once-keys and the few instants that counts need. No history, no ledger. */
final class Contact {
  static final int SPORT = 0;
  static final int BROCHURE = 1;
  static final int BIG_SPENDER = 2;
  static final int PAGES_COUNTED = 5;
  static final int CLICKS_COUNTED = 3;

  private static final long[] NONE = {};

  /** Points are thousandths. */
  long engagement;
  long fit;
  int stage;
  long stagePoints;
  long stageEntered;
  boolean armed;
  boolean resting;
  boolean qualified;
  long lastOn = Long.MIN_VALUE;
  long firstEvent = Long.MIN_VALUE;
  long lastActivity = Long.MIN_VALUE;
  long idleFired = Long.MIN_VALUE;
  boolean sawJackets;
  int tags;
  final long[] tagPoints = new long[3];
  double age = Double.NaN;
  String city = "";
  String country = "";
  /** By rule: visit, offers, cart. */
  final long[] periodEnd = {Long.MIN_VALUE, Long.MIN_VALUE, Long.MIN_VALUE};
  final long[] periodPoints = new long[3];
  /** By rule: keen, returning, form. */
  final long[] lastFired = {Long.MIN_VALUE, Long.MIN_VALUE, Long.MIN_VALUE};
  /** The newest instants of page views and of clicks, oldest first; as many as a count must reach. */
  final long[] pages = filled(PAGES_COUNTED);
  final long[] clicks = filled(CLICKS_COUNTED);
  /** Instants and points of bookings inside the rolling cap of `pricing`. */
  long[] rolling = NONE;
  /** By rule: downloads, opens, clicks: hash of the value and instant, in turns. */
  final long[][] once = {NONE, NONE, NONE};
  long seq;

  /** Makes it a contact of whom nothing is known. */
  void clear() {
    engagement = fit = stagePoints = stageEntered = seq = 0;
    stage = tags = 0;
    armed = resting = qualified = sawJackets = false;
    lastOn = firstEvent = lastActivity = idleFired = Long.MIN_VALUE;
    age = Double.NaN;
    city = country = "";
    Arrays.fill(tagPoints, 0);
    Arrays.fill(periodEnd, Long.MIN_VALUE);
    Arrays.fill(periodPoints, 0);
    Arrays.fill(lastFired, Long.MIN_VALUE);
    Arrays.fill(pages, Long.MIN_VALUE);
    Arrays.fill(clicks, Long.MIN_VALUE);
    rolling = NONE;
    Arrays.fill(once, NONE);
  }

  /** The most bytes that it may take. */
  int mostBytes() {
    int onceLongs = once[0].length + once[1].length + once[2].length;
    return 512 + 3 * (city.length() + country.length()) + 8 * (rolling.length + onceLongs);
  }

  void write(ByteBuffer out) {
    out.put((byte) ((armed ? 1 : 0) | (resting ? 2 : 0) | (qualified ? 4 : 0) | (sawJackets ? 8 : 0)));
    out.put((byte) stage);
    out.put((byte) tags);
    out.putLong(engagement).putLong(fit).putLong(stagePoints).putLong(stageEntered).putLong(lastOn).putLong(firstEvent);
    out.putLong(lastActivity).putLong(idleFired).putLong(seq);
    out.putDouble(age);
    putAll(out, tagPoints);
    putAll(out, periodEnd);
    putAll(out, periodPoints);
    putAll(out, lastFired);
    putAll(out, pages);
    putAll(out, clicks);
    putText(out, city);
    putText(out, country);
    putCounted(out, rolling);
    for (long[] keys : once) {
      putCounted(out, keys);
    }
  }

  void read(ByteBuffer in) {
    byte flags = in.get();
    armed = (flags & 1) != 0;
    resting = (flags & 2) != 0;
    qualified = (flags & 4) != 0;
    sawJackets = (flags & 8) != 0;
    stage = in.get();
    tags = in.get();
    engagement = in.getLong();
    fit = in.getLong();
    stagePoints = in.getLong();
    stageEntered = in.getLong();
    lastOn = in.getLong();
    firstEvent = in.getLong();
    lastActivity = in.getLong();
    idleFired = in.getLong();
    seq = in.getLong();
    age = in.getDouble();
    getAll(in, tagPoints);
    getAll(in, periodEnd);
    getAll(in, periodPoints);
    getAll(in, lastFired);
    getAll(in, pages);
    getAll(in, clicks);
    city = getText(in);
    country = getText(in);
    rolling = getCounted(in);
    for (int at = 0; at < once.length; at++) {
      once[at] = getCounted(in);
    }
  }

  private static void putAll(ByteBuffer out, long[] numbers) {
    for (long number : numbers) {
      out.putLong(number);
    }
  }

  private static void putCounted(ByteBuffer out, long[] numbers) {
    out.putShort((short) numbers.length);
    putAll(out, numbers);
  }

  private static void putText(ByteBuffer out, String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    out.putShort((short) bytes.length).put(bytes);
  }

  private static void getAll(ByteBuffer in, long[] numbers) {
    for (int at = 0; at < numbers.length; at++) {
      numbers[at] = in.getLong();
    }
  }

  private static long[] getCounted(ByteBuffer in) {
    int count = in.getShort();
    if (count == 0) {
      return NONE;
    }
    long[] numbers = new long[count];
    getAll(in, numbers);
    return numbers;
  }

  private static String getText(ByteBuffer in) {
    int length = in.getShort();
    if (length == 0) {
      return "";
    }
    byte[] bytes = new byte[length];
    in.get(bytes);
    return new String(bytes, StandardCharsets.UTF_8);
  }

  private static long[] filled(int count) {
    long[] instants = new long[count];
    Arrays.fill(instants, Long.MIN_VALUE);
    return instants;
  }

  static Serde<Contact> serde() {
    return Serdes.serdeFrom(new Writer(), new Reader());
  }

  private static final class Writer implements Serializer<Contact> {
    // A serializer belongs to one stream thread: the buffer is used again.
    private ByteBuffer buffer = ByteBuffer.allocate(4096);

    @Override
    public byte[] serialize(String topic, Contact contact) {
      if (contact == null) {
        return null;
      }
      int most = contact.mostBytes();
      if (buffer.capacity() < most) {
        buffer = ByteBuffer.allocate(most * 2);
      }
      ByteBuffer out = buffer.clear();
      contact.write(out);
      return Arrays.copyOf(out.array(), out.position());
    }
  }

  private static final class Reader implements Deserializer<Contact> {
    @Override
    public Contact deserialize(String topic, byte[] bytes) {
      if (bytes == null) {
        return null;
      }
      Contact contact = new Contact();
      contact.read(ByteBuffer.wrap(bytes));
      return contact;
    }
  }
}
