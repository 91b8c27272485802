package dev.faultline.stress.bench;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.lang.reflect.Field;
import java.nio.ByteBuffer;
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

/**
 * The host kernel's own page faults, for comparison: first touch of anonymous memory, and first touch of a mapped file
 * that is in the host's page cache. One word a page of 4 KiB; the mapping itself is not timed.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class HostFaults {
  private static final int PAGE = 4096;
  private static final int PAGES = 16384; // 64 MiB: always a mapping of its own, above any allocator's threshold

  // sun.misc.Unsafe, by method handles: the one way, on every JDK from 17 on, to memory that the JVM has not touched
  private static final MethodHandle ALLOCATE = unsafe("allocateMemory", long.class, long.class);
  private static final MethodHandle FREE = unsafe("freeMemory", void.class, long.class);
  private static final MethodHandle PUT = unsafe("putLong", void.class, long.class, long.class);
  private static final MethodHandle CLEAN = unsafe("invokeCleaner", void.class, ByteBuffer.class);

  private long anonymous;
  private Path file;
  private MappedByteBuffer mapped;

  private static MethodHandle unsafe(String name, Class<?> result, Class<?>... parameters) {
    try {
      Class<?> type = Class.forName("sun.misc.Unsafe");
      Field f = type.getDeclaredField("theUnsafe");
      f.setAccessible(true);
      MethodHandle m = MethodHandles.publicLookup().findVirtual(type, name, MethodType.methodType(result, parameters));
      return m.bindTo(f.get(null));
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
  public void map() throws Throwable {
    anonymous = (long) ALLOCATE.invokeExact((long) PAGES * PAGE);
    try (FileChannel c = FileChannel.open(file, StandardOpenOption.READ)) {
      mapped = c.map(FileChannel.MapMode.READ_ONLY, 0, (long) PAGES * PAGE);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @TearDown(Level.Invocation)
  public void unmap() throws Throwable {
    FREE.invokeExact(anonymous);
    CLEAN.invokeExact((ByteBuffer) mapped);
  }

  /** Zero-fill faults of the host. */
  @Benchmark
  @OperationsPerInvocation(PAGES)
  public void zeroFill() throws Throwable {
    long base = anonymous;
    for (int i = 0; i < PAGES; i++) {
      PUT.invokeExact(base + (long) i * PAGE, (long) i);
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
