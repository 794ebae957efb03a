package leadstream.peer;

import java.time.DayOfWeek;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneId;
import java.time.temporal.TemporalAdjusters;
import java.util.Arrays;

/** The rules of twenty-rules.yaml over one contact, written out by hand. Points are thousandths. */
final class Rules {
  /** Hears of each booking, of those too that a cap or the floor left nothing of. */
  interface Bookings {
    void booked(int rule, long raw, long applied, int tags);
  }

  /** The rules' names by number, fit rules last. */
  static final String[] NAMES = {
    "visit", "pricing", "offers", "sport", "keen", "brochure", "opened", "clicked", "returning", "form", "no-phone", "cart", "purchase", "by-value",
    "big-order", "unsubscribe", "away", "age", "city", "far",
  };
  static final int AGE = 17;
  static final int CITY = 18;
  static final int FAR = 19;

  private static final long DAY_MS = 86_400_000L;
  static final long HORIZON_MS = 400 * DAY_MS;
  private static final long IDLE_MS = 30 * DAY_MS;
  private static final int IDLE_TIMES = 12;
  private static final ZoneId ZONE = ZoneId.of("Europe/Warsaw");

  private static final int NO_TAG = -1;
  private static final int VISIT = 0;
  private static final int OFFERS = 1;
  private static final int CART = 2;
  private static final int KEEN = 0;
  private static final int RETURNING = 1;
  private static final int FORM = 2;
  private static final int DOWNLOADS = 0;
  private static final int OPENS = 1;
  private static final int CLICKS = 2;

  private final Bookings bookings;
  private Contact contact;
  private long now;

  Rules(Bookings bookings) {
    this.bookings = bookings;
  }

  /** Books everything that the event is worth. */
  void apply(Contact subject, Event event) {
    contact = subject;
    now = event.timeMs;
    switch (event.type) {
      case PAGE -> page(event);
      case OPENED -> oncePer(6, OPENS, event.emailId, 2_000);
      case CLICKED -> clicked(event);
      case ADDED -> inPeriod(11, CART, 5_000, 20_000, false);
      case FORM -> form(event);
      case DOWNLOAD -> {
        if (firstTime(DOWNLOADS, event.path)) {
          book(5, 30_000, 30_000, Contact.BROCHURE);
        }
      }
      case ORDER -> order(event);
      case UNSUBSCRIBED -> book(15, -30_000);
      case IDENTIFY -> attributes(event);
      case OTHER -> { }
    }
  }

  /** The idle rule, for the dues that have passed since the contact was last seen. */
  void idle(Contact subject, long due) {
    contact = subject;
    now = due;
    book(16, -10_000);
    contact.idleFired = due;
  }

  /** When the idle rule fires next if nothing else happens; the greatest number if never. */
  static long idleDue(Contact contact) {
    long quietSince = Math.max(contact.firstEvent, contact.lastActivity);
    long fired = contact.idleFired > quietSince ? (contact.idleFired - quietSince) / IDLE_MS : 0;
    return fired >= IDLE_TIMES ? Long.MAX_VALUE : quietSince + (fired + 1) * IDLE_MS;
  }

  private void page(Event event) {
    remember(contact.pages, now);
    inPeriod(0, VISIT, 1_000, 5_000, false);
    String path = event.path;
    if (path.startsWith("/pricing")) {
      pricing();
    }
    if (path.startsWith("/offers/")) {
      inPeriod(2, OFFERS, 5_000, 20_000, true);
    }
    contact.sawJackets |= path.startsWith("/jackets/");
    if (path.startsWith("/shoes/") && !contact.sawJackets) {
      book(3, 2_000, 2_000, Contact.SPORT);
    }
    if (contact.pages[0] > now - 7 * DAY_MS && passed(KEEN, 7 * DAY_MS)) {
      book(4, 15_000);
    }
  }

  private void clicked(Event event) {
    remember(contact.clicks, now);
    oncePer(7, CLICKS, event.emailId, 8_000);
    if (contact.clicks[0] > now - 30 * DAY_MS && passed(RETURNING, 30 * DAY_MS)) {
      book(8, 10_000);
    }
  }

  private void form(Event event) {
    if (passed(FORM, DAY_MS)) {
      book(9, 20_000);
      contact.tags &= ~(1 << Contact.SPORT);
      contact.tagPoints[Contact.SPORT] = 0;
    }
    if (!event.hasPhone) {
      book(10, -2_000);
    }
  }

