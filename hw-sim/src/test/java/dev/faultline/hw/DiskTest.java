package dev.faultline.hw;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.faultline.hw.strand.Strand;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.TreeSet;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The disk of the semantics, 6.3. */
@Timeout(60)
final class DiskTest {
  private static final int CHUNK_WORDS = 64; // with pages of 4096 bytes

  static Stream<DiskProfile> quickProfiles() {
    return Stream.of(DiskProfile.ZERO, DiskProfile.FAST, DiskProfile.SSD, DiskProfile.ADVERSARIAL);
  }

  private static DiskProfile scattered(long nanos) {
    return new DiskProfile("test", nanos, 0, 0, 0, 8, DiskProfile.Order.RANDOM, true);
  }

  private static DiskProfile oneAtATime(DiskProfile.Order order) {
    return new DiskProfile("test", 2_000_000, 0, 0, 0, 1, order, false);
  }

  private static DiskRequest request(boolean write, long block, int count, int chunk, int... frames) {
    DiskRequest r = new DiskRequest();
    r.write = write;
    r.block = block;
    r.blockCount = count;
    r.firstChunk = chunk;
    r.frames = frames;
    r.frameCount = frames.length;
    return r;
  }

  private static void awaitDone(DiskRequest r) {
    await().atMost(Duration.ofSeconds(20)).pollInterval(Duration.ofMillis(1)).until(() -> r.done);
  }

  private static void awaitIdle(HwWorld w) {
    await().atMost(Duration.ofSeconds(20)).pollInterval(Duration.ofMillis(1)).until(() -> w.machine.disk().idle());
  }

  private static void transfer(HwWorld w, boolean write, long block, int count, int chunk, int... frames) {
    DiskRequest r = request(write, block, count, chunk, frames);
    w.machine.disk().submit(r);
    awaitDone(r);
    assertThat(r.error).isFalse();
  }

  private static long[] peek(HwWorld w, long block, int count) {
    long[] words = new long[count * w.machine.disk().blockSize() / 8];
    w.machine.disk().peek(block, words);
    return words;
  }

  @ParameterizedTest
  @MethodSource("quickProfiles")
  void whatIsWritten_isRead_chunkByChunk(DiskProfile profile) {
    try (HwWorld w = HwWorld.of(b -> b.disk(profile))) {
      PhysicalMemory m = w.machine.memory();
      for (int f = 0; f < 3; f++) {
        for (int i = 0; i < 512; i++) {
          m.store(f, i, f * 1000L + i);
        }
      }
      // 13 blocks, from chunk 5 of the first frame to chunk 1 of the third
      transfer(w, true, 100, 13, 5, 0, 1, 2);
      m.poison(7, -1);
      m.poison(8, -1);
      transfer(w, false, 100, 13, 1, 7, 8);
      for (int n = 0; n < 13; n++) {
        int from = 5 + n;
        int to = 1 + n;
        for (int i = 0; i < CHUNK_WORDS; i++) {
          long expected = (from / 8) * 1000L + (from % 8L) * CHUNK_WORDS + i;
          assertThat(m.load(7 + to / 8, (to % 8) * CHUNK_WORDS + i)).isEqualTo(expected);
        }
      }
      assertThat(m.load(7, CHUNK_WORDS - 1)).isEqualTo(-1);
      assertThat(m.load(8, 6 * CHUNK_WORDS)).isEqualTo(-1);
      assertThat(peek(w, 100, 1)[0]).isEqualTo(5 * CHUNK_WORDS);
      assertThat(peek(w, 99, 1)).containsOnly(0);
      assertThat(peek(w, 113, 1)).containsOnly(0);
      assertThat(w.machine.disk().writes()).isEqualTo(1);
      assertThat(w.machine.disk().reads()).isEqualTo(1);
      assertThat(w.machine.disk().blocksMoved()).isEqualTo(26);
      assertThat(w.machine.disk().errors()).isZero();
    }
  }

