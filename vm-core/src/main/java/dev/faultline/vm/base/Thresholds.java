package dev.faultline.vm.base;

/**
 * The memory thresholds of vm-semantics 1.7, in pages.
 *
 * @param interruptFreeMin floor for SYSTEM allocations when no page is cached
 * @param pageoutFreeMin below it only swap pageout is allowed; wiring waits at or below it
 * @param freeReserved NORMAL allocations may not take free frames below it
 * @param freeMin wake waiters and daemon boundary
 * @param freeTarget a scan aims at cache + free of cacheMin + freeTarget
 * @param cacheMin pages the cache queue should hold
 * @param cacheMax pages the cache queue should hold at most
 * @param inactiveTarget pages the inactive queue should hold
 * @param maxWired limit of mlock
 */
public record Thresholds(
    int interruptFreeMin,
    int pageoutFreeMin,
    int freeReserved,
    int freeMin,
    int freeTarget,
    int cacheMin,
    int cacheMax,
    int inactiveTarget,
    int maxWired) {

  /**
   * Checks the order that the kernel relies on.
   *
   * @throws IllegalArgumentException if not 0 &lt;= interruptFreeMin &lt;= pageoutFreeMin &lt; freeReserved &lt;
   *     freeMin &lt; freeTarget &lt; frames
   */
  public void check(int frames) {
    boolean ok = 0 <= interruptFreeMin && interruptFreeMin <= pageoutFreeMin && pageoutFreeMin < freeReserved;
    ok = ok && freeReserved < freeMin && freeMin < freeTarget && freeTarget < frames;
    if (!ok) {
      throw new IllegalArgumentException(
          "a machine of " + frames + " frames cannot boot with memory thresholds " + interruptFreeMin + ","
              + pageoutFreeMin + ","
              + freeReserved + "," + freeMin + "," + freeTarget
              + ": they must rise, 0 <= interrupt <= pageout < reserved < min < target < frames"
              + " (4 frames at the least)");
    }
  }

  /**
   * Returns the era's defaults for a machine of so many frames, all of them free.
   *
   * @param n page_count; machines below 64 frames use the small formulas of 1.7
   */
  public static Thresholds forFrames(int n) {
    int i;
    int p;
    int r;
    int m;
    int t;
    if (n < 64) {
      i = n / 32;
      p = i + n / 16;
      r = p + 1 + n / 16;
      m = r + 1 + n / 32;
      t = m + 1 + n / 16;
    } else {
      i = 2;
      p = 6 + n / 1024 + i;
      r = p + 6;
      int base = n <= 1024 ? 4 : 4 + (n - 1024) / 200;
      t = 3 * base + r;
      m = base + r;
    }
    int cacheMin = n <= 1024 ? 0 : (n - 1024) / 8;
    int cacheMax = n <= 1024 ? 0 : (n - 1024) / 2;
    int inactive = n <= 1024 ? n / 4 : 2 * cacheMin + 192;
    return new Thresholds(i, p, r, m, t, cacheMin, cacheMax, inactive, n / 3);
  }
}
