package dev.faultline.vm.detect;

import static dev.faultline.vm.base.VmProt.EXECUTE;
import static dev.faultline.vm.base.VmProt.NONE;
import static dev.faultline.vm.base.VmProt.READ;
import static dev.faultline.vm.base.VmProt.WRITE;
import static dev.faultline.vm.detect.OracleBed.PAGE;
import static dev.faultline.vm.detect.OracleBed.WORDS;
import static dev.faultline.vm.detect.OracleBed.at;
import static dev.faultline.vm.detect.OracleBed.bytes;
import static dev.faultline.vm.detect.OracleBed.seeded;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.faultline.hw.PhysicalMemory;
import dev.faultline.vm.base.Inheritance;
import dev.faultline.vm.base.KernReturn;
import dev.faultline.vm.detect.OracleBed.Proc;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.LongConsumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The oracle's judgements, one access at a time; the test is the kernel, right or wrong. */
@Timeout(value = 60, unit = TimeUnit.SECONDS)
final class ContentOracleTest {
  private static final int RW = READ | WRITE;

  private OracleBed bed;
  private PhysicalMemory memory;
  private Proc a;

  @BeforeEach
  void boot() {
    bed = new OracleBed(4, 32);
    memory = bed.machine.memory();
    a = bed.proc(1, 0);
  }

  @AfterEach
  void shutDown() {
    bed.close();
  }

  private void clean() {
    assertThat(bed.findings.list()).isEmpty();
  }

  /** Requires exactly one finding since the last look, and forgets it. */
  private Finding one(Finding.Kind kind) {
    List<Finding> l = bed.findings.list();
    assertThat(l).hasSize(seen + 1);
    Finding f = l.get(seen++);
    assertThat(f.kind()).isEqualTo(kind);
    assertThat(f.schema()).isEqualTo(Finding.SCHEMA);
    return f;
  }

  private int seen;

  private void file(String name, long length) {
    bed.oracle.fileCreated(name, length, OracleBed::seeded);
  }

  @Nested
  final class PrivateMemory {
    @BeforeEach
    void map() {
      a.space.mappedAnonymous(at(0), bytes(4), RW, false);
      a.enter(0, 5, true);
    }

    @Test
    void readsZerosThenWhatWasStored() {
      assertThat(a.load(0, 0)).isZero();
      a.store(0, 3, 77);
      assertThat(a.load(0, 3)).isEqualTo(77);
      assertThat(a.add(0, 3, 5)).isEqualTo(77);
      assertThat(a.load(0, 3)).isEqualTo(82);
      clean();
    }

    @Test
    void keepsWhatWasStored_whenThePageMovesToAnotherFrame() {
      a.store(0, 1, 9);
      memory.copy(5, 6);
      memory.poison(5, 0xdead);
      a.enter(0, 6, true);
      assertThat(a.load(0, 1)).isEqualTo(9);
      clean();
    }

    @Test
    void garbageInFreshMemory_isFound() {
      memory.store(5, 2, 0xbad);
      a.load(0, 2);
      Finding f = one(Finding.Kind.CONTENT);
      assertThat(f.message()).contains("pid 1").contains("found 0xbad, not 0x0");
      assertThat(f.details()).containsEntry("frame", "5").containsEntry("word", "2").containsEntry("lastStore", "none");
      a.load(0, 2); // taken over: one wrong word is one finding
      assertThat(bed.findings.count()).isEqualTo(1);
    }

    @Test
    void lostStore_isFound_byAnAddToo() {
      a.store(0, 2, 1);
      memory.store(5, 2, 0);
      a.add(0, 2, 1);
      assertThat(one(Finding.Kind.CONTENT).details()).containsEntry("lastStore", "pid 1");
    }

    @Test
    void fillAndSum_areFollowedWordByWord() {
      assertThat(a.cpu.fill(at(0), WORDS, 10)).isEqualTo(WORDS);
      memory.store(5, 4, 0);
      a.cpu.sumWords(at(0), WORDS);
      one(Finding.Kind.CONTENT);
    }

    @Test
    void mappedOver_isZeroAgain() {
      a.store(0, 0, 1);
      a.space.mappedAnonymous(at(0), bytes(1), RW, false);
      a.enter(0, 7, true);
      assertThat(a.load(0, 0)).isZero();
      clean();
      a.enter(0, 5, true);
      a.load(0, 0);
      one(Finding.Kind.CONTENT);
    }

    @Test
    void droppedByExec_isNotThere() {
      a.store(0, 0, 1);
      a.space.dropped();
      a.load(0, 0);
      one(Finding.Kind.PROTECTION);
    }

    @Test
    void lost_isAnythingUntilStored() {
      a.store(0, 0, 1);
      a.space.lost(at(0), bytes(1));
      memory.store(5, 0, 99);
      a.load(0, 0);
      memory.store(5, 0, 98);
      a.load(0, 0);
      clean();
      a.store(0, 0, 2);
      memory.store(5, 0, 97);
      a.load(0, 0);
      one(Finding.Kind.CONTENT);
    }
  }

  @Nested
  final class Protection {
    @Test
    void accessWhereNothingIsMapped_isFound() {
      a.enter(0, 5, true);
      a.load(0, 0);
      assertThat(one(Finding.Kind.PROTECTION).message()).startsWith("I-63");
    }

