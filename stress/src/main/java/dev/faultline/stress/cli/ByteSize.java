package dev.faultline.stress.cli;

import java.util.Locale;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** A number of bytes, written with or without K, M, G or T (powers of 1024). */
final class ByteSize implements ITypeConverter<Long> {
  private static final String UNITS = "KMGT";

  @Override
  public Long convert(String text) {
    String digits = text.toUpperCase(Locale.ROOT);
    int shift = 0;
    int unit = digits.isEmpty() ? -1 : UNITS.indexOf(digits.charAt(digits.length() - 1));
    if (unit >= 0) {
      shift = 10 * (unit + 1);
      digits = digits.substring(0, digits.length() - 1);
    }
    try {
      long n = Long.parseLong(digits);
      if (n >= 0 && n <= Long.MAX_VALUE >> shift) {
        return n << shift;
      }
    } catch (NumberFormatException e) {
      throw new TypeConversionException(wrong(text));
    }
    throw new TypeConversionException(wrong(text));
  }

  private static String wrong(String text) {
    return "'" + text + "' is no size: expected bytes, such as 65536, 64K, 64M or 1G";
  }

  /** Returns {@code bytes} as it would be written. */
  static String toString(long bytes) {
    String unit = "";
    long n = bytes;
    for (int i = 0; i < UNITS.length() && n != 0 && (n & 1023) == 0; i++) {
      n >>= 10;
      unit = UNITS.substring(i, i + 1);
    }
    return n + unit;
  }
}
