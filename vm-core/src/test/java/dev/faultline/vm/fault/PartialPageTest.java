package dev.faultline.vm.fault;

import static dev.faultline.vm.fault.DecisionTests.READ;
import static dev.faultline.vm.fault.DecisionTests.file;
import static dev.faultline.vm.fault.DecisionTests.ok;
import static dev.faultline.vm.fault.DecisionTests.resident;
import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.hw.Cpu;
import dev.faultline.hw.FaultMode;
import dev.faultline.vm.RegressionOf;
import dev.faultline.vm.base.AllocClass;
import dev.faultline.vm.base.Defect;
import dev.faultline.vm.base.KernReturn;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.pager.Vnode;
import dev.faultline.vm.scenario.Space;
import dev.faultline.vm.scenario.World;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Pages of which only some chunks are valid: what is in them outlives the fault (R37). */
@Timeout(60)
final class PartialPageTest {
  private static final int CHUNKS = 8; // of a page, which is a word each with pages of 64 bytes

  private static World world(boolean withSwitch) {
    World.Builder b = World.builder();
    return (withSwitch ? b.defect(Defect.H_PARTIAL) : b).build();
  }

  private static long word(World w, VmPage m, int i) {
    return w.kernel().machine().memory().load(m.frame(), i);
  }

  /** A page with words 1 to 8, of which only those of the chunks in {@code valid} count, mapped by nobody. */
  private static VmPage partial(World w, Space s, int valid) {
    s.write(16, 1);
    VmObject o = s.object(16);
    VmPage m = resident(w, s, 16, o, 0);
    w.inKernel(() -> {
      for (int i = 0; i < CHUNKS; i++) {
        w.kernel().machine().memory().store(m.frame(), i, i + 1);
      }
      o.lock.lock();
      w.kernel().pages().mappings().protect(m, 0);
      m.setValid(valid);
      o.lock.unlock();
    });
    return m;
  }

  @ParameterizedTest
  @CsvSource({"0x01, false", "0x20, false", "0x81, false", "0x7e, false", "0x20, true", "0x7e, true"})
  void whereThePagerHasNothing_whatIsInvalidBecomesZero(int valid, boolean pager) {
    try (World w = world(false)) {
      Space s = pager ? w.space().mapSwap(16, 1) : w.space().mapZero(16, 1);
      VmPage m = partial(w, s, valid);
      ok(s.read(16));
      assertThat(s.vmspace().pmap().extract(s.at(16))).isEqualTo(m.frame());
      assertThat(m.isWhollyValid()).isTrue();
      assertThat(m.isZero()).isFalse();
      for (int i = 0; i < CHUNKS; i++) {
        assertThat(word(w, m, i)).as("word %d", i).isEqualTo((valid >> i & 1) != 0 ? i + 1 : 0);
      }
    }
  }

  /** A processor's store is known to the page table only, and the pagein is about to declare the page clean. */
  @RegressionOf("R37")
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void r37_whatAMappingHasStored_isRememberedBeyondThePagein(boolean on) {
    try (World w = world(on)) {
      Vnode v = file(w, 1);
      Space s = w.space().mapFile(v, 0, 16, 1);
      s.write(16, 5);
      VmObject o = s.object(16);
      VmPage m = resident(w, s, 16, o, 0);
      w.inKernel(() -> {
        Cpu cpu = w.kernel().machine().cpu(0);
        cpu.switchTo(s.vmspace().pmap().table());
        cpu.store(s.at(16) + 8, 9);
        assertThat(cpu.trap()).isEqualTo(Cpu.NONE);
        cpu.switchTo(null);
        o.lock.lock();
        m.clearDirty(VmPage.ALL_CHUNKS);
        m.setValid(0x0f);
        o.lock.unlock();
      });
      Space other = w.space().mapFile(v, 0, 16, 1);
      ok(other.read(16));
      assertThat(m.isWhollyValid()).isTrue();
      assertThat(word(w, m, 0)).isEqualTo(5);
      assertThat(word(w, m, 1)).isEqualTo(9);
      w.inKernel(() -> w.kernel().pages().testDirty(m));
      assertThat(m.dirty()).as("whether the next one to take the page will write it").isEqualTo(
          on ? 0 : VmPage.ALL_CHUNKS);
      assertThat(s.vmspace().pmap().extract(s.at(16))).isEqualTo(on ? m.frame() : -1);
    }
  }

