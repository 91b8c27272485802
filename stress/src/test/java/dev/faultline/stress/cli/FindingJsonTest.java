package dev.faultline.stress.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.faultline.hw.MachineConfig;
import dev.faultline.hw.strand.ThreadStrands;
import dev.faultline.vm.Kernel;
import dev.faultline.vm.KernelConfig;
import dev.faultline.vm.base.Defect;
import dev.faultline.vm.base.KernelPanic;
import dev.faultline.vm.detect.Finding;
import dev.faultline.vm.detect.FindingContext;
import dev.faultline.vm.detect.Findings;
import dev.faultline.vm.detect.HangDetector;
import dev.faultline.vm.sync.NamedChannel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The JSON of findings that detectors have made is what docs/finding.schema.json says. */
@Timeout(value = 60, unit = TimeUnit.SECONDS)
final class FindingJsonTest {
  private static final Path SCHEMA = Path.of("../docs/finding.schema.json");

  /** What of JSON Schema that page uses; an unknown keyword fails, so that nothing is passed over. */
  private static void validate(JsonNode value, JsonNode schema, String at, List<String> wrong) {
    schema.properties().forEach(rule -> {
      JsonNode r = rule.getValue();
      boolean ok = switch (rule.getKey()) {
        case "$schema", "title" -> true;
        case "type" -> hasType(value, r.asText());
        case "const" -> value.equals(r);
        case "enum" -> contains(r, value);
        case "pattern" -> value.asText().matches(r.asText());
        case "minLength" -> value.asText().length() >= r.asInt();
        case "required" -> all(r, name -> value.has(name.asText()));
        case "properties" -> {
          r.properties().forEach(p -> {
            if (value.has(p.getKey())) {
              validate(value.get(p.getKey()), p.getValue(), at + "." + p.getKey(), wrong);
            }
          });
          yield true;
        }
        case "additionalProperties" -> {
          JsonNode known = schema.path("properties");
          boolean[] none = {true};
          value.properties().forEach(p -> {
            if (!known.has(p.getKey()) && r.isObject()) {
              validate(p.getValue(), r, at + "." + p.getKey(), wrong);
            } else if (!known.has(p.getKey())) {
              none[0] = r.asBoolean();
            }
          });
          yield none[0];
        }
        case "items" -> {
          value.forEach(x -> validate(x, r, at + "[]", wrong));
          yield true;
        }
        default -> false;
      };
      if (!ok) {
        wrong.add(at + ": " + rule.getKey() + " " + r + " but is " + value);
      }
    });
  }

  private static boolean hasType(JsonNode v, String type) {
    return switch (type) {
      case "object" -> v.isObject();
      case "array" -> v.isArray();
      case "string" -> v.isTextual();
      case "integer" -> v.isIntegralNumber();
      default -> false;
    };
  }

  private static boolean contains(JsonNode list, JsonNode v) {
    return !all(list, x -> !x.equals(v));
  }

  private static boolean all(JsonNode list, Predicate<JsonNode> test) {
    for (JsonNode x : list) {
      if (!test.test(x)) {
        return false;
      }
    }
    return true;
  }

  private static List<String> wrong(JsonNode finding) throws IOException {
    List<String> wrong = new ArrayList<>();
    validate(finding, new ObjectMapper().readTree(Files.readString(SCHEMA)), "finding", wrong);
    return wrong;
  }

  private static JsonNode json(Finding f) throws IOException {
    ObjectMapper m = FindingJson.mapper();
    return m.readTree(m.writeValueAsString(f));
  }

  @Test
  void everyKind_isInTheSchema() throws IOException {
    for (Finding.Kind k : Finding.Kind.values()) {
      assertThat(wrong(json(Finding.of(k, "I-58 hung", 3)))).as("%s", k).isEmpty();
    }
    JsonNode bare = new ObjectMapper().readTree("{\"schema\":1}");
    assertThat(wrong(bare)).anyMatch(w -> w.contains("required")).anyMatch(w -> w.contains("const"));
  }

  @Test
  void aDeath_isValid() throws IOException {
    Findings f = new Findings();
    f.addDeath(KernelPanic.of("ownership: I-12 double release of busy", "page 3", "held: not at all"));
    assertThat(wrong(json(f.list().get(0)))).isEmpty();
    assertThat(json(f.list().get(0)).get("kind").asText()).isEqualTo("ownership");
    assertThat(json(f.list().get(0)).get("details").get("state 2").asText()).isEqualTo("held: not at all");
  }

  /** A kernel that hangs, seen by the detector, with the circumstances of a run. */
  @Test
  void aRealHang_isValid_andSaysAllOfIt() throws IOException {
    MachineConfig machine = MachineConfig.builder().cpus(2).frames(64).diskBlocks(64).seed(77).build();
    KernelConfig config = KernelConfig.builder(machine).defect(Defect.H_SWERR).ownership(true).build();
    Kernel k = new Kernel(config, new ThreadStrands());
    NamedChannel never = new NamedChannel("never", 77);
    k.domain().strands().attach("test");
    try {
      Findings findings = new Findings();
      findings.context(FindingContext.of(k, "./faultline run it").withEvents(
          () -> Map.of("cpu 0", List.of("fault 0x1000", "sleep never"))));
      k.run("boot", () -> k.processes().start(3, t -> t.inKernel(
          () -> k.domain().sleepQueues().sleepOn(never, null, "lost"))));
      HangDetector d = new HangDetector(k, () -> 0);
      Finding f = null;
      while (f == null) {
        f = d.look(System.nanoTime());
      }
      findings.add(f);
      JsonNode json = json(findings.list().get(0));
      assertThat(wrong(json)).isEmpty();
      assertThat(json.get("kind").asText()).isEqualTo("hang");
      assertThat(json.get("invariant").asText()).isEqualTo("I-58");
      assertThat(json.get("configuration").get("mode").asText()).isEqualTo("fixed");
      assertThat(json.get("configuration").get("seed").asText()).isEqualTo("77");
      assertThat(json.get("configuration").get("defects").asText()).isEqualTo("H-SWERR");
      assertThat(json.get("details").get("picture").asText()).startsWith("<svg");
      assertThat(json.get("last_events").get("cpu 0").get(1).asText()).isEqualTo("sleep never");
      assertThat(json.get("again").asText()).isEqualTo("./faultline run it");
    } finally {
      k.run("end", () -> k.domain().sleepQueues().wakeup(never));
      k.domain().strands().detach();
    }
  }
}
