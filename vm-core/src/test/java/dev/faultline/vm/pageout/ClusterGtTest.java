package dev.faultline.vm.pageout;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.vm.base.Defect;
import dev.faultline.vm.bed.Bed;
import dev.faultline.vm.object.Cleaner.How;
import dev.faultline.vm.object.ObjectType;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.page.VmPage;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** H-CLUSTER-GT: where a cluster ends ahead. */
@Timeout(60)
final class ClusterGtTest {
  /** Pages beyond an object's end cannot be; two are put there all the same, or nobody could tell. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void endOfTheObject_endsTheCluster_withTheSwitchOnePageTooFar(boolean clusterGt) {
    Set<Defect> defects = clusterGt ? EnumSet.of(Defect.H_CLUSTER_GT) : EnumSet.noneOf(Defect.class);
    try (Bed bed = Bed.builder().frames(64).thresholds(1, 10, 14, 18, 26).defects(defects).build()) {
      ScriptedPager pager = new ScriptedPager(bed.swap);
      bed.objects.setPager(ObjectType.DEFAULT, pager);
      VmObject three = bed.object(3);
      for (int i = 0; i < 5; i++) {
        bed.queues.deactivate(bed.put(three, i, i));
      }
      VmPage m = bed.page(three, 1);
      assertThat(m).isNotNull();
      three.lock.lock();
      new PageoutClean(bed.objects).clean(three, m, How.ASYNC);
      List<Long> expected = IntStream.range(0, clusterGt ? 4 : 3).mapToObj(i -> (long) i * Bed.PAGE).toList();
      assertThat(pager.puts).containsExactly(expected);
      three.deallocate();
    }
  }
}
