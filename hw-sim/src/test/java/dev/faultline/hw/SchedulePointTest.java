package dev.faultline.hw;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Where an engine that chooses the schedule may switch, and that the hardware then behaves the same at every run. */
@Timeout(60)
final class SchedulePointTest {
  private static final long VA = 0x1000;

  private final ScriptedStrands strands = new ScriptedStrands();

  @AfterEach
  void close() {
    strands.close();
  }

  private Machine machine(DiskProfile disk, MmuOptions options) {
    return new Machine(
        MachineConfig.builder()
            .cpus(2)
            .frames(4)
            .pageSize(64)
            .tlbEntries(4)
            .diskBlocks(64)
            .disk(disk)
            .mmu(options)
            .seed(1)
            .build(),
        strands);
  }

  private List<String> pointsOf(Runnable step) {
    strands.points.clear();
    step.run();
    return List.copyOf(strands.points);
  }

  @Test
  void anAccess_isOneStep_hitOrMiss() {
    try (Machine m = machine(DiskProfile.ZERO, MmuOptions.NONE)) {
      PageTable t = new PageTable(1, m.config());
      Cpu cpu = m.cpu(0);
      HwWorld.set(t, VA, 2, HwWorld.RW);
      assertThat(pointsOf(() -> cpu.switchTo(t))).containsExactly("main CPU");
      List<Runnable> accesses =
          List.of(
              () -> cpu.load(VA),
              () -> cpu.load(VA),
              () -> cpu.store(VA, 1),
              () -> cpu.store(VA, 2),
              () -> cpu.getAndAdd(VA, 1),
              () -> cpu.fill(VA, 4, 1),
              () -> cpu.sumWords(VA, 4),
              () -> cpu.load(0x9000));
      for (Runnable access : accesses) {
        assertThat(pointsOf(access)).containsExactly("main ACCESS");
      }
      assertThat(cpu.trap()).isEqualTo(Cpu.NOT_PRESENT);
    }
  }

  @Test
  void aShootdown_isOneStepAProcessor() {
    try (Machine m = machine(DiskProfile.ZERO, MmuOptions.NONE)) {
      PageTable t = new PageTable(1, m.config());
      m.cpu(0).switchTo(t);
      m.cpu(1).switchTo(t);
      assertThat(pointsOf(() -> m.shootdown().shoot(t, VA, VA + 64))).containsExactly("main SHOOT", "main SHOOT");
    }
  }

  @Test
  void aDiskRequest_isAStepASubmission_aChunk_andACompletion() {
    try (Machine m = machine(DiskProfile.ZERO, MmuOptions.NONE)) {
      DiskRequest r = new DiskRequest();
      r.blockCount = 3;
      r.frames = new int[] {1};
      r.frameCount = 1;
      List<String> points =
          pointsOf(
              () -> {
                m.disk().submit(r);
                strands.runOthers();
              });
      assertThat(points)
          .containsSubsequence(
              "main DISK_SUBMIT",
              "disk DISK_TRANSFER",
              "disk DISK_TRANSFER",
              "disk DISK_TRANSFER",
              "disk DISK_COMPLETE");
      assertThat(points.stream().filter(p -> p.startsWith("disk DISK")).count()).isEqualTo(4);
      assertThat(r.done).isTrue();
      assertThat(m.disk().idle()).isTrue();
    }
  }

  @Test
  void aCallout_runsInVirtualTime() {
    try (Machine m = machine(DiskProfile.ZERO, MmuOptions.NONE)) {
      long[] ranAt = new long[1];
      m.clock().after(50, () -> ranAt[0] = m.clock().now());
      strands.runOthers();
      assertThat(ranAt[0]).isEqualTo(50);
      assertThat(strands.points).contains("clock CLOCK");
    }
  }

  @Test
  void sameSeed_givesTheSameDisk() {
    assertThat(completions(DiskProfile.ADVERSARIAL)).isEqualTo(completions(DiskProfile.ADVERSARIAL)).hasSize(30);
  }

  /** Completes thirty requests and returns what completed when. */
  private List<String> completions(DiskProfile profile) {
    try (Machine m = machine(profile, MmuOptions.NONE)) {
      long start = strands.nanoTime();
      List<String> log = new java.util.ArrayList<>();
      for (int i = 0; i < 30; i++) {
        DiskRequest r = new DiskRequest();
        r.block = i * 2L;
        r.blockCount = 2;
        r.frames = new int[] {i % 4};
        r.frameCount = 1;
        r.callback = () -> log.add(r.block + " at " + (strands.nanoTime() - start));
        m.disk().submit(r);
      }
      strands.runOthers();
      return log;
    }
  }
}
