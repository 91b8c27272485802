package dev.faultline.stress.bench;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.reflect.Field;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import sun.misc.Unsafe;

/**
 * The host kernel's own page faults, for comparison: first touch of anonymous memory, and first touch of a mapped file
 * that is in the
 * host's page cache. One word a page of 4 KiB; the mapping itself is not timed.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class HostFaults {
  private static final int PAGE = 4096;
  private static final int PAGES = 16384; // 64 MiB: always a mapping of its own, above any allocator's threshold

  private static final Unsafe UNSAFE = unsafe();

  private long anonymous;
  private Path file;
  private MappedByteBuffer mapped;

  private static Unsafe unsafe() {
    try {
      Field f = Unsafe.class.getDeclaredField("theUnsafe");
      f.setAccessible(true);
      return (Unsafe) f.get(null);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  /** Makes the file and reads it into the host's page cache. */
  @Setup(Level.Trial)
  public void makeFile() throws IOException {
    file = Files.createTempFile("faultline-host", ".dat");
    Files.write(file, new byte[PAGES * PAGE]);
  }

  @TearDown(Level.Trial)
  public void deleteFile() throws IOException {
    Files.delete(file);
  }

  /** Makes fresh mappings. */
  @Setup(Level.Invocation)
  @SuppressWarnings("removal") // the one way to memory that the JVM has not touched itself
  public void map() {
    anonymous = UNSAFE.allocateMemory((long) PAGES * PAGE);
    try (FileChannel c = FileChannel.open(file, StandardOpenOption.READ)) {
      mapped = c.map(FileChannel.MapMode.READ_ONLY, 0, (long) PAGES * PAGE);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @TearDown(Level.Invocation)
  @SuppressWarnings("removal")
  public void unmap() {
    UNSAFE.freeMemory(anonymous);
    UNSAFE.invokeCleaner(mapped);
  }

  /** Zero-fill faults of the host. */
  @Benchmark
  @OperationsPerInvocation(PAGES)
  @SuppressWarnings("removal")
  public void zeroFill() {
    long base = anonymous;
    for (int i = 0; i < PAGES; i++) {
      UNSAFE.putLong(base + (long) i * PAGE, i);
    }
  }

  /** Minor faults of the host on a cached file. The host may map several pages at a fault. */
  @Benchmark
  @OperationsPerInvocation(PAGES)
  public long fileMinor() {
    long sum = 0;
    for (int i = 0; i < PAGES; i++) {
      sum += mapped.getLong(i * PAGE);
    }
    return sum;
  }
}
