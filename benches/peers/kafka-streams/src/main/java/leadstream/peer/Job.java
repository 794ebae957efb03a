package leadstream.peer;

import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.TopicPartitionInfo;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;

/** Scores a topic up to the end it had at the start, and prints what that cost behind a warm-up of a quarter. */
public final class Job {
  private Job() {}

  public static void main(String[] arguments) throws Exception {
    if (arguments.length == 2 && arguments[0].equals("replay")) {
      Replay.run(Path.of(arguments[1]));
      return;
    }
    boolean history = arguments.length == 7 && arguments[6].equals("--history");
    if (arguments.length != 6 && !history) {
      System.err.println("usage: Job BOOTSTRAP IN OUT APPLICATION_ID STATE_DIR THREADS [--history]\n       Job replay FILE");
      System.exit(2);
    }
    String bootstrap = arguments[0];
    long total = records(bootstrap, arguments[1]);
    KafkaStreams streams = new KafkaStreams(topology(arguments[1], arguments[2], history), settings(arguments));
    AtomicReference<Throwable> failure = new AtomicReference<>();
    streams.setUncaughtExceptionHandler(thrown -> {
      failure.set(thrown);
      return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
    });
    long started = System.nanoTime();
    streams.start();
    long warm = 0;
    long warmCpu = 0;
    long warmAt = 0;
    while (Scorer.SCORED.sum() < total) {
      if (failure.get() != null) {
        throw new IllegalStateException("the job failed", failure.get());
      }
      if (warm == 0 && Scorer.SCORED.sum() * 4 >= total) {
        warm = Scorer.SCORED.sum();
        warmCpu = cpuNanos();
        warmAt = System.nanoTime();
      }
      Thread.sleep(5);
    }
    // The last commit follows within its interval.
    Thread.sleep(150);
    long cpu = cpuNanos() - warmCpu;
    long ended = System.nanoTime();
    long events = total - warm;
    System.out.printf(
        "%s events=%d cpu_ms=%d per_cpu_second=%.0f per_second=%.0f derived=%d whole_ms=%d repeats=%d late=%d%n",
        history ? "kafka-streams-history" : "kafka-streams", events, cpu / 1_000_000, events * 1e9 / cpu, events * 1e9 / (ended - warmAt), Scorer.DERIVED.sum(), (ended - started) / 1_000_000,
        History.REPEATS.sum(), History.LATE.sum());
    // Whoever watches the committed offsets from outside sees the end before the process is gone.
    Thread.sleep(3000);
    streams.close(Duration.ofSeconds(20));
  }

  static Topology topology(String in, String out, boolean history) {
    Topology topology = new Topology();
    var bytes = Serdes.ByteArray();
    topology.addSource("in", bytes.deserializer(), bytes.deserializer(), in);
    if (history) {
      topology.addProcessor("score", HistoryScorer::new, "in");
      topology.addStateStore(store(bytes), "score");
    } else {
      topology.addProcessor("score", Scorer::new, "in");
      topology.addStateStore(store(Contact.serde()), "score");
    }
    topology.addSink("out", out, bytes.serializer(), bytes.serializer(), "score");
    return topology;
  }

  private static <T> StoreBuilder<KeyValueStore<Bytes, T>> store(Serde<T> values) {
    return Stores.keyValueStoreBuilder(Stores.persistentKeyValueStore(Scorer.STORE), Serdes.Bytes(), values)
        // What is at hand the processors keep themselves: see Hot.
        .withCachingDisabled()
        .withLoggingEnabled(Map.of());
  }

  private static Properties settings(String[] arguments) {
    Properties settings = new Properties();
    settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, arguments[0]);
    settings.put(StreamsConfig.APPLICATION_ID_CONFIG, arguments[3]);
    settings.put(StreamsConfig.STATE_DIR_CONFIG, arguments[4]);
    settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, arguments[5]);
    settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
    settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 100);
    settings.put(StreamsConfig.ROCKSDB_CONFIG_SETTER_CLASS_CONFIG, RocksSettings.class);
    settings.put(StreamsConfig.METRICS_RECORDING_LEVEL_CONFIG, "INFO");
    settings.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
    settings.put(StreamsConfig.BUFFERED_RECORDS_PER_PARTITION_CONFIG, 10_000);
    settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG), "earliest");
    settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.MAX_POLL_RECORDS_CONFIG), 10_000);
    settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.FETCH_MAX_BYTES_CONFIG), 64 << 20);
    settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.MAX_PARTITION_FETCH_BYTES_CONFIG), 8 << 20);
    settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.FETCH_MIN_BYTES_CONFIG), 64 << 10);
    settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.CHECK_CRCS_CONFIG), false);
    settings.put(StreamsConfig.producerPrefix(ProducerConfig.LINGER_MS_CONFIG), 50);
    settings.put(StreamsConfig.producerPrefix(ProducerConfig.BATCH_SIZE_CONFIG), 512 << 10);
    settings.put(StreamsConfig.producerPrefix(ProducerConfig.BUFFER_MEMORY_CONFIG), 128L << 20);
    settings.put(StreamsConfig.producerPrefix(ProducerConfig.COMPRESSION_TYPE_CONFIG), "lz4");
    return settings;
  }

  private static long records(String bootstrap, String topic) throws ExecutionException, InterruptedException {
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
      TopicDescription description = admin.describeTopics(java.util.List.of(topic)).allTopicNames().get().get(topic);
      Map<TopicPartition, OffsetSpec> ends = new HashMap<>();
      for (TopicPartitionInfo partition : description.partitions()) {
        ends.put(new TopicPartition(topic, partition.partition()), OffsetSpec.latest());
      }
      return admin.listOffsets(ends).all().get().values().stream().mapToLong(end -> end.offset()).sum();
    }
  }

  private static long cpuNanos() {
    return ((com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean()).getProcessCpuTime();
  }
}