    @Test
    void accessAfterMunmap_isFound() {
      a.space.mappedAnonymous(at(0), bytes(3), RW, false);
      a.enter(0, 5, true).enter(1, 6, true).enter(2, 7, true);
      a.space.unmapped(at(1), bytes(1));
      a.load(0, 0);
      a.load(2, 0);
      clean();
      a.load(1, 0);
      one(Finding.Kind.PROTECTION);
    }

    @Test
    void storeAgainstMprotect_isFound_loadsAreNot() {
      a.space.mappedAnonymous(at(0), bytes(1), RW, false);
      a.enter(0, 5, true);
      a.space.protectionSet(at(0), bytes(1), READ);
      a.load(0, 0);
      clean();
      a.store(0, 0, 1);
      one(Finding.Kind.PROTECTION);
      assertThat(a.load(0, 0)).isEqualTo(1); // the store is followed all the same
      assertThat(bed.findings.count()).isEqualTo(1);
    }

    @Test
    void anyRightImpliesRead_noneAllowsNothing() {
      a.space.mappedAnonymous(at(0), bytes(2), EXECUTE, false);
      a.enter(0, 5, true);
      a.load(0, 0);
      clean();
      a.space.protectionSet(at(0), bytes(1), NONE);
      a.load(0, 0);
      one(Finding.Kind.PROTECTION);
    }

    @Test
    void refusalOfWhatIsAllowed_isFound() {
      a.space.mappedAnonymous(at(0), bytes(1), READ, false);
      a.space.refused(at(0), true, KernReturn.PROTECTION_FAILURE, false);
      a.space.refused(at(1), false, KernReturn.INVALID_ADDRESS, false);
      a.space.refused(at(0), false, KernReturn.RESOURCE_SHORTAGE, false);
      a.space.refused(at(0), false, KernReturn.PROTECTION_FAILURE, true);
      clean();
      a.space.refused(at(0), false, KernReturn.PROTECTION_FAILURE, false);
      one(Finding.Kind.REFUSAL);
    }

    @Test
    void refusalBeyondTheEndOfAFile_isRight() {
      file("f", PAGE + 8);
      a.space.mappedFile(at(0), bytes(4), RW, true, "f", 0);
      a.space.refused(at(2), false, KernReturn.PROTECTION_FAILURE, false);
      clean();
      a.space.refused(at(1), false, KernReturn.PROTECTION_FAILURE, false);
      one(Finding.Kind.REFUSAL);
      bed.oracle.truncateBegins("f", 8);
      a.space.refused(at(1), false, KernReturn.PROTECTION_FAILURE, false); // an access beside the truncation
      bed.oracle.truncateEnds("f", true);
      bed.oracle.truncateBegins("f", 2 * PAGE);
      bed.oracle.truncateEnds("f", true);
      a.space.refused(at(1), false, KernReturn.PROTECTION_FAILURE, false); // not judged: it was beyond once
      assertThat(bed.findings.count()).isEqualTo(1);
    }
  }

  @Nested
  final class Fork {
    @BeforeEach
    void map() {
      a.space.mappedAnonymous(at(0), bytes(4), RW, false);
      a.enter(0, 5, true);
      a.store(0, 0, 1);
    }

    @Test
    void childSeesTheParentsValueOfTheFork_andNotWhatFollows() {
      Proc b = a.fork(2, 1).enter(0, 5, false);
      memory.copy(5, 6);
      a.enter(0, 6, true);
      a.store(0, 0, 2);
      assertThat(b.load(0, 0)).isEqualTo(1);
      memory.copy(5, 7);
      b.enter(0, 7, true);
      b.store(0, 0, 3);
      assertThat(a.load(0, 0)).isEqualTo(2);
      clean();
    }

    @Test
    void childOnTheParentsFrame_isFound() {
      Proc b = a.fork(2, 1).enter(0, 5, false);
      a.store(0, 0, 2);
      b.load(0, 0);
      assertThat(one(Finding.Kind.CONTENT).details()).containsEntry("expected", "0x1").containsEntry("got", "0x2");
    }

    @Test
    void grandchildren_haveTheirOwnSnapshots() {
      Proc b = a.fork(2, 1).enter(0, 6, true);
      memory.copy(5, 6);
      b.store(0, 0, 10);
      Proc c = b.fork(3, 2).enter(0, 7, true);
      memory.copy(6, 7);
      c.store(0, 1, 20);
      assertThat(c.load(0, 0)).isEqualTo(10);
      assertThat(b.load(0, 1)).isZero();
      assertThat(a.load(0, 0)).isEqualTo(1);
      clean();
    }

    @Test
    void none_leavesTheChildNothing() {
      a.space.inheritanceSet(at(0), bytes(1), Inheritance.NONE);
      Proc b = a.fork(2, 1).enter(0, 5, false).enter(1, 6, true);
      b.load(1, 0);
      clean();
      b.load(0, 0);
      one(Finding.Kind.PROTECTION);
      assertThat(a.load(0, 0)).isEqualTo(1);
    }

    @Test
    void share_makesOneMemoryOfBoth() {
      a.space.inheritanceSet(at(0), bytes(2), Inheritance.SHARE);
      Proc b = a.fork(2, 1).enter(0, 5, true);
      assertThat(b.load(0, 0)).isEqualTo(1);
      b.store(0, 0, 2);
      assertThat(a.load(0, 0)).isEqualTo(2);
      Proc c = b.fork(3, 2).enter(0, 5, true);
      c.add(0, 0, 5);
      assertThat(a.load(0, 0)).isEqualTo(7);
      clean();
      memory.copy(5, 6);
      b.enter(0, 6, true);
      a.store(0, 0, 8);
      b.load(0, 0);
      one(Finding.Kind.CONTENT);
    }

