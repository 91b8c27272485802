package dev.faultline.vm.program;

import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.proc.ResourceLimits;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.LongConsumer;

/** Reads a program's text once, refuses what is wrong with it, and keeps the rest in a spool. */
final class ProgramParser {
  /*
   * Implementation overview
   *
   * What it keeps   In the spool, every command. In memory, what is declared: files, barriers, processes, and the order
   *                 in which the
   *                 processes fork, wait and meet (SyncCheck), which is bounded. Nothing else grows with the text.
   * Indices         Processes, files and barriers get theirs when they are first named, so a fork can be kept before
   *                 its child's section
   *                 is seen. The first section's process is always process 0.
   * Checks          Line by line as far as a line and what came before it tell; at the end those of the whole: every
   *                 process that is
   *                 forked has a section, every section is reached from the first by forks, every barrier is filled.
   */
  private static final Op[] OPS = Op.values();
  /** A mincore prints a line of one digit a page; this bounds the line. */
  private static final long MINCORE_BYTES_MAX = 1L << 32;
  private static final long DEVICE_BYTES_MAX = 1L << 24;
  private static final long PROGRESS_LINES = 1 << 18;

  private final String source;
  private final WordReader in;
  private final Spool spool;
  private final CommandWriter out;
  private final LongConsumer progress;
  private final Command command = new Command();
  private final SyncCheck sync = new SyncCheck();

  private final Map<Long, Integer> pids = new HashMap<>();
  private final List<Process> processes = new ArrayList<>();
  private final Map<String, Integer> fileNames = new HashMap<>();
  private final List<File> files = new ArrayList<>();
  private final Map<String, Integer> deviceNames = new HashMap<>();
  private final List<DeviceDeclaration> devices = new ArrayList<>();
  private final Map<String, Integer> barrierNames = new HashMap<>();
  private final List<BarrierDeclaration> barriers = new ArrayList<>();

  private int current = -1;
  private boolean ended;

  private static final class Process {
    final long pid;
    int parent = -1;
    long forkLine;
    long line;
    long commands;
    long offset;
    long end;
    boolean waited;

    Process(long pid) {
      this.pid = pid;
    }
  }

  private static final class File {
    final String name;
    final boolean declared;
    long length;
    final long seed;

    File(String name, boolean declared, long length, long seed) {
      this.name = name;
      this.declared = declared;
      this.length = length;
      this.seed = seed;
    }
  }

  /**
   * Prepares to read.
   *
   * @param progress is told now and then how many lines were read
   */
  ProgramParser(InputStream in, String source, Spool spool, LongConsumer progress) {
    this.source = source;
    this.in = new WordReader(in, source);
    this.spool = spool;
    this.progress = progress;
    out = new CommandWriter(spool);
  }

  /** Reads to the end of the text. The program owns the spool from then on. */
  VmProgram parse() throws ProgramException {
    try {
      header();
      while (in.next()) {
        if (in.words() > 0) {
          statement();
        }
        if (in.line() % PROGRESS_LINES == 0) {
          progress.accept(in.line());
        }
      }
      endSection();
      spool.seal();
    } catch (IOException e) {
      throw ProgramException.unreadable(source, "cannot keep the program: " + e.getMessage(),
          "room for it in the directory for temporary files, " + System.getProperty("java.io.tmpdir"));
    }
    checkWhole();
    List<ProcessSection> sections = new ArrayList<>();
    for (Process p : processes) {
      sections.add(new ProcessSection(p.pid, p.line, p.commands, p.offset, p.end));
    }
    List<FileDeclaration> declarations = new ArrayList<>();
    for (File f : files) {
      declarations.add(new FileDeclaration(f.name, f.length, f.seed));
    }
    return new VmProgram(source, declarations, devices, barriers, sections, spool);
  }

  private void header() throws ProgramException {
    if (!in.next()) {
      throw in.refusedAtEnd("'vmprogram 1' as the first line");
    }
    if (!in.is(0, "vmprogram")) {
      throw in.refused(0, "'vmprogram 1' as the first line");
    }
    if (!in.is(1, "1")) {
      throw in.refused(1, "1, the version of the language");
    }
    endOfLine(2);
  }

  private void statement() throws ProgramException, IOException {
    if (in.is(0, "process")) {
      section();
    } else if (current >= 0) {
      command();
    } else if (in.is(0, "file")) {
      declareFile();
    } else if (in.is(0, "device")) {
      declareDevice();
    } else if (in.is(0, "barrier")) {
      declareBarrier();
    } else {
      throw in.refused(0, "'file', 'device' or 'barrier' to declare something, or 'process' to open the first section");
    }
  }

