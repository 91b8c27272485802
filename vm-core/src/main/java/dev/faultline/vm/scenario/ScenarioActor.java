package dev.faultline.vm.scenario;

/** One of those who run at the same time in a scenario. The engine calls its three parts in order, on one strand. */
public final class ScenarioActor {
  private final String name; // (C)
  private final Runnable prepare; // (C)
  private final Runnable body; // (C)
  private final Runnable finish; // (C)

  ScenarioActor(String name, Runnable prepare, Runnable body, Runnable finish) {
    this.name = name;
    this.prepare = prepare;
    this.body = body;
    this.finish = finish;
  }

  public String name() {
    return name;
  }

  /** Makes the calling strand a kernel thread. */
  public void prepare() {
    prepare.run();
  }

  /** Does the actor's part. */
  public void run() {
    body.run();
  }

  /** Ends what {@link #prepare} began. */
  public void finish() {
    finish.run();
  }

  @Override
  public String toString() {
    return name;
  }
}