  @Test
  void smallestPages_haveBlocksOfAWord() {
    try (HwWorld w = HwWorld.of(b -> b.pageSize(64).frames(2).diskBlocks(3))) {
      assertThat(w.machine.disk().blockSize()).isEqualTo(8);
      w.machine.memory().store(0, 7, 77);
      transfer(w, true, 2, 1, 7, 0);
      transfer(w, false, 1, 2, 0, 1);
      assertThat(w.machine.memory().load(1, 0)).isZero();
      assertThat(w.machine.memory().load(1, 1)).isEqualTo(77);
    }
  }

  /** A disk against a map of words: initial contents, pokes, requests, on the heap and in a file. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void contents_areThoseOfAMap(boolean inFile, @TempDir Path dir) {
    int blocks = 200;
    Random random = new Random(5);
    try (HwWorld w =
        HwWorld.of(b -> b.pageSize(128).diskBlocks(blocks).diskFile(inFile ? dir.resolve("disk") : null))) {
      long[] model = new long[2 * blocks];
      for (int step = 0; step < 3000; step++) {
        int block = random.nextInt(blocks);
        int count = 1 + random.nextInt(Math.min(24, blocks - block));
        long salt = step * 1_000_000L;
        switch (random.nextInt(4)) {
          case 0 -> {
            boolean zeros = random.nextInt(4) == 0;
            w.machine.disk().initialContents(block, count, zeros ? null : offset -> salt + offset);
            for (int i = 0; i < 2 * count; i++) {
              model[2 * block + i] = zeros ? 0 : salt + 8L * i;
            }
          }
          case 1 -> {
            long[] words = random.longs(2L * count).toArray();
            w.machine.disk().poke(block, words);
            System.arraycopy(words, 0, model, 2 * block, 2 * count);
          }
          case 2 -> {
            int n = Math.min(count, 8);
            for (int i = 0; i < 2 * n; i++) {
              w.machine.memory().store(3, i, salt + i);
              model[2 * block + i] = salt + i;
            }
            DiskRequest r = request(true, block, n, 0, 3);
            w.machine.disk().submit(r);
            spin(w, r);
          }
          default -> {
            assertThat(peek(w, block, count)).isEqualTo(Arrays.copyOfRange(model, 2 * block, 2 * (block + count)));
            int n = Math.min(count, 8);
            DiskRequest r = request(false, block, n, 0, 4);
            w.machine.disk().submit(r);
            spin(w, r);
            for (int i = 0; i < 2 * n; i++) {
              assertThat(w.machine.memory().load(4, i)).isEqualTo(model[2 * block + i]);
            }
          }
        }
      }
      assertThat(peek(w, 0, blocks)).isEqualTo(model);
    }
  }

  private static void spin(HwWorld w, DiskRequest r) {
    for (int i = 0; !r.done; i++) {
      w.me.pause(i);
    }
  }

  @Test
  void bytes_areLittleEndian() {
    try (HwWorld w = HwWorld.plain()) {
      byte[] bytes = new byte[512];
      bytes[8] = 1;
      bytes[17] = 2;
      w.machine.disk().poke(5, bytes);
      assertThat(peek(w, 5, 1)).startsWith(0, 1, 0x200);
      byte[] back = new byte[512];
      w.machine.disk().peek(5, back);
      assertThat(back).isEqualTo(bytes);
      assertThatThrownBy(() -> w.machine.disk().peek(0, new byte[100])).isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(() -> w.machine.disk().peek(0, new long[65])).isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(() -> w.machine.disk().poke(1023, new long[128]))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("blocks 1023..1024: must be of the disk's 0..1023");
    }
  }

  @Test
  void hostFile_isSparse_andHoldsBlocksAtTheirPlace(@TempDir Path dir) throws Exception {
    Path file = dir.resolve("disk");
    long last = (1L << 33) - 1; // of 4 TiB
    try (HwWorld w = HwWorld.of(b -> b.diskBlocks(1L << 33).diskFile(file))) {
      transfer(w, false, last, 1, 0, 0);
      assertThat(Files.exists(file)).as("made by the first write").isFalse();
      w.machine.disk().initialContents(0, 1L << 33, offset -> offset / 512);
      transfer(w, false, last, 1, 0, 0);
      assertThat(w.machine.memory().load(0, 0)).isEqualTo(last);
      w.machine.memory().store(1, 0, 0x0102030405060708L);
      transfer(w, true, 4096, 8, 0, 1);
      transfer(w, false, 4096, 8, 0, 2);
      assertThat(w.machine.memory().load(2, 0)).isEqualTo(0x0102030405060708L);
      assertThat(Files.size(file)).isEqualTo(4104 * 512);
    }
    byte[] bytes = Files.readAllBytes(file);
    assertThat(Arrays.copyOfRange(bytes, 4096 * 512, 4096 * 512 + 9)).containsExactly(8, 7, 6, 5, 4, 3, 2, 1, 0);
  }

  @Test
  void hostFile_thatCannotBeWritten_failsTheRequest(@TempDir Path dir) throws Exception {
    Path file = dir.resolve("disk");
    try (HwWorld w = HwWorld.of(b -> b.diskFile(file))) {
      Files.createDirectory(file);
      DiskRequest r = request(true, 0, 8, 0, 0);
      w.machine.disk().submit(r);
      awaitDone(r);
      assertThat(r.error).isTrue();
      assertThat(w.machine.disk().errors()).isEqualTo(1);
    }
  }

  /** Overlapping requests take effect in the order of submission, whatever the disk does with the others. */
  @ParameterizedTest
  @MethodSource("quickProfiles")
  void overlappingRequests_keepTheirOrder(DiskProfile profile) {
    for (int seed = 0; seed < 8; seed++) {
      Random random = new Random(seed);
      int n = 120;
      long s = seed;
      try (HwWorld w = HwWorld.of(b -> b.disk(profile).frames(2 * n).pageSize(128).diskBlocks(40).seed(s))) {
        long[] model = new long[80];
        List<DiskRequest> requests = new ArrayList<>();
        List<long[]> expected = new ArrayList<>();
        for (int k = 0; k < n; k++) {
          boolean write = random.nextBoolean();
          int block = random.nextInt(32);
          int count = 1 + random.nextInt(8);
          DiskRequest r = request(write, block, count, 0, k);
          for (int i = 0; write && i < 2 * count; i++) {
            w.machine.memory().store(k, i, k * 100L + i + 1);
            model[2 * block + i] = k * 100L + i + 1;
          }
          requests.add(r);
          expected.add(Arrays.copyOfRange(model, 2 * block, 2 * (block + count)));
          w.machine.disk().submit(r);
        }
        awaitIdle(w);
        for (int k = 0; k < n; k++) {
          DiskRequest r = requests.get(k);
          assertThat(r.done).isTrue();
          assertThat(r.error).isFalse();
          for (int i = 0; !r.write && i < 2 * r.blockCount; i++) {
            assertThat(w.machine.memory().load(k, i)).as("%s, %d of %d", r, k, n).isEqualTo(expected.get(k)[i]);
          }
        }
        assertThat(peek(w, 0, 40)).isEqualTo(model);
      }
    }
  }