  private void order(Event event) {
    book(12, 25_000);
    if (event.hasValue) {
      long points = Math.round(event.value * 10);
      book(13, points, Math.min(100_000, points), NO_TAG);
      if (event.value > 1000) {
        book(14, 50_000, 50_000, Contact.BIG_SPENDER);
      }
    }
  }

  private void attributes(Event event) {
    if (event.hasAge) {
      contact.age = event.age;
    }
    if (event.city != null) {
      contact.city = event.city;
    }
    if (event.country != null) {
      contact.country = event.country;
    }
    contact.fit = age(contact) + city(contact) + far(contact);
  }

  static long age(Contact contact) {
    return contact.age >= 30 && contact.age < 50 ? 10_000 : 0;
  }

  static long city(Contact contact) {
    return contact.city.equals("Kraków") || contact.city.equals("Warszawa") ? 5_000 : 0;
  }

  static long far(Contact contact) {
    return !contact.country.isEmpty() && !contact.country.equals("PL") ? -10_000 : 0;
  }

  /** Three pricing pages count in seven days. */
  private void pricing() {
    long[] rolling = contact.rolling;
    int expired = 0;
    while (expired < rolling.length && rolling[expired] <= now - 7 * DAY_MS) {
      expired += 2;
    }
    long already = 0;
    for (int at = expired; at < rolling.length; at += 2) {
      already += rolling[at + 1];
    }
    long applied = book(1, 15_000, Math.max(0, Math.min(15_000, 45_000 - already)), NO_TAG);
    long[] kept = Arrays.copyOfRange(rolling, expired, rolling.length + (applied == 0 ? 0 : 2));
    if (applied != 0) {
      kept[kept.length - 2] = now;
      kept[kept.length - 1] = applied;
    }
    contact.rolling = kept;
  }

  private void inPeriod(int number, int rule, long points, long cap, boolean week) {
    if (now >= contact.periodEnd[rule]) {
      LocalDate day = Instant.ofEpochMilli(now).atZone(ZONE).toLocalDate();
      LocalDate next = week ? day.with(TemporalAdjusters.next(DayOfWeek.MONDAY)) : day.plusDays(1);
      contact.periodEnd[rule] = next.atStartOfDay(ZONE).toInstant().toEpochMilli();
      contact.periodPoints[rule] = 0;
    }
    contact.periodPoints[rule] += book(number, points, Math.min(points, cap - contact.periodPoints[rule]), NO_TAG);
  }

  private void oncePer(int number, int rule, String value, long points) {
    if (firstTime(rule, value)) {
      book(number, points);
    }
  }

  private boolean firstTime(int rule, String value) {
    if (value.isEmpty()) {
      return false;
    }
    long key = hash(value);
    long[] known = contact.once[rule];
    for (int at = 0; at < known.length; at += 2) {
      if (known[at] == key) {
        if (now < known[at + 1] + HORIZON_MS) {
          return false;
        }
        known[at + 1] = now;
        return true;
      }
    }
    long[] grown = Arrays.copyOf(known, known.length + 2);
    grown[known.length] = key;
    grown[known.length + 1] = now;
    contact.once[rule] = grown;
    return true;
  }

  private static long hash(String value) {
    long hash = 0xcbf29ce484222325L;
    for (int at = 0; at < value.length(); at++) {
      hash = (hash ^ value.charAt(at)) * 0x100000001b3L;
    }
    return hash;
  }

  private boolean passed(int rule, long spanMs) {
    if (contact.lastFired[rule] != Long.MIN_VALUE && now < contact.lastFired[rule] + spanMs) {
      return false;
    }
    contact.lastFired[rule] = now;
    return true;
  }

  private static void remember(long[] instants, long now) {
    System.arraycopy(instants, 1, instants, 0, instants.length - 1);
    instants[instants.length - 1] = now;
  }

  private void book(int rule, long points) {
    book(rule, points, points, NO_TAG);
  }

  /** Books what a cap left of points, sets the tag, and returns what the floor left too. */
  private long book(int rule, long raw, long points, int tag) {
    long applied = Math.max(0, contact.engagement + points) - contact.engagement;
    contact.engagement += applied;
    contact.stagePoints += applied;
    contact.resting &= applied == 0;
    int tags = 0;
    if (tag != NO_TAG) {
      tags = 1 << tag;
      contact.tags |= tags;
      contact.tagPoints[tag] += applied;
    }
    bookings.booked(rule, raw, applied, tags);
    return applied;
  }
}
