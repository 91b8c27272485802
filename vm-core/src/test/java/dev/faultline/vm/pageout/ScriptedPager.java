package dev.faultline.vm.pageout;

import dev.faultline.vm.base.PagerReturn;
import dev.faultline.vm.object.Extent;
import dev.faultline.vm.object.Pager;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.page.VmPage;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** A pager whose answers to putpages a test has written beforehand; what else is asked of it goes to the real one. */
final class ScriptedPager implements Pager {
  private final Pager real;

  /** Page offsets of each put, and whether it was to wait. */
  final List<List<Long>> puts = new ArrayList<>();

  final List<Boolean> syncs = new ArrayList<>();

  /** The answers to the next put, by place in its array; OK where there are none. */
  PagerReturn[] answers = {};

  /** Called in each put, with nothing locked. */
  @Nullable Consumer<VmPage[]> onPut;

  ScriptedPager(Pager real) {
    this.real = real;
  }

  @Override
  public void putPages(VmObject o, VmPage[] pages, int count, boolean sync, PagerReturn[] results) {
    puts.add(Arrays.stream(pages).limit(count).map(VmPage::offset).toList());
    syncs.add(sync);
    Arrays.fill(results, 0, count, PagerReturn.OK);
    System.arraycopy(answers, 0, results, 0, Math.min(count, answers.length));
    Consumer<VmPage[]> hook = onPut;
    if (hook != null) {
      hook.accept(pages);
    }
  }

  @Override
  public PagerReturn getPages(VmObject o, VmPage[] pages, int count, int req) {
    return real.getPages(o, pages, count, req);
  }

  @Override
  public boolean hasPage(VmObject o, long pagerOffset, Extent around) {
    return real.hasPage(o, pagerOffset, around);
  }

  @Override
  public boolean hasPageLocked(VmObject o, long pagerOffset) {
    return real.hasPageLocked(o, pagerOffset);
  }

  @Override
  public void dealloc(VmObject o) {
    real.dealloc(o);
  }

  @Override
  public void detached(VmObject o) {
    real.detached(o);
  }
}