    @Test
    void vforkChild_usesTheParentsSpace() {
      Proc b = bed.new Proc(2, 1, a.space).enter(0, 5, true);
      b.store(0, 0, 2);
      assertThat(a.load(0, 0)).isEqualTo(2);
      b.space = bed.oracle.newSpace(2); // exec
      b.load(0, 0);
      one(Finding.Kind.PROTECTION);
    }

    @Test
    void failedFork_changesNothing() {
      a.space.forkBegins();
      a.space.forkFailed();
      assertThat(a.load(0, 0)).isEqualTo(1);
      clean();
    }

    @Test
    void sharedMadeCopy_isSnapshotOfSomeInstantOfTheFork() {
      a.space.inheritanceSet(at(0), bytes(1), Inheritance.SHARE);
      Proc b = a.fork(2, 1).enter(0, 5, true);
      a.space.inheritanceSet(at(0), bytes(1), Inheritance.COPY);
      a.store(0, 1, 100);
      a.space.forkBegins();
      b.store(0, 0, 2);
      b.store(0, 0, 3);
      Proc c = bed.new Proc(3, 2, a.space.forked(3)).enter(0, 6, true);
      memory.copy(5, 6);
      b.store(0, 0, 4);
      memory.store(6, 0, 2); // 1, 2 or 3: it shows which
      assertThat(c.load(0, 0)).isEqualTo(2);
      assertThat(c.load(0, 1)).isEqualTo(100);
      clean();
      memory.store(6, 0, 3);
      c.load(0, 0); // but not now this, now that
      one(Finding.Kind.CONTENT);
    }

    @Test
    void sharedMadeCopy_doesNotHaveWhatCameLater() {
      a.space.inheritanceSet(at(0), bytes(1), Inheritance.SHARE);
      Proc b = a.fork(2, 1).enter(0, 5, true);
      a.space.inheritanceSet(at(0), bytes(1), Inheritance.COPY);
      Proc c = a.fork(3, 2).enter(0, 5, true);
      b.store(0, 0, 4);
      c.load(0, 0);
      one(Finding.Kind.CONTENT);
    }
  }

  @Nested
  final class Files {
    private static final long LENGTH = 2 * PAGE + 20;

    private Proc b;

    @BeforeEach
    void map() {
      file("f", LENGTH);
      a.space.mappedFile(at(0), bytes(4), RW, true, "f", 0);
      b = bed.proc(2, 1);
      b.space.mappedFile(at(8), bytes(2), RW, true, "f", PAGE);
      for (int n = 0; n < 3; n++) {
        bed.readIn(10 + n, (long) n * PAGE, LENGTH);
        a.enter(n, 10 + n, true);
      }
      b.enter(8, 11, true).enter(9, 12, true);
    }

    @Test
    void readTheirSeed_andWhatAnyMapperStored() {
      assertThat(a.load(1, 3)).isEqualTo(seeded(PAGE + 24));
      b.store(8, 3, 5);
      assertThat(a.load(1, 3)).isEqualTo(5);
      assertThat(a.add(1, 3, 2)).isEqualTo(5);
      assertThat(b.load(8, 3)).isEqualTo(7);
      clean();
      memory.store(11, 3, 5);
      b.load(8, 3);
      one(Finding.Kind.CONTENT);
    }

    @Test
    void wrongPageOfTheFile_isFound() {
      a.enter(0, 11, true);
      a.load(0, 0);
      assertThat(one(Finding.Kind.CONTENT).message()).contains("not 0x" + Long.toHexString(seeded(0)));
    }

    @Test
    void pastTheEnd_readAsZerosWhenReadIn() {
      long last = a.load(2, 2);
      assertThat(last).isEqualTo(seeded(2 * PAGE + 16) & 0xffffffffL);
      assertThat(a.load(2, 3)).isZero();
      clean();
      memory.store(12, 3, seeded(2 * PAGE + 24));
      a.load(2, 3);
      one(Finding.Kind.CONTENT);
    }

    @Test
    void pastTheEnd_storesLiveUntilTheyAreZeroed() {
      a.store(2, 2, -1L);
      a.store(2, 5, 99);
      assertThat(b.load(9, 5)).isEqualTo(99);
      memory.zeroBytes(12, 20, PAGE); // written out
      assertThat(b.load(9, 5)).isZero();
      assertThat(b.load(9, 2)).isEqualTo(0xffffffffL);
      clean();
      memory.store(12, 5, 99); // and once zero, zero
      b.load(9, 5);
      one(Finding.Kind.CONTENT);
    }

    @Test
    void pastTheEnd_theBytesBeforeItAreSafe() {
      a.store(2, 2, -1L);
      memory.zeroBytes(12, 16, PAGE); // too much
      a.load(2, 2);
      one(Finding.Kind.CONTENT);
    }

    @Test
    void pageBeyondTheEnd_mustNotBeReached() {
      a.enter(3, 13, true);
      a.load(3, 0);
      assertThat(one(Finding.Kind.PROTECTION).message()).contains("beyond the end");
    }

