package dev.faultline.vm.detect;

import dev.faultline.vm.page.VmPage;
import org.jspecify.annotations.Nullable;

/** Looks at one page while the kernel runs, under the locks that make the instant. */
@FunctionalInterface
public interface PageCheck {
  /**
   * Looks at a page. The caller is a kernel thread in the kernel (with the token, in UP mode) that holds no lock.
   *
   * @return what does not hold, a line that begins with the invariant's number, or null
   */
  @Nullable String check(VmPage m);
}
