package leadstream.peer;

/** Stage and threshold of twenty-rules.yaml: moves them to where the scores say, after each step. */
final class Levels {
  /** Hears of each change while the scores are still those that caused it. */
  interface Edges {
    /** The contact leaves one stage for another; `threshold` is below 0 where it left for silence. */
    void moved(int before, int after, long score, long threshold, long now);

    /** The contact qualifies, or does so no more. */
    void qualified(boolean on, long score, long now);
  }

  static final String[] STAGES = {"lead", "marketing-qualified", "sales-qualified"};
  static final long AT = 100_000;
  static final long RELEASE = 80_000;

  private static final long DAY_MS = 86_400_000L;
  private static final long COOLDOWN_MS = 7 * DAY_MS;
  private static final long LEAVE_IDLE_MS = 90 * DAY_MS;
  private static final long LEAVE_BELOW = 30_000;
  private static final long[] ENTER = {0, 50_000, 80_000};

  private final Edges edges;

  Levels(Edges edges) {
    this.edges = edges;
  }

  static long score(Contact contact) {
    return Math.max(0, contact.engagement + contact.fit);
  }

  void settle(Contact contact, long now) {
    boolean left = false;
    while (contact.stage > 0 && leaves(contact, now)) {
      move(contact, contact.stage - 1, now);
      contact.resting = true;
      left = true;
    }
    while (!left && contact.stage < 2 && !contact.resting && contact.stagePoints >= ENTER[contact.stage + 1]) {
      move(contact, contact.stage + 1, now);
    }
    arm(contact);
    long score = score(contact);
    if (contact.qualified && score < RELEASE) {
      contact.qualified = false;
      edges.qualified(false, score, now);
    } else if (!contact.qualified && score >= AT && (contact.lastOn == Long.MIN_VALUE || now >= contact.lastOn + COOLDOWN_MS)) {
      contact.qualified = true;
      contact.lastOn = now;
      edges.qualified(true, score, now);
    }
  }

  /** What was compared with where a contact came from one stage to another; below 0 where it was silence. */
  static long threshold(int before, int after) {
    if (after > before) {
      return ENTER[after];
    }
    return after == 0 ? LEAVE_BELOW : -1;
  }

  /** The instant at which time alone changes a level, if nothing else happens; the greatest number if never. */
  static long due(Contact contact) {
    long due = Long.MAX_VALUE;
    if (!contact.qualified && contact.lastOn != Long.MIN_VALUE && score(contact) >= AT) {
      due = contact.lastOn + COOLDOWN_MS;
    }
    return contact.stage == 2 ? Math.min(due, silentSince(contact) + LEAVE_IDLE_MS) : due;
  }

  private static long silentSince(Contact contact) {
    return Math.max(contact.stageEntered, contact.lastActivity);
  }

  private static void arm(Contact contact) {
    contact.armed |= contact.stage == 1 && contact.stagePoints >= LEAVE_BELOW;
  }

  private static boolean leaves(Contact contact, long now) {
    arm(contact);
    if (contact.stage == 1) {
      return contact.armed && contact.stagePoints < LEAVE_BELOW;
    }
    return now >= silentSince(contact) + LEAVE_IDLE_MS;
  }

  private void move(Contact contact, int stage, long now) {
    edges.moved(contact.stage, stage, contact.stagePoints, threshold(contact.stage, stage), now);
    contact.stage = stage;
    contact.stageEntered = now;
    contact.stagePoints = 0;
    contact.armed = false;
    contact.resting = false;
  }
}
