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
final class Scorer implements Processor<byte[], byte[], byte[], byte[]>, Levels.Edges {
  static final String STORE = "contacts";
  /** Records scored in this process. */
  static final LongAdder SCORED = new LongAdder();
  /** Derived events in this process. */
  static final LongAdder DERIVED = new LongAdder();

  /** What a contact takes in memory, about: its fields and thirteen arrays. */
  private static final int CONTACT_BYTES = 800;

  private static final long DAY_MS = 86_400_000L;
  private static final String[] TAGS = {"sport", "brochure", "big-spender"};

  private final Event event = new Event(null);
  private final Rules rules = new Rules((rule, raw, applied, tags) -> { });
  private final Levels levels = new Levels(this);
  private Contact contact;
  private final StringBuilder json = new StringBuilder(512);
  private ProcessorContext<byte[], byte[]> context;
  private KeyValueStore<Bytes, Contact> contacts;
  private final Hot<Contact> hot = new Hot<>(Hot.BYTES);
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
    contact = hot.get(key);
    boolean known = contact != null;
    if (!known) {
      contact = contacts.get(key);
    }
    if (contact == null) {
      contact = new Contact();
      contact.firstEvent = event.timeMs;
    }
    timers(event.timeMs);
    int tagsBefore = contact.tags;
    rules.apply(contact, event);
    if (event.type != Event.Type.IDENTIFY) {
      contact.lastActivity = event.timeMs;
    }
    tagChanges(tagsBefore);
    levels.settle(contact, event.timeMs);
    contacts.put(key, contact);
    hot.put(key, contact, CONTACT_BYTES, known ? CONTACT_BYTES : 0);
    SCORED.increment();
  }

  /** The idle rule and the stage left for silence, as far as they fell due since the contact was last seen. */
  private void timers(long until) {
    long quietSince = Math.max(contact.firstEvent, contact.lastActivity);
    for (int time = 0; time < 12; time++) {
      long due = quietSince + (time + 1) * 30 * DAY_MS;
      if (due > until) {
        return;
      }
      if (due > contact.idleFired) {
        rules.idle(contact, due);
        levels.settle(contact, due);
      }
    }
  }

  private void tagChanges(int before) {
    int changed = contact.tags ^ before;
    for (int tag = 0; changed != 0 && tag < TAGS.length; tag++) {
      if ((changed & 1 << tag) != 0) {
        boolean set = (contact.tags & 1 << tag) != 0;
        derive(set ? "tag.added" : "tag.removed", TAGS[tag], set ? "none" : "on", set ? "on" : "none", contact.tagPoints[tag], 0, event.timeMs);
      }
    }
  }

  @Override
  public void moved(int before, int after, long score, long threshold, long now) {
    String type = after > before ? "stage.advanced" : "stage.regressed";
    derive(type, "stage", Levels.STAGES[before], Levels.STAGES[after], score, Math.max(0, threshold), now);
  }

  @Override
  public void qualified(boolean on, long score, long now) {
    derive(on ? "lead.qualified" : "lead.disqualified", "qualify", on ? "none" : "on", on ? "on" : "none", score, on ? Levels.AT : Levels.RELEASE, now);
  }

  private void derive(String type, String subject, String before, String after, long score, long threshold, long now) {
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
