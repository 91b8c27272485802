package dev.faultline.stress.cli;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.StreamWriteFeature;
import com.fasterxml.jackson.core.json.JsonWriteFeature;
import dev.faultline.hw.MachineConfig;
import dev.faultline.vm.KernelConfig;
import dev.faultline.vm.detect.Finding;
import dev.faultline.vm.program.VmProgram;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Locale;

/**
 * One JSON document, on a line of its own, into which the program's lines stream; docs/run.md describes it. All of it
 * is ASCII, whatever names are in it.
 */
final class JsonOutput implements RunOutput {
  private static final int SCHEMA = 1;
  private static final JsonFactory FACTORY = JsonFactory.builder()
      .disable(StreamWriteFeature.AUTO_CLOSE_TARGET)
      .disable(StreamWriteFeature.FLUSH_PASSED_TO_STREAM)
      .enable(JsonWriteFeature.ESCAPE_NON_ASCII)
      .build();

  private final PrintWriter out;
  private final OutputWatch watch;
  private final JsonGenerator json; // guarded by out, as is what it writes to
  private final boolean serial;
  private boolean begun;
  private String result = RunResult.HOST_LIMIT; // of the last run; this, as long as it has not ended

  /**
   * Prints to {@code out}.
   *
   * @param serial whether one strand runs at a time, in simulated time
   * @param onBroken called once if nobody reads any more
   */
  JsonOutput(PrintWriter out, boolean serial, Runnable onBroken) {
    this.serial = serial;
    this.out = out;
    this.watch = new OutputWatch(out, onBroken);
    this.json = generator(out);
  }

  private static JsonGenerator generator(PrintWriter out) {
    try {
      return FACTORY.createGenerator(out);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Prints the document of a command that was refused, before anything was started. */
  static void refuse(PrintWriter out, String why) {
    try (JsonGenerator json = generator(out)) {
      json.writeStartObject();
      json.writeNumberField("schema", SCHEMA);
      json.writeStringField("result", "refused");
      json.writeStringField("message", why);
      json.writeEndObject();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    out.println();
    out.flush();
  }

  @Override
  public void begin(VmProgram program, KernelConfig config) {
    MachineConfig m = config.machine();
    synchronized (out) {
      try {
        json.writeStartObject();
        json.writeNumberField("schema", SCHEMA);
        json.writeStringField("program", program.source());
        json.writeStringField("mode", config.mode().name().toLowerCase(Locale.ROOT));
        json.writeBooleanField("serial", serial);
        json.writeNumberField("cpus", m.cpus());
        json.writeNumberField("frames", m.frames());
        json.writeNumberField("page_size", m.pageSize());
        json.writeNumberField("swap_pages", config.swapPages());
        json.writeNumberField("tlb_entries", m.tlbEntries());
        json.writeStringField("disk", m.disk().name());
        json.writeArrayFieldStart("runs");
        begun = true;
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }

  @Override
  public void beginRun(long seed) {
    synchronized (out) {
      try {
        result = RunResult.HOST_LIMIT;
        json.writeStartObject();
        json.writeNumberField("seed", seed);
        json.writeArrayFieldStart("output");
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }

  @Override
  public void write(byte[] lines, int offset, int count) {
    synchronized (out) {
      if (watch.isBroken()) {
        return;
      }
      try {
        int start = offset;
        for (int i = offset; i < offset + count; i++) {
          if (lines[i] == '\n') {
            json.writeString(new String(lines, start, i - start, StandardCharsets.US_ASCII));
            start = i + 1;
          }
        }
        json.flush(); // into out alone
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
      watch.flush();
    }
  }

  @Override
  public void endRun(RunResult run) {
    synchronized (out) {
      try {
        json.writeEndArray();
        result = run.word();
        json.writeStringField("result", result);
        findings(run);
        json.writeArrayFieldStart("killed");
        for (long pid : run.killed()) {
          json.writeString(Long.toUnsignedString(pid));
        }
        json.writeEndArray();
        RunStatistics s = run.statistics();
        json.writeNumberField("seconds", s.seconds());
        json.writeNumberField("commands", s.commands());
        json.writeNumberField("faults_per_second", s.faultsPerSecond());
        json.writeObjectFieldStart("statistics");
        for (RunStatistics.Counter c : s.counters()) {
          json.writeNumberField(c.key(), c.value());
        }
        json.writeEndObject();
        json.writeEndObject();
        json.flush();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
      watch.flush();
    }
  }

  private void findings(RunResult run) throws IOException {
    json.writeArrayFieldStart("findings");
    for (Finding f : run.findings()) {
      FindingJson.write(json, f);
    }
    json.writeEndArray();
  }

  @Override
  public void close() {
    synchronized (out) {
      if (!begun) {
        return;
      }
      try {
        while (!json.getOutputContext().getParent().inRoot()) { // a run that has no end is left where it is
          if (json.getOutputContext().inArray()) {
            json.writeEndArray();
          } else {
            json.writeEndObject();
          }
        }
        json.writeStringField("result", result);
        json.writeEndObject();
        json.close();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
      out.println();
      out.flush();
    }
  }
}
