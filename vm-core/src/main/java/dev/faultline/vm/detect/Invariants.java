package dev.faultline.vm.detect;

import dev.faultline.vm.Kernel;
import dev.faultline.vm.map.VmMap;
import java.util.ArrayList;
import java.util.List;

/**
 * The invariants of vm-semantics section 7 that hold at quiescence, each told with its number: all process threads are
 * outside the kernel, the disk is idle, no pageout waits for its finish, the page daemon sleeps. See {@link
 * Quiescence}.
 *
 * <p>Reads the kernel's structures themselves; where a structure is broken a check says so and goes on with the next.
 * What is not here: what holds as the kernel runs ({@link OnlineInvariants}), and what needs a trace.
 *
 * @see "vm-semantics 7"
 */
public final class Invariants {
  /*
   * Implementation overview
   *
   * Where         I-1 to I-18 PageInvariants; I-20 to I-31 ObjectInvariants; I-32, I-33, I-36, I-39 PmapModule; I-30,
   *               I-34, I-35, I-37, I-38, I-40 MappingInvariants; I-29, I-44 to I-47 SwapPager; I-50, I-51 VnodePager;
   *               I-53 to I-55 VmMaps. I-48 is ContentOracle.verify.
   * Locks         Those that guarded accessors and assertions ask for. Lists are walked with a bound, as they may be
   *               broken.
   * Cost          Linear in frames, objects and mappings.
   */
  private final KernelParts kernel; // (C)

  public Invariants(KernelParts kernel) {
    this.kernel = kernel;
  }

  /**
   * Checks a kernel at rest. The caller is a kernel thread in the kernel ({@link Kernel#call}) and holds no lock.
   *
   * @return what does not hold, each line beginning with its invariant's number; empty if all is well
   */
  public List<String> check() {
    InvariantReport report = new InvariantReport();
    new PageInvariants(kernel, report).check();
    new ObjectInvariants(kernel, report).check();
    new MappingInvariants(kernel, report).check();
    report.guard(() -> kernel.swap().checkInvariants(true));
    report.guard(kernel.vnodes()::checkInvariants);
    report.guard(() -> kernel.maps().checkInvariants(maps(kernel)));
    return report.messages();
  }

  private static Iterable<VmMap> maps(KernelParts kernel) {
    List<VmMap> list = new ArrayList<>();
    kernel.mainMaps().get().forEach(list::add);
    return list;
  }

  /**
   * Returns how many collapses were missed, or not tried yet, in a kernel at rest: I-28, which is weak and no finding.
   * The caller is a kernel thread in the kernel.
   */
  public int missedCollapses() {
    return new ObjectInvariants(kernel, new InvariantReport()).missedCollapses();
  }

  /**
   * Checks a kernel at rest and adds what does not hold to the findings. May be called on any thread that is not in the
   * kernel.
   *
   * @return whether all is well
   */
  public static boolean check(Kernel kernel, Findings findings) {
    List<String> wrong = kernel.call("invariants", () -> {
      List<String> all = new ArrayList<>(new Invariants(KernelParts.of(kernel)).check());
      InvariantReport report = new InvariantReport();
      report.guard(kernel.buffers()::checkInvariants);
      all.addAll(report.messages());
      return all;
    });
    wrong.forEach(w -> findings.add(Finding.Kind.INVARIANT, w));
    return wrong.isEmpty();
  }
}