    @Test
    void shorter_zeroesTheTail_andForgetsTheRest() {
      a.store(1, 6, 66);
      a.store(2, 0, 77);
      bed.oracle.truncateBegins("f", PAGE + 12);
      assertThat(a.load(1, 6)).isEqualTo(66); // not yet
      assertThat(a.load(2, 0)).isEqualTo(77);
      memory.zeroBytes(11, 12, PAGE);
      a.remove(2);
      b.remove(9);
      assertThat(a.load(1, 6)).isZero();
      b.store(8, 7, 5);
      bed.oracle.truncateEnds("f", true);
      assertThat(a.load(1, 7)).isEqualTo(5);
      assertThat(a.load(1, 1)).isEqualTo(seeded(PAGE + 8) & 0xffffffffL);
      assertThat(a.load(1, 2)).isZero();
      clean();
      bed.oracle.truncateBegins("f", LENGTH);
      bed.oracle.truncateEnds("f", true);
      memory.zero(12);
      a.enter(2, 12, true);
      assertThat(a.load(2, 0)).isZero(); // what was cut off does not come back
      assertThat(a.load(1, 7)).isEqualTo(5);
      assertThat(a.load(1, 2)).isZero();
      clean();
    }

    @Test
    void shorter_staleTailIsFound() {
      a.store(1, 6, 66);
      bed.oracle.truncateBegins("f", PAGE + 12);
      bed.oracle.truncateEnds("f", true);
      a.load(1, 6);
      one(Finding.Kind.CONTENT);
    }

    @Test
    void shorter_stalePageIsFound_whenItComesBack() {
      bed.oracle.truncateBegins("f", PAGE);
      bed.oracle.truncateEnds("f", true);
      bed.oracle.truncateBegins("f", 3 * PAGE);
      bed.oracle.truncateEnds("f", true);
      a.load(2, 0);
      one(Finding.Kind.CONTENT);
    }

    @Test
    void longer_settlesWhatWasStoredPastTheEnd_oneWayOrTheOther() {
      a.store(2, 5, 99);
      a.store(2, 6, 98);
      bed.oracle.truncateBegins("f", 3 * PAGE);
      bed.oracle.truncateEnds("f", true);
      memory.store(12, 6, 0);
      assertThat(b.load(9, 5)).isEqualTo(99);
      assertThat(b.load(9, 6)).isZero();
      clean();
      memory.store(12, 5, 0);
      b.load(9, 5);
      one(Finding.Kind.CONTENT);
    }

    @Test
    void refusedTruncation_changesNothing() {
      bed.oracle.truncateBegins("f", 8);
      bed.oracle.truncateEnds("f", false);
      assertThat(a.load(0, 3)).isEqualTo(seeded(24));
      assertThat(a.load(2, 0)).isEqualTo(seeded(2 * PAGE));
      clean();
    }

    @Test
    void lostData_isAnything() {
      bed.oracle.fileLost("f", PAGE, PAGE);
      memory.poison(11, 7);
      a.load(1, 0);
      a.load(0, 0);
      clean();
    }

    @Test
    void sharedMappingThatAForkCopied_isNotJudged() {
      a.space.inheritanceSet(at(0), bytes(4), Inheritance.COPY);
      Proc c = a.fork(3, 2).enter(0, 10, false);
      memory.copy(10, 20);
      a.enter(0, 20, true);
      a.store(0, 0, 1); // to a copy of its own, says 3.4
      c.load(0, 0);
      clean();
      b.store(8, 0, 3);
      assertThat(b.load(8, 0)).isEqualTo(3); // others are judged still
      memory.store(11, 0, 4);
      b.load(8, 0);
      one(Finding.Kind.CONTENT);
    }

    @Test
    void unknownFile_isRefused() {
      assertThatThrownBy(() -> a.space.mappedFile(at(0), bytes(1), RW, true, "g", 0))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("file g");
    }
  }

  @Nested
  final class PrivateFiles {
    private static final long LENGTH = 2 * PAGE + 20;

    private Proc b;

    @BeforeEach
    void map() {
      file("f", LENGTH);
      a.space.mappedFile(at(0), bytes(3), RW, false, "f", 0);
      b = bed.proc(2, 1);
      b.space.mappedFile(at(0), bytes(3), RW, true, "f", 0);
      for (int n = 0; n < 3; n++) {
        bed.readIn(10 + n, (long) n * PAGE, LENGTH);
        a.enter(n, 10 + n, false);
        b.enter(n, 10 + n, true);
      }
    }

    /** What the kernel does when {@code p} stores to page n for the first time. */
    private void copyUp(Proc p, int n, int from, int to) {
      p.space.storeTrapped(at(n));
      memory.copy(from, to);
      p.enter(n, to, true);
    }

    @Test
    void followTheFile_untilTheyAreStoredTo() {
      b.store(0, 0, 1);
      assertThat(a.load(0, 0)).isEqualTo(1);
      copyUp(a, 0, 10, 20);
      a.store(0, 1, 2);
      b.store(0, 0, 3);
      assertThat(a.load(0, 0)).isEqualTo(1);
      assertThat(a.load(0, 1)).isEqualTo(2);
      assertThat(b.load(0, 1)).isEqualTo(seeded(8));
      clean();
    }