  // Declarations and sections

  private void declareFile() throws ProgramException {
    String name = name(1, "the name of a file");
    if (fileNames.containsKey(name)) {
      throw in.refused(1, "a file that is not declared yet");
    }
    long length = below2To63(2, "the length of a file in bytes");
    long seed = in.words() > 3 ? in.number(3, "a seed") : 0;
    endOfLine(4);
    fileNames.put(name, files.size());
    files.add(new File(name, true, length, seed));
  }

  private void declareDevice() throws ProgramException {
    String name = name(1, "the name of a device");
    if (deviceNames.containsKey(name)) {
      throw in.refused(1, "a device that is not declared yet");
    }
    String what = "a length in bytes, a multiple of " + VmProgram.PAGE_SIZE + " up to " + DEVICE_BYTES_MAX;
    long length = in.number(2, what);
    if (length < 1 || length > DEVICE_BYTES_MAX || length % VmProgram.PAGE_SIZE != 0) {
      throw in.refused(2, what);
    }
    endOfLine(3);
    deviceNames.put(name, devices.size());
    devices.add(new DeviceDeclaration(name, length));
  }

  private void declareBarrier() throws ProgramException {
    String name = name(1, "the name of a barrier");
    if (barrierNames.containsKey(name)) {
      throw in.refused(1, "a barrier that is not declared yet");
    }
    String what = "a number of processes, from 1 to " + Integer.MAX_VALUE;
    long parties = in.number(2, what);
    if (parties < 1 || parties > Integer.MAX_VALUE) {
      throw in.refused(2, what);
    }
    endOfLine(3);
    barrierNames.put(name, barriers.size());
    barriers.add(new BarrierDeclaration(name, (int) parties));
  }

  private void section() throws ProgramException {
    endSection();
    int process = process(1);
    endOfLine(2);
    Process p = processes.get(process);
    if (p.line != 0) {
      throw in.refused(1, "a process without a section; this one's is opened in line " + p.line);
    }
    p.line = in.line();
    p.offset = spool.size();
    out.begin(p.line);
    sync.begin(process);
    current = process;
    ended = false;
  }

  private void endSection() {
    if (current >= 0) {
      processes.get(current).end = spool.size();
    }
  }

  // Commands

  private void command() throws ProgramException, IOException {
    if (ended) {
      throw in.refused(0, "the next 'process', since this one has done its exit");
    }
    Op op = op();
    command.op = op;
    command.line = in.line();
    int word = 1;
    for (Operand operand : op.operands()) {
      if (operand.isOptional() && word >= in.words()) {
        command.choice = 0;
      } else {
        operand(operand, word++);
      }
    }
    endOfLine(word);
    if (op == Op.MINCORE && command.length > MINCORE_BYTES_MAX) {
      throw in.refused(2, "at most " + MINCORE_BYTES_MAX + " bytes, a digit being printed for each page");
    }
    synchronisation(op);
    processes.get(current).commands++;
    out.write(command);
  }

  /** Returns the command that word 0 names; the last one's is tried first, since traces are long runs of one. */
  private Op op() throws ProgramException {
    Op found = null;
    if (in.is(0, command.op.word())) {
      found = command.op;
    } else {
      for (Op candidate : OPS) {
        if (in.is(0, candidate.word())) {
          found = candidate;
          break;
        }
      }
    }
    if (found == null) {
      throw in.refused(0, in.is(0, "file") ? "a command; files are declared before the first process" : "a command");
    }
    if (found == Op.MMAP_ANON || found == Op.MMAP_FILE || found == Op.MMAP_DEVICE) {
      if (in.words() > 5 && !in.is(5, "anon") && !in.is(5, "file") && !in.is(5, "device")) {
        throw in.refused(5, "'anon', 'file' or 'device'");
      }
      return in.is(5, "file") ? Op.MMAP_FILE : in.is(5, "device") ? Op.MMAP_DEVICE : Op.MMAP_ANON;
    }
    return found;
  }

