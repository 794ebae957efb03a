package leadstream.peer;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.PriorityQueue;
import java.util.concurrent.atomic.LongAdder;

/**
 * Scores with a history: each event inside the horizon and each booking lie beside the contact's sums, in one flat value. Repeats are dropped; an event
 * that comes late folds the history anew and is told as one correction per level; what time alone changes is told at its own instant.
 *
 * <p>It knows of no Kafka: values come from a {@link Store} and derived events go to {@link Derived.Out}. One thread uses it.
 */
final class History implements Rules.Bookings, Levels.Edges {
  /** Where values lie by contact. */
  interface Store {
    byte[] get(byte[] key);

    void put(byte[] key, byte[] value);
  }

  /** Records that changed nothing since they were repeats, that came too late for the horizon, and that folded a history anew, in this process. */
  static final LongAdder REPEATS = new LongAdder();
  static final LongAdder TOO_LATE = new LongAdder();
  static final LongAdder LATE = new LongAdder();

  private static final int MOST_ROWS = 2000;
  private static final long NEVER = Long.MIN_VALUE;

  private record Due(long instant, byte[] key) {}

  private final Store store;
  private final Derived derived;
  private final Kept properties = new Kept();
  private final Event event = new Event(properties);
  private final Event past = new Event(null);
  private final Hash hash = new Hash();
  private final Rules rules = new Rules(this);
  private final Levels levels = new Levels(this);
  private final PriorityQueue<Due> dues = new PriorityQueue<>((one, other) -> Long.compare(one.instant, other.instant));
  private ByteBuffer head = ByteBuffer.allocate(1 << 14);

  // The contact in hand.
  private byte[] key;
  private final State live = new State();
  private final State departed = new State();
  /** What is folded into now: the contact, or what has left its history. */
  private State state = live;
  private byte[] known;
  private int knownFrom;
  private final Rows rows = new Rows();
  private byte[] base;
  private int baseFrom;
  private int baseLength;
  private int entries;
  private int events;
  private long seq;
  private final int[] announced = new int[State.SUBJECTS];
  /** The last step's instant, and the newest event's. */
  private long stepped;
  private long newest;
  /** The instant that {@link #dues} holds for the contact. */
  private long scheduled;
  /** Nothing is told: it would be old news. */
  private boolean silent;
  /** The greatest instant of any event. */
  private long clock = NEVER;

  History(Store store, Derived.Out out) {
    this.store = store;
    derived = new Derived(out);
  }

  /** Waits again for what a contact of the store waits for; called for each before the first event. */
  void remember(byte[] contactKey, byte[] value) {
    load(contactKey, value);
    clock = Math.max(clock, newest);
    dues.add(new Due(scheduled, contactKey));
  }

  void process(byte[] contactKey, byte[] json) throws IOException {
    event.read(json);
    identify(json);
    clock = Math.max(clock, event.timeMs);
    score(contactKey);
    while (!dues.isEmpty() && dues.peek().instant <= clock) {
      wake(dues.poll().key);
    }
  }

  private void identify(byte[] json) {
    hash.begin();
    if (event.messageId.isEmpty()) {
      hash.add(json);
    } else {
      hash.add(event.messageId);
    }
    event.idHigh = hash.high;
    event.idLow = hash.low;
  }

  private void score(byte[] contactKey) {
    load(contactKey, store.get(contactKey));
    int same = Rows.find(known, knownFrom, known.length, event.idHigh, event.idLow);
    if (same >= 0 && !replaces(same)) {
      REPEATS.increment();
      return;
    }
    if (isTooLate()) {
      TOO_LATE.increment();
      return;
    }
    if (same >= 0 || isLate()) {
      LATE.increment();
      correct(same);
    } else {
      timers(event.timeMs);
      begin(event, known, -1);
      step(event);
      timers(clock);
    }
    depart();
    save();
  }

  /** A timer that may be due: the contact may have been heard of since it was set. */
  private void wake(byte[] contactKey) {
    load(contactKey, store.get(contactKey));
    scheduled = Long.MAX_VALUE;
    timers(clock);
    save();
  }

  // ---- What decides about an event.

  /** Of two events with one id the lesser stays, so that it does not matter which came first. */
  private boolean replaces(int row) {
    long time = Rows.time(known, row);
    if (event.timeMs != time) {
      return event.timeMs < time;
    }
    int types = event.word().compareTo(Rows.word(known, row));
    return types < 0 || types == 0 && Rows.compareProperties(known, row, properties) > 0;
  }

