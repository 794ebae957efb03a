package leadstream.peer;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.concurrent.atomic.LongAdder;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;

/**
 * Scores one record: state in, rules, levels, state out, and what changed as derived events.
 *
 * <p>It does less than Leadstream: it keeps no history and no ledger, so it neither recognises repeats, nor corrects for late events, nor explains a
 * score; silence is noticed with the contact's next event only.
 */
final class Scorer implements Processor<byte[], byte[], byte[], byte[]> {
  static final String STORE = "contacts";
  /** Records scored in this process. */
  static final LongAdder SCORED = new LongAdder();
  /** Derived events in this process. */
  static final LongAdder DERIVED = new LongAdder();

  private static final long DAY_MS = 86_400_000L;
  private static final String[] TAGS = {"sport", "brochure", "big-spender"};
  private static final String[] STAGES = {"lead", "marketing-qualified", "sales-qualified"};
  private static final long[] ENTER = {0, 50_000, 80_000};

  private final Event event = new Event();
  private final Rules rules = new Rules();
  private final StringBuilder json = new StringBuilder(512);
  private ProcessorContext<byte[], byte[]> context;
  private KeyValueStore<Bytes, Contact> contacts;
  private Record<byte[], byte[]> record;

  @Override
  public void init(ProcessorContext<byte[], byte[]> context) {
    this.context = context;
    contacts = context.getStateStore(STORE);
  }

  @Override
  public void process(Record<byte[], byte[]> input) {
    try {
      event.read(input.value());
    } catch (IOException malformed) {
      throw new IllegalStateException("a record that is no JSON", malformed);
    }
    record = input;
    Bytes key = Bytes.wrap(input.key());
    Contact contact = contacts.get(key);
    if (contact == null) {
      contact = new Contact();
      contact.firstEvent = event.timeMs;
    }
    timers(contact, event.timeMs);
    int tagsBefore = contact.tags;
    rules.apply(contact, event);
    if (event.type != Event.Type.IDENTIFY) {
      contact.lastActivity = event.timeMs;
    }
    tagChanges(contact, tagsBefore);
    levels(contact, event.timeMs);
    contacts.put(key, contact);
    SCORED.increment();
  }

  /** The idle rule and the stage left for silence, as far as they fell due since the contact was last seen. */
  private void timers(Contact contact, long until) {
    long quietSince = Math.max(contact.firstEvent, contact.lastActivity);
    for (int time = 0; time < 12; time++) {
      long due = quietSince + (time + 1) * 30 * DAY_MS;
      if (due > until) {
        return;
      }
      if (due > contact.idleFired) {
        rules.idle(contact, due);
        levels(contact, due);
      }
    }
  }

  private void tagChanges(Contact contact, int before) {
    int changed = contact.tags ^ before;
    for (int tag = 0; changed != 0 && tag < TAGS.length; tag++) {
      if ((changed & 1 << tag) != 0) {
        boolean set = (contact.tags & 1 << tag) != 0;
        derive(contact, set ? "tag.added" : "tag.removed", TAGS[tag], set ? "none" : "on", set ? "on" : "none", contact.tagPoints[tag], 0, event.timeMs);
      }
    }
  }

  private void levels(Contact contact, long now) {
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
    long score = Math.max(0, contact.engagement + contact.fit);
    if (contact.qualified && score < 80_000) {
      contact.qualified = false;
      derive(contact, "lead.released", "qualify", "on", "none", score, 80_000, now);
    } else if (!contact.qualified && score >= 100_000 && (contact.lastOn == Long.MIN_VALUE || now >= contact.lastOn + 7 * DAY_MS)) {
      contact.qualified = true;
      contact.lastOn = now;
      derive(contact, "lead.qualified", "qualify", "none", "on", score, 100_000, now);
    }
  }

  private static void arm(Contact contact) {
    contact.armed |= contact.stage == 1 && contact.stagePoints >= 30_000;
  }

  private static boolean leaves(Contact contact, long now) {
    arm(contact);
    if (contact.stage == 1) {
      return contact.armed && contact.stagePoints < 30_000;
    }
    return now >= Math.max(contact.stageEntered, contact.lastActivity) + 90 * DAY_MS;
  }

  private void move(Contact contact, int stage, long now) {
    boolean up = stage > contact.stage;
    long threshold = up ? ENTER[stage] : 30_000;
    derive(contact, up ? "stage.advanced" : "stage.regressed", "stage", STAGES[contact.stage], STAGES[stage], contact.stagePoints, threshold, now);
    contact.stage = stage;
    contact.stageEntered = now;
    contact.stagePoints = 0;
    contact.armed = false;
    contact.resting = false;
  }

  private void derive(Contact contact, String type, String subject, String before, String after, long score, long threshold, long now) {
    contact.seq++;
    String id = new String(record.key(), StandardCharsets.UTF_8);
    json.setLength(0);
    json.append("{\"type\":\"").append(type).append("\",\"contact\":\"").append(id);
    json.append("\",\"plan\":\"benchmark\",\"subject\":\"").append(subject).append("\",\"old\":\"").append(before);
    json.append("\",\"new\":\"").append(after).append("\",\"score\":").append(score / 1000.0);
    json.append(",\"threshold\":").append(threshold / 1000.0).append(",\"seq\":").append(contact.seq);
    json.append(",\"time\":\"").append(Instant.ofEpochMilli(now)).append("\",\"cause\":\"").append(event.messageId).append("\"}");
    DERIVED.increment();
    context.forward(record.withValue(json.toString().getBytes(StandardCharsets.UTF_8)));
  }
}
