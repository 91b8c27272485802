package dev.faultline.vm.detect;

import dev.faultline.vm.Kernel;
import dev.faultline.vm.map.VmMap;
import dev.faultline.vm.map.VmMaps;
import dev.faultline.vm.map.Vmspace;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.object.VmObjects;
import dev.faultline.vm.page.ResidentPages;
import dev.faultline.vm.pager.SwapPager;
import dev.faultline.vm.pager.VnodePager;
import dev.faultline.vm.pager.Volume;
import dev.faultline.vm.pmap.PmapModule;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;

/**
 * What of a kernel the detectors look at.
 *
 * @param mainMaps the maps of all address spaces that there are now
 * @param holds references to objects that neither an entry nor a backing link accounts for, and how many (I-20)
 */
public record KernelParts(
    ResidentPages pages,
    VmObjects objects,
    PmapModule pmaps,
    VmMaps maps,
    SwapPager swap,
    VnodePager vnodes,
    Volume volume,
    Supplier<? extends Iterable<VmMap>> mainMaps,
    Supplier<Map<VmObject, Integer>> holds) {

  /** Returns a kernel's, with the maps of its processes. */
  public static KernelParts of(Kernel kernel) {
    return of(kernel, Set::of);
  }

  /** Returns a kernel's, with the maps of its processes and others. */
  public static KernelParts of(Kernel kernel, Supplier<? extends Iterable<VmMap>> otherMaps) {
    return new KernelParts(
        kernel.pages(),
        kernel.objects(),
        kernel.pmaps(),
        kernel.maps(),
        kernel.swapPager(),
        kernel.vnodePager(),
        kernel.volume(),
        () -> mapsOf(kernel, otherMaps.get()),
        IdentityHashMap::new);
  }

  /** The same but for the references held besides. */
  public KernelParts withHolds(Map<VmObject, Integer> held) {
    Map<VmObject, Integer> copy = new IdentityHashMap<>(held);
    return new KernelParts(pages, objects, pmaps, maps, swap, vnodes, volume, mainMaps, () -> copy);
  }

  private static Set<VmMap> mapsOf(Kernel kernel, Iterable<VmMap> others) {
    Set<VmMap> all = new LinkedHashSet<>();
    kernel
        .processes()
        .forEachLive(
            p -> {
              Vmspace v = p.vmspaceOrNull();
              if (v != null) {
                all.add(v.map()); // a vfork's child has its parent's
              }
            });
    others.forEach(all::add);
    return Collections.unmodifiableSet(all);
  }
}
