package dev.faultline.lin.lincheck;

import dev.faultline.hw.Pte;
import dev.faultline.lin.spec.MappingsSpec;
import dev.faultline.vm.base.KernelPanic;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.pmap.Pmap;
import dev.faultline.vm.sync.MapLock;
import org.jetbrains.lincheck.datastructures.BooleanGen;
import org.jetbrains.lincheck.datastructures.IntGen;
import org.jetbrains.lincheck.datastructures.Operation;
import org.jetbrains.lincheck.datastructures.Param;
import org.jetbrains.lincheck.datastructures.Validate;
import org.junit.jupiter.api.Test;

/** Page tables and pv lists: Pmap and PmapModule under the locks that the kernel calls them with. */
class MappingsTest {
  /** Two address spaces, two pages. */
  @Param(name = "space", gen = IntGen.class, conf = "0:1")
  @Param(name = "address", gen = IntGen.class, conf = "0:1")
  @Param(name = "page", gen = IntGen.class, conf = "0:1")
  @Param(name = "write", gen = BooleanGen.class)
  public static class Mappings {
    final World world = World.boot(16);
    final Pages p = new Pages(world, 2);
    final Pmap[] pmaps = new Pmap[2];
    final MapLock[] maps = new MapLock[2];

    /** Boots. */
    public Mappings() {
      for (int i = 0; i < 2; i++) {
        pmaps[i] = world.kernel.pmaps().create("space " + i);
        maps[i] = new MapLock(world.kernel.domain(), "map " + i, i);
      }
    }

    @Operation(params = {"space", "address", "page", "write"})
    public void enter(int space, int address, int page, boolean write) {
      world.run(
          () -> {
            maps[space].lockRead();
            p.objects[page].lock.lock(); // keeps page-based operations off, as a busy page would
            int prot = write ? VmProt.READ | VmProt.WRITE : VmProt.READ;
            pmaps[space].enter(va(address), p.pages[page], prot, false);
            p.objects[page].lock.unlock();
            maps[space].unlock();
          });
    }

    static long va(int address) {
      return (long) address * Pages.SIZE;
    }

    @Operation(params = {"space", "address"})
    public void remove(int space, int address) {
      world.run(
          () -> {
            maps[space].lockWrite();
            pmaps[space].remove(va(address), va(address + 1));
            maps[space].unlock();
          });
    }

    @Operation(params = {"space", "address"})
    public void writeProtect(int space, int address) {
      world.run(
          () -> {
            maps[space].lockWrite();
            pmaps[space].protect(va(address), va(address + 1), VmProt.READ);
            maps[space].unlock();
          });
    }

    @Operation(params = "page")
    public void removePage(int page) {
      world.run(
          () -> {
            p.objects[page].lock.lock();
            removeAll(page);
            p.objects[page].lock.unlock();
          });
    }

    void removeAll(int page) {
      world.kernel.pmaps().protect(p.pages[page], VmProt.NONE);
    }

    @Operation(params = "page")
    public void writeProtectPage(int page) {
      world.run(
          () -> {
            p.objects[page].lock.lock();
            world.kernel.pmaps().protect(p.pages[page], VmProt.READ);
            p.objects[page].lock.unlock();
          });
    }

    /** Looks with everything locked: operations on a page take several words, and on a range too. */
    @Operation(params = {"space", "address"})
    public int mapping(int space, int address) {
      return world.count(
          () -> {
            maps[space].lockWrite();
            p.objects[0].lock.lock();
            p.objects[1].lock.lock();
            long word = pmaps[space].word(va(address));
            p.objects[1].lock.unlock();
            p.objects[0].lock.unlock();
            maps[space].unlock();
            if ((word & Pte.V) == 0) {
              return MappingsSpec.NONE;
            }
            int page = Pte.frame(word) == p.pages[0].frame() ? 0 : 1;
            return 2 * page + ((word & Pte.W) != 0 ? 1 : 0);
          });
    }

    /** I-32, I-33, I-36, I-39. */
    @Validate
    public void invariants() {
      world.check(
          () -> world.kernel.pmaps().checkInvariants(
              wrong -> {
                throw KernelPanic.of(wrong);
              }));
    }
  }

  /** Removes a page's mappings by looking where they are, and then removing what is there. */
  public static class LooksThenRemoves extends Mappings {
    @Override
    void removeAll(int page) {
      for (Pmap pmap : pmaps) {
        for (int a = 0; a < 2; a++) {
          if (pmap.extract(va(a)) == p.pages[page].frame()) {
            pmap.remove(va(a), va(a + 1));
          }
        }
      }
    }
  }

  @Test
  void modelChecked() {
    Lincheck.modelCheck(Mappings.class, MappingsSpec.class, 5, 50);
  }

  @Test
  void stressed() {
    Lincheck.stress(Mappings.class, MappingsSpec.class, 5, 50);
  }

  @Test
  void lookingFirstAndRemovingLaterIsFound() {
    Lincheck.finds(
        LooksThenRemoves.class,
        MappingsSpec.class,
        Script.of("enter 0 0 0 true", "removePage 0", "enter 0 0 1 true").then("mapping 0 0"));
  }
}