  private boolean isTooLate() {
    if (newest == NEVER) {
      return false;
    }
    return event.timeMs < newest - Rules.HORIZON_MS || baseLength > 0 && !isAfter(event, base, baseFrom);
  }

  /** The event comes behind the instant and the id that lie there. */
  private static boolean isAfter(Event event, byte[] bytes, int at) {
    return isAfter(event, Longs.getLong(bytes, at), Longs.getLong(bytes, at + 8), Longs.getLong(bytes, at + 16));
  }

  private static boolean isAfter(Event event, long time, long high, long low) {
    if (event.timeMs != time) {
      return event.timeMs > time;
    }
    int highs = Long.compareUnsigned(event.idHigh, high);
    return highs > 0 || highs == 0 && Long.compareUnsigned(event.idLow, low) > 0;
  }

  private boolean isLate() {
    if (event.timeMs != stepped) {
      return event.timeMs < stepped;
    }
    for (int row = knownFrom; row < known.length; row = Rows.next(known, row)) {
      if (!Rows.isTimer(known, row) && !isAfter(event, Rows.time(known, row), Rows.high(known, row), Rows.low(known, row))) {
        return true;
      }
    }
    return false;
  }

  // ---- The fold.

  private void begin(Event subject, byte[] bytes, int row) {
    if (row >= 0) {
      rows.beginLike(bytes, row);
    } else {
      rows.begin(subject.timeMs, subject.idHigh, subject.idLow, subject.type.ordinal(), properties, subject.name);
    }
  }

  /** Folds an event whose row has begun. */
  private void step(Event subject) {
    Contact contact = state.contact;
    long now = subject.timeMs;
    if (contact.firstEvent == NEVER) {
      contact.firstEvent = now;
      state.since[State.STAGE] = now;
    }
    int tags = contact.tags;
    rules.apply(contact, subject);
    if (subject.type != Event.Type.IDENTIFY) {
      contact.lastActivity = now;
    }
    rows.end();
    entries++;
    events++;
    stepped = now;
    newest = Math.max(newest, now);
    if (!silent) {
      derived.causedBy(subject);
    }
    if (contact.tags != tags) {
      tagged(tags, now);
    }
    levels.settle(contact, now);
  }

  private void timers(long until) {
    Contact contact = state.contact;
    while (contact.firstEvent != NEVER) {
      long idle = Rules.idleDue(contact);
      long check = Levels.due(contact);
      long now = Math.min(idle, check);
      if (now > until) {
        return;
      }
      stepped = now;
      derived.causedByTimer(idle <= check ? "away" : null, now);
      if (idle <= check) {
        properties.clear();
        rows.begin(now, 0, 0, Rows.TIMER, properties, "");
        rules.idle(contact, now);
        rows.end();
        entries++;
      }
      levels.settle(contact, now);
    }
  }

  @Override
  public void booked(int rule, long raw, long applied, int tags) {
    rows.book(rule, raw, applied, tags);
  }

  private void tagged(int before, long now) {
    int changed = state.contact.tags ^ before;
    for (int tag : Derived.TAGS_BY_NAME) {
      if ((changed & 1 << tag) != 0) {
        boolean on = (state.contact.tags & 1 << tag) != 0;
        state.since[State.TAG + tag] = now;
        state.from[State.TAG + tag] = entries - 1;
        if (!silent) {
          tellTag(tag, on, now, now);
        }
      }
    }
  }

  @Override
  public void moved(int before, int after, long score, long threshold, long now) {
    state.since[State.STAGE] = now;
    if (!silent) {
      tellStage(before, after, score, threshold, now, now);
    }
    state.from[State.STAGE] = entries;
  }

  @Override
  public void qualified(boolean on, long score, long now) {
    state.since[State.QUALIFY] = now;
    if (!silent) {
      tellQualify(on, score, now, now);
    }
  }

  // ---- Late events.

