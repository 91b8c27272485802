package dev.faultline.vm.scenario;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.hw.strand.ThreadStrands;
import dev.faultline.vm.base.Defect;
import dev.faultline.vm.base.Inheritance;
import dev.faultline.vm.base.KernReturn;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.object.Cleaner;
import dev.faultline.vm.object.VmObject;
import java.util.EnumSet;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A scenario that is wrong says so, whatever way it is: its check, its set-up, the kernel that it leaves. */
@Timeout(value = 60, unit = TimeUnit.SECONDS)
class ScenarioWorldTest {
  private static void play(Consumer<ScenarioWorld> script) {
    ThreadStrands strands = new ThreadStrands();
    strands.attach("test");
    try {
      Scenario s = Scenario.of("a-test", "A test.", "R2", WorldShape.ofFrames(16), script);
      ScenarioWorld.of(s, Mode.FIXED, EnumSet.noneOf(Defect.class), strands).settle();
    } finally {
      strands.detach();
    }
  }

  private static void fails(String message, Consumer<ScenarioWorld> script) {
    assertThatThrownBy(() -> play(script)).isInstanceOf(ScenarioWorld.Broken.class).hasMessageContaining(message);
  }

  @Test
  void aCheckThatFails_isBroken() {
    play(w -> {});
    play(w -> w.check(() -> w.expect("x", 2, 1, 2)));
    fails("no good", w -> w.check(() -> w.require(false, "no good")));
    fails("refused: FAILURE", w -> w.check(() -> w.must(KernReturn.FAILURE)));
    fails("x is 3 instead of [1, 2]", w -> w.check(() -> w.expect("x", 3, 1, 2)));
  }

  @Test
  void aKernelThatIsNotWell_isBroken() {
    fails("I-20", w -> {
      VmObject o = w.space("s").mapDefault(0, 1).object(0);
      w.inKernel(o::reference); // and nobody's
    });
  }

  @Test
  void aSetUpThatIsRefused_isBroken() {
    fails("mapping refused", w -> w.space("s").mapZero(-1, 1));
    fails("store refused", w -> w.space("s").set(0, 1));
    fails("load refused", w -> w.space("s").get(0));
    fails("no entry", w -> w.space("s").object(0));
    assertThatThrownBy(() -> play(w -> {
      AddressSpace s = w.space("s");
      for (int i = 0; i < 3; i++) {
        w.userActor("user " + i, s, u -> {});
      }
    })).isInstanceOf(IllegalStateException.class).hasMessageContaining("more users than processors");
    assertThatThrownBy(() -> play(w -> {
      AddressSpace s = w.space("s");
      w.userActor("user", s, u -> {});
      w.processActor("process", s, p -> {});
    })).isInstanceOf(IllegalStateException.class).hasMessageContaining("not both");
    fails("no memory for the kernel", w -> w.kernelTakes(16 + 1));
  }

  @Test
  void stepsOnAPageThatIsAbsent_doNothing_orSaySo() {
    play(w -> {
      AddressSpace s = w.space("s").mapSwap(0, 2).set(0, 7).inherit(0, 1, Inheritance.SHARE);
      assertThat(s.isWritable(0)).isTrue();
      assertThat(s.isWritable(1)).isFalse();
      VmObject o = s.object(0);
      PageSteps steps = new PageSteps(w);
      steps.write(o, 1, Cleaner.How.FORCE);
      steps.cache(o, 1);
      steps.forgetDirt(o, 1);
      steps.protect(o, 1);
      steps.deactivate(o, 1);
      assertThat(steps.isResident(o, 1)).isFalse();
      assertThat(steps.isInSwap(o, 1)).isFalse();
      steps.write(o, 0, Cleaner.How.FORCE);
      assertThat(steps.isInSwap(o, 0)).isTrue();
      assertThat(s.get(0)).isEqualTo(7);
    });
  }
}
