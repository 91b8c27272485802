package dev.faultline.vm.scenario;

import java.util.List;
import java.util.function.Consumer;

/**
 * A small world, its actors and its check, written once for every engine.
 *
 * @param name a word, as on the command line
 * @param story what happens, in a sentence or two
 * @param exercises decisions (D…), races (R…) and invariants (I-…) of vm-semantics that it is about
 * @param shape the world's size
 * @param script sets the world up, and adds the actors and the check
 */
public record Scenario(
    String name, String story, List<String> exercises, WorldShape shape, Consumer<ScenarioWorld> script) {}
