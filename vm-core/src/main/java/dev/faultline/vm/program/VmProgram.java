package dev.faultline.vm.program;

import java.io.BufferedInputStream;
import java.io.ByteArrayInputStream;
import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.function.LongConsumer;

/**
 * A VM program that was read whole and found right. Constant, may be run any number of times, also at once. Holds the
 * commands in memory while they are few and in a temporary file otherwise, so it is to be closed; nothing may use a
 * cursor of it after that.
 */
public final class VmProgram implements Closeable {
  /** The page size of the language. The machine that runs the program may have another. */
  public static final int PAGE_SIZE = 4096;
  /** Where the addresses of a program end: half of a 48-bit space, as on the hosts that traces are recorded on. */
  public static final long USER_END = 1L << 47;

  private static final int MEMORY_BYTES_MAX = 8 << 20;
  private static final int GZIP_MAGIC_1 = 0x1f;
  private static final int GZIP_MAGIC_2 = 0x8b;

  private final String source;
  private final List<FileDeclaration> files;
  private final List<DeviceDeclaration> devices;
  private final List<BarrierDeclaration> barriers;
  private final List<ProcessSection> processes;
  private final Spool spool;

  VmProgram(String source, List<FileDeclaration> files, List<DeviceDeclaration> devices,
      List<BarrierDeclaration> barriers, List<ProcessSection> processes, Spool spool) {
    this.source = source;
    this.files = List.copyOf(files);
    this.devices = List.copyOf(devices);
    this.barriers = List.copyOf(barriers);
    this.processes = List.copyOf(processes);
    this.spool = spool;
  }

  /**
   * Reads a program from a file, or from standard input where {@code name} is {@code -}; plain or gzipped, whatever the
   * name ends with.
   *
   * @throws ProgramException if it cannot be read or is malformed
   */
  public static VmProgram open(String name) throws ProgramException {
    return open(name, lines -> {});
  }

  /**
   * Reads a program like {@link #open(String)}, which may take minutes.
   *
   * @param progress is told now and then how many lines were read
   * @throws ProgramException if it cannot be read or is malformed
   */
  public static VmProgram open(String name, LongConsumer progress) throws ProgramException {
    if (name.equals("-")) {
      return read(System.in, "-", MEMORY_BYTES_MAX, progress);
    }
    String expected = "a VM program, .vm or .vm.gz";
    if (name.isEmpty()) { // the platform takes it for the current directory
      throw ProgramException.unreadable("''", "no such file", expected);
    }
    try {
      Path path = Path.of(name);
      if (Files.isDirectory(path)) {
        throw ProgramException.unreadable(name, "is a directory", expected);
      }
      try (InputStream in = Files.newInputStream(path)) {
        return read(in, name, MEMORY_BYTES_MAX, progress);
      }
    } catch (NoSuchFileException | InvalidPathException e) {
      throw ProgramException.unreadable(name, "no such file", expected);
    } catch (AccessDeniedException e) {
      throw ProgramException.unreadable(name, "permission denied", expected);
    } catch (FileSystemException e) {
      String why = e.getReason() == null ? "cannot be opened" : e.getReason();
      throw ProgramException.unreadable(name, why, expected);
    } catch (IOException e) {
      throw ProgramException.unreadable(name, String.valueOf(e.getMessage()), expected);
    }
  }

  /**
   * Reads a program to the end of {@code in}, plain or gzipped. Does not close it.
   *
   * @param source its name, for refusals
   * @throws ProgramException if it cannot be read or is malformed
   */
  public static VmProgram read(InputStream in, String source) throws ProgramException {
    return read(in, source, MEMORY_BYTES_MAX, lines -> {});
  }

  /** Returns the program that {@code text} is. */
  public static VmProgram of(String text) throws ProgramException {
    return read(new ByteArrayInputStream(text.getBytes(StandardCharsets.UTF_8)), "program");
  }

  static VmProgram read(InputStream in, String source, int memoryBytesMax) throws ProgramException {
    return read(in, source, memoryBytesMax, lines -> {});
  }

  private static VmProgram read(InputStream in, String source, int memoryBytesMax, LongConsumer progress)
      throws ProgramException {
    Spool spool = new Spool(memoryBytesMax);
    boolean read = false;
    try {
      VmProgram program = new ProgramParser(plain(in, source), source, spool, progress).parse();
      read = true;
      return program;
    } finally {
      if (!read) {
        closeQuietly(spool);
      }
    }
  }

  private static InputStream plain(InputStream in, String source) throws ProgramException {
    InputStream buffered = new BufferedInputStream(in, 1 << 16);
    try {
      buffered.mark(2);
      boolean gzip = buffered.read() == GZIP_MAGIC_1 && buffered.read() == GZIP_MAGIC_2;
      buffered.reset();
      return gzip ? new GzipMembers(buffered) : buffered;
    } catch (IOException e) {
      throw ProgramException.at(source, 1, String.valueOf(e.getMessage()), "a file that can be read to its end");
    }
  }

  private static void closeQuietly(Spool spool) {
    try {
      spool.close();
    } catch (IOException e) {
      // The refusal that is on its way matters more; the file is unlinked already.
      assert e != null;
    }
  }

  /** Returns the name of where it was read. */
  public String source() {
    return source;
  }

  /** Returns the files that it declares or uses. */
  public List<FileDeclaration> files() {
    return files;
  }

  /** Returns the devices that it declares. */
  public List<DeviceDeclaration> devices() {
    return devices;
  }

  /** Returns the barriers that it declares. */
  public List<BarrierDeclaration> barriers() {
    return barriers;
  }

  /**
   * Returns its processes; the first is the one that is started when the program starts, the others are in no
   * particular order.
   */
  public List<ProcessSection> processes() {
    return processes;
  }

  /** Returns how many commands it has, of all processes. */
  public long commands() {
    return processes.stream().mapToLong(ProcessSection::commands).sum();
  }

  /** Returns how many bytes its commands take, wherever they are. */
  long spooledBytes() {
    return spool.size();
  }

  /** Returns whether its commands are in a temporary file. */
  boolean inFile() {
    return spool.inFile();
  }

  /** Returns a new cursor, before the first command of the process with this index in {@link #processes()}. */
  public CommandCursor cursor(int process) {
    return new CommandCursor(spool, processes.get(process));
  }

  /** Lets go of the temporary file, if there is one. */
  @Override
  public void close() throws IOException {
    spool.close();
  }

  @Override
  public String toString() {
    return source + ": " + processes.size() + " processes, " + commands() + " commands";
  }
}
