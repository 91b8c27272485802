package dev.faultline.vm.scenario;

import java.util.List;
import java.util.function.Consumer;

/**
 * A small world, its actors and its check, written once for every engine.
 *
 * @param name a word, as on the command line
 * @param story what happens, in a sentence or two
 * @param exercises decisions with their outcome (D12aT), races (R4) and invariants (I-14) of vm-semantics that it is
 *     about; of some schedule each, but in UP mode not all of them
 * @param shape the world's size
 * @param script sets the world up, and adds the actors and the check
 */
public record Scenario(
    String name, String story, List<String> exercises, WorldShape shape, Consumer<ScenarioWorld> script) {

  /** Creates one; {@code exercises} has blanks between its words. */
  static Scenario of(String name, String story, String exercises, WorldShape shape, Consumer<ScenarioWorld> script) {
    return new Scenario(name, story, List.of(exercises.split(" ", -1)), shape, script);
  }
}
