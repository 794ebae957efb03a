package leadstream.peer;

import java.nio.charset.StandardCharsets;

/** Writes derived events in the shape of Leadstream's: levels, score and threshold, cause, and the five largest contributions. */
final class Derived {
  /** Takes the finished events. */
  interface Out {
    void derived(byte[] key, byte[] value, byte[] id, String type, byte[] time);
  }

  static final String[] TAGS = {"sport", "brochure", "big-spender"};
  /** The tags in the order in which they are told. */
  static final int[] TAGS_BY_NAME = {2, 1, 0};

  private static final String[] SUBJECTS = {"qualify", "stage", "tag:sport", "tag:brochure", "tag:big-spender"};
  private static final int MOST = 5;
  private static final String VERSION;

  static {
    Hash hash = new Hash();
    hash.begin();
    hash.add("twenty-rules");
    VERSION = new String(new Text().hash(hash.high, hash.low).copy(), StandardCharsets.US_ASCII);
  }

  private final Out out;
  private final Text text = new Text();
  private final Text small = new Text();
  private final Hash hash = new Hash();

  /** The event corrects what was told before. */
  boolean late;

  private Event cause;
  private String timerRule;
  private long timerTime;

  private byte[] key;
  private int subject;
  private long seq;
  private int before;
  private long now;
  private long since;
  private int count;
  private final int[] rules = new int[MOST];
  private final long[] values = new long[MOST];
  private final byte[][] where = new byte[MOST][];
  private final int[] rows = new int[MOST];

  Derived(Out out) {
    this.out = out;
  }

  void causedBy(Event event) {
    cause = event;
  }

  /** By an idle rule, or by the clock alone where none is named. */
  void causedByTimer(String rule, long time) {
    cause = null;
    timerRule = rule;
    timerTime = time;
  }

  /** Begins an event; `announcedBefore` is how often its subject was told. */
  void begin(byte[] contactKey, int ofSubject, long number, int announcedBefore, long time, long sinceTime) {
    key = contactKey;
    subject = ofSubject;
    seq = number;
    before = announcedBefore;
    now = time;
    since = sinceTime;
    count = 0;
  }

  void fit(Contact contact) {
    contribution(Rules.AGE, Rules.age(contact), null, 0);
    contribution(Rules.CITY, Rules.city(contact), null, 0);
    contribution(Rules.FAR, Rules.far(contact), null, 0);
  }

  /** Keeps it if it is one of the largest. They come in the order of the history: of equal ones the first stays, and of one event's that by name. */
  void contribution(int rule, long value, byte[] bytes, int row) {
    if (value == 0 || count == MOST && !comesBefore(rule, value, bytes, row, MOST - 1)) {
      return;
    }
    int at = count < MOST ? count++ : MOST - 1;
    for (; at > 0 && comesBefore(rule, value, bytes, row, at - 1); at--) {
      rules[at] = rules[at - 1];
      values[at] = values[at - 1];
      where[at] = where[at - 1];
      rows[at] = rows[at - 1];
    }
    rules[at] = rule;
    values[at] = value;
    where[at] = bytes;
    rows[at] = row;
  }

  private boolean comesBefore(int rule, long value, byte[] bytes, int row, int at) {
    long size = Math.abs(value);
    long other = Math.abs(values[at]);
    return size > other || size == other && rows[at] == row && where[at] == bytes && Rules.NAMES[rule].compareTo(Rules.NAMES[rules[at]]) < 0;
  }

  void tag(int tag, boolean on, long score) {
    String type = on ? "tag.added" : "tag.removed";
    open(type, false);
    text.plain(on ? ",\"old\":null,\"new\":\"on\",\"score\":" : ",\"old\":\"on\",\"new\":null,\"score\":").points(score).plain(",\"threshold\":null");
    close(type, "tag", 0, 0);
  }

  void stage(int from, int to, long score, long threshold) {
    String type = to > from ? "stage.advanced" : "stage.regressed";
    open(type, true);
    text.plain(",\"old\":\"").plain(Levels.STAGES[from]).plain("\",\"new\":\"").plain(Levels.STAGES[to]).plain("\",\"score\":").points(score);
    text.plain(",\"threshold\":");
    if (threshold < 0) {
      text.plain("null");
    } else {
      text.points(threshold);
    }
    close(type, threshold < 0 && cause == null ? "idle" : "score", from, to);
  }

