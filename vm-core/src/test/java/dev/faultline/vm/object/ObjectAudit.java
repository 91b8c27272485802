package dev.faultline.vm.object;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.vm.page.VmPage;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;

/** The invariants of objects, vm-semantics 7.2, read off the structures themselves. All is quiet. */
public final class ObjectAudit {
  private ObjectAudit() {}

  private static List<VmObject> all(VmObjects objects) {
    List<VmObject> list = new ArrayList<>();
    objects.forEach(list::add);
    return list;
  }

  /** Checks I-21, I-24 to I-27 and I-29. */
  public static void check(VmObjects objects) {
    List<VmObject> all = all(objects);
    assertThat(objects.objectCount()).isEqualTo(all.size());
    int cached = 0;
    for (VmObject o : all) {
      assertThat(o.pip).as("I-21 %s", o).isZero();
      assertThat(o.isPipWanted()).as("I-21 waited for: %s", o).isFalse();
      assertThat(o.isDead()).as("I-27 %s", o).isFalse();
      assertThat(o.refCount == 0).as("I-27 cached: %s", o).isEqualTo(o.cached);
      cached += o.cached ? 1 : 0;
      VmObject b = o.backing;
      if (b != null) {
        assertThat(all).as("I-31 backing of %s", o).contains(b);
        assertThat(timesListed(b, o)).as("I-25 %s on the shadow list of %s", o, b).isEqualTo(1);
      }
      for (VmObject s = o.shadowHead; s != null; s = s.shadowNext) {
        assertThat(s.backing).as("I-25 shadow %s of %s", s, o).isSameAs(o);
      }
      int depth = 0;
      for (VmObject x = o; x != null; x = x.backing) {
        assertThat(depth++).as("I-24 depth from %s", o).isLessThan(10_000);
      }
      for (VmPage m = o.firstPage(); m != null; m = m.nextInObject()) {
        assertThat(m.offset()).as("I-26 %s", m).isBetween(0L, o.size() - 1);
      }
      assertThat(o.type() != ObjectType.DEFAULT || o.pagerData() == null).as("I-29 %s", o).isTrue();
    }
    assertThat(objects.cachedCount()).as("I-27 cached objects").isEqualTo(cached);
  }

  private static int timesListed(VmObject b, VmObject o) {
    int n = 0;
    for (VmObject s = b.shadowHead; s != null; s = s.shadowNext) {
      n += s == o ? 1 : 0;
    }
    return n;
  }

  /** Checks I-20 against the references that the test holds itself. */
  public static void checkReferences(VmObjects objects, List<VmObject> held) {
    Map<VmObject, Integer> expected = new IdentityHashMap<>();
    held.forEach(o -> expected.merge(o, 1, Integer::sum));
    List<VmObject> all = all(objects);
    for (VmObject o : all) {
      VmObject b = o.backing;
      if (b != null) {
        expected.merge(b, 1, Integer::sum);
      }
    }
    for (VmObject o : all) {
      assertThat(o.refCount).as("I-20 %s", o).isEqualTo(expected.getOrDefault(o, 0));
    }
  }
}