  /** Folds the history anew with the event in it, and without the row that it replaces, and tells what is different now, once per level. */
  private void correct(int replaced) {
    boolean wasQualified = live.contact.qualified;
    int wasStage = live.contact.stage;
    int wasTags = live.contact.tags;
    long last = stepped;
    // Timers write rows without properties, through the same buffer as the event's own.
    byte[] kept = Arrays.copyOf(properties.bytes, properties.length);
    silent = true;
    foldAnew(replaced, kept, Math.max(last, clock));
    silent = false;
    stepped = Math.max(stepped, last);
    derived.causedBy(event);
    derived.late = true;
    Contact contact = live.contact;
    int tags = contact.tags ^ wasTags;
    for (int tag : Derived.TAGS_BY_NAME) {
      if ((tags & 1 << tag) != 0) {
        tellTag(tag, (contact.tags & 1 << tag) != 0, stepped, live.since[State.TAG + tag]);
      }
    }
    if (contact.stage != wasStage) {
      long threshold = Levels.threshold(wasStage, contact.stage);
      tellStage(wasStage, contact.stage, contact.stagePoints, threshold, stepped, live.since[State.STAGE]);
    }
    if (contact.qualified != wasQualified) {
      tellQualify(contact.qualified, Levels.score(contact), stepped, live.since[State.QUALIFY]);
    }
    derived.late = false;
  }

  private void foldAnew(int replaced, byte[] kept, long until) {
    readBase(live);
    rows.clear();
    entries = 0;
    events = 0;
    stepped = NEVER;
    newest = NEVER;
    boolean pending = true;
    for (int row = knownFrom; row < known.length; row = Rows.next(known, row)) {
      if (Rows.isTimer(known, row) || row == replaced) {
        continue;
      }
      if (pending && !isAfter(event, Rows.time(known, row), Rows.high(known, row), Rows.low(known, row))) {
        foldIn(kept);
        pending = false;
      }
      Rows.restore(known, row, past);
      timers(past.timeMs);
      begin(past, known, row);
      step(past);
    }
    if (pending) {
      foldIn(kept);
    }
    timers(until);
    knownFrom = known.length;
  }

  private void foldIn(byte[] kept) {
    timers(event.timeMs);
    System.arraycopy(kept, 0, properties.bytes, 0, kept.length);
    properties.length = kept.length;
    begin(event, known, -1);
    step(event);
  }

  // ---- What leaves the history.

  private void depart() {
    if (events <= MOST_ROWS && firstTime() >= newest - Rules.HORIZON_MS) {
      return;
    }
    byte[] all = joined();
    int from = 0;
    int entriesNow = entries;
    int eventsNow = events;
    long steppedNow = stepped;
    long newestNow = newest;
    int left = 0;
    int leftEvents = 0;
    readBase(departed);
    state = departed;
    silent = true;
    int last = -1;
    // Rows of timers go with what comes before them: the fold from the base makes them again.
    while (Rows.isTimer(all, from) || eventsNow - leftEvents > MOST_ROWS || Rows.time(all, from) < newestNow - Rules.HORIZON_MS) {
      if (!Rows.isTimer(all, from)) {
        Rows.restore(all, from, past);
        rows.clear();
        timers(past.timeMs);
        begin(past, all, from);
        step(past);
        last = from;
        leftEvents++;
      }
      left++;
      from = Rows.next(all, from);
    }
    silent = false;
    state = live;
    if (last >= 0) {
      keepBase(all, last);
    }
    rows.clear();
    known = all;
    knownFrom = from;
    entries = entriesNow - left;
    events = eventsNow - leftEvents;
    stepped = steppedNow;
    newest = newestNow;
    for (int subject = 0; subject < State.SUBJECTS; subject++) {
      live.from[subject] = Math.max(0, live.from[subject] - left);
    }
  }

  private long firstTime() {
    return knownFrom < known.length ? Rows.time(known, knownFrom) : Rows.time(rows.bytes, 0);
  }

  private byte[] joined() {
    int old = known.length - knownFrom;
    byte[] all = Arrays.copyOfRange(known, knownFrom, known.length + rows.length);
    System.arraycopy(rows.bytes, 0, all, old, rows.length);
    return all;
  }

  private void readBase(State into) {
    if (baseLength == 0) {
      into.clear();
    } else {
      into.read(ByteBuffer.wrap(base, baseFrom + 24, baseLength - 24));
    }
  }

  private void keepBase(byte[] all, int last) {
    Arrays.fill(departed.from, 0);
    ByteBuffer out = ByteBuffer.allocate(24 + departed.mostBytes());
    out.putLong(Rows.time(all, last)).putLong(Rows.high(all, last)).putLong(Rows.low(all, last));
    departed.write(out);
    base = out.array();
    baseFrom = 0;
    baseLength = out.position();
  }

