package dev.faultline.stress.cli;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.OutputStreamWriter;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Standard output as UTF-8 text, which remembers why it could not be written: {@link PrintWriter} itself tells only
 * that. Not flushed by itself.
 */
final class StandardOutput extends PrintWriter {
  private final Remembering to;

  private static final class Remembering extends OutputStream {
    private final OutputStream out;
    private volatile @Nullable IOException failure;

    Remembering(OutputStream out) {
      this.out = out;
    }

    @Override
    public void write(int b) throws IOException {
      write(new byte[] {(byte) b}, 0, 1);
    }

    @Override
    public void write(byte[] bytes, int offset, int count) throws IOException {
      try {
        out.write(bytes, offset, count);
      } catch (IOException e) {
        failure = e;
        throw e;
      }
    }
  }

  /** Writes to the process's standard output. */
  StandardOutput() {
    this(new FileOutputStream(FileDescriptor.out));
  }

  /** Writes to {@code out}, for tests. */
  StandardOutput(OutputStream out) {
    this(new Remembering(out));
  }

  private StandardOutput(Remembering to) {
    super(new OutputStreamWriter(to, StandardCharsets.UTF_8), false);
    this.to = to;
  }

  /**
   * Returns why {@code out} lost something that was written to it, or null if it did not, or only its reader went away:
   * who pipes into {@code head} has seen enough.
   */
  static @Nullable String loss(PrintWriter out) {
    if (!out.checkError() || !(out instanceof StandardOutput)) {
      return null;
    }
    IOException failure = ((StandardOutput) out).to.failure;
    String why = failure == null ? "cannot be written" : String.valueOf(failure.getMessage());
    return why.toLowerCase(Locale.ROOT).contains("broken pipe") ? null : why;
  }
}