    @Test
    void copyThatFollowsTheFile_isFound() {
      copyUp(a, 0, 10, 20);
      a.store(0, 1, 2);
      b.store(0, 0, 3);
      memory.store(20, 0, 3);
      a.load(0, 0);
      one(Finding.Kind.CONTENT);
    }

    @Test
    void storeThatReachesTheFile_isFound() {
      a.space.storeTrapped(at(0));
      a.enter(0, 10, true);
      a.store(0, 1, 2);
      b.load(0, 1);
      one(Finding.Kind.CONTENT);
    }

    @Test
    void copyMade_whileOthersStore_hasAnyOfTheValues_andKeepsIt() {
      a.space.storeTrapped(at(0));
      b.store(0, 0, 1);
      b.store(0, 0, 2);
      memory.copy(10, 20);
      b.store(0, 0, 3);
      a.enter(0, 20, true);
      a.store(0, 7, 9);
      b.store(0, 0, 4);
      assertThat(a.load(0, 0)).isEqualTo(2);
      clean();
      memory.store(20, 0, 1);
      a.load(0, 0);
      one(Finding.Kind.CONTENT);
    }

    @Test
    void copyMade_beforeTheStoreTrapped_isFound() {
      b.store(0, 0, 1);
      memory.copy(10, 20);
      b.store(0, 0, 2);
      a.space.storeTrapped(at(0));
      a.enter(0, 20, true);
      a.store(0, 7, 9);
      a.load(0, 0);
      one(Finding.Kind.CONTENT);
    }

    @Test
    void copyMade_unannounced_isJudgedLeniently() {
      b.store(0, 0, 1);
      memory.copy(10, 20);
      b.store(0, 0, 2);
      a.enter(0, 20, true);
      a.store(0, 7, 9);
      a.load(0, 0);
      clean();
    }

    @Test
    void anAdd_findsTheCopysValue() {
      a.space.storeTrapped(at(0));
      memory.copy(10, 20);
      b.store(0, 0, 1);
      a.enter(0, 20, true);
      assertThat(a.add(0, 0, 1)).isEqualTo(seeded(0));
      assertThat(a.load(0, 0)).isEqualTo(seeded(0) + 1);
      clean();
    }

    @Test
    void tailOfTheLastPage_isCopiedEitherWay() {
      b.store(2, 5, 99);
      copyUp(a, 2, 12, 20);
      memory.store(20, 5, 0);
      a.store(2, 0, 1);
      assertThat(a.load(2, 5)).isZero();
      clean();
    }

    @Test
    void copies_outliveTheFilesEnd() {
      copyUp(a, 1, 11, 20);
      a.store(1, 0, 5);
      bed.oracle.truncateBegins("f", 0);
      bed.oracle.truncateEnds("f", true);
      assertThat(a.load(1, 0)).isEqualTo(5);
      assertThat(a.load(1, 1)).isEqualTo(seeded(PAGE + 8));
      clean();
      a.load(0, 0);
      one(Finding.Kind.PROTECTION);
    }

    /** The store closes its window while the file's pages are forgotten one by one, before the turn of its own. */
    @Test
    void copies_outliveTheFilesEnd_whereTheStoreMeetsItsTruncation() throws Exception {
      a.space.storeTrapped(at(2));
      memory.copy(12, 20);
      a.enter(2, 20, true);
      bed.oracle.truncateBegins("f", 0);
      ModelPage first = bed.oracle.file("f").page(0);
      first.lock();
      Thread truncation = bed.thread(() -> bed.oracle.truncateEnds("f", true));
      truncation.start();
      await().until(() -> truncation.getState() == Thread.State.TIMED_WAITING); // for page 0
      a.store(2, 0, 5);
      first.unlock();
      truncation.join();
      assertThat(a.load(2, 1)).isEqualTo(seeded(2 * PAGE + 8));
      clean();
    }

    @Test
    void fork_leavesUncopiedPagesToTheFile_andCopiedOnesToBoth() {
      copyUp(a, 0, 10, 20);
      a.store(0, 0, 5);
      Proc c = a.fork(3, 2).enter(0, 20, false).enter(1, 11, false);
      b.store(1, 0, 6);
      assertThat(c.load(1, 0)).isEqualTo(6);
      assertThat(c.load(0, 0)).isEqualTo(5);
      copyUp(c, 1, 11, 21);
      c.store(1, 1, 7);
      b.store(1, 0, 8);
      assertThat(a.load(1, 0)).isEqualTo(8);
      assertThat(c.load(1, 0)).isEqualTo(6);
      clean();
    }

    @Test
    void sharedByInheritance_areCopiedForAllSharers() {
      a.space.inheritanceSet(at(0), bytes(3), Inheritance.SHARE);
      Proc c = a.fork(3, 2).enter(0, 10, false);
      b.store(0, 0, 1);
      assertThat(c.load(0, 0)).isEqualTo(1);
      a.space.storeTrapped(at(0));
      b.store(0, 0, 2);
      memory.copy(10, 20);
      assertThat(c.load(0, 0)).isEqualTo(2);
      c.enter(0, 20, false); // copied already, not stored to yet
      b.store(0, 0, 3);
      assertThat(c.load(0, 0)).isEqualTo(2);
      a.enter(0, 20, true);
      a.store(0, 1, 9);
      assertThat(c.load(0, 1)).isEqualTo(9);
      assertThat(c.load(0, 0)).isEqualTo(2);
      clean();
      c.enter(0, 10, false);
      c.load(0, 0);
      one(Finding.Kind.CONTENT);
    }