  // ---- The value.

  private static final byte[] NOTHING = {};
  /** Where the state lies in a value. */
  private static final int STATE = 8 + 4 * State.SUBJECTS + 3 * 8 + 2 * 4;

  private void load(byte[] contactKey, byte[] value) {
    key = contactKey;
    rows.clear();
    if (value == null) {
      live.clear();
      known = NOTHING;
      knownFrom = entries = events = baseLength = 0;
      seq = 0;
      Arrays.fill(announced, 0);
      stepped = newest = NEVER;
      scheduled = Long.MAX_VALUE;
      return;
    }
    ByteBuffer in = ByteBuffer.wrap(value);
    seq = in.getLong();
    for (int subject = 0; subject < State.SUBJECTS; subject++) {
      announced[subject] = in.getInt();
    }
    stepped = in.getLong();
    newest = in.getLong();
    scheduled = in.getLong();
    entries = in.getInt();
    events = in.getInt();
    live.read(in);
    baseLength = in.getInt();
    base = value;
    baseFrom = in.position();
    known = value;
    knownFrom = baseFrom + baseLength;
  }

  /** What the fold has left in a value. */
  static void readState(byte[] value, State into) {
    into.read(ByteBuffer.wrap(value, STATE, value.length - STATE));
  }

  private void save() {
    long due = Math.min(Rules.idleDue(live.contact), Levels.due(live.contact));
    if (due < scheduled) {
      scheduled = due;
      dues.add(new Due(due, key));
    }
    int most = 128 + live.mostBytes() + baseLength;
    if (head.capacity() < most) {
      head = ByteBuffer.allocate(2 * most);
    }
    ByteBuffer out = head.clear();
    out.putLong(seq);
    for (int count : announced) {
      out.putInt(count);
    }
    out.putLong(stepped).putLong(newest).putLong(scheduled).putInt(entries).putInt(events);
    live.write(out);
    out.putInt(baseLength).put(base == null ? NOTHING : base, baseFrom, baseLength);
    int headLength = out.position();
    int old = known.length - knownFrom;
    byte[] value = new byte[headLength + old + rows.length];
    System.arraycopy(out.array(), 0, value, 0, headLength);
    System.arraycopy(known, knownFrom, value, headLength, old);
    System.arraycopy(rows.bytes, 0, value, headLength + old, rows.length);
    store.put(key, value);
  }

  // ---- What is told.

  private void tellTag(int tag, boolean on, long now, long since) {
    int subject = State.TAG + tag;
    derived.begin(key, subject, ++seq, announced[subject]++, now, since);
    if (on) {
      contributions(subject, 1 << tag);
    }
    derived.tag(tag, on, state.contact.tagPoints[tag]);
  }

  private void tellStage(int before, int after, long score, long threshold, long now, long since) {
    derived.begin(key, State.STAGE, ++seq, announced[State.STAGE]++, now, since);
    contributions(State.STAGE, 0);
    derived.stage(before, after, score, threshold);
  }

  private void tellQualify(boolean on, long score, long now, long since) {
    derived.begin(key, State.QUALIFY, ++seq, announced[State.QUALIFY]++, now, since);
    derived.fit(state.contact);
    contributions(State.QUALIFY, 0);
    derived.qualify(on, score);
  }

  /** Names the bookings that a score is made of, all or those with one of the tags. */
  private void contributions(int subject, int tags) {
    int from = subject == State.QUALIFY ? 0 : state.from[subject];
    int entry = contributions(known, knownFrom, known.length, 0, from, tags);
    contributions(rows.bytes, 0, rows.length, entry, from, tags);
  }

  private int contributions(byte[] bytes, int at, int to, int firstEntry, int fromEntry, int tags) {
    int entry = firstEntry;
    for (int row = at; row < to; row = Rows.next(bytes, row), entry++) {
      if (entry < fromEntry) {
        continue;
      }
      int booking = Rows.bookingsAt(bytes, row);
      for (int count = Rows.bookings(bytes, row); count > 0; count--, booking = Rows.bookingAfter(booking)) {
        if (tags == 0 || (Rows.tags(bytes, booking) & tags) != 0) {
          derived.contribution(Rows.rule(bytes, booking), Rows.applied(bytes, booking), bytes, row);
        }
      }
    }
    return entry;
  }
}
