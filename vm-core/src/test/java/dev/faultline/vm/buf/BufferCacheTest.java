package dev.faultline.vm.buf;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.faultline.hw.DiskProfile;
import dev.faultline.hw.FaultMode;
import dev.faultline.hw.PageTable;
import dev.faultline.hw.Pte;
import dev.faultline.vm.base.Defect;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.buf.FileBlocks.Outcome;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.pager.Vnode;
import dev.faultline.vm.pager.Volume;
import dev.faultline.vm.scenario.Space;
import dev.faultline.vm.scenario.World;
import dev.faultline.vm.sync.KThread;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Buffers over the pages of files; a page has 64 bytes, so a chunk is one word. Files begin at disk page 64. */
@Timeout(60)
final class BufferCacheTest {
  private static final int PAGE = 64;
  private static final long SEED = 5;
  private static final int DISK = 64 * 8; // first block of the first file

  private static final DiskProfile SLOW =
      new DiskProfile("slow", 300_000_000, 0, 0, 0, 1, DiskProfile.Order.FIFO, false);

  private World w;
  private Vnode v;
  private VmObject o;
  private FileBlocks blocks;

  private void boot(World.Builder b, long length) {
    w = b.build();
    v = w.inKernel(() -> w.kernel().volume().create("f", length, SEED));
    o = w.inKernel(() -> w.kernel().vnodePager().objectOf(v));
    blocks = new FileBlocks(w.kernel().buffers(), w.kernel().vnodePager(), PAGE);
  }

  @AfterEach
  void atRest() {
    if (o != null) {
      w.inKernel(o::deallocate);
    }
    await().atMost(5, SECONDS).until(() -> w.kernel().machine().disk().idle());
    w.inKernel(() -> {
      w.kernel().buffers().checkInvariants();
      w.kernel().vnodePager().checkInvariants();
    });
    w.close();
  }

  private Outcome read(long offset, long[] words) {
    return w.inKernel(() -> readHere(offset, words));
  }

  private Outcome readHere(long offset, long[] words) {
    v.lock();
    try {
      return blocks.read(o, v, offset, offset + 8L * words.length, words, null);
    } finally {
      v.unlock();
    }
  }

  private Outcome write(long offset, long... words) {
    return w.inKernel(() -> writeHere(v, o, offset, words));
  }

  private Outcome writeHere(Vnode file, VmObject object, long offset, long... words) {
    file.lock();
    try {
      return blocks.write(object, file, offset, offset + 8L * words.length, words, null);
    } finally {
      file.unlock();
    }
  }

  private long readWord(long offset) {
    long[] word = new long[1];
    assertThat(read(offset, word)).isEqualTo(Outcome.DONE);
    return word[0];
  }

  private VmPage page(long index) {
    return w.inKernel(() -> {
      o.lock.lock();
      try {
        return w.kernel().pages().lookup(o, index * PAGE);
      } finally {
        o.lock.unlock();
      }
    });
  }

  private long disk(long offset) {
    return w.inKernel(() -> w.kernel().volume().diskWord(v, offset));
  }

  private static long original(long offset) {
    return Volume.word(SEED, Long.MAX_VALUE, offset);
  }

  private boolean flush() {
    return w.inKernel(() -> {
      v.lock();
      try {
        return w.kernel().buffers().flush(v);
      } finally {
        v.unlock();
      }
    });
  }

  private int inUse() {
    return w.inKernel(() -> w.kernel().buffers().inUse());
  }

  private int delayed() {
    return w.inKernel(() -> w.kernel().buffers().delayed());
  }

  private void truncate(long length) {
    w.inKernel(() -> {
      v.lock();
      w.kernel().vnodePager().setSize(v, length);
      v.unlock();
    });
  }

