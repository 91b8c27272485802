package dev.faultline.vm.program;

/** A program that is refused. The message is one line: {@code FILE:LINE: WORD: what was expected}. */
public final class ProgramException extends Exception {
  private static final long serialVersionUID = 1;
  private static final int SHOWN_MAX = 40;

  private ProgramException(String message) {
    super(message);
  }

  /** Returns the refusal of {@code word} in line {@code line} of {@code source}. */
  static ProgramException at(String source, long line, String word, String expected) {
    return new ProgramException(printable(source) + ":" + line + ": " + shortened(word) + ": expected " + expected);
  }

  /** Returns the refusal of a source that could not be read, or kept, at all. */
  static ProgramException unreadable(String source, String problem, String expected) {
    return new ProgramException(printable(source) + ": " + printable(problem) + ": expected " + expected);
  }

  private static String shortened(String word) {
    return word.codePointCount(0, word.length()) <= SHOWN_MAX
        ? printable(word)
        : printable(word.substring(0, word.offsetByCodePoints(0, SHOWN_MAX))) + "...";
  }

  /** Returns {@code text} with what would break the line, or a terminal, spelled out. */
  private static String printable(String text) {
    StringBuilder out = new StringBuilder(text.length());
    text.codePoints().forEach(c -> {
      if (Character.isISOControl(c) || Character.getType(c) == Character.FORMAT
          || c == 0x2028 || c == 0x2029) {
        out.append(String.format("\\u%04x", c));
      } else {
        out.appendCodePoint(c);
      }
    });
    return out.toString();
  }
}