  private void operand(Operand operand, int word) throws ProgramException {
    switch (operand) {
      case PAGE_ADDRESS -> command.address = address(word, VmProgram.PAGE_SIZE);
      case WORD_ADDRESS -> command.address = address(word, Long.BYTES);
      case ADDRESS -> command.address = address(word, 1);
      case LENGTH -> command.length = length(word, "a length of 1 byte or more");
      case WORDS_LENGTH -> {
        command.length = length(word, "a length in bytes, a multiple of 8");
        if (command.length % Long.BYTES != 0) {
          throw in.refused(word, "a length in bytes, a multiple of 8");
        }
      }
      case BYTES -> {
        command.length = length(word, "a length in bytes");
        if (command.value + command.length < 0) {
          throw in.refused(word, "a length with which the range of the file ends below 2^63");
        }
        File f = files.get(command.id);
        if (!f.declared && command.op == Op.READ) {
          f.length = Math.max(f.length, command.value + command.length);
        }
      }
      case BYTE_OFFSET -> command.value = below2To63(word, "an offset in the file");
      case PROT -> command.prot = prot(word);
      case SHARING, INHERITANCE, ADVICE, SYNC_MODE, RESOURCE, ACCESS, ANON, OF_FILE, OF_DEVICE ->
          command.choice = choice(operand, word);
      case DEVICE -> {
        Integer device = deviceNames.get(name(word, "the name of a device"));
        if (device == null) {
          throw in.refused(word, "a device that is declared");
        }
        if (!command.shared()) {
          throw in.refused(word - 2, "'shared', as devices are");
        }
        command.id = device;
      }
      case DEVICE_OFFSET -> {
        command.value = below2To63(word, "a page-aligned offset in the device");
        if (command.value % VmProgram.PAGE_SIZE != 0) {
          throw in.refused(word, "a page-aligned offset in the device, a multiple of " + VmProgram.PAGE_SIZE);
        }
      }
      case FILE -> command.id = file(word);
      case FILE_OFFSET -> {
        command.value = below2To63(word, "a page-aligned offset in the file");
        if (command.value % VmProgram.PAGE_SIZE != 0) {
          throw in.refused(word, "a page-aligned offset in the file, a multiple of " + VmProgram.PAGE_SIZE);
        }
        if (command.value + command.length < 0) {
          throw in.refused(word, "an offset from which the mapping ends below 2^63");
        }
        File f = files.get(command.id);
        if (!f.declared) {
          f.length = Math.max(f.length, command.value + command.length);
        }
      }
      case FILE_LENGTH -> command.value = below2To63(word, "the length of a file in bytes");
      case STACK_TOP -> command.value = stackTop(word);
      case SIZE -> command.value = below2To63(word, "a number of bytes");
      case VALUE -> command.value = in.number(word, "a value");
      case TICKS -> command.value = below2To63(word, "a number of ticks");
      case PROCESS -> command.id = process(word);
      case BARRIER -> {
        Integer barrier = barrierNames.get(name(word, "the name of a barrier"));
        if (barrier == null) {
          throw in.refused(word, "a barrier that is declared");
        }
        command.id = barrier;
      }
    }
  }

  /** Reads the address above a stack; the largest that there can be has room above the command's address. */
  private long stackTop(int word) throws ProgramException {
    long least = command.address + ResourceLimits.STACK_MAX;
    String what = "a page-aligned address from 0x" + Long.toHexString(least) + " to 0x"
        + Long.toHexString(VmProgram.USER_END);
    long v = in.number(word, what);
    if (v % VmProgram.PAGE_SIZE != 0 || v < least || v > VmProgram.USER_END) {
      throw in.refused(word, what);
    }
    return v;
  }

  private long address(int word, int alignment) throws ProgramException {
    long v = in.number(word, "an address");
    if (Long.compareUnsigned(v, VmProgram.USER_END) >= 0) {
      throw in.refused(word, "an address below 0x" + Long.toHexString(VmProgram.USER_END));
    }
    if (v % alignment != 0) {
      throw in.refused(word, alignment == Long.BYTES ? "the address of a word, a multiple of 8"
          : "a page-aligned address, a multiple of " + alignment);
    }
    return v;
  }

  /** Reads the length of a range that begins at the command's address; only one of words may be empty. */
  private long length(int word, String what) throws ProgramException {
    long v = in.number(word, what);
    if (v == 0 && what.endsWith("or more")) {
      throw in.refused(word, what);
    }
    if (Long.compareUnsigned(v, VmProgram.USER_END - command.address) > 0) {
      throw in.refused(word, "a length with which the range ends at or below 0x"
          + Long.toHexString(VmProgram.USER_END));
    }
    return v;
  }

  private int prot(int word) throws ProgramException {
    for (int prot = VmProt.NONE; prot <= VmProt.ALL; prot++) {
      if (in.is(word, VmProt.toString(prot))) {
        return prot;
      }
    }
    throw in.refused(word, "a protection such as rw-, each letter or '-' in its place");
  }

