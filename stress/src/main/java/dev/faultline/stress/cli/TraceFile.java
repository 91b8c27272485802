package dev.faultline.stress.cli;

import dev.faultline.vm.trace.EventRings;
import dev.faultline.vm.trace.SvgRenderer;
import dev.faultline.vm.trace.TextRenderer;
import dev.faultline.vm.trace.Trace;
import dev.faultline.vm.trace.TraceOptions;
import dev.faultline.vm.trace.Tracer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import jdk.jfr.Recording;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** The options for a trace of a run, and the file that it goes to. */
final class TraceFile implements AutoCloseable {
  private static final int TEXT_EVENTS = 1000;
  private static final int PICTURE_EVENTS = 100;

  @Option(
      names = "--trace",
      paramLabel = "FILE",
      description = "Writes what the strands did to a file: .txt, .svg, or .jfr for JDK Mission Control.")
  @Nullable Path file;

  @Option(
      names = "--trace-events",
      paramLabel = "N",
      description = "The last N events of each strand, for .txt and .svg (text 1000, picture 100).")
  @Nullable Integer events;

  private @Nullable Recording recording;

  /** What a file is to hold, told by its name. */
  private enum Format {
    TXT,
    SVG,
    JFR
  }

  private static Format format(Path file) {
    String name = file.toString().toLowerCase(Locale.ROOT);
    if (name.endsWith(".txt")) {
      return Format.TXT;
    }
    if (name.endsWith(".svg")) {
      return Format.SVG;
    }
    if (name.endsWith(".jfr")) {
      return Format.JFR;
    }
    throw new IllegalArgumentException("--trace " + file + ": must end in .txt, .svg or .jfr");
  }

  /**
   * Returns what a kernel is to record.
   *
   * @param otherwise where no trace is asked for
   * @throws IllegalArgumentException if the options make no sense; one line
   */
  TraceOptions options(TraceOptions otherwise) {
    Path f = file;
    Integer n = events;
    if (n != null && (n < 1 || n > TraceOptions.EVENTS_MAX)) {
      throw new IllegalArgumentException("--trace-events " + n + ": must be 1 to " + TraceOptions.EVENTS_MAX);
    }
    if (f == null) {
      if (n != null) {
        throw new IllegalArgumentException("--trace-events: nothing to write without --trace");
      }
      return otherwise;
    }
    Path directory = f.toAbsolutePath().getParent();
    if (directory == null || !Files.isDirectory(directory)) {
      throw new IllegalArgumentException("--trace " + f + ": must be in a directory that exists");
    }
    return switch (format(f)) {
      case TXT -> TraceOptions.rings(n == null ? TEXT_EVENTS : n);
      case SVG -> TraceOptions.rings(n == null ? PICTURE_EVENTS : n);
      case JFR -> new TraceOptions(otherwise.eventsPerStrand(), true);
    };
  }

  /** Returns whether what is asked for is a flight recording, which wants real time. */
  boolean isRecording() {
    Path f = file;
    return f != null && format(f) == Format.JFR;
  }

  /** Starts a recording, if that is what the file is to be. */
  void begin() {
    if (isRecording() && recording == null) {
      recording = new Recording();
      recording.setName("faultline");
      recording.start();
    }
  }

  /**
   * Writes the file. A file that was there is replaced.
   *
   * @param title what ran, one line
   */
  void write(Tracer tracer, String title) throws IOException {
    Path f = file;
    Recording r = recording;
    if (r != null && f != null) {
      r.dump(f);
      return;
    }
    EventRings rings = tracer.rings();
    if (rings != null) {
      write(rings.trace(), title);
    }
  }

  /** Writes a picture, if one is asked for. A file that was there is replaced. */
  void write(Trace t, String title) throws IOException {
    Path f = file;
    if (f == null) {
      return;
    }
    Files.writeString(f, format(f) == Format.SVG ? SvgRenderer.render(t, title) : TextRenderer.render(t, title));
  }

  @Override
  public void close() {
    Recording r = recording;
    if (r != null) {
      recording = null;
      r.close();
    }
  }
}