  void qualify(boolean on, long score) {
    String type = on ? "lead.qualified" : "lead.disqualified";
    open(type, true);
    text.plain(on ? ",\"old\":null,\"new\":\"on\",\"score\":" : ",\"old\":\"on\",\"new\":null,\"score\":").points(score);
    text.plain(",\"threshold\":").points(on ? Levels.AT : Levels.RELEASE);
    // A correction may tell a level that the score of another instant led to.
    String off = score < Levels.RELEASE ? "score" : "condition";
    close(type, !on ? off : cause == null && timerRule == null ? "cooldown" : "score", 0, 0);
  }

  private void open(String type, boolean ofPlan) {
    text.clear();
    identify(before + 1);
    text.plain("{\"id\":\"").hash(hash.high, hash.low).plain("\",\"type\":\"").plain(type).plain("\",\"contact\":").quoted(key);
    if (ofPlan) {
      text.plain(",\"plan\":\"benchmark\",\"version\":\"").plain(VERSION).plain("\",\"subject\":\"");
    } else {
      text.plain(",\"plan\":null,\"version\":null,\"subject\":\"");
    }
    text.plain(SUBJECTS[subject]).plain("\",\"n\":").number(before + 1).plain(",\"seq\":").number(seq);
    long sinceTime = since != Long.MIN_VALUE ? since : cause != null ? cause.timeMs : now;
    text.plain(",\"time\":\"").instant(now).plain("\",\"since\":\"").instant(sinceTime).plain("\"");
  }

  private void identify(int number) {
    hash.begin();
    hash.add(key);
    hash.add(subject);
    hash.add(number);
  }

  private void close(String type, String reason, int from, int to) {
    text.plain(",\"cause\":{\"kind\":\"");
    if (cause != null) {
      text.plain("event\",\"uid\":\"").hash(cause.idHigh, cause.idLow).plain("\",\"type\":").quoted(cause.word().getBytes(StandardCharsets.UTF_8));
      text.plain(",\"rule\":null,\"time\":\"").instant(cause.timeMs).plain("\"}");
    } else if (timerRule != null) {
      text.plain("idle\",\"uid\":null,\"type\":null,\"rule\":\"").plain(timerRule).plain("\",\"time\":\"").instant(timerTime).plain("\"}");
    } else {
      text.plain("check\",\"uid\":null,\"type\":null,\"rule\":null,\"time\":\"").instant(timerTime).plain("\"}");
    }
    text.plain(",\"reason\":\"").plain(reason).plain(late ? "\",\"marks\":[\"late\"],\"corrects\":" : "\",\"marks\":[],\"corrects\":");
    if (late && before > 0) {
      identify(before);
      text.plain("\"").hash(hash.high, hash.low).plain("\"");
      identify(before + 1);
    } else {
      text.plain("null");
    }
    text.plain(Math.abs(to - from) == 2 ? ",\"via\":[\"marketing-qualified\"],\"contributions\":[" : ",\"via\":[],\"contributions\":[");
    for (int at = 0; at < count; at++) {
      line(at);
    }
    byte[] value = text.plain("]}").copy();
    small.clear();
    byte[] id = small.hash(hash.high, hash.low).copy();
    small.clear();
    out.derived(key, value, id, type, small.instant(now).copy());
  }

  private void line(int at) {
    text.plain(at == 0 ? "{" : ",{").plain("\"plan\":\"benchmark\",\"rule\":\"").plain(Rules.NAMES[rules[at]]).plain("\",\"uid\":");
    byte[] bytes = where[at];
    int row = rows[at];
    if (bytes == null) {
      text.plain("null,\"type\":null,\"time\":null");
    } else if (Rows.isTimer(bytes, row)) {
      text.plain("null,\"type\":null,\"time\":\"").instant(Rows.time(bytes, row)).plain("\"");
    } else {
      text.plain("\"").hash(Rows.high(bytes, row), Rows.low(bytes, row)).plain("\",\"type\":\"").plain(Rows.type(bytes, row).word);
      text.plain("\",\"time\":\"").instant(Rows.time(bytes, row)).plain("\"");
    }
    text.plain(",\"value\":").points(values[at]).plain("}");
  }
}
