package leadstream.peer;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;

/** The parts of a Segment message that the rules read, filled again for each record; and, where asked for, all of its scalar properties. */
final class Event {
  enum Type {
    PAGE("page_viewed"),
    OPENED("email_opened"),
    CLICKED("email_clicked"),
    ADDED("product_added"),
    FORM("form_submitted"),
    DOWNLOAD("file_downloaded"),
    ORDER("order_completed"),
    UNSUBSCRIBED("unsubscribed"),
    IDENTIFY("identify"),
    OTHER("");

    final String word;

    Type(String word) {
      this.word = word;
    }
  }

  private static final JsonFactory JSON = new JsonFactory();

  Type type;
  String messageId;
  long timeMs;
  String path;
  String emailId;
  boolean hasPhone;
  double value;
  boolean hasValue;
  double age;
  boolean hasAge;
  String city;
  String country;
  /** What the message calls its event; empty where its type says all. */
  String name;

  /** Where the properties go; null where nobody keeps them. */
  private final Kept kept;
  /** The hash of its id, for whoever asks for it. */
  long idHigh;
  long idLow;

  private double revenue;
  private boolean hasRevenue;

  Event(Kept kept) {
    this.kept = kept;
  }

  void read(byte[] json) throws IOException {
    clear();
    String messageType = "";
    try (JsonParser parser = JSON.createParser(json)) {
      if (parser.nextToken() != JsonToken.START_OBJECT) {
        throw new IOException("not an object");
      }
      String field;
      while ((field = parser.nextFieldName()) != null) {
        JsonToken token = parser.nextToken();
        switch (field) {
          case "type" -> messageType = parser.getText();
          case "event" -> name = parser.getText();
          case "messageId" -> messageId = parser.getText();
          case "timestamp" -> timeMs = instant(parser.getText());
          case "properties", "traits" -> properties(parser, token);
          default -> parser.skipChildren();
        }
      }
    }
    settle();
    type = typeOf(messageType, name);
  }

  /** Takes a property that was kept, as {@link #read} does with those of a message; {@link #clear} comes before the first, {@link #settle} last. */
  void take(String field, String text) {
    switch (field) {
      case "path" -> path = text;
      case "email_id" -> emailId = text;
      case "phone" -> hasPhone = true;
      case "total" -> {
        value = Double.parseDouble(text);
        hasValue = true;
      }
      case "revenue" -> {
        revenue = Double.parseDouble(text);
        hasRevenue = true;
      }
      case "age" -> {
        age = Double.parseDouble(text);
        hasAge = true;
      }
      case "city" -> city = text;
      case "country" -> country = text;
      default -> { }
    }
  }

  void settle() {
    if (!hasValue && hasRevenue) {
      value = revenue;
      hasValue = true;
    }
  }

  void clear() {
    name = "";
    if (kept != null) {
      kept.clear();
    }
    messageId = "";
    timeMs = 0;
    path = "";
    emailId = "";
    hasPhone = false;
    hasValue = false;
    hasRevenue = false;
    hasAge = false;
    city = null;
    country = null;
  }

  private void properties(JsonParser parser, JsonToken first) throws IOException {
    if (first != JsonToken.START_OBJECT) {
      parser.skipChildren();
      return;
    }
    String field;
    while ((field = parser.nextFieldName()) != null) {
      JsonToken token = parser.nextToken();
      if (kept != null) {
        kept.add(field, token, parser);
      }
      switch (field) {
        case "path" -> path = parser.getText();
        case "email_id" -> emailId = parser.getText();
        case "phone" -> hasPhone = true;
        case "total" -> {
          value = parser.getDoubleValue();
          hasValue = true;
        }
        case "revenue" -> {
          revenue = parser.getDoubleValue();
          hasRevenue = true;
        }
        case "age" -> {
          age = parser.getDoubleValue();
          hasAge = true;
        }
        case "city" -> city = parser.getText();
        case "country" -> country = parser.getText();
        default -> {
          if (token.isStructStart()) {
            parser.skipChildren();
          }
        }
      }
    }
  }

  /** What the event is called where its type says no more than that it is another one. */
  String word() {
    return type == Type.OTHER ? snake(name) : type.word;
  }

  /** "Products Searched" as products_searched. */
  static String snake(String name) {
    return name.trim().toLowerCase(java.util.Locale.ROOT).replaceAll("[^\\p{L}\\p{N}]+", "_");
  }

  private static Type typeOf(String messageType, String name) {
    return switch (messageType) {
      case "page" -> Type.PAGE;
      case "identify" -> Type.IDENTIFY;
      default -> switch (name) {
        case "Email Opened" -> Type.OPENED;
        case "Email Clicked" -> Type.CLICKED;
        case "Product Added" -> Type.ADDED;
        case "Form Submitted" -> Type.FORM;
        case "File Downloaded" -> Type.DOWNLOAD;
        case "Order Completed" -> Type.ORDER;
        case "Unsubscribed" -> Type.UNSUBSCRIBED;
        default -> Type.OTHER;
      };
    };
  }

  /** RFC 3339 in UTC with milliseconds, read by hand: java.time costs several times more. */
  private static long instant(String text) {
    int year = digits(text, 0, 4);
    int month = digits(text, 5, 2);
    int day = digits(text, 8, 2);
    int shifted = month <= 2 ? year - 1 : year;
    int era = Math.floorDiv(shifted, 400);
    int ofEra = shifted - era * 400;
    int ofYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    long days = era * 146097L + ofEra * 365L + ofEra / 4 - ofEra / 100 + ofYear - 719468L;
    long seconds = digits(text, 11, 2) * 3600L + digits(text, 14, 2) * 60L + digits(text, 17, 2);
    return (days * 86400 + seconds) * 1000 + digits(text, 20, 3);
  }

  private static int digits(String text, int from, int count) {
    int number = 0;
    for (int at = from; at < from + count; at++) {
      number = number * 10 + text.charAt(at) - '0';
    }
    return number;
  }
}
