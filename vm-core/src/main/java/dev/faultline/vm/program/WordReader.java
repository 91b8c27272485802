package dev.faultline.vm.program;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;

/**
 * Splits UTF-8 text into lines of words, in constant memory however long a line is: comments and blanks are passed over
 * as they come, words beyond those that any command has are not kept, and a word is bounded.
 */
final class WordReader {
  private static final int WORDS_MAX = 9;
  private static final int WORD_BYTES_MAX = 255;
  private static final int BUFFER_BYTES = 1 << 16;

  private final InputStream in;
  private final String source;
  private final byte[] buffer = new byte[BUFFER_BYTES];
  private int at;
  private int limit;

  private long line;
  private final byte[] text = new byte[WORDS_MAX * (WORD_BYTES_MAX + 1)];
  private final int[] starts = new int[WORDS_MAX + 1];
  private int words;

  private int continuations;
  private int lead;
  private int continuationMin;
  private int continuationMax;

  WordReader(InputStream in, String source) {
    this.in = in;
    this.source = source;
  }

  /** Returns the number of the current line, from 1. */
  long line() {
    return line;
  }

  /** Returns the words of the current line, of a line with too many at least one too many. */
  int words() {
    return words;
  }

  /** Returns word {@code i}; {@code end of line} if there are not so many. */
  String word(int i) {
    return i < words ? new String(text, starts[i], starts[i + 1] - starts[i], StandardCharsets.UTF_8) : "end of line";
  }

  /**
   * Returns whether word {@code i} is {@code word}, which has only ASCII letters; false if there are not so many words.
   */
  boolean is(int i, String word) {
    if (i >= words || starts[i + 1] - starts[i] != word.length()) {
      return false;
    }
    for (int k = 0; k < word.length(); k++) {
      if (text[starts[i] + k] != word.charAt(k)) {
        return false;
      }
    }
    return true;
  }

  /**
   * Returns word {@code i} as an unsigned 64-bit number.
   *
   * @param what what it is, for the refusal: {@code a page-aligned address}
   */
  long number(int i, String what) throws ProgramException {
    if (i >= words) {
      throw refused(i, what);
    }
    int from = starts[i];
    int to = starts[i + 1];
    long v = 0;
    if (to - from > 2 && text[from] == '0' && text[from + 1] == 'x') {
      for (int k = from + 2; k < to; k++) {
        int digit = Character.digit(text[k], 16);
        if (digit < 0) {
          throw refused(i, what + ", in decimal or, after 0x, hexadecimal");
        }
        if (v >>> 60 != 0) {
          throw refused(i, what + ", below 2^64");
        }
        v = v << 4 | digit;
      }
      return v;
    }
    for (int k = from; k < to; k++) {
      int digit = text[k] - '0';
      if (digit < 0 || digit > 9) {
        throw refused(i, what + ", in decimal or, after 0x, hexadecimal");
      }
      if (Long.compareUnsigned(v, Long.divideUnsigned(-1, 10)) > 0
          || Long.compareUnsigned(v * 10, -1L - digit) > 0) {
        throw refused(i, what + ", below 2^64");
      }
      v = v * 10 + digit;
    }
    return v;
  }

  /** Returns the refusal of word {@code i}. */
  ProgramException refused(int i, String expected) {
    return ProgramException.at(source, line, word(i), expected);
  }

  /** Returns the refusal of what the text does as a whole, found at its end. */
  ProgramException refusedAtEnd(String expected) {
    return ProgramException.at(source, Math.max(line, 1), "end of file", expected);
  }

  /** Moves to the next line. Returns false at the end of the text. */
  boolean next() throws ProgramException {
    words = 0;
    starts[0] = 0;
    if (at == limit && !refill()) {
      return false;
    }
    line++;
    int used = 0;
    boolean inWord = false;
    boolean inComment = false;
    while (at < limit || refill()) {
      int c = buffer[at++];
      if (c < 0 || continuations > 0) {
        checkUtf8(c & 0xff);
      }
      if (c == '\n') {
        break;
      }
      if (inComment) {
        continue;
      }
      if (c == ' ' || c == '\t' || c == '\r' || c == '#') {
        if (inWord) {
          starts[++words] = used;
          inWord = false;
        }
        inComment = c == '#' || words == WORDS_MAX;
      } else if ((c >= 0 && c < ' ') || c == 0x7f) {
        throw ProgramException.at(source, line, "byte 0x" + Integer.toHexString(c), "text");
      } else {
        inWord = true;
        if (used - starts[words] == WORD_BYTES_MAX) {
          starts[++words] = used;
          throw refused(words - 1, "a word of at most " + WORD_BYTES_MAX + " bytes");
        }
        text[used++] = (byte) c;
      }
    }
    if (continuations > 0) {
      throw ProgramException.at(source, line, "end of file", "the rest of a UTF-8 character");
    }
    if (inWord) {
      starts[++words] = used;
    }
    return true;
  }

  private boolean refill() throws ProgramException {
    try {
      int count = in.read(buffer, 0, buffer.length);
      at = 0;
      limit = Math.max(count, 0);
      return count > 0;
    } catch (IOException e) {
      String problem = e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
      throw ProgramException.at(source, Math.max(line, 1), problem, "a file that can be read to its end");
    }
  }

  /** Checks a byte of a character that is not ASCII, or that follows one: well formed, shortest form, no surrogates. */
  private void checkUtf8(int c) throws ProgramException {
    if (continuations > 0) {
      if (c < continuationMin || c > continuationMax) {
        throw notUtf8(c);
      }
      continuations--;
      continuationMin = 0x80;
      continuationMax = 0xbf;
      return;
    }
    if (c < 0xc2 || c > 0xf4) {
      throw notUtf8(c);
    }
    lead = c;
    continuations = c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
    continuationMin = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
    continuationMax = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
  }

  private ProgramException notUtf8(int c) {
    String before = continuations == 0 ? "" : "0x" + Integer.toHexString(lead) + " ... ";
    return ProgramException.at(source, line, "byte " + before + "0x" + Integer.toHexString(c), "UTF-8 text");
  }
}
