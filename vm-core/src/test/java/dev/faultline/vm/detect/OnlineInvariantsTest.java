package dev.faultline.vm.detect;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.vm.base.Inheritance;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.page.FreeList;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.page.VmPageQueues;
import dev.faultline.vm.scenario.Space;
import dev.faultline.vm.scenario.World;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Each of the checks beside a run fires, and none fires beside a run that is well. */
@Timeout(value = 120, unit = TimeUnit.SECONDS)
final class OnlineInvariantsTest {
  private static VmPage active(World w) {
    for (int f = 0; f < w.kernel().pages().pageCount(); f++) {
      VmPage m = w.kernel().pages().page(f);
      if (m.isActive()) {
        return m;
      }
    }
    throw new AssertionError("no active page");
  }

  private static void expect(World w, String number, Broken broken, Supplier<@Nullable String> check) {
    try (broken) {
      assertThat(w.<String>inKernel(check::get)).startsWith(number + " ");
    }
    assertThat(w.<@Nullable String>inKernel(check::get)).isNull();
  }

  @Test
  @SuppressWarnings("try") // what is broken mends itself at the end of the block
  void brokenKernel_isFound() {
    try (World w = World.builder().build()) {
      Space s = w.space().mapSwap(0, 8);
      for (int i = 0; i < 8; i++) {
        s.write(i, i);
      }
      OnlineInvariants online = new OnlineInvariants(w.kernel().pages(), 1);
      VmPageQueues queues = w.kernel().pages().queues();
      FreeList free = w.kernel().pages().freeList();
      VmPage m = active(w);
      VmPage head = w.inKernel(() -> head(free));
      VmObject o = VmObject.of(m);
      expect(w, "I-7", new Broken().add(free, "cacheCount", 1), online::checkGauges);
      expect(w, "I-7", new Broken().add(free, "freeCount", 1), online::checkGauges);
      expect(w, "I-8", new Broken().add(queues, "wireCount", -1), online::checkGauges);
      expect(w, "I-2", new Broken().set(m, "queue", VmPage.QUEUE_CACHE), online::checkHeads);
      expect(w, "I-2", new Broken().set(head, "queue", VmPage.QUEUE_ZERO), online::checkHeads);
      expect(w, "I-6", new Broken().set(m, "wireCount", 1), () -> online.checkFrame(m));
      expect(w, "I-4", new Broken().set(m, "object", null), () -> online.checkFrame(m));
      expect(w, "I-18", new Broken().set(m, "actCount", -1), () -> online.checkFrame(m));
      expect(w, "I-1", new Broken().set(m, "pageqNext", head), () -> online.checkFrame(m));
      expect(w, "I-3", new Broken().set(head, "bmapped", 1), () -> online.checkFrame(head));
      expect(w, "I-1", new Broken().set(head, "pageqPrev", m), () -> online.checkFrame(head));
      expect(w, "I-14", new Broken().set(m, "flags", VmPage.TABLED | VmPage.WANTED), () -> online.checkWanted(o, m));
      expect(w, "I-10", new Broken().add(o, "residentPageCount", 1), () -> online.checkObject(o));
      expect(w, "I-9", new Broken().set(m, "offset", m.offset() + 64), () -> online.checkObject(o));
      Object cache = Broken.get(queues, "cache");
      Broken cached = new Broken().set(cache, "head", m).set(m, "dirty", 255);
      expect(w, "I-5", cached, online::checkCacheHead);
      expect(w, "I-8", new Broken().add(Broken.get(queues, "active"), "length", 1_000), online::checkGauges);
      expect(w, "I-18", new Broken().set(m, "actCount", 103), () -> online.checkFrame(m));
      for (String field : new String[] {"wireCount", "holdCount", "pvFlags", "busyCount"}) {
        expect(w, "I-3", new Broken().set(head, field, 1), () -> online.checkFrame(head));
      }
      expect(w, "I-3", new Broken().set(head, "object", o), () -> online.checkFrame(head));
      expect(w, "I-1", new Broken().set(m, "pageqPrev", head), () -> online.checkFrame(m));
      VmPage last = w.inKernel(() -> lastActive(w));
      Broken bent = new Broken().set(last, "pageqPrev", null).set(last, "pageqNext", m);
      expect(w, "I-1", bent, () -> online.checkFrame(last));
      for (String field : new String[] {"busyCount", "wireCount", "holdCount", "bmapped", "pvFlags"}) {
        Broken one = new Broken().set(cache, "head", m).set(m, "dirty", 0).set(m, "pvFlags", 0).set(m, field, 1);
        expect(w, "I-5", one, online::checkCacheHead);
      }
      Broken invalid = new Broken().set(cache, "head", m).set(m, "dirty", 0).set(m, "pvFlags", 0).set(m, "valid", 0);
      expect(w, "I-5", invalid, online::checkCacheHead);
      expect(w, "I-4", new Broken().set(cache, "head", m).set(m, "object", null), online::checkCacheHead);
      try (Broken b = new Broken().set(cache, "head", m).set(m, "dirty", 0).set(m, "pvFlags", 0)) {
        assertThat(w.<@Nullable String>inKernel(online::checkCacheHead)).as("as it has to be").isNull();
      }
      expect(w, "I-9", new Broken().set(m, "object", w.space().mapSwap(20, 1).object(20)), () -> online.checkObject(o));
      expect(w, "I-10", new Broken().add(o, "residentPageCount", -1), () -> online.checkObject(o));
      try (Broken b = new Broken().add(free, "freeCount", 1)) {
        assertThat(w.<List<String>>inKernel(() -> online.sample(4))).anySatisfy(x -> assertThat(x).startsWith("I-7"));
      }
    }
  }

  private static VmPage lastActive(World w) {
    VmPageQueues queues = w.kernel().pages().queues();
    queues.lock.lock();
    try {
      VmPage m = queues.activeHeadLocked();
      while (m.nextOnQueue() != null) {
        m = m.nextOnQueue();
      }
      return m;
    } finally {
      queues.lock.unlock();
    }
  }

  private static VmPage head(FreeList free) {
    free.lock.lock();
    try {
      return free.headLocked(false);
    } finally {
      free.lock.unlock();
    }
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void healthyKernel_isWellWhileItRuns(Mode mode) {
    try (World w = World.builder().mode(mode).frames(48).swapPages(512).build()) {
      Space a = w.space().mapSwap(0, 60).mapSwap(100, 8);
      Space b = w.space().mapSwap(0, 60);
      a.inherit(100, 8, Inheritance.SHARE);
      AtomicBoolean stop = new AtomicBoolean();
      w.start("a", () -> run(a, stop));
      w.start("b", () -> run(b, stop));
      OnlineInvariants online = new OnlineInvariants(w.kernel().pages(), 7);
      List<String> wrong = new ArrayList<>();
      long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(1500);
      int rounds = 0;
      while (System.nanoTime() < end && wrong.isEmpty()) {
        wrong.addAll(w.<List<String>>inKernel(() -> online.sample(8)));
        rounds++;
      }
      stop.set(true);
      assertThat(wrong).isEmpty();
      assertThat(rounds).isPositive();
    }
  }

  private static @Nullable Object run(Space s, AtomicBoolean stop) {
    for (int i = 0; !stop.get(); i++) {
      s.faultHere(i * 7 % 60, 1 + 2 * (i & 1));
    }
    return null;
  }
}