    @Test
    void wiring_copies() {
      b.store(0, 0, 1);
      a.space.wireBegins(at(0), bytes(2));
      memory.copy(10, 20);
      b.store(0, 0, 2);
      memory.copy(11, 21);
      a.enter(0, 20, true).enter(1, 21, true);
      a.space.wireEnds(at(0), bytes(2), true);
      b.store(0, 0, 3);
      b.store(1, 0, 4);
      assertThat(a.load(0, 0)).isEqualTo(1);
      assertThat(a.load(1, 0)).isEqualTo(seeded(PAGE));
      b.store(2, 0, 5);
      assertThat(a.load(2, 0)).isEqualTo(5);
      clean();
    }

    @Test
    void refusedWiring_mayHaveCopied() {
      a.space.wireBegins(at(0), bytes(2));
      memory.copy(10, 20);
      a.enter(0, 20, true);
      a.space.wireEnds(at(0), bytes(2), false);
      b.store(0, 0, 3);
      b.store(1, 0, 4);
      a.load(0, 0);
      a.load(1, 0);
      clean();
    }

    @Test
    void storeGivenUp_leavesItOpenWhetherThePageWasCopied() {
      a.space.storeTrapped(at(0));
      memory.copy(10, 20);
      a.enter(0, 20, false);
      a.space.refused(at(0), true, KernReturn.RESOURCE_SHORTAGE, false);
      b.store(0, 0, 3);
      a.load(0, 0);
      clean();
    }

    @Test
    void storeRefusedByTheSpace_copiesNothing() {
      a.space.protectionSet(at(0), bytes(1), READ);
      a.space.storeTrapped(at(0));
      a.space.refused(at(0), true, KernReturn.PROTECTION_FAILURE, false);
      memory.copy(10, 20);
      a.enter(0, 20, false);
      b.store(0, 0, 3);
      a.load(0, 0);
      one(Finding.Kind.CONTENT);
    }
  }

  /** Private mappings of a file that has become longer, so that it has a hole, which others fill. */
  @Nested
  final class Holes {
    private static final int HOLE = 3; // page
    private static final int FILES_FRAME = 13;
    private static final int ZEROS_FRAME = 20;

    private Proc b;

    @BeforeEach
    void map() {
      file("f", 2 * PAGE + 20);
      bed.oracle.truncateBegins("f", 5 * PAGE);
      bed.oracle.truncateEnds("f", true);
      a.space.mappedFile(at(0), bytes(5), RW, false, "f", 0);
      b = bed.proc(2, 1);
      b.space.mappedFile(at(0), bytes(5), RW, true, "f", 0);
      b.enter(HOLE, FILES_FRAME, true);
      a.enter(HOLE, ZEROS_FRAME, true);
    }

    private void fill() {
      b.store(HOLE, 0, 5);
      b.store(HOLE, 1, 6);
    }

    @Test
    void showZerosOrTheFile_butNoZerosAgain() {
      assertThat(a.load(HOLE, 0)).isZero();
      fill();
      assertThat(a.load(HOLE, 0)).isZero();
      a.enter(HOLE, FILES_FRAME, false); // the zeros, clean as they were, have gone
      assertThat(a.load(HOLE, 0)).isEqualTo(5);
      clean();
      a.enter(HOLE, ZEROS_FRAME, false);
      a.load(HOLE, 1);
      one(Finding.Kind.CONTENT);
    }

    @Test
    void zerosAgain_onceTheFileHadAHoleAgain() {
      fill();
      a.enter(HOLE, FILES_FRAME, false);
      assertThat(a.load(HOLE, 0)).isEqualTo(5);
      bed.oracle.truncateBegins("f", 0);
      bed.oracle.truncateEnds("f", true);
      bed.oracle.truncateBegins("f", 5 * PAGE);
      bed.oracle.truncateEnds("f", true);
      memory.zero(FILES_FRAME);
      a.enter(HOLE, ZEROS_FRAME, true);
      fill();
      assertThat(a.load(HOLE, 0)).isZero();
      clean();
    }

    @Test
    void otherContent_isFound() {
      fill();
      memory.store(ZEROS_FRAME, 0, 6);
      a.load(HOLE, 0);
      one(Finding.Kind.CONTENT);
    }

    @Test
    void zerosOfAPageThatWasNeverAHole_areFound() {
      a.enter(0, ZEROS_FRAME, false);
      a.load(0, 0);
      one(Finding.Kind.CONTENT);
    }

    @Test
    void zerosOfAHoleThatWasFilledBeforeItWasMapped_areFound() {
      fill();
      a.space.mappedFile(at(0), bytes(5), RW, false, "f", 0);
      a.load(HOLE, 0);
      one(Finding.Kind.CONTENT);
    }

    @Test
    void zerosBecomeACopy_whenTheyAreStoredTo_withoutATrap() {
      assertThat(a.load(HOLE, 0)).isZero();
      fill();
      a.store(HOLE, 7, 9);
      assertThat(a.load(HOLE, 0)).isZero();
      clean();
      memory.store(ZEROS_FRAME, 1, 6);
      a.load(HOLE, 1);
      one(Finding.Kind.CONTENT);
    }

