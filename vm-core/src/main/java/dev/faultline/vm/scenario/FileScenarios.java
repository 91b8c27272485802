package dev.faultline.vm.scenario;

import dev.faultline.vm.base.KernReturn;
import dev.faultline.vm.pager.Vnode;
import java.util.List;

/** Files: faults, read-ahead, truncation, msync, private copies, ends of mappings. */
final class FileScenarios {
  private static final int P = 16; // the page that all is about

  private FileScenarios() {}

  static List<Scenario> all() {
    return List.of(
        fileFaulters(), readaheadFault(), truncateFault(), truncateStore(), truncateTail(), msyncStore(),
        msyncMsync(), msyncMunmap(), msyncError(), fileEndStore(), privateStore(), wiredFile(), fileRevive(),
        fileEndDead());
  }

  private static Scenario fileFaulters() {
    return Scenario.of(
        "file-faulters",
        "Two threads fault on a page of a file: the vnode is locked by one after the other, the page is read "
            + "once.",
        "D8T D4T D18T D21T D22T D48T R31 I-9 I-51 I-52",
        WorldShape.ofFrames(16).withFiles(1),
        w -> {
          Vnode f = w.file(1);
          long was = w.onDisk(f, 0);
          AddressSpace s = w.space("both").mapShared(P, 1, f);
          w.actor("fault-a", () -> w.must(s.read(P)));
          w.actor("fault-b", () -> w.must(s.read(P)));
          w.check(
              () -> {
                w.expect("page", s.get(P), was);
                w.expect("reads", w.kernel().machine().disk().reads(), 1);
              });
        });
  }

  private static Scenario readaheadFault() {
    return Scenario.of(
        "readahead-fault",
        "A fault reads a page of a file and its neighbour ahead while another faults on the neighbour: each "
            + "page comes once.",
        "D8T D21T D73T D75T R12 I-9 I-11 I-52",
        WorldShape.ofFrames(32).withFiles(2),
        w -> {
          Vnode f = w.file(2);
          long first = w.onDisk(f, 0);
          long second = w.onDisk(f, 1);
          AddressSpace s = w.space("both").mapShared(P, 2, f);
          w.actor("fault-a", () -> w.must(s.read(P)));
          w.actor("fault-b", () -> w.must(s.read(P + 1)));
          w.check(
              () -> {
                w.expect("first page", s.get(P), first);
                w.expect("second page", s.get(P + 1), second);
                w.expect("reads", w.kernel().machine().disk().reads(), 1);
              });
        });
  }

  private static Scenario truncateFault() {
    return Scenario.of(
        "truncate-fault",
        "A file loses its page while a thread faults on it: the page is gone afterwards, whoever was first.",
        "D8T D17T R27 R31 I-26 I-50",
        WorldShape.ofFrames(16).withFiles(1),
        w -> {
          Vnode f = w.file(1);
          AddressSpace s = w.space("both").mapShared(P, 1, f);
          KernReturn[] result = new KernReturn[1];
          w.actor("fault", () -> result[0] = s.read(P));
          w.actor("truncate", () -> w.setSize(f, 0));
          w.check(
              () -> {
                boolean ok = result[0] == KernReturn.SUCCESS || result[0] == KernReturn.PROTECTION_FAILURE;
                w.require(ok, "fault: " + result[0]);
                w.require(s.read(P) == KernReturn.PROTECTION_FAILURE, "page beyond the end of the file is there");
              });
        });
  }

  private static Scenario truncateStore() {
    return Scenario.of(
        "truncate-store",
        "A processor stores into a page of a file while the file is cut before it: the store is lost with the "
            + "page, or refused.",
        "D17T R25 R27 I-41 I-42 I-50",
        WorldShape.ofFrames(16).withFiles(1),
        w -> {
          Vnode f = w.file(1);
          AddressSpace s = w.space("both").mapShared(P, 1, f).set(P, 1);
          w.userActor("store", s, u -> u.store(P, 2));
          w.actor("truncate", () -> w.setSize(f, 0));
          w.check(
              () -> {
                w.require(s.read(P) == KernReturn.PROTECTION_FAILURE, "page beyond the end of the file is there");
                w.setSize(f, s.at(1));
                w.expect("page after the file has grown again", s.get(P), 0);
              });
        });
  }

