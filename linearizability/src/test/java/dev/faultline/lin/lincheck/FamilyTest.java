package dev.faultline.lin.lincheck;

import static dev.faultline.lin.spec.FamilySpec.NONE;

import dev.faultline.lin.spec.FamilySpec;
import dev.faultline.vm.base.KernReturn;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.map.MapLookup;
import dev.faultline.vm.map.Vmspace;
import dev.faultline.vm.object.VmObject;
import org.jetbrains.lincheck.datastructures.IntGen;
import org.jetbrains.lincheck.datastructures.LongGen;
import org.jetbrains.lincheck.datastructures.Operation;
import org.jetbrains.lincheck.datastructures.Param;
import org.jetbrains.lincheck.datastructures.Validate;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Chains of shadow objects: reads, writes, forks, exits and collapses in two address spaces of one family. */
class FamilyTest {
  /** One space, and room for a second. */
  @Param(name = "space", gen = IntGen.class, conf = "0:1")
  @Param(name = "value", gen = LongGen.class, conf = "1:3")
  public static class Family {
    final World world = World.boot(24);
    final Spaces spaces;
    private final Object forkOrExit = new Object(); // across a fork: its copy and its answer are of one instant
    private final Object slotsLock = new Object();
    private final @Nullable Vmspace[] slots = new @Nullable Vmspace[2]; // guarded by slotsLock

    /** Boots. */
    public Family() {
      spaces = new Spaces(world);
      world.enter();
      Vmspace v = world.kernel.processes().newVmspace("space");
      Spaces.map(v, 0, 1);
      slots[0] = v;
      world.leave();
    }

    /** Returns a space with a reference of the caller's own, or null. */
    private @Nullable Vmspace take(int space) {
      synchronized (slotsLock) {
        Vmspace v = slots[space];
        return v == null ? null : v.share();
      }
    }

    @Operation(params = "space")
    public long read(int space) {
      return world.word(
          () -> {
            Vmspace v = take(space);
            if (v == null) {
              return NONE;
            }
            long value = spaces.load(v, 0);
            v.free();
            return value;
          });
    }

    @Operation(params = {"space", "value"})
    public long write(int space, long value) {
      return world.word(
          () -> {
            Vmspace v = take(space);
            if (v == null) {
              return NONE;
            }
            long stored = spaces.store(v, 0, value);
            v.free();
            return stored;
          });
    }

    @Operation(params = "space")
    public boolean fork(int space) {
      return world.test(
          () -> {
            synchronized (forkOrExit) {
              synchronized (slotsLock) {
                if (slots[space] == null || slots[1 - space] != null) {
                  return false;
                }
              }
              Vmspace v = slots[space]; // only we could end it
              Vmspace child = v == null ? null : v.fork("child");
              synchronized (slotsLock) {
                slots[1 - space] = child;
              }
              return true;
            }
          });
    }

    @Operation(params = "space")
    public boolean exit(int space) {
      return world.test(
          () -> {
            Vmspace v;
            synchronized (forkOrExit) {
              synchronized (slotsLock) {
                v = slots[space];
                if (v == null || slots[1 - space] == null) {
                  return false;
                }
                slots[space] = null;
              }
            }
            v.free();
            return true;
          });
    }

    @Operation(params = "space")
    public void collapse(int space) {
      world.run(
          () -> {
            Vmspace v = take(space);
            if (v != null) {
              MapLookup l = new MapLookup();
              if (v.map().lookup(l, 0, VmProt.READ) == KernReturn.SUCCESS) {
                VmObject o = l.object();
                o.lock.lock();
                o.collapse();
                o.lock.unlock();
                v.map().lookupDone(l);
              }
              v.free();
            }
          });
    }

    /** All that holds at rest, I-1 to I-55. */
    @Validate
    public void invariants() {
      world.checkKernel(slots);
    }
  }

  @Test
  void modelChecked() {
    Lincheck.modelCheck(Family.class, FamilySpec.class, 4, 25);
  }

  @Test
  void stressed() {
    Lincheck.stress(Family.class, FamilySpec.class, 5, 50);
  }
}