    @Test
    void copyIsOfZerosOrOfTheFile_andTheFirstLoadTells() {
      fill();
      a.space.storeTrapped(at(HOLE));
      a.store(HOLE, 7, 9);
      assertThat(a.load(HOLE, 2)).isZero(); // tells nothing
      assertThat(a.load(HOLE, 0)).isZero(); // the zeros
      assertThat(a.load(HOLE, 7)).isEqualTo(9);
      clean();
      memory.store(ZEROS_FRAME, 1, 6);
      a.load(HOLE, 1);
      one(Finding.Kind.CONTENT);
    }

    @Test
    void copyOfTheFile_hasNoZeros() {
      fill();
      a.space.storeTrapped(at(HOLE));
      memory.copy(FILES_FRAME, ZEROS_FRAME);
      a.store(HOLE, 7, 9);
      Proc c = a.fork(3, 2).enter(HOLE, ZEROS_FRAME, false);
      assertThat(c.load(HOLE, 0)).isEqualTo(5);
      clean();
      memory.store(ZEROS_FRAME, 1, 0);
      c.load(HOLE, 1);
      one(Finding.Kind.CONTENT);
    }

    @Test
    void zerosOutliveTheEndOfTheFile_otherContentDoesNot() {
      assertThat(a.load(HOLE, 0)).isZero();
      bed.oracle.truncateBegins("f", 0);
      bed.oracle.truncateEnds("f", true);
      assertThat(a.load(HOLE, 0)).isZero();
      a.space.refused(at(HOLE), false, KernReturn.PROTECTION_FAILURE, false); // nor need they
      clean();
      memory.store(ZEROS_FRAME, 0, 1);
      a.load(HOLE, 0);
      one(Finding.Kind.PROTECTION);
      a.enter(0, 21, true); // was there, and never a hole
      a.load(0, 0);
      one(Finding.Kind.PROTECTION);
    }

    @Test
    void sharersOfAViewByInheritance_haveTheSameZeros() {
      a.space.inheritanceSet(at(0), bytes(5), Inheritance.SHARE);
      Proc c = a.fork(3, 2).enter(HOLE, ZEROS_FRAME, true);
      assertThat(c.load(HOLE, 0)).isZero();
      fill();
      assertThat(a.load(HOLE, 0)).isZero();
      c.store(HOLE, 7, 9);
      assertThat(a.load(HOLE, 0)).isZero();
      assertThat(a.load(HOLE, 7)).isEqualTo(9);
      clean();
      memory.store(ZEROS_FRAME, 1, 6);
      a.load(HOLE, 1);
      one(Finding.Kind.CONTENT);
    }
  }

  /** A copy of a file's page that the kernel may have made or not. */
  @Nested
  final class UncertainCopies {
    private Proc b;

    @BeforeEach
    void map() {
      file("f", 2 * PAGE);
      a.space.mappedFile(at(0), bytes(3), RW, false, "f", 0);
      b = bed.proc(2, 1);
      b.space.mappedFile(at(0), bytes(3), RW, true, "f", 0);
      for (int n = 0; n < 2; n++) {
        bed.readIn(10 + n, (long) n * PAGE, 2 * PAGE);
        b.enter(n, 10 + n, true);
      }
      memory.copy(10, 20);
      a.enter(0, 20, false);
    }

    private void wireInVain() {
      a.space.wireBegins(at(0), bytes(3));
      a.space.wireEnds(at(0), bytes(3), false);
    }

    @Test
    void wasMade_saysALoad() {
      wireInVain();
      b.store(0, 0, 3);
      b.store(0, 1, 4);
      assertThat(a.load(0, 2)).isEqualTo(seeded(16)); // tells nothing
      assertThat(a.load(0, 0)).isEqualTo(seeded(0));
      clean();
      a.enter(0, 10, false);
      a.load(0, 1);
      one(Finding.Kind.CONTENT);
    }

    @Test
    void wasNotMade_saysALoad() {
      wireInVain();
      b.store(0, 0, 3);
      b.store(0, 1, 4);
      a.enter(0, 10, false);
      assertThat(a.load(0, 0)).isEqualTo(3);
      clean();
      a.enter(0, 20, false);
      a.load(0, 1);
      one(Finding.Kind.CONTENT);
    }

    @Test
    void isMade_whenItIsStoredTo() {
      wireInVain();
      b.store(0, 0, 3);
      a.space.storeTrapped(at(0));
      a.enter(0, 20, true);
      a.store(0, 7, 9);
      b.store(0, 1, 4);
      assertThat(a.load(0, 0)).isEqualTo(seeded(0)); // or 3
      clean();
      memory.store(20, 1, 4);
      a.load(0, 1);
      one(Finding.Kind.CONTENT);
    }

    @Test
    void neitherCopyNorFile_isFound() {
      wireInVain();
      b.store(0, 0, 3);
      memory.store(20, 0, 4);
      a.load(0, 0);
      one(Finding.Kind.CONTENT);
    }

    @Test
    void storeGivenUp_isTheSame() {
      a.space.storeTrapped(at(0));
      a.space.refused(at(0), true, KernReturn.RESOURCE_SHORTAGE, false);
      b.store(0, 0, 3);
      assertThat(a.load(0, 0)).isEqualTo(seeded(0));
      clean();
      memory.store(20, 1, 4);
      a.load(0, 1);
      one(Finding.Kind.CONTENT);
    }

