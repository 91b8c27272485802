package dev.faultline.stress.jcstress;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import dev.faultline.hw.MmuOptions;
import dev.faultline.hw.PageTable;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.ZZI_Result;

/**
 * Two entries of one leaf have different guards, PV of their frames, so two threads may attach the first pv entries of
 * a leaf at the same time: the array that holds them must be made once. The counts of the leaf's words likewise.
 */
@JCStressTest
@Outcome(id = "true, true, 2", expect = ACCEPTABLE, desc = "Both are there.")
@Outcome(expect = FORBIDDEN, desc = "The second array replaced the first with what was in it, or a count is lost.")
@State
public class LeafAttachments {
  final PageTable table = new PageTable(1, PageWorld.machine(MmuOptions.NONE));
  final PageTable.Leaf leaf = table.makeLeaf(0);

  @Actor
  public void one() {
    leaf.incrementCount();
    leaf.attach(0, "one");
  }

  @Actor
  public void two() {
    leaf.incrementCount();
    leaf.attach(1, "two");
  }

  @Arbiter
  public void settled(ZZI_Result r) {
    r.r1 = leaf.attachment(0) != null;
    r.r2 = leaf.attachment(1) != null;
    r.r3 = leaf.count();
  }
}
