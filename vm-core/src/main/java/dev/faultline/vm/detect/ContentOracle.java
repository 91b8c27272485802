package dev.faultline.vm.detect;

import dev.faultline.hw.AccessObserver;
import dev.faultline.hw.Cpu;
import dev.faultline.hw.Machine;
import dev.faultline.hw.PhysicalMemory;
import dev.faultline.vm.base.KernReturn;
import dev.faultline.vm.base.MemoryWatcher;
import dev.faultline.vm.base.SpaceWatcher;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongUnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * Knows what each load may return, per word, across fork, copy-on-write, sharing, files, eviction and pagein; and which
 * accesses must not go through at all.
 *
 * <p>It learns of the accesses at the instant of their hardware step, from the processors that it is {@link #install
 * installed} on, and of everything else from the process layer, through {@link MemoryWatcher} and {@link SpaceWatcher}.
 * An access by a strand that is no {@link SpaceWatcher.Holder}, or has no watcher, is made and not judged.
 *
 * @see "vm-semantics 7.6 reference oracle; I-48, I-61, I-62, I-63"
 */
public final class ContentOracle implements AccessObserver, MemoryWatcher {
  /*
   * Implementation overview
   *
   * Instants     An access is judged where it is made, under T(cpu), and makes its step in memory itself. Where several
   *              processors can
   *              reach a word (files, memory shared by inheritance), the model's page is locked around both, so that
   *              the order of the steps
   *              on the word is the order in the model. Elsewhere the space's one thread is the order.
   * Promises     What the kernel does to content at an instant that is not the access's own (a private copy of a file's
   *              page, a snapshot
   *              of shared memory, the end of a file) is told as a span, from before the kernel begins to after it
   *              ended. A word that
   *              changed within the span may have any of its values; the first load tells which.
   * Not judged   Mappings of a file itself that a fork copied (3.4); data that was reported lost; the values of a page
   *              whose store was given
   *              up for want of memory or for a failed disk, until they are stored again.
   * After a finding the model takes over what was found, so that one wrong word is one finding.
   */
  private final PhysicalMemory memory; // (C)
  private final Findings findings; // (C)
  private final Map<Object, FileModel> files = new ConcurrentHashMap<>(); // (A)

  private final Set<SpaceOracle> live = ConcurrentHashMap.newKeySet(); // (A) spaces that hold something
  private final AtomicLong judgedBefore = new AtomicLong(); // (A) accesses judged in others

  public ContentOracle(PhysicalMemory memory, Findings findings) {
    this.memory = memory;
    this.findings = findings;
  }

  /** Has all accesses of a machine's processors made through this oracle. Nobody may be running on them. */
  public void install(Machine machine) {
    for (int i = 0; i < machine.cpus(); i++) {
      machine.cpu(i).observer(this);
    }
  }

  PhysicalMemory memory() {
    return memory;
  }

  public Findings findings() {
    return findings;
  }

  // --------------------------------------------------------------------------------------------------------- accesses

  private static @Nullable SpaceOracle space(Cpu cpu) {
    Object c = cpu.context;
    return c instanceof SpaceWatcher.Holder ? (SpaceOracle) ((SpaceWatcher.Holder) c).spaceWatcher() : null;
  }

  @Override
  public long load(Cpu cpu, long va, int frame, int word) {
    SpaceOracle s = space(cpu);
    return s == null ? memory.load(frame, word) : s.perform(s.access().set(Access.LOAD, cpu, va, frame, word, 0));
  }

  @Override
  public void store(Cpu cpu, long va, int frame, int word, long value) {
    SpaceOracle s = space(cpu);
    if (s == null) {
      memory.store(frame, word, value);
    } else {
      s.perform(s.access().set(Access.STORE, cpu, va, frame, word, value));
    }
  }

  @Override
  public long getAndAdd(Cpu cpu, long va, int frame, int word, long delta) {
    SpaceOracle s = space(cpu);
    return s == null
        ? memory.getAndAdd(frame, word, delta)
        : s.perform(s.access().set(Access.ADD, cpu, va, frame, word, delta));
  }

  @Override
  public void storeBytes(Cpu cpu, long va, int frame, int word, long value, long mask) {
    SpaceOracle s = space(cpu);
    if (s == null) {
      memory.merge(frame, word, value, mask);
    } else {
      s.perform(s.access().setMerge(cpu, va, frame, word, value, mask));
    }
  }

  // ------------------------------------------------------------------------------------------------------------ told

  @Override
  public SpaceWatcher newSpace(int pid) {
    return new SpaceOracle(this, pid);
  }

  @Override
  public void fileCreated(Object file, long length, LongUnaryOperator words) {
    files.put(file, new FileModel(this, file, length, words));
  }

  @Override
  public void truncateBegins(Object file, long newLength) {
    file(file).truncateBegins(newLength);
  }

  @Override
  public void truncateEnds(Object file, boolean done) {
    file(file).truncateEnds(done);
  }

  @Override
  public long fileLoad(Object file, long offset, int frame, int word) {
    return file(file).kernelLoad(offset, frame, word);
  }

  @Override
  public void fileStore(Object file, long offset, int frame, int word, long value, long mask) {
    file(file).kernelStore(offset, frame, word, value, mask);
  }