    @Test
    void pageBeyondTheEnd_mayBeRefused() {
      wireInVain();
      a.space.refused(at(2), true, KernReturn.PROTECTION_FAILURE, false);
      clean();
      a.space.refused(at(1), true, KernReturn.PROTECTION_FAILURE, false);
      one(Finding.Kind.REFUSAL);
    }

    @Test
    void ofAGroup_isToldToAllByALoadOfOne() {
      a.space.inheritanceSet(at(0), bytes(3), Inheritance.SHARE);
      Proc c = a.fork(3, 2).enter(0, 20, false);
      a.space.storeTrapped(at(0));
      a.space.refused(at(0), true, KernReturn.RESOURCE_SHORTAGE, false);
      b.store(0, 0, 3);
      b.store(0, 1, 4);
      assertThat(c.load(0, 0)).isEqualTo(seeded(0));
      clean();
      a.enter(0, 10, false);
      a.load(0, 1);
      one(Finding.Kind.CONTENT);
    }

    @Test
    void ofAGroup_mayTurnOutToBeTheFiles() {
      a.space.inheritanceSet(at(0), bytes(3), Inheritance.SHARE);
      Proc c = a.fork(3, 2).enter(0, 10, false);
      a.space.storeTrapped(at(0));
      a.space.refused(at(0), true, KernReturn.RESOURCE_SHORTAGE, false);
      b.store(0, 0, 3);
      b.store(0, 1, 4);
      assertThat(c.load(0, 0)).isEqualTo(3);
      clean();
      a.load(0, 1); // frame 20
      one(Finding.Kind.CONTENT);
    }

    @Test
    void ofAGroup_outlivesTheEndOfTheFile() {
      a.space.inheritanceSet(at(0), bytes(3), Inheritance.SHARE);
      Proc c = a.fork(3, 2).enter(0, 20, false);
      a.space.storeTrapped(at(0)); // and copied to frame 20
      bed.oracle.truncateBegins("f", 0);
      bed.oracle.truncateEnds("f", true);
      assertThat(c.load(0, 0)).isEqualTo(seeded(0));
      clean();
    }

    @Test
    void ofAGroup_mayComeAfterARefusal() {
      a.space.inheritanceSet(at(0), bytes(3), Inheritance.SHARE);
      Proc c = a.fork(3, 2).enter(2, 21, true);
      c.space.storeTrapped(at(2)); // the file has grown meanwhile, and is shorter again
      bed.oracle.truncateBegins("f", 3 * PAGE);
      bed.oracle.truncateEnds("f", true);
      c.store(2, 0, 1);
      a.space.refused(at(2), false, KernReturn.PROTECTION_FAILURE, false); // told late
      clean();
    }

    @Test
    void ofItsOwn_refusalIsFound() {
      a.space.storeTrapped(at(0));
      a.enter(0, 20, true);
      a.store(0, 0, 1);
      bed.oracle.truncateBegins("f", 0);
      bed.oracle.truncateEnds("f", true);
      a.space.refused(at(1), false, KernReturn.PROTECTION_FAILURE, false);
      clean();
      a.space.refused(at(0), false, KernReturn.PROTECTION_FAILURE, false);
      one(Finding.Kind.REFUSAL);
    }
  }

  @Nested
  final class AtRest {
    private final PageReader reader = new PageReader() {
      @Override
      public boolean read(long va, long[] words) {
        int frame = (int) ((va - at(0)) / PAGE) + 5;
        Arrays.setAll(words, w -> memory.load(frame, w));
        return true;
      }

      @Override
      public void forEachKept(long start, long end, LongConsumer va) {
        va.accept(start);
      }
    };

    @Test
    void everyKnownOrKeptPage_isCompared() {
      file("f", PAGE);
      bed.readIn(8, 0, PAGE);
      a.space.mappedAnonymous(at(0), bytes(3), RW, false);
      a.space.mappedFile(at(3), bytes(1), RW, true, "f", 0);
      a.enter(1, 6, true);
      a.store(1, 2, 3);
      assertThat(bed.oracle.verify(a.space, reader)).isEqualTo(3);
      clean();
      memory.store(5, 7, 1);
      bed.oracle.verify(a.space, reader);
      assertThat(one(Finding.Kind.CONTENT).message()).startsWith("I-48");
      memory.store(5, 7, 0);
      memory.store(6, 2, 0);
      bed.oracle.verify(a.space, reader);
      one(Finding.Kind.CONTENT);
      memory.store(6, 2, 3);
      memory.store(8, 0, 3);
      bed.oracle.verify(a.space, reader);
      one(Finding.Kind.CONTENT);
    }

    @Test
    void sharedPages_areCompared() {
      a.space.mappedAnonymous(at(0), bytes(3), RW, true);
      a.enter(1, 6, true);
      Proc b = a.fork(2, 1).enter(1, 6, true);
      b.store(1, 2, 3);
      bed.oracle.verify(a.space, reader);
      clean();
      memory.store(6, 2, 0);
      bed.oracle.verify(a.space, reader);
      one(Finding.Kind.CONTENT);
    }
  }

  @Test
  void strandsWithoutASpace_areLeftAlone() {
    a.enter(0, 5, true);
    a.cpu.context = null;
    a.store(0, 0, 4);
    assertThat(a.load(0, 0)).isEqualTo(4);
    assertThat(a.add(0, 0, 1)).isEqualTo(4);
    clean();
  }
}
