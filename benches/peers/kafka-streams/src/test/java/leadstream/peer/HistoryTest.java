package leadstream.peer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.streams.TestInputTopic;
import org.apache.kafka.streams.TestOutputTopic;
import org.apache.kafka.streams.TopologyTestDriver;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The job with a history, in the driver for tests of Kafka Streams: a RocksDB store and no broker. */
class HistoryTest {
  private static final long START = Instant.parse("2025-09-01T00:00:00Z").toEpochMilli();
  private static final long HOUR = 3_600_000;
  private static final long DAY = 24 * HOUR;

  @TempDir java.nio.file.Path directory;
  private TopologyTestDriver driver;
  private TestInputTopic<String, byte[]> in;
  private TestOutputTopic<byte[], byte[]> out;

  @BeforeEach
  void start() {
    Properties settings = new Properties();
    settings.put("application.id", "test");
    settings.put("bootstrap.servers", "localhost:1");
    settings.put("state.dir", directory.toString());
    driver = new TopologyTestDriver(Job.topology("in", "out", true), settings);
    in = driver.createInputTopic("in", new StringSerializer(), new ByteArraySerializer());
    out = driver.createOutputTopic("out", new ByteArrayDeserializer(), new ByteArrayDeserializer());
  }

  @AfterEach
  void end() {
    driver.close();
  }

  private void send(String contact, String id, long time, String event, String properties) {
    String json = "{\"type\":\"track\",\"event\":\"" + event + "\",\"messageId\":\"" + id + "\",\"userId\":\"" + contact + "\",\"timestamp\":\""
        + String.format("%1$tFT%1$tT.%1$tLZ", Instant.ofEpochMilli(START + time).atZone(java.time.ZoneOffset.UTC)) + "\",\"properties\":{" + properties + "}}";
    in.pipeInput(contact, json.getBytes(StandardCharsets.UTF_8));
  }

  private void order(String id, long time, int total) {
    send("c1", id, time, "Order Completed", "\"total\":" + total);
  }

  private void download(String id, long time, String path) {
    send("c1", id, time, "File Downloaded", "\"path\":\"" + path + "\"");
  }

  private List<String> told() {
    List<String> told = new ArrayList<>();
    out.readValuesToList().forEach(value -> told.add(new String(value, StandardCharsets.UTF_8)));
    return told;
  }

  private List<String> toldOf(String subject) {
    return told().stream().filter(event -> event.contains("\"subject\":\"" + subject + "\"")).toList();
  }

  private static void assertHas(String event, String part) {
    assertTrue(event.contains(part), () -> part + " is not in " + event);
  }

  @Test
  void a_repeat_changes_nothing() {
    order("o1", 0, 2000);
    assertHas(toldOf("stage").get(0), "\"score\":95,\"threshold\":50");
    order("o1", 0, 2000);
    assertEquals(List.of(), told());
    // 95 and 25 for the next order: with the repeat counted, the contact would have qualified before.
    order("o2", DAY, 0);
    assertHas(toldOf("qualify").get(0), "\"score\":120,\"threshold\":100");
  }

  @Test
  void a_repeat_is_one_whatever_time_it_claims() {
    order("o1", DAY, 0);
    order("o1", 2 * DAY, 0);
    order("o2", 3 * DAY, 0);
    // 50 of two orders, and not 75 of three.
    assertHas(toldOf("stage").get(0), "\"score\":50,");
  }

  @Test
  void a_late_event_is_told_as_one_correction_per_level() {
    order("o1", DAY, 0);
    order("o2", 5 * DAY, 3000);
    List<String> first = told();
    assertEquals(2 + 1, first.size(), "big spender, one stage, qualified");
    // Of these 30 less on the third day the floor lets 25 be taken: 105 stay, and no level is another.
    send("c1", "u1", 3 * DAY, "Unsubscribed", "");
    assertEquals(List.of(), told());
    // 75 are left.
    send("c1", "u2", 5 * DAY + 1, "Unsubscribed", "");
    assertEquals(1, toldOf("qualify").size());
    send("c1", "p1", 5 * DAY + HOUR, "Products Searched", "\"query\":\"shoe\"");
    // With 30 more before that, the contact would have stayed above 80.
    download("d1", 5 * DAY - HOUR, "/files/a.pdf");
    List<String> corrected = told();
    assertEquals(2, corrected.size(), corrected::toString);
    assertHas(corrected.get(0), "\"subject\":\"tag:brochure\"");
    assertHas(corrected.get(1), "\"subject\":\"qualify\"");
    assertHas(corrected.get(1), "\"n\":3,");
    assertHas(corrected.get(1), "\"time\":\"2025-09-06T01:00:00.000Z\"");
    assertHas(corrected.get(1), "\"marks\":[\"late\"],\"corrects\":\"");
    assertHas(corrected.get(1), "\"type\":\"file_downloaded\",\"rule\":null,\"time\":\"2025-09-05T23:00:00.000Z\"");
  }

