package leadstream.peer;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** JSON as bytes, written over and over into the same array. */
final class Text {
  private static final byte[] HEX = "0123456789abcdef".getBytes(StandardCharsets.US_ASCII);

  private byte[] bytes = new byte[4096];
  private int length;

  void clear() {
    length = 0;
  }

  byte[] copy() {
    return Arrays.copyOf(bytes, length);
  }

  /** Text of ASCII that needs no escape. */
  @SuppressWarnings("deprecation") // The one way to copy ASCII without an array between.
  Text plain(String text) {
    room(text.length());
    text.getBytes(0, text.length(), bytes, length);
    length += text.length();
    return this;
  }

  /** Any text, between quotation marks. */
  Text quoted(byte[] text) {
    room(6 * text.length + 2);
    bytes[length++] = '"';
    for (byte letter : text) {
      if (letter == '"' || letter == '\\') {
        bytes[length++] = '\\';
        bytes[length++] = letter;
      } else if (letter >= 0 && letter < ' ') {
        plain("\\u00");
        hexByte(letter);
      } else {
        bytes[length++] = letter;
      }
    }
    bytes[length++] = '"';
    return this;
  }

  Text number(long number) {
    if (number < 0) {
      room(1);
      bytes[length++] = '-';
      return number(-number);
    }
    room(20);
    int digits = 1;
    for (long rest = number; rest >= 10; rest /= 10) {
      digits++;
    }
    digits(number, digits);
    return this;
  }

  /** Thousandths as points: whole, or with as many decimals as they need. */
  Text points(long thousandths) {
    if (thousandths < 0) {
      room(1);
      bytes[length++] = '-';
      return points(-thousandths);
    }
    number(thousandths / 1000);
    int rest = (int) (thousandths % 1000);
    if (rest != 0) {
      room(4);
      bytes[length++] = '.';
      digits(rest, 3);
      while (bytes[length - 1] == '0') {
        length--;
      }
    }
    return this;
  }

  Text hash(long high, long low) {
    room(32);
    for (int shift = 56; shift >= 0; shift -= 8) {
      hexByte((int) (high >>> shift));
    }
    for (int shift = 56; shift >= 0; shift -= 8) {
      hexByte((int) (low >>> shift));
    }
    return this;
  }

  /** An instant as RFC 3339 in UTC, by hand as in {@link Event}. */
  Text instant(long timeMs) {
    room(24);
    long days = Math.floorDiv(timeMs, 86_400_000L) + 719_468;
    long ofDay = Math.floorMod(timeMs, 86_400_000L);
    long era = Math.floorDiv(days, 146_097L);
    long ofEra = days - era * 146_097;
    long yearOfEra = (ofEra - ofEra / 1460 + ofEra / 36_524 - ofEra / 146_096) / 365;
    long ofYear = ofEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100);
    long shifted = (5 * ofYear + 2) / 153;
    long month = shifted < 10 ? shifted + 3 : shifted - 9;
    digits(yearOfEra + era * 400 + (month <= 2 ? 1 : 0), 4).letter('-').digits(month, 2).letter('-');
    digits(ofYear - (153 * shifted + 2) / 5 + 1, 2).letter('T').digits(ofDay / 3_600_000, 2).letter(':').digits(ofDay / 60_000 % 60, 2).letter(':');
    return digits(ofDay / 1000 % 60, 2).letter('.').digits(ofDay % 1000, 3).letter('Z');
  }

  private Text letter(char letter) {
    bytes[length++] = (byte) letter;
    return this;
  }

  private Text digits(long number, int count) {
    long rest = number;
    for (int at = length + count - 1; at >= length; at--) {
      bytes[at] = (byte) ('0' + rest % 10);
      rest /= 10;
    }
    length += count;
    return this;
  }

  private void hexByte(int value) {
    bytes[length++] = HEX[value >> 4 & 15];
    bytes[length++] = HEX[value & 15];
  }

  private void room(int more) {
    if (bytes.length < length + more) {
      bytes = Arrays.copyOf(bytes, 2 * (length + more));
    }
  }
}
