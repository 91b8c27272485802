package dev.faultline.hw.strand;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Strands that stand still at their schedule points. */
@Timeout(60)
final class PerturbationTest {
  private static final ThreadStrands PLAIN = new ThreadStrands();

  /**
   * The shape that a swallowed permit would hang: a strand looks under a lock, lets go of it, which is a schedule
   * point, and parks; meanwhile somebody else has changed what it looked at and given it its permit.
   */
  @Test
  void nap_betweenTheLookAndThePark_losesNoPermit() {
    ThreadStrands strands = PLAIN.perturbed(new Perturbation(7, 2, 1, 50_000));
    StrandLock lock = new StrandLock();
    AtomicInteger items = new AtomicInteger();
    int rounds = 300;
    Strand taker = strands.start("taker", () -> {
      Strand me = Strand.current();
      for (int taken = 0; taken < rounds; ) {
        lock.acquire(me);
        boolean some = items.get() > 0;
        if (some) {
          items.decrementAndGet();
          taken++;
        }
        lock.release(me);
        if (!some) {
          me.park();
        }
      }
    });
    Strand giver = strands.start("giver", () -> {
      Strand me = Strand.current();
      for (int i = 0; i < rounds; i++) {
        lock.acquire(me);
        items.incrementAndGet();
        lock.release(me);
        taker.unpark();
        while (items.get() > 0) {
          me.pause(150);
        }
      }
    });
    assertThat(strands.join(giver, 30_000_000_000L)).isTrue();
    assertThat(strands.join(taker, 30_000_000_000L)).isTrue();
  }

  @Test
  void strands_areStillFree_andKeepTheirWorlds() {
    Strands world = PLAIN.perturbed(new Perturbation(1, 1, 1, 1)).world((s, t) -> {});
    boolean[] announces = new boolean[2];
    Strand s = world.start("s", () -> {
      announces[0] = Strand.current().announces();
      announces[1] = Strand.current().controlled();
      Strand.current().point(StepKind.YIELD, null);
    });
    world.join(s);
    assertThat(announces).containsExactly(true, false);
    assertThat(world.controlled()).isFalse();
  }

  @Test
  void shares_ofNothing_areRefused() {
    assertThatThrownBy(() -> new Perturbation(1, 0, 1, 1)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new Perturbation(1, 1, 1, 0)).hasMessageContaining("expected 1 or more");
  }
}
