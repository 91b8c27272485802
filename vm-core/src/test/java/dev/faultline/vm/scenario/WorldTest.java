package dev.faultline.vm.scenario;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.faultline.vm.base.Event;
import dev.faultline.vm.base.KernReturn;
import dev.faultline.vm.base.Mode;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A small world boots, faults, forks, pages out and ends. */
@Timeout(value = 60, unit = TimeUnit.SECONDS)
class WorldTest {
  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void world_zeroFillsCopiesAndEnds(Mode mode) {
    try (World w = World.builder().mode(mode).build()) {
      Space parent = w.space().mapSwap(16, 4).mapZero(32, 4);
      assertEquals(0, parent.value(16));
      parent.write(17, 42);
      parent.write(33, 43);
      Space child = parent.fork();
      parent.write(17, 44);
      assertEquals(42, child.value(17));
      child.write(33, 45);
      assertEquals(43, parent.value(33));
      assertEquals(KernReturn.INVALID_ADDRESS, child.read(99));
      parent.free();
      assertEquals(45, child.value(33));
      assertEquals(42, child.value(17));
    }
  }

  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void world_pagesOutWhatDoesNotFit(Mode mode) {
    try (World w = World.builder().mode(mode).frames(32).swapPages(256).build()) {
      Space s = w.space().mapSwap(0, 100).mapZero(200, 50);
      for (int i = 0; i < 100; i++) {
        s.write(i, 1000 + i);
      }
      for (int i = 0; i < 50; i++) {
        s.write(200 + i, 2000 + i);
      }
      for (int i = 0; i < 100; i++) {
        assertEquals(1000 + i, s.value(i));
      }
      for (int i = 0; i < 50; i++) {
        assertEquals(2000 + i, s.value(200 + i));
      }
      assertEquals(true, w.kernel().events(Event.SWAPPGSOUT) > 0);
    }
  }
}
