package dev.faultline.vm.program;

import dev.faultline.hw.strand.Strand;
import dev.faultline.hw.strand.Strands;
import dev.faultline.vm.Kernel;
import dev.faultline.vm.detect.ContentOracle;
import dev.faultline.vm.detect.Finding;
import dev.faultline.vm.detect.Findings;
import dev.faultline.vm.detect.Invariants;
import dev.faultline.vm.detect.KernelParts;
import dev.faultline.vm.detect.KernelReader;
import dev.faultline.vm.detect.LostModifications;
import dev.faultline.vm.detect.OnlineInvariants;
import dev.faultline.vm.detect.PageCheck;
import dev.faultline.vm.detect.PageOwners;
import dev.faultline.vm.detect.Quiescence;
import dev.faultline.vm.detect.ReleaseChecks;
import dev.faultline.vm.detect.SpoiledBlocks;
import dev.faultline.vm.detect.StaleAccesses;
import dev.faultline.vm.detect.TlbCoherence;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * All detectors that suit a run of a program: the content oracle on every access, stale translations if the machine has
 * stamps, samples of the invariants as it runs, and all of them when it has ended.
 */
public final class RunChecks {
  private static final long SAMPLE_NANOS = 2_000_000;
  private static final int SAMPLE_FRAMES = 16;
  private static final long REST_NANOS = 20_000_000_000L;
  private static final long STOP_NANOS = 5_000_000_000L;

  private final Kernel kernel; // (C)
  private final Findings findings; // (C)
  private final ContentOracle oracle; // (C)
  private final OnlineInvariants online; // (T) the sampling strand's, as the next two
  private final List<PageCheck> pageChecks; // (C)
  private final TlbCoherence tlbs; // (C)
  private volatile boolean stopping;
  private @Nullable Strand sampler; // of whoever starts and stops
  private int missedCollapses; // of whoever calls atRest

  /**
   * Installs the oracle. No file may have been made and no process started yet.
   *
   * @param findings where everything that is found goes
   * @param seed chooses what the samples look at
   */
  public RunChecks(Kernel kernel, Findings findings, long seed) {
    this.kernel = kernel;
    this.findings = findings;
    this.oracle = new ContentOracle(kernel.machine().memory(), findings);
    this.online = new OnlineInvariants(kernel.pages(), seed);
    this.pageChecks = List.of(
        new LostModifications(kernel.pages(), kernel.swapPager(), kernel.vnodePager(), kernel.objects().pageSize()),
        new PageOwners(kernel.domain()),
        new SpoiledBlocks(kernel.swapPager()));
    this.tlbs = new TlbCoherence(kernel.machine(), kernel.pmaps(), kernel.config().mode());
    new ReleaseChecks(kernel, findings, ReleaseChecks.ONE_IN).install();
    oracle.install(kernel.machine());
    kernel.processes().setWatcher(oracle);
    kernel.machine().staleAccessListener(new StaleAccesses(findings));
  }

  /** Returns how many accesses the content oracle has judged; a run that judged none has checked nothing. */
  public long judged() {
    return oracle.judged();
  }

  /** Returns how many collapses were missed, or not tried yet, when all was at rest (I-28, which is weak). */
  public int missedCollapses() {
    return missedCollapses;
  }

  /** Begins to sample the invariants, on a strand of its own. */
  public void start() {
    sampler = kernel.domain().strands().start("checker", this::sample);
  }

  private void sample() {
    Strand me = Strand.current();
    kernel.tracer().silence();
    while (!stopping) {
      List<String> wrong = kernel.call("sample", () -> online.sample(SAMPLE_FRAMES, pageChecks));
      wrong.forEach(w -> findings.add(Finding.Kind.INVARIANT, w));
      String stale = kernel.<Optional<String>>call("tlb", () -> Optional.ofNullable(tlbs.check())).orElse(null);
      if (stale != null) {
        findings.add(Finding.Kind.INVARIANT, stale);
      }
      me.parkNanos(SAMPLE_NANOS);
    }
  }

  /** Ends the sampling. A kernel that hangs is not waited for very long. */
  public void stop() {
    stopping = true;
    Strand s = sampler;
    if (s != null) {
      s.unpark();
      Strands strands = kernel.domain().strands();
      strands.join(s, STOP_NANOS);
    }
  }

  /**
   * Checks all invariants, and the files' contents, once all processes have ended. The caller is a strand of the
   * kernel's machine.
   */
  public void atRest() {
    if (!Quiescence.await(kernel, REST_NANOS)) {
      findings.add(Finding.Kind.HANG, "I-58 the kernel does not come to rest though all processes have ended");
      return;
    }
    Invariants.check(kernel, findings);
    missedCollapses = kernel.call("collapses", () -> new Invariants(KernelParts.of(kernel)).missedCollapses());
    kernel.run("verify", () -> KernelReader.verifyAll(oracle, KernelParts.of(kernel), List.of()));
  }

  @Override
  public String toString() {
    return "checks of " + kernel + ": " + findings;
  }
}
