package dev.faultline.vm.detect;

import dev.faultline.vm.Kernel;
import dev.faultline.vm.map.VmMap;
import dev.faultline.vm.map.VmMaps;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.object.VmObjects;
import dev.faultline.vm.page.ResidentPages;
import dev.faultline.vm.pager.SwapPager;
import dev.faultline.vm.pager.VnodePager;
import dev.faultline.vm.pager.Volume;
import dev.faultline.vm.pmap.PmapModule;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;

/**
 * What of a kernel the detectors look at.
 *
 * @param mainMaps the maps of all address spaces that there are now, and the kernel's; submaps not among them
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
        () -> kernelHolds(kernel));
  }

  /** The same, with references held besides. */
  public KernelParts withHolds(Map<VmObject, Integer> held) {
    Map<VmObject, Integer> copy = new HashMap<>(held);
    return new KernelParts(pages, objects, pmaps, maps, swap, vnodes, volume, mainMaps, () -> {
      Map<VmObject, Integer> all = new HashMap<>(holds.get());
      copy.forEach((o, n) -> all.merge(o, n, Integer::sum));
      return all;
    });
  }

  /** The references that kernel_object and kmem_object have for ever, and those of open files. */
  private static Map<VmObject, Integer> kernelHolds(Kernel kernel) {
    Map<VmObject, Integer> holds = new HashMap<>();
    holds.put(kernel.kernelMemory().kernelObject(), 1);
    holds.put(kernel.kernelMemory().kmemObject(), 1);
    kernel.processes().forEachLive(p -> p.openFiles().forEach(o -> holds.merge(o, 1, Integer::sum)));
    return holds;
  }

  private static Set<VmMap> mapsOf(Kernel kernel, Iterable<VmMap> others) {
    Set<VmMap> all = new LinkedHashSet<>(kernel.processMaps());
    all.add(kernel.kernelMemory().kernelMap());
    others.forEach(all::add);
    return Collections.unmodifiableSet(all);
  }
}
