package leadstream.peer;

import java.io.BufferedOutputStream;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.common.utils.Bytes;

/** Folds a file of messages without a broker and prints the derived events, so that they can be held against Leadstream's. */
final class Replay {
  private static final String USER = "\"userId\":\"";

  private Replay() {}

  static void run(Path file) throws IOException {
    Map<Bytes, byte[]> values = new HashMap<>();
    History.Store store = new History.Store() {
      @Override
      public byte[] get(byte[] key) {
        return values.get(Bytes.wrap(key));
      }

      @Override
      public void put(byte[] key, byte[] value) {
        values.put(Bytes.wrap(key), value);
      }
    };
    try (BufferedReader lines = Files.newBufferedReader(file); OutputStream out = new BufferedOutputStream(System.out)) {
      History history = new History(store, (key, value, id, type, time) -> print(out, value));
      for (String line; (line = lines.readLine()) != null; ) {
        int from = line.indexOf(USER) + USER.length();
        history.process(line.substring(from, line.indexOf('"', from)).getBytes(StandardCharsets.UTF_8), line.getBytes(StandardCharsets.UTF_8));
      }
    }
    long bytes = values.values().stream().mapToLong(value -> value.length).sum();
    System.err.printf(
        "repeats=%d late=%d too_late=%d contacts=%d bytes=%d%n",
        History.REPEATS.sum(), History.LATE.sum(), History.TOO_LATE.sum(), values.size(), bytes);
  }

  private static void print(OutputStream out, byte[] value) {
    try {
      out.write(value);
      out.write('\n');
    } catch (IOException broken) {
      throw new java.io.UncheckedIOException(broken);
    }
  }
}
