package dev.faultline.lin.explore.engine;

import dev.faultline.hw.strand.Strand;
import dev.faultline.hw.strand.Strands;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/** The supply of strands of one execution, or of one world in it. */
final class ControlledStrands extends Strands {
  private final Controller controller; // (C)
  private final @Nullable BiConsumer<Strand, Throwable> onDeath; // (C)
  private int numbers; // belongs to whoever has the turn

  ControlledStrands(Controller controller, @Nullable BiConsumer<Strand, Throwable> onDeath) {
    this.controller = controller;
    this.onDeath = onDeath;
  }

  @Override
  public Strand start(String name, Runnable body) {
    return controller.start(numbers++, name, body, onDeath);
  }

  @Override
  public Strand attach(String name) {
    throw new IllegalStateException(
        "a thread cannot join a controlled world: start a strand, or call from one (" + name + ")");
  }

  @Override
  public void detach() {
    throw new IllegalStateException("nothing was attached");
  }

  @Override
  public void join(Strand strand) {
    controller.join((ControlledStrand) strand, Long.MAX_VALUE);
  }

  @Override
  public boolean join(Strand strand, long nanos) {
    return controller.join((ControlledStrand) strand, nanos);
  }

  @Override
  public long nanoTime() {
    return controller.now();
  }

  @Override
  public boolean controlled() {
    return true;
  }

  @Override
  public Strands world(BiConsumer<Strand, Throwable> death) {
    return new ControlledStrands(controller, death);
  }
}
