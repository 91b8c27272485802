package dev.faultline.stress.jcstress;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import dev.faultline.vm.base.Mode;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.page.VmPage;
import dev.faultline.vm.pmap.Pmap;
import java.util.ArrayList;
import java.util.List;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.L_Result;

/**
 * R26. A mapping of a page is entered while another thread removes all its mappings. The page's flags say whether it
 * has any; flags, pv list and page table word change in one hold of PV (I-32, I-33).
 */
@JCStressTest
@Outcome(id = "ok", expect = ACCEPTABLE, desc = "Mapped and flagged, or neither.")
@Outcome(expect = FORBIDDEN, desc = "I-32 or I-33: a mapping that page-based operations do not see.")
@State
public class R26_EnterAgainstRemoval {
  final PageWorld w = new PageWorld(Mode.FIXED);
  final VmPage m = w.page(w.object(1), 0);
  final Pmap one = w.pmaps.create("one");
  final Pmap two = w.pmaps.create("two");
  final Actors.Meeting meeting = new Actors.Meeting();

  public R26_EnterAgainstRemoval() {
    one.enter(0, m, VmProt.READ | VmProt.WRITE, false);
  }

  @Actor
  public void faulter() {
    w.enter();
    meeting.arrive();
    two.enter(0, m, VmProt.READ | VmProt.WRITE, false);
  }

  @Actor
  public void remover() {
    w.enter();
    meeting.arrive();
    w.pmaps.protect(m, VmProt.NONE);
  }

  @Arbiter
  public void settled(L_Result r) {
    w.enter();
    List<String> wrong = new ArrayList<>();
    w.pmaps.checkInvariants(wrong::add);
    boolean mapped = two.residentCount() != 0;
    if (one.residentCount() != 0 || mapped != ((m.pvFlags & VmPage.PV_MAPPED) != 0)) {
      wrong.add("I-33");
    }
    r.r1 = wrong.isEmpty() ? "ok" : wrong.get(0);
  }
}