  private static Scenario truncateTail() {
    return Scenario.of(
        "truncate-tail",
        "A file is cut in the middle of its page, and grows again, while a processor stores before the cut.",
        "D8T R27 I-49 I-50",
        WorldShape.ofFrames(16).withFiles(1),
        w -> {
          Vnode f = w.file(1);
          AddressSpace s = w.space("both").mapShared(P, 1, f).set(P, 1);
          w.userActor("store", s, u -> u.store(P, 2));
          w.actor("truncate", () -> w.setSize(f, s.at(1) / 2));
          w.check(() -> w.expect("page", s.get(P), 2));
        });
  }

  private static Scenario msyncStore() {
    return Scenario.of(
        "msync-store",
        "A processor stores twice while another thread has the page written: what is on the disk after a last "
            + "msync is the last store.",
        "D8T R17 I-30 I-43 I-49",
        WorldShape.ofFrames(16).withFiles(1),
        w -> {
          Vnode f = w.file(1);
          AddressSpace s = w.space("both").mapShared(P, 1, f).set(P, 1);
          w.userActor("store", s, u -> u.store(P, 2));
          w.actor("msync", () -> w.must(s.sync(P, 1)));
          w.check(
              () -> {
                long disk = w.onDisk(f, 0);
                w.expect("page on the disk", disk, 1, 2);
                w.must(s.sync(P, 1));
                w.expect("page on the disk after another msync", w.onDisk(f, 0), 2);
              });
        });
  }

  private static Scenario msyncMsync() {
    return Scenario.of(
        "msync-msync",
        "Two threads have a dirty page written: both return once it is on the disk.",
        "R17 R30 I-13 I-22 I-49",
        WorldShape.ofFrames(16).withFiles(1),
        w -> {
          Vnode f = w.file(1);
          AddressSpace s = w.space("both").mapShared(P, 1, f).set(P, 9);
          long[] found = new long[2];
          w.actor(
              "msync-a",
              () -> {
                w.must(s.sync(P, 1));
                found[0] = w.onDisk(f, 0);
              });
          w.actor(
              "msync-b",
              () -> {
                w.must(s.sync(P, 1));
                found[1] = w.onDisk(f, 0);
              });
          w.check(
              () -> {
                w.expect("page on the disk after the first msync", found[0], 9);
                w.expect("page on the disk after the second msync", found[1], 9);
              });
        });
  }

  private static Scenario msyncMunmap() {
    return Scenario.of(
        "msync-munmap",
        "A page of a file is written by msync while another thread unmaps it: the map lock makes one wait for "
            + "the other.",
        "R29 R30 I-49 I-58 I-63",
        WorldShape.ofFrames(16).withFiles(1),
        w -> {
          Vnode f = w.file(1);
          AddressSpace s = w.space("both").mapShared(P, 1, f).set(P, 9);
          w.actor("msync", () -> s.sync(P, 1));
          w.actor("munmap", () -> w.must(s.unmap(P, 1)));
          w.check(() -> w.expect("page on the disk", w.onDisk(f, 0), 9));
        });
  }

  private static Scenario msyncError() {
    return Scenario.of(
        "msync-error",
        "A write to a file fails while a thread faults on the page: msync says so, and the page stays dirty.",
        "D8T R17 I-43 I-49",
        WorldShape.ofFrames(16).withFiles(1),
        w -> {
          Vnode f = w.file(1);
          AddressSpace s = w.space("both").mapShared(P, 1, f).set(P, 9);
          w.failNextWrite();
          KernReturn[] result = new KernReturn[1];
          w.actor("msync", () -> result[0] = s.sync(P, 1));
          w.actor("fault", () -> w.must(s.read(P)));
          w.check(
              () -> {
                w.require(result[0] == KernReturn.FAILURE, "msync whose write failed: " + result[0]);
                w.must(s.sync(P, 1));
                w.expect("page on the disk after another msync", w.onDisk(f, 0), 9);
              });
        });
  }

