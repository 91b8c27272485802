package dev.faultline.stress.jcstress;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE_INTERESTING;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import dev.faultline.hw.DiskRequest;
import dev.faultline.hw.Machine;
import dev.faultline.hw.MachineConfig;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.L_Result;

/**
 * One strand hands a read to the disk; another watches for its completion. Once it has seen {@code done}, the frame
 * holds the block and {@code error} is valid. Who does not wait for {@code done} reads what was there before, or both.
 * The disk's own strand is the third party; the machine is closed after each sample.
 */
public final class DiskCompletionPublication {
  private DiskCompletionPublication() {}

  private abstract static class Shared {
    static final int WATCHES = 20_000;
    final Machine machine =
        new Machine(
            MachineConfig.builder().frames(2).pageSize(PageWorld.PAGE).tlbEntries(4).diskBlocks(8).build(),
            Actors.POOL);
    final DiskRequest request = new DiskRequest();

    Shared() {
      Actors.strand();
      machine.disk().initialContents(0, 8, byteOffset -> 7);
      request.blockCount = 8;
      request.frames = new int[] {1};
      request.frameCount = 1;
    }

    void submit() {
      Actors.strand();
      machine.disk().submit(request);
    }

    String frame() {
      long first = machine.memory().load(1, 0);
      long last = machine.memory().load(1, 7);
      return first == 0 && last == 0 ? "before" : first == 7 && last == 7 ? "read" : "half";
    }
  }

  /** The deliberately wrong step: the frame is used as soon as it has changed. */
  @JCStressTest
  @Outcome(id = {"before", "read"}, expect = ACCEPTABLE, desc = "The transfer had not begun, or was over.")
  @Outcome(id = "half", expect = ACCEPTABLE_INTERESTING, desc = "In the middle of the transfer.")
  @Outcome(expect = FORBIDDEN, desc = "Impossible.")
  @State
  public static class NoWait extends Shared {
    @Actor
    public void submitter() {
      submit();
    }

    @Actor
    public void user(L_Result r) {
      for (int i = 0; i < WATCHES && machine.memory().load(1, 0) == 0; i++) {
        Thread.onSpinWait();
      }
      r.r1 = frame();
    }

    @Arbiter
    public void settled() {
      machine.close();
    }
  }

  /** Waits for done. */
  @JCStressTest
  @Outcome(id = {"read", "not yet"}, expect = ACCEPTABLE, desc = "Complete, or not waited for to the end.")
  @Outcome(expect = FORBIDDEN, desc = "Done was seen before what the disk did before it.")
  @State
  public static class Done extends Shared {
    @Actor
    public void submitter() {
      submit();
    }

    @Actor
    public void user(L_Result r) {
      for (int i = 0; i < WATCHES && !request.done; i++) {
        Thread.onSpinWait();
      }
      r.r1 = !request.done ? "not yet" : request.error ? "error" : frame();
    }

    @Arbiter
    public void settled() {
      machine.close();
    }
  }
}
