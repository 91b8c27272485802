package dev.faultline.vm.detect;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.vm.base.Defect;
import dev.faultline.vm.base.KernelPanic;
import dev.faultline.vm.base.Mode;
import dev.faultline.vm.object.ObjectType;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.scenario.Space;
import dev.faultline.vm.scenario.World;
import dev.faultline.vm.sync.HoldKind;
import dev.faultline.vm.sync.HoldReason;
import dev.faultline.vm.sync.Holders;
import dev.faultline.vm.sync.KThread;
import java.util.concurrent.TimeUnit;
import java.util.function.BiConsumer;
import org.assertj.core.api.AbstractThrowableAssert;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Whoever holds a page or an object wrongly is found out when he does, with the holder's story. */
@Timeout(value = 60, unit = TimeUnit.SECONDS)
final class OwnershipTest {
  /** Has a thread of the kernel do wrong with page 0 of an object, O held, and returns what it dies of. */
  private static AbstractThrowableAssert<?, ? extends Throwable> wrong(BiConsumer<VmObject, VmPage> what) {
    return wrong(World.builder().build(), what);
  }

  private static AbstractThrowableAssert<?, ? extends Throwable> wrong(World w, BiConsumer<VmObject, VmPage> what) {
    Space s = w.space().mapSwap(0, 2);
    s.write(0, 1);
    VmObject o = s.object(0);
    return assertThatThrownBy(() -> w.inKernel(() -> {
      o.lock.lock();
      what.accept(o, w.kernel().pages().lookup(o, 0));
      o.lock.unlock();
    })).isInstanceOf(KernelPanic.class);
  }

  private static void wakeup(World w, VmPage m) {
    w.kernel().pages().wakeup(m);
  }

  @Test
  void aPageReleasedTwice_isFound_withItsStory() {
    World w = World.builder().build();
    wrong(w, (o, m) -> {
      m.setBusy(KThread.current(), HoldReason.FAULT);
      wakeup(w, m);
      wakeup(w, m);
    }).hasMessageStartingWith("ownership: I-12 double release").hasMessageContaining(
        "lately:").hasMessageContaining("busy by test").hasMessageContaining("for a fault");
  }

  @Test
  void aPageOfAnother_released_isFound_withTheOwner() {
    World w = World.builder().build();
    wrong(w, (o, m) -> {
      m.setBusy("a transfer", HoldReason.PAGEOUT);
      wakeup(w, m);
    }).hasMessageStartingWith("ownership: I-12 ").hasMessageContaining("releases busy of another: busy by a transfer");
  }

  @Test
  void aPageHandedOver_isNoLongerItsFirstOwners() {
    World w = World.builder().build();
    wrong(w, (o, m) -> {
      m.setBusy(KThread.current(), HoldReason.PAGEOUT);
      m.handBusy("a transfer");
      wakeup(w, m);
    }).hasMessageContaining("another: busy by a transfer for a pageout");
  }

  private static void claimByCompletion(VmPage m) {
    m.setBusy(KThread.current(), HoldReason.PAGEOUT);
    m.busyToIo("a transfer");
    m.ioToBusy("a transfer", KThread.current());
  }

  /** The completion does not touch what belongs to a thread that may be running: it lost the witness's bits. */
  @Test
  void aPageClaimedByACompletion_isListedByItsOwnerAlone() {
    World w = World.builder().build();
    Space s = w.space().mapSwap(0, 2);
    s.write(0, 1);
    VmObject o = s.object(0);
    VmPage m = w.inKernel(() -> {
      o.lock.lock();
      VmPage p = w.kernel().pages().lookup(o, 0);
      claimByCompletion(p);
      o.lock.unlock();
      return p;
    });
    assertThat(String.valueOf(m.holders())).contains("busy by test");
    wrong((x, p) -> {
      claimByCompletion(p);
      p.adoptBusy();
    }).hasMessageContaining("I-57");
  }

  @Test
  void aBusyPage_claimedAgain_isFound() {
    wrong((o, m) -> {
      m.setBusy("a transfer", HoldReason.PAGEOUT);
      m.setBusy(KThread.current(), HoldReason.FAULT);
    }).hasMessageStartingWith("ownership: I-12 page made busy that is busy by a transfer for a pageout");
  }

  @Test
  void aFrameThatChangedHandsWhileBusy_isFound() {
    World w = World.builder().build();
    wrong(w, (o, m) -> {
      m.setBusy(KThread.current(), HoldReason.FAULT);
      new Broken().set(m, "gen", m.gen() + 1);
      wakeup(w, m);
    }).hasMessageStartingWith("ownership: I-19 ");
  }

  @Test
  void aPageFreedInIo_isFound() {
    World w = World.builder().build();
    wrong(w, (o, m) -> {
      w.kernel().pages().mappings().protect(m, 0);
      m.addBusyCount(1, "a transfer");
      new Broken().set(m, "busyCount", 0);
      w.kernel().pages().free(m);
    }).hasMessageStartingWith("ownership: I-12 page freed while held").hasMessageContaining("soft busy by a transfer");
  }

  /** I-41: whoever frees a frame has removed its translations. */
  @Test
  void aMappedPageFreed_isFound() {
    World w = World.builder().build();
    wrong(w, (o, m) -> w.kernel().pages().free(m)).hasMessageContaining("I-41 page is mapped");
  }