  @Override
  public void fileLost(Object file, long offset, long length) {
    file(file).lost(offset, length);
  }

  FileModel file(Object key) {
    FileModel f = files.get(key);
    if (f == null) {
      throw new IllegalArgumentException("file " + key + ": must have been created before it is used");
    }
    return f;
  }

  /**
   * Compares an address space's contents, page by page, with what the kernel has (I-48). Nobody runs in it, nor in one
   * that it shares memory with, and the kernel is at rest.
   *
   * @return how many pages were compared
   */
  public int verify(SpaceWatcher space, PageReader reader) {
    return ((SpaceOracle) space).verify(reader);
  }

  /** Reads a file's contents out of a kernel at rest. */
  @FunctionalInterface
  public interface FileReader {
    /**
     * Reads the page at {@code offset}: the resident copy if any, else the disk's. Returns false if it cannot be known.
     */
    boolean read(Object file, long offset, long[] words);
  }

  /**
   * Compares what was ever touched of the files with what the kernel has (I-49). Nobody runs, and the kernel is at
   * rest.
   *
   * @return how many pages were compared
   */
  public int verifyFiles(FileReader reader) {
    int n = 0;
    for (FileModel f : files.values()) {
      n += f.verify(reader);
    }
    return n;
  }

  /** Returns how many accesses have been judged; exact when nobody runs. A run that judged none has checked nothing. */
  public long judged() {
    long n = judgedBefore.get();
    for (SpaceOracle s : live) {
      n += s.judged();
    }
    return n;
  }

  void begins(SpaceOracle s) {
    live.add(s);
  }

  void ends(SpaceOracle s, long judged) {
    judgedBefore.getAndAdd(judged);
    live.remove(s);
  }

  // --------------------------------------------------------------------------------------------------------- findings

  private static String hex(long v) {
    return "0x" + Long.toHexString(v);
  }

  private static Map<String, String> details(Access a) {
    Map<String, String> d = new LinkedHashMap<>();
    d.put("pid", Integer.toString(a.pid()));
    d.put("va", hex(a.va));
    d.put("access", a.name());
    if (a.cpu != null) {
      d.put("cpu", Integer.toString(a.cpu.id()));
    }
    d.put("frame", Integer.toString(a.frame));
    d.put("word", Integer.toString(a.word));
    return d;
  }

  /** A load, or an add, found what it cannot find. */
  void mismatch(Access a, String segment, String expected, long got, int writer) {
    Map<String, String> d = details(a);
    d.put("segment", segment);
    d.put("expected", expected);
    d.put("got", hex(got));
    d.put("lastStore", writer == 0 ? "none" : "pid " + writer);
    findings.add(
        Finding.Kind.CONTENT, "pid " + a.pid() + " " + a.name() + " " + hex(a.va) + ": found " + hex(got) + ", not "
            + expected, d);
  }

  /** An access went through that the space does not allow. */
  void forbidden(Access a, String range) {
    Map<String, String> d = details(a);
    d.put("range", range);
    findings.add(Finding.Kind.PROTECTION, "I-63 pid " + a.pid() + " " + a.name() + " " + hex(a.va) + " went through: "
        + range, d);
  }

  /** An access went through beyond the end of a file. */
  void beyondEnd(Access a, FileModel file, long offset) {
    Map<String, String> d = details(a);
    d.put("segment", file.toString());
    d.put("offset", hex(offset));
    d.put("length", hex(file.length()));
    findings.add(
        Finding.Kind.PROTECTION,
        "pid " + a.pid() + " " + a.name() + " " + hex(a.va) + " went through beyond the end of " + file,
        d);
  }

  void refusedWrongly(int pid, long va, boolean store, KernReturn why, MappedRange range) {
    Map<String, String> d = new LinkedHashMap<>();
    d.put("pid", Integer.toString(pid));
    d.put("va", hex(va));
    d.put("range", range.toString());
    d.put("answer", why.toString());
    findings.add(
        Finding.Kind.REFUSAL, "pid " + pid + (store ? " store " : " load ") + hex(va) + " was refused, " + why + ": "
            + range, d);
  }

  void wrongFile(FileModel file, long offset, String expected, long got) {
    Map<String, String> d = new LinkedHashMap<>();
    d.put("segment", file.toString());
    d.put("offset", hex(offset));
    d.put("expected", expected);
    d.put("got", hex(got));
    findings.add(
        Finding.Kind.CONTENT,
        "I-49 " + file + " at rest, offset " + hex(offset) + ": " + hex(got) + ", not " + expected,
        d);
  }

  void wrongAtRest(int pid, long va, String range, String expected, long got) {
    Map<String, String> d = new LinkedHashMap<>();
    d.put("pid", Integer.toString(pid));
    d.put("va", hex(va));
    d.put("range", range);
    d.put("expected", expected);
    d.put("got", hex(got));
    findings.add(
        Finding.Kind.CONTENT, "I-48 pid " + pid + " at rest " + hex(va) + ": " + hex(got) + ", not " + expected, d);
  }

  @Override
  public String toString() {
    return "content oracle: " + files.size() + " files, " + findings;
  }
}