  // ------------------------------------------------------------------------------------------------- validity by chunk

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void read_makesTheBlockAlone_valid(Mode mode) {
    boot(World.builder().mode(mode), 10 * PAGE);
    assertThat(readWord(PAGE + 24)).isEqualTo(original(PAGE + 24));
    VmPage m = page(1);
    assertThat(m.valid()).isEqualTo(0b1000);
    assertThat(m.dirty()).isZero();
    assertThat(m.bmapped()).isEqualTo(1);
    assertThat(m.isActive()).isTrue();
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void write_ofWholeChunks_readsNothing_andDelaysTheBlock(Mode mode) {
    boot(World.builder().mode(mode), 10 * PAGE);
    long reads = w.kernel().machine().disk().reads();
    assertThat(write(PAGE, 7)).isEqualTo(Outcome.DONE);
    VmPage m = page(1);
    assertThat(m.valid()).isEqualTo(1);
    assertThat(m.dirty()).isEqualTo(1);
    assertThat(m.isReferenced()).isTrue();
    assertThat(o.isWriteable()).isTrue();
    assertThat(delayed()).isEqualTo(1);
    assertThat(disk(PAGE)).isEqualTo(original(PAGE));
    assertThat(flush()).isTrue();
    assertThat(disk(PAGE)).isEqualTo(7);
    assertThat(disk(PAGE + 8)).isEqualTo(original(PAGE + 8));
    assertThat(m.dirty()).isZero();
    assertThat(delayed()).isZero();
    assertThat(w.kernel().machine().disk().reads()).isEqualTo(reads);
  }

  @Test
  void write_thatFillsTheBlock_goesToTheDiskAtOnce() {
    boot(World.builder(), 10 * PAGE);
    write(16, 1, 2);
    assertThat(delayed()).isZero();
    await().atMost(5, SECONDS).until(() -> disk(24) == 2);
    assertThat(disk(16)).isEqualTo(1);
  }

  @Test
  void write_ofPartOfAChunk_readsTheRestOfIt() {
    boot(World.builder(), 10 * PAGE);
    long low = 0x7766;
    w.inKernel(() -> {
      v.lock();
      assertThat(blocks.write(o, v, 1, 3, new long[] {low << 8}, null)).isEqualTo(Outcome.DONE);
      v.unlock();
    });
    long expected = (original(0) & ~0xffff00L) | low << 8;
    assertThat(readWord(0)).isEqualTo(expected);
    assertThat(flush()).isTrue();
    assertThat(disk(0)).isEqualTo(expected);
  }

  @Test
  void read_leavesDirtyChunksOfThePage() {
    boot(World.builder().buffers(4, 8), 10 * PAGE);
    write(16, 77); // one of eight chunks
    long[] words = new long[8];
    assertThat(read(0, words)).isEqualTo(Outcome.DONE);
    assertThat(words[2]).isEqualTo(77);
    assertThat(words[1]).isEqualTo(original(8));
    assertThat(words[3]).isEqualTo(original(24));
    assertThat(page(0).dirty()).isEqualTo(0b100);
  }

  @Test
  void blockOfTwoPages_isReadInOneGo_withTwoPages() {
    boot(World.builder().buffers(4, 16), 10 * PAGE);
    long[] words = new long[16];
    assertThat(read(2 * PAGE, words)).isEqualTo(Outcome.DONE);
    assertThat(words[15]).isEqualTo(original(2 * PAGE + 120));
    assertThat(w.kernel().machine().disk().reads()).isEqualTo(1);
    assertThat(page(2).isWhollyValid()).isTrue();
    assertThat(page(3).bmapped()).isEqualTo(1);
  }

  // -------------------------------------------------------------------------------------------- holes, ends, mappings

  @Test
  void write_intoAHole_keepsTheRestZero_inMemoryAndOnTheDisk() {
    boot(World.builder(), PAGE);
    for (int i = 0; i < 40; i++) { // what lies on the disk where the hole will get its place
      write(PAGE + i * 8L, 0x1111);
    }
    flush();
    truncate(PAGE);
    truncate(20 * PAGE);
    write(3 * PAGE + 32, 9);
    assertThat(page(3).valid()).isEqualTo(0b10000);
    assertThat(flush()).isTrue();
    for (int i = 0; i < 8; i++) {
      assertThat(disk(3 * PAGE + i * 8L)).as("word %d", i).isEqualTo(i == 4 ? 9 : 0);
      assertThat(readWord(3 * PAGE + i * 8L)).as("word %d", i).isEqualTo(i == 4 ? 9 : 0);
    }
  }

  @Test
  @SuppressWarnings("GuardedBy") // nobody else runs
  void partialPage_overAHole_isMappedWithItsBytes() {
    boot(World.builder(), 0);
    write(32, 9);
    Space s = w.space().mapFile(v, 0, 0, 1);
    assertThat(page(0).valid()).isEqualTo(0b10000);
    s.read(0);
    assertThat(page(0).isWhollyValid()).isTrue();
    assertThat(readWord(32)).isEqualTo(9);
    assertThat(readWord(24)).isZero();
  }

  @Test
  void partialPage_overAHole_losesItsBytes_withTheSwitch() {
    boot(World.builder().defect(Defect.H_PARTIAL), 0);
    write(32, 9);
    Space s = w.space().mapFile(v, 0, 0, 1);
    s.read(0);
    assertThat(readWord(32)).as("R37: zeroed as if there were nothing").isZero();
  }

  @Test
  void partialPage_isWrittenByTheCleaner_chunkByChunk() {
    boot(World.builder(), 4 * PAGE);
    write(8, 71);
    write(24, 72);
    w.inKernel(() -> {
      v.lock();
      assertThat(w.kernel().objects().ranges().clean(o, 0, 0, true)).isTrue();
      v.unlock();
    });
    assertThat(disk(0)).isEqualTo(original(0));
    assertThat(disk(8)).isEqualTo(71);
    assertThat(disk(16)).isEqualTo(original(16));
    assertThat(disk(24)).isEqualTo(72);
    assertThat(page(0).dirty()).isZero();
    assertThat(flush()).as("nothing left to write").isTrue();
  }

  @Test
  void write_ofAMappedPage_isSeenThere_andStoresThereAreWritten() {
    boot(World.builder(), 2 * PAGE);
    Space s = w.space().mapFile(v, 0, 0, 1);
    s.write(0, 5); // word 0, by a mapping
    write(8, 6);
    assertThat(flush()).isTrue();
    assertThat(disk(8)).isEqualTo(6);
    assertThat(disk(0)).isEqualTo(5);
    s.write(0, 50);
    assertThat(readWord(0)).isEqualTo(50);
    VmPage m = page(0);
    w.inKernel(() -> w.kernel().pages().testDirty(m));
    assertThat(m.dirty()).as("stored to since").isNotZero();
  }

  @Test
  void extendingWrite_growsTheFile_andLeavesAHole() {
    boot(World.builder(), 20);
    write(3 * PAGE, 1, 2);
    assertThat(v.size()).isEqualTo(3 * PAGE + 16);
    assertThat(readWord(PAGE)).isZero();
    assertThat(readWord(24)).isZero();
    assertThat(readWord(16)).isEqualTo(original(16) & 0xffffffffL);
  }

  @Test
  void truncation_takesTheBuffersAlong_andOldBytesDoNotComeBack() {
    boot(World.builder().buffers(8, 16), 4 * PAGE);
    write(3 * PAGE, 7);
    write(2 * PAGE + 8, 8);
    truncate(2 * PAGE + 8);
    assertThat(page(3)).isNull();
    assertThat(inUse()).isZero();
    truncate(4 * PAGE);
    assertThat(readWord(3 * PAGE)).isZero();
    assertThat(readWord(2 * PAGE + 8)).isZero();
    assertThat(readWord(2 * PAGE)).isEqualTo(original(2 * PAGE));
  }

  // -------------------------------------------------------------------------------------------------------- bad disks

  @Test
  void failedRead_changesNothing() {
    boot(World.builder(), 4 * PAGE);
    w.kernel().machine().disk().fail(DISK, 1, FaultMode.TRANSIENT_READ);
    assertThat(read(0, new long[1])).isEqualTo(Outcome.IO_ERROR);
    assertThat(page(0)).isNull();
    assertThat(inUse()).isZero();
    assertThat(readWord(0)).isEqualTo(original(0));
  }

  @Test
  void failedReadOfAChunksRest_neitherGrowsNorChangesTheFile() {
    boot(World.builder(), 12);
    w.kernel().machine().disk().fail(DISK, 8, FaultMode.STICKY_READ);
    w.inKernel(() -> {
      v.lock();
      assertThat(blocks.write(o, v, 10, 16, new long[] {-1}, null)).isEqualTo(Outcome.IO_ERROR);
      v.unlock();
    });
    assertThat(v.size()).isEqualTo(12);
    w.kernel().machine().disk().clearFaults();
    assertThat(readWord(0)).isEqualTo(original(0));
  }

  @Test
  void failedWrite_leavesThePageDirty_andIsTriedAgainByTheCleaner() {
    boot(World.builder(), 4 * PAGE);
    write(16, 3);
    w.kernel().machine().disk().fail(DISK, 8, FaultMode.TRANSIENT_WRITE);
    assertThat(flush()).isFalse();
    assertThat(page(0).dirty()).isEqualTo(0b100);
    w.inKernel(() -> {
      v.lock();
      assertThat(w.kernel().objects().ranges().clean(o, 0, 0, true)).isTrue();
      v.unlock();
    });
    assertThat(disk(16)).isEqualTo(3);
  }

  @Test
  void failedRead_keepsABufferThatHasSomethingToWrite() {
    boot(World.builder().buffers(4, 8), 4 * PAGE);
    write(0, 7);
    w.kernel().machine().disk().fail(DISK, 8, FaultMode.STICKY_READ);
    assertThat(read(8, new long[1])).isEqualTo(Outcome.IO_ERROR);
    w.kernel().machine().disk().clearFaults();
    assertThat(delayed()).isEqualTo(1);
    assertThat(flush()).isTrue();
    assertThat(disk(0)).isEqualTo(7);
  }

  @Test
  void sync_ofAllFiles_saysWhetherAnyWriteFailed() {
    boot(World.builder(), 4 * PAGE);
    write(16, 3);
    write(PAGE, 4);
    w.kernel().machine().disk().fail(DISK, 8, FaultMode.TRANSIENT_WRITE);
    assertThat((boolean) w.inKernel(() -> w.kernel().buffers().sync())).isFalse();
    assertThat(disk(PAGE)).isEqualTo(4);
    assertThat((boolean) w.inKernel(() -> w.kernel().buffers().sync())).as("nothing is delayed any more").isTrue();
  }

  // ------------------------------------------------------------------------------------------------- reuse and waiting

  @ParameterizedTest
  @ValueSource(ints = {1, 3})
  void reuse_losesNothing_howeverFewBuffersThereAre(int buffers) {
    boot(World.builder().buffers(buffers, 2), 12 * PAGE);
    for (int i = 0; i < 12; i++) {
      write(i * (long) PAGE + 8, 100 + i); // the second half of a block: at once
      write(i * (long) PAGE + 16, 200 + i); // delayed
    }
    assertThat(inUse()).isLessThanOrEqualTo(buffers);
    for (int i = 0; i < 12; i++) {
      assertThat(readWord(i * (long) PAGE + 8)).isEqualTo(100 + i);
      assertThat(readWord(i * (long) PAGE + 16)).isEqualTo(200 + i);
      assertThat(readWord(i * (long) PAGE)).isEqualTo(original(i * (long) PAGE));
    }
  }

  @Test
  void reuse_takesWhatWasUsedLongestAgo_ofThoseWithNothingToWrite() {
    boot(World.builder().buffers(3, 2), 6 * PAGE);
    write(0, 1); // delayed
    readWord(PAGE);
    readWord(2 * PAGE);
    readWord(PAGE);
    readWord(3 * PAGE);
    assertThat(page(0).bmapped()).as("has something to write").isEqualTo(1);
    assertThat(page(1).bmapped()).as("was used since").isEqualTo(1);
    assertThat(page(2).bmapped()).isZero();
    assertThat(delayed()).isEqualTo(1);
  }

  /** Rather than start another write, who needs a buffer waits for one that is being written. */
  @Test
  void reuse_waitsForAWriteUnderWay_beforeItStartsOne() {
    boot(World.builder().buffers(2, 2).disk(SLOW), 4 * PAGE);
    write(PAGE, 3); // delayed
    write(0, 1, 2); // a whole block: on its way
    write(2 * PAGE, 4);
    assertThat(page(0).bmapped()).isZero();
    assertThat(page(1).bmapped()).isEqualTo(1);
    assertThat(delayed()).isEqualTo(2);
  }

  @Test
  void reuse_ofADelayedBufferOfALockedFile_leavesItsPagesDirty() {
    boot(World.builder().buffers(1, 2), 4 * PAGE);
    write(0, 1);
    VmPage m = page(0);
    AtomicBoolean done = new AtomicBoolean();
    World.Actor<Boolean> other = w.start("holder", () -> {
      v.lock();
      while (!done.get()) {
        KThread.current().strand().parkNanos(100_000);
      }
      v.unlock();
      return true;
    });
    Vnode g = w.inKernel(() -> w.kernel().volume().create("g", PAGE, 1));
    await().atMost(5, SECONDS).until(() -> w.inKernel(() -> {
      boolean got = v.tryLock();
      if (got) {
        v.unlock();
      }
      return !got;
    }));
    w.inKernel(() -> {
      VmObject og = w.kernel().vnodePager().objectOf(g);
      assertThat(writeHere(g, og, 0, 5)).isEqualTo(Outcome.DONE);
      og.deallocate();
    });
    done.set(true);
    other.join();
    assertThat(m.bmapped()).isZero();
    assertThat(m.dirty()).isEqualTo(1);
    assertThat(m.isActive()).isTrue();
    assertThat(readWord(0)).isEqualTo(1);
  }

  @Test
  void allocbuf_givesBackThePageItHas_beforeItWaitsForTheOther() {
    boot(World.builder().buffers(2, 16), 4 * PAGE);
    readWord(0);
    readWord(PAGE); // both pages resident
    w.inKernel(() -> w.kernel().buffers().release(8));
    VmPage second = page(1);
    w.inKernel(() -> {
      o.lock.lock();
      second.setBusy(this);
      o.lock.unlock();
    });
    World.Actor<Outcome> reader = w.start("reader", () -> readHere(PAGE, new long[1]));
    await().atMost(5, SECONDS).until(second::isWanted);
    w.inKernel(() -> {
      o.lock.lock();
      assertThat(second.isWanted()).isTrue();
      assertThat(w.kernel().pages().lookup(o, 0).isBusy()).as("the first page is not held meanwhile").isFalse();
      w.kernel().pages().wakeup(second, this);
      o.lock.unlock();
    });
    assertThat(reader.join()).isEqualTo(Outcome.DONE);
    assertThat(second.bmapped()).isEqualTo(1);
  }

  @Test
  void noMemory_isSaid_withNothingHeld() {
    AtomicBoolean refuse = new AtomicBoolean();
    boot(World.builder().buffers(2, 16).allocationFaults((t, c) -> refuse.get()), 4 * PAGE);
    refuse.set(true);
    assertThat(read(0, new long[1])).isEqualTo(Outcome.NO_MEMORY);
    assertThat(page(0)).isNull();
    assertThat(inUse()).isZero();
    refuse.set(false);
    assertThat(readWord(0)).isEqualTo(original(0));
  }

  /** In UP mode nobody else frees anything between the refusal and the look. */
  @Test
  void noMemory_forTheSecondPage_leavesWhatTheBufferHas_andItsOwnFreesAreNoNews() {
    AtomicInteger left = new AtomicInteger(Integer.MAX_VALUE);
    boot(World.builder().mode(Mode.UP).buffers(2, 16).allocationFaults((t, c) -> left.decrementAndGet() < 0), 4 * PAGE);
    readWord(0); // the first page alone
    left.set(0);
    assertThat(read(PAGE, new long[1])).isEqualTo(Outcome.NO_MEMORY);
    assertThat(page(0).bmapped()).isEqualTo(1);
    assertThat(inUse()).isEqualTo(1);
    left.set(1);
    w.inKernel(() -> {
      assertThat(readHere(3 * PAGE, new long[1])).isEqualTo(Outcome.NO_MEMORY);
      assertThat(KThread.current().memoryGen).isEqualTo(w.kernel().pages().freeList().generation());
    });
    assertThat(page(2)).as("made for nothing").isNull();
    left.set(Integer.MAX_VALUE);
  }

  @Test
  void flush_waitsForWritesThatOthersStarted() {
    boot(World.builder().buffers(4, 2).disk(SLOW), 4 * PAGE);
    write(0, 1, 2); // a whole block: on its way
    assertThat(flush()).isTrue();
    assertThat(disk(8)).isEqualTo(2);
  }

  /** Sets bits of a translation, as a processor does. */
  private void mark(Space s, int page, long bits) {
    w.inKernel(() -> {
      PageTable t = s.vmspace().pmap().table();
      t.leaf(s.at(page)).getAndBitwiseOr(t.index(s.at(page)), bits);
    });
  }

  @Test
  void release_seesWhatProcessorsHaveNotedOfMappedPages() {
    boot(World.builder(), 4 * PAGE);
    Space s = w.space().mapFile(v, 0, 0, 3);
    for (int i = 0; i < 3; i++) {
      s.read(i);
      readWord(i * (long) PAGE);
      VmPage m = page(i);
      w.inKernel(() -> {
        o.lock.lock();
        m.setReferenced(false);
        o.lock.unlock();
      });
    }
    mark(s, 0, Pte.R);
    mark(s, 1, Pte.M);
    w.inKernel(() -> w.kernel().buffers().release(9));
    assertThat(page(0).isActive()).isTrue();
    assertThat(page(0).isReferenced()).isTrue();
    assertThat(page(1).isActive()).isTrue();
    assertThat(page(1).dirty()).isNotZero();
    assertThat(s.vmspace().pmap().extract(s.at(1))).as("still mapped").isNotNegative();
    assertThat(page(2).isCached()).isTrue();
  }

  @Test
  void release_givesCleanPagesToTheCache_andDirtyOnesToTheQueues() {
    boot(World.builder(), 4 * PAGE);
    readWord(0);
    write(PAGE, 4);
    VmPage clean = page(0);
    VmPage dirty = page(1);
    int released = w.inKernel(() -> w.kernel().buffers().release(1));
    assertThat(released).isEqualTo(1);
    assertThat(clean.isCached()).isTrue();
    assertThat(dirty.bmapped()).isEqualTo(1);
    w.inKernel(() -> w.kernel().buffers().release(9));
    assertThat(dirty.isActive()).isTrue();
    assertThat(dirty.dirty()).isEqualTo(1);
    assertThat(readWord(0)).as("taken off the cache queue again").isEqualTo(original(0));
    assertThat(clean.isActive()).isTrue();
  }

  // --------------------------------------------------------------------------------------------------- ends of objects

  @Test
  void endOfTheObject_writesWhatWasDelayed_andGivesUpTheBuffers() {
    boot(World.builder(), 4 * PAGE);
    write(0, 1);
    write(2 * PAGE, 2);
    int before = w.inKernel(() -> w.kernel().objects().objectCount());
    w.inKernel(() -> {
      o.deallocate(); // the last reference: cleaned, cached, its pages still in buffers
      assertThat(w.kernel().objects().cachedCount()).isEqualTo(1);
      w.kernel().objects().trimCache(0);
    });
    o = null;
    assertThat((int) w.inKernel(() -> w.kernel().objects().objectCount())).isEqualTo(before - 1);
    assertThat(inUse()).isZero();
    assertThat(disk(0)).isEqualTo(1);
    assertThat(disk(2 * PAGE)).isEqualTo(2);
    o = w.inKernel(() -> w.kernel().vnodePager().objectOf(v));
    assertThat(readWord(0)).isEqualTo(1);
  }

  // ------------------------------------------------------------------------------------------------------------- races

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void readersWritersMappersAndTruncators_leaveEveryWordOfSomebody(Mode mode) {
    boot(World.builder().mode(mode).frames(48).buffers(3, 4), 8 * PAGE);
    List<World.Actor<Boolean>> actors = new ArrayList<>();
    for (int a = 0; a < 3; a++) {
      int who = a;
      actors.add(w.start("writer " + a, () -> {
        for (int i = 0; i < 400; i++) {
          long offset = (i * 13L + who * 24L) % (10 * PAGE) & -8L;
          writeHere(v, o, offset, 1_000_000L * (who + 1) + offset);
          long[] got = new long[1];
          if (offset + 8 <= v.size()) {
            v.lock();
            if (offset + 8 <= v.size() && blocks.read(o, v, offset, offset + 8, got, null) == Outcome.DONE) {
              assertOneOf(got[0], offset);
            }
            v.unlock();
          }
          if (i % 40 == 39) {
            w.kernel().buffers().sync();
          }
        }
        return true;
      }));
    }
    actors.add(w.start("truncator", () -> {
      for (int i = 0; i < 60; i++) {
        v.lock();
        w.kernel().vnodePager().setSize(v, i * 37L % (9 * PAGE));
        v.unlock();
        w.kernel().buffers().release(1);
      }
      return true;
    }));
    Space s = w.space().mapFile(v, 0, 0, 10);
    actors.add(w.start("mapper", () -> {
      for (int i = 0; i < 300; i++) {
        s.faultHere(i % 10, i % 3 == 0 ? VmProt.READ | VmProt.WRITE : VmProt.READ);
      }
      return true;
    }));
    actors.forEach(World.Actor::join);
    w.inKernel(() -> {
      v.lock();
      w.kernel().vnodePager().setSize(v, 0);
      v.unlock();
    });
  }

  private static void assertOneOf(long got, long offset) {
    long first = got / 1_000_000;
    boolean written = first >= 1 && first <= 3 && got % 1_000_000 == offset;
    assertThat(written || got == 0 || (got & original(offset)) == got).as("0x%x at %d", got, offset).isTrue();
  }
}
