package dev.faultline.stress.cli;

import java.math.BigInteger;
import picocli.CommandLine;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Converts whole numbers, and says in words what is wrong with others. */
final class WholeNumber {
  private WholeNumber() {}

  /** Makes {@code line} read its numbers so. */
  static void register(CommandLine line) {
    ITypeConverter<Integer> ints = text -> (int) convert(text, Integer.MIN_VALUE, Integer.MAX_VALUE);
    ITypeConverter<Long> longs = text -> convert(text, Long.MIN_VALUE, Long.MAX_VALUE);
    line.registerConverter(int.class, ints).registerConverter(Integer.class, ints);
    line.registerConverter(long.class, longs).registerConverter(Long.class, longs);
  }

  private static long convert(String text, long min, long max) {
    if (!text.matches("[+-]?[0-9]+")) {
      throw new TypeConversionException("'" + text + "' is no whole number");
    }
    BigInteger n = new BigInteger(text);
    if (n.compareTo(BigInteger.valueOf(min)) < 0 || n.compareTo(BigInteger.valueOf(max)) > 0) {
      throw new TypeConversionException(text + " is too " + (n.signum() < 0 ? "small" : "large"));
    }
    return n.longValue();
  }
}
