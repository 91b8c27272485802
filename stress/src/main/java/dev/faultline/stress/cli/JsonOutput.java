package dev.faultline.stress.cli;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import dev.faultline.hw.MachineConfig;
import dev.faultline.vm.KernelConfig;
import dev.faultline.vm.detect.Finding;
import dev.faultline.vm.program.VmProgram;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.Map;

/** One JSON document a run, on a line of its own; the program's lines stream into it. */
final class JsonOutput implements RunOutput {
  private static final int SCHEMA = 1;

  private final PrintWriter out;
  private final JsonGenerator json; // guarded by out, as is what it writes to

  JsonOutput(PrintWriter out) {
    this.out = out;
    try {
      json = new JsonFactory().disable(JsonGenerator.Feature.AUTO_CLOSE_TARGET).createGenerator(out);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public void begin(VmProgram program, KernelConfig config, long seed) {
    MachineConfig m = config.machine();
    synchronized (out) {
      try {
        json.writeStartObject();
        json.writeNumberField("schema", SCHEMA);
        json.writeStringField("program", program.source());
        json.writeStringField("mode", config.mode().name().toLowerCase(Locale.ROOT));
        json.writeNumberField("cpus", m.cpus());
        json.writeNumberField("frames", m.frames());
        json.writeNumberField("page_size", m.pageSize());
        json.writeNumberField("swap_pages", config.swapPages());
        json.writeNumberField("tlb_entries", m.tlbEntries());
        json.writeStringField("disk", m.disk().name());
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
      try {
        int start = offset;
        for (int i = offset; i < offset + count; i++) {
          if (lines[i] == '\n') {
            json.writeString(new String(lines, start, i - start, StandardCharsets.US_ASCII));
            start = i + 1;
          }
        }
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }

  @Override
  public void end(RunResult result, boolean interrupted) {
    synchronized (out) {
      try {
        json.writeEndArray();
        json.writeStringField("result", !result.findings().isEmpty() ? "finding" : interrupted ? "interrupted"
            : "ended");
        json.writeArrayFieldStart("findings");
        for (Finding f : result.findings()) {
          json.writeStartObject();
          json.writeStringField("kind", f.kind().name().toLowerCase(Locale.ROOT));
          json.writeStringField("message", f.message());
          json.writeNumberField("step", f.step());
          json.writeObjectFieldStart("details");
          for (Map.Entry<String, String> d : f.details().entrySet()) {
            json.writeStringField(d.getKey(), d.getValue());
          }
          json.writeEndObject();
          json.writeEndObject();
        }
        json.writeEndArray();
        json.writeArrayFieldStart("killed");
        for (long pid : result.killed()) {
          json.writeString(Long.toUnsignedString(pid));
        }
        json.writeEndArray();
        RunStatistics s = result.statistics();
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
        out.println();
        out.flush();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }

  @Override
  public void close() {
    synchronized (out) {
      try {
        json.close();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }
}
