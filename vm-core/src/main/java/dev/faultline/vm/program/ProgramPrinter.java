package dev.faultline.vm.program;

import dev.faultline.vm.base.VmProt;
import java.io.IOException;
import java.util.Comparator;
import java.util.Locale;
import java.util.stream.IntStream;

/**
 * Writes a program as text again: one blank between words, no comments, every file declared, addresses, lengths and
 * values in hexadecimal. What is read from that text is the same program but for its line numbers.
 */
public final class ProgramPrinter {
  private ProgramPrinter() {}

  /** Returns the text of {@code program}. */
  public static String print(VmProgram program) {
    StringBuilder text = new StringBuilder();
    try {
      print(program, text);
    } catch (IOException e) {
      throw new AssertionError("a StringBuilder does not fail", e);
    }
    return text.toString();
  }

  /** Writes the text of {@code program} to {@code out}. */
  public static void print(VmProgram program, Appendable out) throws IOException {
    out.append("vmprogram 1\n");
    for (FileDeclaration file : program.files()) {
      out.append("file ").append(file.name()).append(' ').append(Long.toString(file.length()));
      out.append(file.seed() == 0 ? "" : " " + hex(file.seed())).append('\n');
    }
    for (DeviceDeclaration device : program.devices()) {
      out.append("device ").append(device.name()).append(' ').append(Long.toString(device.length())).append('\n');
    }
    for (BarrierDeclaration barrier : program.barriers()) {
      out.append("barrier ").append(barrier.name()).append(' ').append(Integer.toString(barrier.parties()))
          .append('\n');
    }
    int[] inOrder = IntStream.range(0, program.processes().size()).boxed()
        .sorted(Comparator.comparing(i -> program.processes().get(i).line())).mapToInt(Integer::intValue).toArray();
    for (int process : inOrder) {
      out.append("process ").append(Long.toUnsignedString(program.processes().get(process).pid())).append('\n');
      CommandCursor command = program.cursor(process);
      while (command.next()) {
        print(program, command, out);
      }
    }
  }

  /** Writes the line of one command of {@code program}. */
  public static void print(VmProgram program, Command command, Appendable out) throws IOException {
    out.append(command.op().word());
    for (Operand operand : command.op().operands()) {
      if (command.isLeftOut(operand)) {
        continue;
      }
      out.append(' ').append(switch (operand) {
        case PAGE_ADDRESS, WORD_ADDRESS, ADDRESS -> hex(command.address());
        case LENGTH, WORDS_LENGTH, BYTES -> hex(command.length());
        case PROT -> VmProt.toString(command.prot());
        case SHARING, INHERITANCE, ADVICE, SYNC_MODE, RESOURCE, ACCESS -> operand.words()[command.choice()];
        case ANON, OF_FILE, OF_DEVICE -> operand.words()[0];
        case FILE -> program.files().get(command.id()).name();
        case DEVICE -> program.devices().get(command.id()).name();
        case PROCESS -> Long.toUnsignedString(program.processes().get(command.id()).pid());
        case BARRIER -> program.barriers().get(command.id()).name();
        case FILE_OFFSET, DEVICE_OFFSET, BYTE_OFFSET, STACK_TOP, VALUE -> hex(command.value());
        case FILE_LENGTH, SIZE, TICKS -> Long.toString(command.value());
      });
    }
    out.append('\n');
  }

  private static String hex(long v) {
    return "0x" + Long.toHexString(v).toLowerCase(Locale.ROOT);
  }
}