  @Test
  void aSoftBusyPage_endedByAnother_isFound() {
    World w = World.builder().build();
    wrong(w, (o, m) -> {
      m.addBusyCount(1, "a transfer");
      w.kernel().pages().endIo(m, "another transfer");
    }).hasMessageStartingWith("ownership: I-12 another transfer releases soft busy of another");
  }

  @Test
  void pipOfAnother_givenUp_isFound() {
    wrong((o, m) -> {
      o.pipUp(2, HoldReason.PAGEOUT, "a transfer");
      o.pipDown(1);
    }).hasMessageStartingWith("ownership: I-22 ")
        .hasMessageContaining("releases pip of another: 2 of pip by a transfer");
  }

  @Test
  void pipWithoutAHolder_isFoundAtTheNextChange() {
    wrong((o, m) -> {
      new Broken().add(o, "pip", 1);
      o.pipUp(1, HoldReason.FAULT);
    }).hasMessageStartingWith("ownership: I-22 pip is 2, its holders have 1");
  }

  @Test
  void whatIsStillHeldWhenAThreadLeaves_isFound() {
    wrong((o, m) -> o.pipUp(1, HoldReason.FAULT)).hasMessageStartingWith("ownership: I-57 ")
        .hasMessageContaining("leaves the kernel with pip of object").hasMessageContaining("for a fault");
    wrong((o, m) -> m.setBusy(KThread.current())).hasMessageContaining("leaves the kernel with busy of page");
    wrong((o, m) -> o.pinLocked(HoldReason.FAULT)).hasMessageContaining("leaves the kernel with reference of object");
    World w = World.builder().build();
    wrong(w, (o, m) -> w.kernel().pages().queues().addHold(m, 1))
        .hasMessageContaining("leaves the kernel with hold of");
  }

  @Test
  void whatIsStillHeldAtTheReturnToUserMode_isFound() {
    World w = World.builder().build();
    VmObject o = w.inKernel(() -> w.kernel().objects().allocate(ObjectType.DEFAULT, 4096));
    w.inKernel(() -> w.kernel().processes().start(5, t -> t.inKernel(() -> {
      o.lock.lock();
      o.pipUp(1, HoldReason.CLEAN);
      o.lock.unlock();
    })));
    w.kernel().domain().strands().attach("test");
    try {
      w.kernel().processes().awaitEnd(TimeUnit.SECONDS.toNanos(10));
    } finally {
      w.kernel().domain().strands().detach();
    }
    assertThat(w.kernel().death()).isInstanceOf(KernelPanic.class).hasMessageStartingWith("ownership: I-57 ")
        .hasMessageContaining("pip by").hasMessageContaining("the cleaning of a range");
  }

  @Test
  void anObjectTouchedAfterItsEnd_isFound() {
    World w = World.builder().build();
    VmObject o = w.inKernel(() -> {
      VmObject x = w.kernel().objects().allocate(ObjectType.DEFAULT, 4096);
      x.deallocate();
      return x;
    });
    assertThatThrownBy(() -> w.inKernel(() -> {
      o.lock.lock();
      o.pipUp(1, HoldReason.FAULT);
    })).isInstanceOf(KernelPanic.class).hasMessageStartingWith("ownership: I-31 ");
    World v = World.builder().build();
    VmObject p = v.inKernel(() -> {
      VmObject x = v.kernel().objects().allocate(ObjectType.DEFAULT, 4096);
      x.deallocate();
      return x;
    });
    assertThatThrownBy(() -> v.inKernel(p::deallocate)).isInstanceOf(KernelPanic.class)
        .hasMessageStartingWith("ownership: I-31 ");
  }

  /** INV2 is given up by a switch, and the next fault on a page that is on a queue tells. */
  @ParameterizedTest
  @EnumSource(value = Mode.class, names = {"FIXED", "UP"})
  void aClaimedPageOnAQueue_isFound(Mode mode) {
    World w = World.builder().mode(mode).defect(Defect.H_NOUNQUEUE).ownership(true).build();
    Space s = w.space().mapSwap(0, 2);
    s.write(0, 1);
    assertThatThrownBy(() -> s.read(0)).isInstanceOf(KernelPanic.class).hasMessageStartingWith("ownership: I-15 ");
  }

  @Test
  void theStory_namesHoldersAndReasons() {
    try (World w = World.builder().build()) {
      Space s = w.space().mapSwap(0, 2);
      s.write(0, 1);
      VmObject o = s.object(0);
      w.inKernel(() -> {
        o.lock.lock();
        o.pipUp(2, HoldReason.PAGEOUT, "a transfer");
        o.pipUp(1, HoldReason.CLEAN);
        Holders h = o.holders();
        assertThat(h).isNotNull();
        assertThat(h.count(HoldKind.PIP)).isEqualTo(3);
        assertThat(h.holders(HoldKind.PIP)).contains("2 of pip by a transfer for a pageout", "for the cleaning");
        o.pipDown(1);
        o.pipDown(2, "a transfer");
        assertThat(h.holders(HoldKind.PIP)).isEmpty();
        o.lock.unlock();
      });
    }
  }

  @Test
  void off_nothingIsRegistered() {
    try (World w = World.builder().ownership(false).build()) {
      Space s = w.space().mapSwap(0, 2);
      s.write(0, 1);
      assertThat(s.object(0).holders()).isNull();
      assertThat(w.kernel().pages().page(0).holders()).isNull();
    }
  }
}
