package dev.faultline.vm.pager;

/** The buffer cache, which is a higher package, as the vnode pager sees it. */
public interface FileBuffers {
  /**
   * Gives up every buffer of a file that reaches beyond {@code bytes}, waiting for its I/O: no page is in one of them
   * any more. What a buffer had not written stays in its pages, which are dirty. Caller holds V, which keeps new ones
   * away, and no mutex; may sleep.
   */
  void invalidate(Vnode v, long bytes);
}
