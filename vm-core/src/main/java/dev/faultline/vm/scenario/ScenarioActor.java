package dev.faultline.vm.scenario;

import dev.faultline.hw.Cpu;
import dev.faultline.vm.sync.KThread;
import org.jspecify.annotations.Nullable;

/** One of those who run at the same time in a scenario. The engine calls its three parts in order, on one strand. */
public final class ScenarioActor {
  private final ScenarioWorld world; // (C)
  private final String name; // (C)
  private final @Nullable Cpu cpu; // (C)
  private final Runnable body; // (C)

  ScenarioActor(ScenarioWorld world, String name, @Nullable Cpu cpu, Runnable body) {
    this.world = world;
    this.name = name;
    this.cpu = cpu;
    this.body = body;
  }

  public String name() {
    return name;
  }

  @Nullable Cpu cpu() {
    return cpu;
  }

  /** Makes the calling strand a kernel thread. */
  public void prepare() {
    world.prepare(this);
  }

  /** Does the actor's part. */
  public void run() {
    body.run();
  }

  /** Ends what {@link #prepare} began. */
  public void finish() {
    if (cpu != null) {
      cpu.context = null;
    }
    KThread.current().end();
  }

  @Override
  public String toString() {
    return name;
  }
}
