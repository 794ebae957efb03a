package leadstream.peer;

import java.util.Map;
import org.apache.kafka.streams.state.RocksDBConfigSetter;
import org.rocksdb.BlockBasedTableConfig;
import org.rocksdb.BloomFilter;
import org.rocksdb.Cache;
import org.rocksdb.CompressionType;
import org.rocksdb.LRUCache;
import org.rocksdb.Options;
import org.rocksdb.WriteBufferManager;

/** RocksDB as its tuning guides advise: one block cache and one write budget for all stores, bloom filters, LZ4. */
public final class RocksSettings implements RocksDBConfigSetter {
  private static final Cache BLOCKS = new LRUCache(512L << 20);
  private static final WriteBufferManager WRITES = new WriteBufferManager(384L << 20, BLOCKS);
  private static final BloomFilter FILTER = new BloomFilter(10, false);

  @Override
  public void setConfig(String store, Options options, Map<String, Object> configs) {
    BlockBasedTableConfig table = (BlockBasedTableConfig) options.tableFormatConfig();
    table.setBlockCache(BLOCKS);
    table.setCacheIndexAndFilterBlocks(true);
    table.setPinTopLevelIndexAndFilter(true);
    table.setFilterPolicy(FILTER);
    table.setBlockSize(16 << 10);
    options.setTableFormatConfig(table);
    options.setWriteBufferManager(WRITES);
    options.setWriteBufferSize(96L << 20);
    options.setMaxWriteBufferNumber(3);
    options.setCompressionType(CompressionType.LZ4_COMPRESSION);
  }

  @Override
  public void close(String store, Options options) {
    // Cache, write budget and filter are shared by all stores and live as long as the process.
  }
}
