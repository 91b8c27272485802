package dev.faultline.vm.program;

import dev.faultline.vm.base.Inheritance;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.proc.ResourceLimits.Limit;

/**
 * One command of a program, as fields that are used again for the next one. What a field means for an {@link Op} is
 * said at its {@link Operand}; a field that the command does not have keeps an old value.
 */
public class Command {
  private static final Inheritance[] INHERITANCES = Inheritance.values();
  private static final Limit[] LIMITS = Limit.values();

  Op op = Op.EXIT;
  long line;
  long address;
  long length;
  int prot;
  int choice;
  long value;
  int id;

  Command() {}

  /** Returns which command it is. */
  public final Op op() {
    return op;
  }

  /** Returns the number of its line in the text, from 1. */
  public final long line() {
    return line;
  }

  /** Returns the byte address, below {@link VmProgram#USER_END}. */
  public final long address() {
    return address;
  }

  /** Returns the length of the range in bytes; the range ends at or below {@link VmProgram#USER_END}. */
  public final long length() {
    return length;
  }

  /** Returns the protection as written, bits of {@link VmProt}. */
  public final int prot() {
    return prot;
  }

  /** Returns whether an {@code mmap} is shared. */
  public final boolean shared() {
    return choice == 1;
  }

  /** Returns the inheritance of a {@code minherit}. */
  public final Inheritance inheritance() {
    return INHERITANCES[choice];
  }

  /** Returns the advice of a {@code madvise}. */
  public final Advice advice() {
    return Advice.of(choice);
  }

  /** Returns how an {@code msync} writes. */
  public final SyncMode syncMode() {
    return SyncMode.of(choice);
  }

  /** Returns what a {@code limit} is of. */
  public final Limit resource() {
    return LIMITS[choice];
  }

  /** Returns whether the operand says what holds without it, too. */
  final boolean isLeftOut(Operand operand) {
    return operand.isOptional() && choice == 0;
  }

  /** Returns the kind of a {@code touch}. */
  public final Access access() {
    return Access.of(choice);
  }

  /** Returns the ordinal of the word chosen, where the command has such a word. */
  final int choice() {
    return choice;
  }

  /** Returns the 64-bit value, or the file offset, file length or ticks. */
  public final long value() {
    return value;
  }

  /** Returns the index of the file, device, process or barrier that the command names. */
  public final int id() {
    return id;
  }

  @Override
  public String toString() {
    StringBuilder text = new StringBuilder().append(line).append(": ").append(op.word());
    for (Operand operand : op.operands()) {
      if (isLeftOut(operand)) {
        continue;
      }
      text.append(' ').append(operand).append('=');
      switch (operand) {
        case PAGE_ADDRESS, WORD_ADDRESS, ADDRESS -> text.append(Long.toHexString(address));
        case LENGTH, WORDS_LENGTH, BYTES -> text.append(Long.toHexString(length));
        case PROT -> text.append(VmProt.toString(prot));
        case SHARING, INHERITANCE, ADVICE, SYNC_MODE, RESOURCE, ACCESS -> text.append(operand.words()[choice]);
        case FILE, DEVICE, PROCESS, BARRIER -> text.append(id);
        case FILE_OFFSET, DEVICE_OFFSET, BYTE_OFFSET, FILE_LENGTH, STACK_TOP, SIZE, VALUE, TICKS ->
            text.append(Long.toHexString(value));
        case ANON, OF_FILE, OF_DEVICE -> text.setLength(text.length() - 1);
      }
    }
    return text.toString();
  }
}
