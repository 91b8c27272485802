package dev.faultline.vm.map;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.hw.MachineConfig;
import dev.faultline.vm.Kernel;
import dev.faultline.vm.KernelConfig;
import dev.faultline.vm.base.Defect;
import dev.faultline.vm.base.Inheritance;
import dev.faultline.vm.base.KernReturn;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.bed.SteppedStrands;
import dev.faultline.vm.object.ObjectType;
import dev.faultline.vm.sync.KThread;
import java.util.EnumSet;
import java.util.Set;
import java.util.function.BiConsumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * R33: what another thread of the address space can find while mmap is under way, at every place where it can come in
 * between.
 */
@Timeout(60)
final class MmapStepTest {
  private static final int PAGE = 64;
  private static final long AT = 16 * PAGE;
  private static final int R = VmProt.READ;

  /** What an access for writing finds in the range, which is never mapped for that. */
  private enum Seen {
    REFUSED,
    NOTHING,
    WRITABLE
  }

  private static Set<Defect> defects(boolean inSteps) {
    Set<Defect> set = EnumSet.copyOf(Defect.defaults());
    if (inSteps) {
      set.add(Defect.H_MMAP_STEPS);
    }
    return set;
  }

  /** A kernel whose only two strands are the one that maps and the one that looks. */
  private static final class World implements AutoCloseable {
    final SteppedStrands strands = new SteppedStrands();
    final Kernel kernel;
    final Vmspace space;
    final KThread first;

    World(Set<Defect> defects) {
      MachineConfig machine = MachineConfig.builder().cpus(1).frames(32).pageSize(PAGE).diskBlocks(0).build();
      kernel = new Kernel(
          KernelConfig.builder(machine).mode(Mode.FIXED).swapPages(0).defects(defects).witness(true).build(), strands);
      strands.attach("test");
      first = new KThread(kernel.domain(), "first", false);
      strands.asSecond(() -> new KThread(kernel.domain(), "second", false));
      space = new Vmspace(kernel.maps(), "space", 0, 1 << 20);
    }

    Mapping mapping(Inheritance inheritance) {
      return Mapping.of(kernel.objects().allocate(ObjectType.DEFAULT, 4 * PAGE), 0)
          .withProtection(R).withInheritance(inheritance);
    }

    Seen look() {
      MapLookup l = new MapLookup();
      if (!space.map().tryRelookup(l, AT + PAGE, R | VmProt.WRITE)) {
        return Seen.REFUSED; // it would wait, or fault again
      }
      if (l.result() == KernReturn.SUCCESS) {
        space.map().lookupDone(l);
        return Seen.WRITABLE;
      }
      return l.result() == KernReturn.INVALID_ADDRESS ? Seen.NOTHING : Seen.REFUSED;
    }

    @Override
    public void close() {
      space.free();
      first.end();
      strands.detach();
    }
  }

  /** Tries every place of {@code operation}, and returns all that was seen there. */
  private static Set<Seen> everywhere(boolean inSteps, BiConsumer<World, VmMap> operation) {
    Set<Seen> seen = EnumSet.noneOf(Seen.class);
    int at = 0;
    int points = 1;
    while (at < points) {
      try (World w = new World(defects(inSteps))) {
        w.strands.arm(at++, () -> seen.add(w.look()));
        operation.accept(w, w.space.map());
        points = w.strands.disarm();
      }
    }
    assertThat(points).as("places tried").isGreaterThan(4);
    return seen;
  }

  private static void replace(World w, VmMap map) {
    assertThat(map.mapFixed(w.mapping(Inheritance.SHARE), AT, AT + 4 * PAGE)).isEqualTo(KernReturn.SUCCESS);
  }

  /** Over a mapping that cannot be written either. */
  private static void replaceMapped(World w, VmMap map) {
    replace(w, map);
    replace(w, map);
  }

  private static void anywhere(World w, VmMap map) {
    assertThat(map.mapAnywhere(w.mapping(Inheritance.COPY), AT, 4 * PAGE, at -> {})).isEqualTo(AT);
  }

  @Test
  void inOneSection_nobodySeesMoreThanWasAskedFor() {
    assertThat(everywhere(false, MmapStepTest::replace)).doesNotContain(Seen.WRITABLE);
    assertThat(everywhere(false, MmapStepTest::anywhere)).doesNotContain(Seen.WRITABLE);
  }

  @Test
  void inSteps_anotherThreadMayWrite_whatIsMappedReadOnly() {
    assertThat(everywhere(true, MmapStepTest::replace)).contains(Seen.WRITABLE);
    assertThat(everywhere(true, MmapStepTest::anywhere)).contains(Seen.WRITABLE);
  }

  /** What is replaced is never missing either: from the first mapping on, once that is there. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void replacing_leavesNoGap_butInSteps(boolean inSteps) {
    Set<Seen> seen = EnumSet.noneOf(Seen.class);
    int at = 0;
    int points = 1;
    while (at < points) {
      try (World w = new World(defects(inSteps))) {
        replace(w, w.space.map());
        w.strands.arm(at++, () -> seen.add(w.look()));
        replace(w, w.space.map());
        points = w.strands.disarm();
      }
    }
    assertThat(seen.contains(Seen.NOTHING)).isEqualTo(inSteps);
    assertThat(seen.contains(Seen.WRITABLE)).isEqualTo(inSteps);
  }

  @ParameterizedTest
  @EnumSource(Inheritance.class)
  void bothWays_makeTheSameMapping(Inheritance inheritance) {
    StringBuilder[] made = {new StringBuilder(), new StringBuilder()};
    for (int i = 0; i < 2; i++) {
      StringBuilder text = made[i];
      try (World w = new World(defects(i == 1))) {
        Mapping plain = w.mapping(inheritance);
        Mapping copied = new Mapping(plain.object(), 0, true, false, R, R | VmProt.WRITE, inheritance);
        assertThat(w.space.map().mapFixed(copied, AT, AT + 4 * PAGE)).isEqualTo(KernReturn.SUCCESS);
        w.space.map().forEachEntry(e -> text.append(e.start()).append(' ').append(e.end()).append(' ')
            .append(e.protection()).append(' ').append(e.maxProtection()).append(' ').append(e.inheritance())
            .append(' ').append(e.copyOnWrite()).append(' ').append(e.needsCopy()));
      }
    }
    assertThat(made[1].toString()).isEqualTo(made[0].toString()).contains(inheritance.name());
  }

  @Test
  void refused_changesNothing_bothWays() {
    for (boolean inSteps : new boolean[] {false, true}) {
      try (World w = new World(defects(inSteps))) {
        replaceMapped(w, w.space.map());
        long before = w.space.map().timestamp();
        Mapping tooMuch = new Mapping(null, 0, false, false, VmProt.ALL, R, Inheritance.COPY);
        assertThat(w.space.map().mapFixed(tooMuch, AT, AT + PAGE)).isEqualTo(KernReturn.PROTECTION_FAILURE);
        assertThat(w.space.map().mapFixed(tooMuch, 1 << 20, (1 << 20) + PAGE)).isEqualTo(KernReturn.INVALID_ADDRESS);
        assertThat(w.space.map().mapAnywhere(tooMuch, AT, PAGE, at -> {})).isEqualTo(-1);
        assertThat(w.space.map().mapAnywhere(Mapping.anonymous(), 0, 1 << 21, at -> {})).isEqualTo(-1);
        assertThat(w.space.map().entryCount()).isEqualTo(1);
        assertThat(w.space.map().timestamp()).isLessThanOrEqualTo(before + 1);
      }
    }
  }
}
