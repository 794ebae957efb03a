package leadstream.peer;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.Serializer;

/** What the job keeps of a contact: sums, caps, once-keys and the few instants that counts need. No history, no ledger. */
final class Contact {
  static final int SPORT = 0;
  static final int BROCHURE = 1;
  static final int BIG_SPENDER = 2;
  static final int PAGES_COUNTED = 5;
  static final int CLICKS_COUNTED = 3;

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
  long[] rolling = new long[0];
  /** By rule: downloads, opens, clicks: hash of the value and instant, in turns. */
  final long[][] once = {new long[0], new long[0], new long[0]};
  long seq;

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
      byte[] city = contact.city.getBytes(StandardCharsets.UTF_8);
      byte[] country = contact.country.getBytes(StandardCharsets.UTF_8);
      int onceLongs = contact.once[0].length + contact.once[1].length + contact.once[2].length;
      int most = 512 + city.length + country.length + 8 * (contact.rolling.length + onceLongs);
      if (buffer.capacity() < most) {
        buffer = ByteBuffer.allocate(most * 2);
      }
      ByteBuffer out = buffer.clear();
      out.put((byte) ((contact.armed ? 1 : 0) | (contact.resting ? 2 : 0) | (contact.qualified ? 4 : 0) | (contact.sawJackets ? 8 : 0)));
      out.put((byte) contact.stage);
      out.put((byte) contact.tags);
      putAll(out, contact.engagement, contact.fit, contact.stagePoints, contact.stageEntered, contact.lastOn, contact.firstEvent);
      putAll(out, contact.lastActivity, contact.idleFired, contact.seq);
      out.putDouble(contact.age);
      putAll(out, contact.tagPoints);
      putAll(out, contact.periodEnd);
      putAll(out, contact.periodPoints);
      putAll(out, contact.lastFired);
      putAll(out, contact.pages);
      putAll(out, contact.clicks);
      out.putShort((short) city.length).put(city);
      out.putShort((short) country.length).put(country);
      putCounted(out, contact.rolling);
      for (long[] keys : contact.once) {
        putCounted(out, keys);
      }
      return Arrays.copyOf(out.array(), out.position());
    }

    private static void putAll(ByteBuffer out, long... numbers) {
      for (long number : numbers) {
        out.putLong(number);
      }
    }

    private static void putCounted(ByteBuffer out, long[] numbers) {
      out.putShort((short) numbers.length);
      putAll(out, numbers);
    }
  }

  private static final class Reader implements Deserializer<Contact> {
    @Override
    public Contact deserialize(String topic, byte[] bytes) {
      if (bytes == null) {
        return null;
      }
      ByteBuffer in = ByteBuffer.wrap(bytes);
      Contact contact = new Contact();
      byte flags = in.get();
      contact.armed = (flags & 1) != 0;
      contact.resting = (flags & 2) != 0;
      contact.qualified = (flags & 4) != 0;
      contact.sawJackets = (flags & 8) != 0;
      contact.stage = in.get();
      contact.tags = in.get();
      contact.engagement = in.getLong();
      contact.fit = in.getLong();
      contact.stagePoints = in.getLong();
      contact.stageEntered = in.getLong();
      contact.lastOn = in.getLong();
      contact.firstEvent = in.getLong();
      contact.lastActivity = in.getLong();
      contact.idleFired = in.getLong();
      contact.seq = in.getLong();
      contact.age = in.getDouble();
      getAll(in, contact.tagPoints);
      getAll(in, contact.periodEnd);
      getAll(in, contact.periodPoints);
      getAll(in, contact.lastFired);
      getAll(in, contact.pages);
      getAll(in, contact.clicks);
      contact.city = getText(in);
      contact.country = getText(in);
      contact.rolling = getCounted(in);
      for (int at = 0; at < contact.once.length; at++) {
        contact.once[at] = getCounted(in);
      }
      return contact;
    }

    private static void getAll(ByteBuffer in, long[] numbers) {
      for (int at = 0; at < numbers.length; at++) {
        numbers[at] = in.getLong();
      }
    }

    private static long[] getCounted(ByteBuffer in) {
      long[] numbers = new long[in.getShort()];
      getAll(in, numbers);
      return numbers;
    }

    private static String getText(ByteBuffer in) {
      byte[] bytes = new byte[in.getShort()];
      in.get(bytes);
      return new String(bytes, StandardCharsets.UTF_8);
    }
  }
}
