package dev.faultline.stress.cli;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializerProvider;
import com.fasterxml.jackson.databind.module.SimpleModule;
import com.fasterxml.jackson.databind.ser.std.StdSerializer;
import dev.faultline.vm.detect.Finding;
import java.io.IOException;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** The JSON of a finding, the same for every command; docs/findings.md and docs/finding.schema.json describe it. */
final class FindingJson {
  private FindingJson() {}

  /** Writes a finding as an object. */
  static void write(JsonGenerator json, Finding f) throws IOException {
    json.writeStartObject();
    json.writeNumberField("schema", f.schema());
    json.writeStringField("kind", f.kind().name().toLowerCase(Locale.ROOT));
    json.writeStringField("invariant", f.invariant());
    json.writeStringField("message", f.message());
    json.writeObjectFieldStart("when");
    json.writeNumberField("step", f.step());
    json.writeNumberField("tick", f.tick());
    json.writeEndObject();
    texts(json, "configuration", f.configuration());
    json.writeStringField("schedule", f.schedule());
    texts(json, "details", f.details());
    json.writeObjectFieldStart("last_events");
    for (Map.Entry<String, List<String>> e : f.lastEvents().entrySet()) {
      json.writeArrayFieldStart(e.getKey());
      for (String line : e.getValue()) {
        json.writeString(line);
      }
      json.writeEndArray();
    }
    json.writeEndObject();
    json.writeStringField("again", f.again());
    json.writeEndObject();
  }

  private static void texts(JsonGenerator json, String name, Map<String, String> map) throws IOException {
    json.writeObjectFieldStart(name);
    for (Map.Entry<String, String> e : map.entrySet()) {
      json.writeStringField(e.getKey(), e.getValue());
    }
    json.writeEndObject();
  }

  /** Returns a mapper that writes findings like this wherever they are in a document. */
  static ObjectMapper mapper() {
    SimpleModule module = new SimpleModule();
    module.addSerializer(Finding.class, new Serializer());
    return new ObjectMapper().registerModule(module);
  }

  private static final class Serializer extends StdSerializer<Finding> {
    private static final long serialVersionUID = 1L;

    Serializer() {
      super(Finding.class);
    }

    @Override
    public void serialize(Finding f, JsonGenerator json, SerializerProvider provider) throws IOException {
      write(json, f);
    }
  }
}