  /** Keeps the disk busy at block 500 until one request for each block is queued; returns the order of completion. */
  private static List<Long> orderOf(DiskProfile profile, long... blocks) {
    try (HwWorld w = HwWorld.of(b -> b.disk(profile))) {
      List<Long> order = new CopyOnWriteArrayList<>();
      CountDownLatch busy = new CountDownLatch(1);
      CountDownLatch queued = new CountDownLatch(1);
      DiskRequest first = request(true, 500, 1, 0, 0);
      first.callback = () -> {
        busy.countDown();
        hold(queued);
      };
      w.machine.disk().submit(first);
      hold(busy); // until then the elevator might take up another one before it
      for (long block : blocks) {
        DiskRequest r = request(false, block, 1, 0, 1);
        r.callback = () -> order.add(r.block);
        w.machine.disk().submit(r);
      }
      queued.countDown();
      awaitIdle(w);
      return order;
    }
  }

  private static void hold(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  @Test
  void fifo_servesInOrder() {
    assertThat(orderOf(oneAtATime(DiskProfile.Order.FIFO), 900, 3, 700, 800, 10))
        .containsExactly(900L, 3L, 700L, 800L, 10L);
  }

  @Test
  void elevator_goesUpFromTheArm_thenStartsAgainBelow() {
    assertThat(orderOf(oneAtATime(DiskProfile.Order.ELEVATOR), 900, 3, 700, 800, 10))
        .containsExactly(700L, 800L, 900L, 3L, 10L);
  }

  @Test
  void random_servesInOtherOrders() {
    TreeSet<String> orders = new TreeSet<>();
    for (int i = 0; i < 4; i++) {
      long seed = i;
      try (HwWorld w = HwWorld.of(b -> b.disk(oneAtATime(DiskProfile.Order.RANDOM)).seed(seed))) {
        List<Long> order = new CopyOnWriteArrayList<>();
        for (int k = 0; k < 8; k++) {
          DiskRequest r = request(false, k, 1, 0, 1);
          r.callback = () -> order.add(r.block);
          w.machine.disk().submit(r);
        }
        awaitIdle(w);
        assertThat(order).hasSize(8).doesNotHaveDuplicates();
        orders.add(order.toString());
      }
    }
    assertThat(orders).hasSizeGreaterThan(1);
  }

  @Test
  void overlappingRequests_areNotReordered_byAnElevator() {
    try (HwWorld w = HwWorld.of(b -> b.disk(oneAtATime(DiskProfile.Order.ELEVATOR)))) {
      List<String> order = new CopyOnWriteArrayList<>();
      w.machine.disk().submit(request(true, 500, 1, 0, 0));
      long[] starts = {20, 16, 12, 8};
      for (long start : starts) {
        DiskRequest r = request(true, start, 8, 0, 1);
        r.callback = () -> order.add(String.valueOf(r.block));
        w.machine.disk().submit(r);
      }
      awaitIdle(w);
      assertThat(order).containsExactly("20", "16", "12", "8");
    }
  }

  @Test
  void channels_serveAtATime_asManyAsThereAre() {
    long one = timeOf(new DiskProfile("test", 10_000_000, 0, 0, 0, 1, DiskProfile.Order.FIFO, false));
    long eight = timeOf(new DiskProfile("test", 10_000_000, 0, 0, 0, 8, DiskProfile.Order.FIFO, false));
    assertThat(one).isGreaterThanOrEqualTo(80_000_000);
    assertThat(eight).isGreaterThanOrEqualTo(10_000_000).isLessThan(one); // a loaded machine delays both
  }

  private static long timeOf(DiskProfile profile) {
    try (HwWorld w = HwWorld.of(b -> b.disk(profile))) {
      long start = System.nanoTime();
      for (int k = 0; k < 8; k++) {
        w.machine.disk().submit(request(false, 8L * k, 8, 0, 1));
      }
      awaitIdle(w);
      return System.nanoTime() - start;
    }
  }

  @Test
  void scatteredWrite_samplesEachChunkAtAnInstantOfItsOwn() {
    try (HwWorld w = HwWorld.serial(b -> b.disk(scattered(20_000_000)))) {
      DiskRequest r = request(true, 0, 8, 0, 2);
      w.machine.memory().poison(2, 0);
      w.machine.disk().submit(r);
      long k = 0;
      while (!r.done) {
        w.machine.memory().poison(2, ++k);
        w.me.parkNanos(200_000);
      }
      TreeSet<Long> instants = new TreeSet<>();
      for (int c = 0; c < 8; c++) {
        instants.add(peek(w, c, 1)[0]);
      }
      assertThat(instants).as("what each chunk caught").hasSizeGreaterThan(3);
    }
  }

  @Test
  void scatteredRead_depositsEachChunkAtAnInstantOfItsOwn() {
    try (HwWorld w = HwWorld.serial(b -> b.disk(scattered(20_000_000)))) {
      w.machine.disk().initialContents(0, 8, offset -> 1);
      DiskRequest r = request(false, 0, 8, 0, 2);
      w.machine.disk().submit(r);
      TreeSet<Integer> states = new TreeSet<>();
      while (!r.done) {
        int there = 0;
        for (int c = 0; c < 8; c++) {
          there += (int) w.machine.memory().load(2, c * CHUNK_WORDS);
        }
        states.add(there);
        w.me.parkNanos(200_000);
      }
      assertThat(states).as("chunks seen there while the read went on").hasSizeGreaterThan(3);
    }
  }

  @Test
  void latency_isWaitedFor() {
    DiskProfile slow = new DiskProfile("test", 5_000_000, 0, 1_000_000, 0, 1, DiskProfile.Order.FIFO, false);
    try (HwWorld w = HwWorld.of(b -> b.disk(slow))) {
      long start = System.nanoTime();
      DiskRequest r = request(false, 0, 8, 0, 1);
      w.machine.disk().submit(r);
      spin(w, r);
      assertThat(System.nanoTime() - start).isGreaterThanOrEqualTo(13_000_000);
    }
  }

  @Test
  void completion_isCalledOnce_onTheDisksStrand_withNothingHeld() {
    try (HwWorld w = HwWorld.plain()) {
      AtomicInteger calls = new AtomicInteger();
      List<String> seen = new CopyOnWriteArrayList<>();
      DiskRequest[] r = new DiskRequest[1];
      r[0] =
          new DiskRequest() {
            @Override
            public void completed() {
              calls.incrementAndGet();
              seen.add(Strand.current().name() + " done=" + done + " error=" + error);
              if (write) {
                write = false;
                w.machine.disk().submit(this); // the request is ours again
              }
            }
          };
      r[0].write = true;
      r[0].blockCount = 1;
      r[0].frames = new int[] {1};
      r[0].frameCount = 1;
      w.machine.disk().submit(r[0]);
      awaitIdle(w);
      assertThat(calls).hasValue(2);
      assertThat(seen).containsOnly("disk done=true error=false");
      assertThat(w.machine.disk().reads()).isEqualTo(1);
    }
  }

  @Test
  void idle_isFalse_untilTheCallbackHasReturned() {
    try (HwWorld w = HwWorld.plain()) {
      assertThat(w.machine.disk().idle()).isTrue();
      AtomicInteger phase = new AtomicInteger();
      DiskRequest r = request(false, 0, 1, 0, 0);
      r.callback =
          () -> {
            phase.set(1);
            while (phase.get() == 1) {
              Thread.onSpinWait();
            }
          };
      w.machine.disk().submit(r);
      await().until(() -> phase.get() == 1);
      assertThat(r.done).isTrue();
      assertThat(w.machine.disk().idle()).isFalse();
      phase.set(2);
      awaitIdle(w);
    }
  }

  @Test
  void impossibleRequests_areRefused() {
    try (HwWorld w = HwWorld.plain()) {
      Disk d = w.machine.disk();
      for (DiskRequest bad :
          List.of(
              request(false, -1, 1, 0, 1),
              request(false, 1024, 1, 0, 1),
              request(false, 1020, 5, 0, 1),
              request(false, Long.MAX_VALUE, 1, 0, 1),
              request(false, 0, 0, 0, 1),
              request(false, 0, 9, 0, 1),
              request(false, 0, 8, 1, 1),
              request(false, 0, 1, -1, 1),
              request(false, 0, 1, 0, 16),
              request(false, 0, 1, 0, -1),
              request(false, 0, 1, 0))) {
        assertThatThrownBy(() -> d.submit(bad)).isInstanceOf(IllegalArgumentException.class);
      }
      assertThat(d.idle()).isTrue();
    }
    try (HwWorld w = HwWorld.of(b -> b.disk(DiskProfile.SLOW))) {
      DiskRequest r = request(false, 0, 1, 0, 1);
      w.machine.disk().submit(r);
      assertThatThrownBy(() -> w.machine.disk().submit(r))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("twice");
    }
  }

  @Test
  void close_doesNotWaitForLatency_andRefusesWhatComesLater() {
    Machine m;
    DiskRequest r = request(false, 0, 1, 0, 1);
    long start;
    try (HwWorld w =
        HwWorld.of(b -> b.disk(new DiskProfile("t", 60_000_000_000L, 0, 0, 0, 1, DiskProfile.Order.FIFO, false)))) {
      m = w.machine;
      m.disk().submit(r);
      start = System.nanoTime();
      m.close();
      assertThat(r.done).isFalse();
      assertThatThrownBy(() -> m.disk().submit(request(false, 0, 1, 0, 1)))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("closed");
    }
    assertThat(System.nanoTime() - start).isLessThan(20_000_000_000L);
  }

  @Test
  void nothingIsStarted_beforeTheFirstRequest() {
    ScriptedStrands strands = new ScriptedStrands();
    try (Machine m = new Machine(MachineConfig.builder().frames(4).pageSize(64).build(), strands)) {
      m.disk().initialContents(0, 100, offset -> 1);
      assertThat(strands.startedCount()).isZero();
      m.disk().submit(request(false, 0, 1, 0, 1));
      assertThat(strands.startedCount()).isEqualTo(1);
    } finally {
      strands.close();
    }
  }

  @Test
  void requestsAndCompletions_allocateNothing_onceWarm() {
    try (HwWorld w = HwWorld.plain()) {
      com.sun.management.ThreadMXBean threads =
          (com.sun.management.ThreadMXBean) java.lang.management.ManagementFactory.getThreadMXBean();
      long[] disk = new long[2];
      DiskRequest r = request(true, 0, 8, 0, 1);
      r.callback = () -> disk[1] = threads.getThreadAllocatedBytes(Thread.currentThread().getId());
      long mine = 0;
      int rounds = 20_000;
      for (int i = 0; i < 2 * rounds; i++) {
        if (i == rounds) {
          disk[0] = disk[1];
          mine = threads.getThreadAllocatedBytes(Thread.currentThread().getId());
        }
        r.block = i % 100;
        r.write = i % 2 == 0;
        w.machine.disk().submit(r);
        spin(w, r);
      }
      mine = threads.getThreadAllocatedBytes(Thread.currentThread().getId()) - mine;
      assertThat(mine / rounds).as("bytes a submission").isLessThan(12); // any object has 16
      assertThat((disk[1] - disk[0]) / rounds).as("bytes a completion").isLessThan(12); // any object has 16
    }
  }

  /** What became of a failed request. */
  private static boolean fails(HwWorld w, boolean write, long block, int count, @Nullable Runnable before) {
    if (before != null) {
      before.run();
    }
    DiskRequest r = request(write, block, count, 0, 1);
    w.machine.disk().submit(r);
    spin(w, r);
    return r.error;
  }

  @Test
  void transientFaults_failOnce_stickyOnesUntilCleared() {
    try (HwWorld w = HwWorld.plain()) {
      Disk d = w.machine.disk();
      d.fail(10, 2, FaultMode.TRANSIENT_READ);
      assertThat(fails(w, false, 0, 8, null)).isFalse(); // beside it
      assertThat(fails(w, false, 12, 4, null)).isFalse();
      assertThat(fails(w, true, 8, 8, null)).isFalse(); // the other direction
      assertThat(fails(w, false, 11, 1, null)).isTrue();
      assertThat(fails(w, false, 8, 8, null)).isFalse();
      d.fail(10, 1, FaultMode.TRANSIENT_WRITE);
      assertThat(fails(w, false, 10, 1, null)).isFalse();
      assertThat(fails(w, true, 3, 8, null)).isTrue();
      assertThat(fails(w, true, 3, 8, null)).isFalse();
      d.fail(10, 1, FaultMode.STICKY_READ);
      d.fail(20, 1, FaultMode.STICKY_WRITE);
      d.fail(30, 1, FaultMode.STICKY_ALL);
      for (int i = 0; i < 3; i++) {
        assertThat(fails(w, false, 10, 1, null)).isTrue();
        assertThat(fails(w, true, 10, 1, null)).isFalse();
        assertThat(fails(w, false, 20, 1, null)).isFalse();
        assertThat(fails(w, true, 20, 1, null)).isTrue();
        assertThat(fails(w, false, 30, 1, null)).isTrue();
        assertThat(fails(w, true, 30, 1, null)).isTrue();
      }
      assertThat(d.errors()).isEqualTo(14);
      d.clearFaults();
      assertThat(fails(w, false, 0, 8, null) || fails(w, true, 30, 1, null)).isFalse();
    }
  }

  @ParameterizedTest
  @MethodSource("quickProfiles")
  void failedWrite_leavesOldNewOrMixedBlocks(DiskProfile profile) {
    try (HwWorld w = HwWorld.of(b -> b.disk(profile))) {
      w.machine.disk().fail(3, 1, FaultMode.STICKY_WRITE);
      TreeSet<String> kinds = new TreeSet<>();
      for (int k = 1; k <= 12; k++) {
        long old = 2L * k;
        w.machine.disk().initialContents(0, 8, offset -> old);
        w.machine.memory().poison(1, old + 1);
        assertThat(fails(w, true, 0, 8, null)).isTrue();
        for (int c = 0; c < 8; c++) {
          long[] words = peek(w, c, 1);
          assertThat(words).containsAnyOf(old, old + 1);
          long fresh = Arrays.stream(words).filter(x -> x == old + 1).count();
          assertThat(Arrays.stream(words).filter(x -> x == old).count() + fresh).isEqualTo(words.length);
          kinds.add(fresh == 0 ? "old" : fresh == words.length ? "new" : "mixed");
        }
      }
      assertThat(kinds).containsExactly("mixed", "new", "old");
    }
  }

  @ParameterizedTest
  @MethodSource("quickProfiles")
  void failedRead_leavesAnythingInItsFrames_butNothingElsewhere(DiskProfile profile) {
    try (HwWorld w = HwWorld.of(b -> b.disk(profile))) {
      w.machine.disk().fail(3, 1, FaultMode.STICKY_READ);
      w.machine.disk().initialContents(0, 8, offset -> 5);
      TreeSet<String> kinds = new TreeSet<>();
      for (int k = 0; k < 12; k++) {
        w.machine.memory().poison(1, -7);
        assertThat(fails(w, false, 0, 8, null)).isTrue();
        for (int c = 0; c < 8; c++) {
          long word = w.machine.memory().load(1, c * CHUNK_WORDS);
          kinds.add(word == 5 ? "right" : word == -7 ? "untouched" : "garbage");
        }
      }
      assertThat(kinds).containsExactly("garbage", "right", "untouched");
      for (int f = 0; f < 16; f++) {
        assertThat(w.machine.memory().isZero(f)).isEqualTo(f != 1);
      }
      assertThat(peek(w, 0, 8)).containsOnly(5);
    }
  }
}