  @Test
  void what_led_to_a_level_is_named_largest_first() {
    download("d1", 0, "/files/a.pdf");
    send("c1", "m1", HOUR, "Email Opened", "\"email_id\":\"m1\"");
    order("o1", DAY, 1000);
    String stage = toldOf("stage").get(0);
    int download = stage.indexOf("\"rule\":\"brochure\"");
    int purchase = stage.indexOf("\"rule\":\"purchase\"");
    int value = stage.indexOf("\"rule\":\"by-value\"");
    int opened = stage.indexOf("\"rule\":\"opened\"");
    assertTrue(0 < download && download < purchase && purchase < value && value < opened, stage);
    assertHas(stage, "\"value\":30}");
  }

  @Test
  void silence_is_told_at_its_own_instant_when_other_contacts_move_the_clock() {
    order("o1", 0, 2000);
    told();
    download("d1", DAY, "/files/a.pdf");
    told();
    for (int month = 1; month <= 3; month++) {
      send("c2", "s" + month, (30L * month + 2) * DAY, "Products Searched", "\"query\":\"shoe\"");
    }
    List<String> silence = toldOf("qualify");
    // 125, and 10 less every thirty days: 95 on the 91st day are more than 80.
    assertEquals(List.of(), silence);
    send("c2", "s4", 155 * DAY, "Products Searched", "\"query\":\"shoe\"");
    silence = toldOf("qualify");
    assertEquals(1, silence.size());
    assertHas(silence.get(0), "\"type\":\"lead.disqualified\"");
    assertHas(silence.get(0), "\"time\":\"2026-01-30T00:00:00.000Z\"");
    assertHas(silence.get(0), "\"kind\":\"idle\"");
  }

  @Test
  void what_leaves_the_horizon_keeps_its_points_and_lets_nothing_before_it_in() {
    order("o1", 0, 0);
    order("o2", 401 * DAY, 0);
    told();
    long tooLate = History.TOO_LATE.sum();
    order("o3", -HOUR, 3000);
    assertEquals(tooLate + 1, History.TOO_LATE.sum());
    assertEquals(List.of(), told());
    // What is late within the horizon folds from what the first order left.
    order("o4", 400 * DAY, 0);
    assertEquals(1, toldOf("stage").size());
  }

  @Test
  void the_order_of_arrival_makes_no_difference_in_the_end() {
    String[] ids = {"a", "b", "c", "d", "e", "f"};
    long[] times = {0, DAY, 2 * DAY, 3 * DAY, 4 * DAY, 5 * DAY};
    int[][] arrivals = {{0, 1, 2, 3, 4, 5}, {5, 4, 3, 2, 1, 0}, {3, 0, 5, 1, 4, 2}};
    List<String> ends = new ArrayList<>();
    for (int[] arrival : arrivals) {
      String contact = "c" + ends.size();
      for (int at : arrival) {
        if (at % 3 == 2) {
          send(contact, ids[at], times[at], "Unsubscribed", "");
        } else {
          send(contact, ids[at], times[at], "Order Completed", "\"total\":" + 100 * at);
        }
      }
      told();
      send(contact, "last", 6 * DAY, "Order Completed", "\"total\":5000");
      String last = told().stream().filter(event -> event.contains("big-spender")).findFirst().orElseThrow();
      send(contact, "form", 7 * DAY, "Form Submitted", "");
      ends.add(Long.toString(score(contact)));
      assertHas(last, "\"score\":50,");
    }
    assertEquals(ends.get(0), ends.get(1));
    assertEquals(ends.get(0), ends.get(2));
  }

  private long score(String contact) {
    byte[] value = driver.<org.apache.kafka.common.utils.Bytes, byte[]>getKeyValueStore(Scorer.STORE)
        .get(org.apache.kafka.common.utils.Bytes.wrap(contact.getBytes(StandardCharsets.UTF_8)));
    State state = new State();
    History.readState(value, state);
    return Levels.score(state.contact);
  }
}
