package dev.faultline.stress.jcstress;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import dev.faultline.vm.sync.MapLock;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Mode;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.Signal;
import org.openjdk.jcstress.annotations.State;

/** 2.8. A writer sleeps until the last reader is gone; the reader's unlock wakes it. */
@JCStressTest(Mode.Termination)
@Outcome(id = "TERMINATED", expect = ACCEPTABLE, desc = "The writer got in and out.")
@Outcome(id = "STALE", expect = FORBIDDEN, desc = "The reader left without waking the writer.")
@Outcome(expect = FORBIDDEN, desc = "The writer died.")
@State
public class MapWriterEnds {
  final PageWorld w = new PageWorld(dev.faultline.vm.base.Mode.FIXED);
  final MapLock lock = new MapLock(w.domain, "map", 3);

  /** The thread that signals is the reader. */
  public MapWriterEnds() {
    lock.lockRead();
  }

  @Actor
  public void writer() {
    w.enter();
    lock.lockWrite();
    lock.unlock();
  }

  @Signal
  public void reader() {
    w.enter();
    lock.unlock();
  }
}