  @RegressionOf("R37")
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void r37_aDiskError_takesNoPageWithData(boolean on) {
    try (World w = world(on)) {
      Space s = w.space().mapFile(file(w, 1), 0, 16, 1);
      s.write(16, 5);
      VmObject o = s.object(16);
      VmPage m = resident(w, s, 16, o, 0);
      w.inKernel(() -> {
        o.lock.lock();
        m.setValid(1);
        o.lock.unlock();
      });
      w.kernel().machine().disk().fail(0, w.kernel().machine().disk().blocks(), FaultMode.STICKY_READ);
      assertThat(s.read(16)).isEqualTo(KernReturn.FAILURE);
      w.kernel().machine().disk().clearFaults();
      if (on) {
        assertThat(resident(w, s, 16, o, 0)).isNull();
        assertThat(s.vmspace().pmap().extract(s.at(16))).isEqualTo(-1);
        assertThat(s.value(16)).as("the store is lost").isNotEqualTo(5);
      } else {
        assertThat(resident(w, s, 16, o, 0)).isSameAs(m);
        assertThat(m.valid()).isEqualTo(1);
        assertThat(m.isBusyAnyway()).isFalse();
        assertThat(m.isActive()).as("found by the scan").isTrue();
        assertThat(s.value(16)).isEqualTo(5);
      }
    }
  }

  /** Whoever lists a page in a buffer comes back to it: the fault lets go of it, but does not free it. */
  @Test
  void aPageOfABuffer_isNotFreed_byADiskError() {
    try (World w = world(false)) {
      Space s = w.space().mapFile(file(w, 1), 0, 16, 1);
      VmObject o = s.object(16);
      VmPage m = pageOfABuffer(w, o);
      w.kernel().machine().disk().fail(0, w.kernel().machine().disk().blocks(), FaultMode.STICKY_READ);
      assertThat(s.fault(16, READ)).isEqualTo(KernReturn.FAILURE);
      w.kernel().machine().disk().clearFaults();
      assertKept(w, o, m);
    }
  }

  @Test
  void aPageOfABuffer_isNotFreed_whereItIsAbsentBelowTheTop() {
    try (World w = world(false)) {
      Vnode v = file(w, 0);
      w.inKernel(() -> {
        v.lock();
        w.kernel().vnodePager().setSize(v, w.pageSize()); // a hole
        v.unlock();
      });
      Space s = w.space().mapPrivate(v, 0, 16, 1);
      VmObject o = s.object(16).backing();
      VmPage m = pageOfABuffer(w, o);
      assertThat(s.value(16)).isZero();
      assertThat(s.vmspace().pmap().extract(s.at(16))).as("the top's own page").isNotEqualTo(m.frame());
      assertKept(w, o, m);
    }
  }

  private static VmPage pageOfABuffer(World w, VmObject o) {
    return w.inKernel(() -> {
      o.lock.lock();
      VmPage m = w.kernel().pages().alloc(o, 0, AllocClass.NORMAL);
      m.addBmapped(1);
      w.kernel().pages().queues().activate(m);
      w.kernel().pages().wakeup(m);
      o.lock.unlock();
      return m;
    });
  }

  private static void assertKept(World w, VmObject o, VmPage m) {
    w.inKernel(() -> {
      o.lock.lock();
      assertThat(w.kernel().pages().lookup(o, 0)).isSameAs(m);
      assertThat(m.isBusyAnyway()).isFalse();
      assertThat(m.isActive()).isTrue();
      m.addBmapped(-1);
      o.lock.unlock();
    });
  }
}