  /** Returns which of the operand's words it is; of a fixed word, which is checked too, the choice so far. */
  private int choice(Operand operand, int word) throws ProgramException {
    String[] words = operand.words();
    for (int i = 0; i < words.length; i++) {
      if (in.is(word, words[i])) {
        return words.length == 1 ? command.choice : i;
      }
    }
    String expected = operand == Operand.ANON ? "'anon', 'file' or 'device'" : "one of " + String.join(", ", words);
    throw in.refused(word, expected);
  }

  private int file(int word) throws ProgramException {
    String name = name(word, "the name of a file");
    Integer known = fileNames.get(name);
    if (known != null) {
      return known;
    }
    fileNames.put(name, files.size());
    files.add(new File(name, false, 0, 0));
    return files.size() - 1;
  }

  private int process(int word) throws ProgramException {
    long pid = in.number(word, "the number of a process");
    Integer known = pids.get(pid);
    if (known != null) {
      return known;
    }
    pids.put(pid, processes.size());
    processes.add(new Process(pid));
    return processes.size() - 1;
  }

  private long below2To63(int word, String what) throws ProgramException {
    long v = in.number(word, what);
    if (v < 0) {
      throw in.refused(word, what + ", below 2^63");
    }
    return v;
  }

  private String name(int word, String what) throws ProgramException {
    if (word >= in.words()) {
      throw in.refused(word, what);
    }
    return in.word(word);
  }

  private void endOfLine(int words) throws ProgramException {
    if (in.words() > words) {
      throw in.refused(words, "the end of the line");
    }
  }

  // Who forks, waits and meets

  private void synchronisation(Op op) throws ProgramException {
    switch (op) {
      case FORK, VFORK -> {
        Process child = processes.get(command.id);
        if (command.id == current) {
          throw in.refused(1, "another process; one does not fork itself");
        }
        if (command.id == 0) {
          throw in.refused(1, "a process that does not run yet; this one's section is the first, it runs from the "
              + "start");
        }
        if (child.parent >= 0) {
          throw in.refused(1, "a process that is forked nowhere else; this one is in line " + child.forkLine);
        }
        child.parent = current;
        child.forkLine = in.line();
        sync.add(op, command.id, in.line());
      }
      case WAIT -> {
        Process child = processes.get(command.id);
        if (child.parent != current || child.waited) {
          throw in.refused(1, child.waited && child.parent == current
              ? "a child that has not been waited for" : "a child, forked by this process before it waits");
        }
        child.waited = true;
        sync.add(op, command.id, in.line());
      }
      case BARRIER, EXEC -> sync.add(op, command.id, in.line());
      case IMAGE -> sync.add(Op.EXEC, command.id, in.line());
      case EXIT -> ended = true;
      default -> { }
    }
  }

  private void checkWhole() throws ProgramException {
    if (current < 0) {
      throw in.refusedAtEnd("'process' and a section; a program has one process or more");
    }
    for (Process p : processes) {
      if (p.line == 0) {
        throw refused(p.forkLine, p, "a process that has a section");
      }
    }
    boolean[] runs = running();
    for (int i = 0; i < runs.length; i++) {
      if (!runs[i]) {
        throw refused(processes.get(i).line, processes.get(i), "a process that is forked by one that runs");
      }
    }
    List<Long> pidOf = new ArrayList<>();
    for (Process p : processes) {
      pidOf.add(p.pid);
    }
    SyncCheck.Stuck stuck = sync.check(pidOf, barriers);
    if (stuck != null) {
      throw ProgramException.at(source, stuck.line(), stuck.word(), stuck.expected());
    }
  }

  /** Returns which processes are the first or reached from it by forks; two that fork each other are not. */
  private boolean[] running() {
    List<List<Integer>> children = new ArrayList<>();
    for (int i = 0; i < processes.size(); i++) {
      children.add(new ArrayList<>(0));
    }
    for (int i = 1; i < processes.size(); i++) {
      int parent = processes.get(i).parent;
      if (parent >= 0) {
        children.get(parent).add(i);
      }
    }
    boolean[] runs = new boolean[processes.size()];
    Deque<Integer> found = new ArrayDeque<>(List.of(0));
    while (!found.isEmpty()) {
      int process = found.remove();
      runs[process] = true;
      found.addAll(children.get(process));
    }
    return runs;
  }

  private ProgramException refused(long line, Process p, String expected) {
    return ProgramException.at(source, line, Long.toUnsignedString(p.pid), expected);
  }
}
