package dev.faultline.lin.lincheck;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.hw.Disk;
import dev.faultline.hw.DiskRequest;
import dev.faultline.hw.PhysicalMemory;
import dev.faultline.hw.strand.Strand;
import dev.faultline.lin.spec.BlocksSpec;
import org.jetbrains.lincheck.LincheckAssertionError;
import org.jetbrains.lincheck.datastructures.IntGen;
import org.jetbrains.lincheck.datastructures.LongGen;
import org.jetbrains.lincheck.datastructures.Operation;
import org.jetbrains.lincheck.datastructures.Param;
import org.jetbrains.lincheck.datastructures.Validate;
import org.junit.jupiter.api.Test;

/** The disk queue: Disk and DiskService, whose own strand serves what two threads submit. */
class DiskTest {
  /** Two blocks of a word each. */
  @Param(name = "block", gen = IntGen.class, conf = "0:1")
  @Param(name = "value", gen = LongGen.class, conf = "1:3")
  public static class Blocks {
    final World world = World.boot(32);
    private final Disk disk = world.kernel.machine().disk();
    private final PhysicalMemory memory = world.kernel.machine().memory();

    @Operation(params = {"block", "value"})
    public void write(int block, long value) {
      world.run(() -> await(submitWrite(block, 1, value)));
    }

    @Operation(params = {"block", "value"})
    public void writeLater(int block, long value) {
      world.run(() -> submitWrite(block, 1, value));
    }

    @Operation(params = "value")
    public void writeAll(long value) {
      world.run(() -> await(submitWrite(0, 2, value)));
    }

    @Operation
    public long readAll() {
      return world.word(
          () -> {
            DiskRequest r = request(0, 2);
            disk.submit(r);
            awaitRead(r);
            return 10 * memory.load(r.frames[0], 0) + memory.load(r.frames[0], 1);
          });
    }

    private DiskRequest submitWrite(int block, int count, long value) {
      DiskRequest r = request(block, count);
      r.write = true;
      for (int i = 0; i < count; i++) {
        memory.store(r.frames[0], i, value);
      }
      disk.submit(r);
      return r;
    }

    /** Returns a request with a frame of its own. */
    private DiskRequest request(int block, int count) {
      Strand me = Strand.current();
      DiskRequest r = new DiskRequest();
      r.block = block;
      r.blockCount = count;
      r.frames = new int[] {world.nextFrame()};
      r.frameCount = 1;
      r.callback = me::unpark;
      return r;
    }

    void awaitRead(DiskRequest r) {
      await(r);
    }

    private static void await(DiskRequest r) {
      while (!r.done) {
        Strand.current().park();
      }
    }

    /** Ends the disk's strand, which does what is left first. */
    @Validate
    public void close() {
      world.run(world.kernel.machine()::close);
    }
  }

  /** Looks at what it reads before it is there. */
  public static class DoesNotWait extends Blocks {
    @Override
    void awaitRead(DiskRequest r) {}
  }

  /**
   * Two threads that submit requests for the same blocks, and the disk's, as threads of one operation: Lincheck lets no
   * thread that an operation started run on beside the next one's check.
   */
  public static class Together {
    private final Blocks blocks = new Blocks();

    /** Runs them. Throws what was wrong. */
    @Operation
    public void run() {
      Thread writer = new Thread(() -> blocks.writeAll(2), "writer");
      writer.start();
      blocks.writeLater(0, 1);
      long read = blocks.readAll();
      LincheckStrands.join(writer);
      Check.holds(read == 10 || read == 12 || read == 22, "read what no order gives", read);
      read = blocks.readAll();
      Check.holds(read == 12 || read == 22, "wrote what no order gives", read);
      blocks.close();
    }
  }

  /** Two that do not wait for what they read. */
  public static final class TogetherInHaste {
    private final DoesNotWait blocks = new DoesNotWait();

    /** Runs it. */
    @Operation
    public void run() {
      blocks.writeAll(2);
      long read = blocks.readAll();
      Check.holds(read == 22, "read what no order gives", read);
      blocks.close();
    }
  }

  @Test
  void modelChecked() {
    Lincheck.check(Together.class, ScenarioSuite.Quietly.class, Script.of("", "run"), 60);
  }

  @Test
  void notWaitingIsFoundByTheModelChecker() {
    assertThatThrownBy(
            () -> Lincheck.check(TogetherInHaste.class, ScenarioSuite.Quietly.class, Script.of("", "run"), 10))
        .isInstanceOf(LincheckAssertionError.class);
  }

  @Test
  void stressed() {
    Lincheck.stress(Blocks.class, BlocksSpec.class, 5, 50);
  }

  @Test
  void notWaitingIsFound() {
    Lincheck.stressFinds(DoesNotWait.class, BlocksSpec.class, Script.of("writeAll 1", "readAll", "write 0 2"));
  }
}
