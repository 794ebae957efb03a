package leadstream.peer;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

/**
 * An event's scalar properties as flat bytes, a kibibyte of them at most: for each the number of its name (0 and the name itself where the name has
 * none), two bytes of kind and length, and its text.
 */
final class Kept {
  static final int MOST_BYTES = 1024;

  /** New names go to the end: their places are in stored bytes. */
  private static final String[] NAMES = {
    "", "url", "path", "title", "referrer", "email_id", "campaign_name", "email_subject", "link_url", "product_id", "name", "category", "price",
    "quantity", "currency", "form_id", "form_name", "topic", "phone", "file_name", "file_size", "order_id", "total", "revenue", "coupon", "shipping",
    "list", "age", "city", "country", "first_name", "plan", "newsletter", "query", "results",
  };
  private static final Map<String, Integer> NUMBERS = new HashMap<>();
  private static final int LENGTH_BITS = 12;
  private static final int LENGTH_MASK = (1 << LENGTH_BITS) - 1;

  static {
    for (int number = 1; number < NAMES.length; number++) {
      NUMBERS.put(NAMES[number], number);
    }
  }

  byte[] bytes = new byte[4096];
  int length;
  /** Properties dropped for their size since the start. */
  long dropped;

  void clear() {
    length = 0;
  }

  /** Adds a message's field; null, empty text and whatever is no scalar are not kept. */
  void add(String field, JsonToken token, JsonParser parser) throws IOException {
    if (!token.isScalarValue() || token == JsonToken.VALUE_NULL) {
      return;
    }
    int textLength = parser.getTextLength();
    if (textLength == 0) {
      return;
    }
    if (textLength > MOST_BYTES) {
      dropped++;
      return;
    }
    int from = length;
    int most = 3 * (textLength + field.length()) + 8;
    if (bytes.length < from + most) {
      bytes = Arrays.copyOf(bytes, 2 * (from + most));
    }
    Integer number = NUMBERS.get(field);
    if (number != null) {
      bytes[length++] = number.byteValue();
    } else {
      byte[] name = field.getBytes(StandardCharsets.UTF_8);
      bytes[length++] = 0;
      Longs.putShort(bytes, length, name.length);
      System.arraycopy(name, 0, bytes, length + 2, name.length);
      length += 2 + name.length;
    }
    int head = length;
    length += 2;
    putText(parser.getTextCharacters(), parser.getTextOffset(), textLength);
    int size = length - head - 2;
    Longs.putShort(bytes, head, kind(token) << LENGTH_BITS | size & LENGTH_MASK);
    if (size > MOST_BYTES) {
      length = from;
      dropped++;
    }
    while (length > MOST_BYTES) {
      dropLargest();
    }
  }

  private static int kind(JsonToken token) {
    return switch (token) {
      case VALUE_STRING -> 0;
      case VALUE_TRUE -> 1;
      case VALUE_FALSE -> 2;
      default -> 3;
    };
  }

  private void putText(char[] text, int from, int count) {
    byte[] out = bytes;
    int to = length;
    for (int at = from; at < from + count; at++) {
      char letter = text[at];
      if (letter >= 0x80) {
        byte[] rest = new String(text, at, from + count - at).getBytes(StandardCharsets.UTF_8);
        System.arraycopy(rest, 0, out, to, rest.length);
        to += rest.length;
        break;
      }
      out[to++] = (byte) letter;
    }
    length = to;
  }

  private void dropLargest() {
    int largest = 0;
    int largestSize = 0;
    for (int at = 0; at < length; ) {
      int end = end(bytes, at);
      if (end - at > largestSize) {
        largest = at;
        largestSize = end - at;
      }
      at = end;
    }
    System.arraycopy(bytes, largest + largestSize, bytes, largest, length - largest - largestSize);
    length -= largestSize;
    dropped++;
  }

  private static int valueAt(byte[] bytes, int at) {
    return bytes[at] == 0 ? at + 3 + Longs.getShort(bytes, at + 1) : at + 1;
  }

  private static int end(byte[] bytes, int at) {
    int value = valueAt(bytes, at);
    return value + 2 + (Longs.getShort(bytes, value) & LENGTH_MASK);
  }

  /** Fills an event with the properties that lie in these bytes. */
  static void restore(byte[] bytes, int from, int to, Event event) {
    for (int at = from; at < to; ) {
      int value = valueAt(bytes, at);
      String name = bytes[at] == 0 ? new String(bytes, at + 3, value - at - 3, StandardCharsets.UTF_8) : NAMES[bytes[at]];
      int size = Longs.getShort(bytes, value) & LENGTH_MASK;
      event.take(name, new String(bytes, value + 2, size, StandardCharsets.UTF_8));
      at = value + 2 + size;
    }
  }
}