  private static Scenario fileEndStore() {
    return Scenario.of(
        "file-end-store",
        "A page that the file fills in part is written while a thread stores past its end: nothing is left "
            + "there after the write.",
        "D8T R27 I-49",
        WorldShape.ofFrames(16).withFiles(1),
        w -> {
          Vnode f = w.file(1);
          w.setSize(f, Long.BYTES);
          AddressSpace s = w.space("both").mapShared(P, 1, f).set(P, 9);
          s.setWord(P, 1, 77);
          w.actor("msync", () -> w.must(s.sync(P, 1)));
          w.actor("fault", () -> w.must(s.read(P)));
          w.check(
              () -> {
                w.expect("page", s.get(P), 9);
                w.expect("word past the end of the file", s.getWord(P, 1), 0);
              });
        });
  }

  private static Scenario privateStore() {
    return Scenario.of(
        "private-store",
        "A private mapping copies a page of a file while another process stores into the file through a shared "
            + "one.",
        "D8T D34T D35T R16 I-38 I-61",
        WorldShape.ofFrames(16).withFiles(1),
        w -> {
          Vnode f = w.file(1);
          AddressSpace shared = w.space("shared").mapShared(P, 1, f).set(P, 1);
          AddressSpace own = w.space("private").mapPrivate(P, 1, f);
          w.userActor("store", shared, u -> u.store(P, 2));
          w.actor("copy", () -> w.must(own.write(P)));
          w.check(
              () -> {
                long copied = own.get(P);
                w.expect("private copy", copied, 1, 2);
                shared.set(P, 3);
                w.expect("private copy after a later store", own.get(P), copied);
              });
        });
  }

  private static Scenario wiredFile() {
    return Scenario.of(
        "wired-file",
        "A private mapping copies a page of a file that a shared mapping has wired: the wired translation "
            + "stays.",
        "D8T D34T D35T D55T D56F R23 I-6 I-40",
        WorldShape.ofFrames(16).withFiles(1),
        w -> {
          Vnode f = w.file(1);
          AddressSpace shared = w.space("shared").mapShared(P, 1, f).set(P, 1);
          w.must(shared.wire(P, 1));
          AddressSpace own = w.space("private").mapPrivate(P, 1, f);
          w.actor("copy", () -> w.must(own.write(P)));
          w.actor("munlock", () -> w.must(shared.unwire(P, 1)));
          w.check(
              () -> {
                w.expect("wired pages", w.wired(), 0);
                w.expect("private copy", own.get(P), 1);
              });
        });
  }

  private static Scenario fileRevive() {
    return Scenario.of(
        "file-revive",
        "The last mapping of a file ends while another is made: the object is written and cached, or goes on "
            + "living.",
        "R17 R19 R28 I-20 I-27 I-49 I-51",
        WorldShape.ofFrames(16).withFiles(1),
        w -> {
          Vnode f = w.file(1);
          AddressSpace a = w.space("a").mapShared(P, 1, f).set(P, 9);
          AddressSpace b = w.space("b");
          w.actor("munmap", () -> w.must(a.unmap(P, 1)));
          w.actor("mmap", () -> b.mapShared(P, 1, f));
          w.check(() -> w.expect("page", b.get(P), 9));
        });
  }

  private static Scenario fileEndDead() {
    return Scenario.of(
        "file-end-dead",
        "The last mapping of a file without pages ends while another is made, which has to wait for the dead "
            + "object.",
        "R19 R28 I-27 I-31 I-51",
        WorldShape.ofFrames(16).withFiles(1),
        w -> {
          Vnode f = w.file(1);
          long was = w.onDisk(f, 0);
          AddressSpace a = w.space("a").mapShared(P, 1, f);
          AddressSpace b = w.space("b");
          w.actor("munmap", () -> w.must(a.unmap(P, 1)));
          w.actor("mmap", () -> b.mapShared(P, 1, f));
          w.check(() -> w.expect("page", b.get(P), was));
        });
  }
}
