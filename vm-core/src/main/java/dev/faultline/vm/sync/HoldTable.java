package dev.faultline.vm.sync;

import dev.faultline.hw.strand.Strand;
import dev.faultline.vm.base.KernelPanic;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * What one thread holds besides locks: which lists of holders it is in. The thread's own: no lock is needed, and nobody
 * else's words of it get lost.
 */
final class HoldTable {
  private static final @Nullable Holders[] NO_LISTS = new Holders[0];
  private static final HoldKind[] NO_KINDS = new HoldKind[0];

  private final KThread thread; // (C)
  private @Nullable Holders[] lists = NO_LISTS;
  private HoldKind[] kinds = NO_KINDS;
  private int size;

  HoldTable(KThread thread) {
    this.thread = thread;
  }

  void add(Holders list, HoldKind kind) {
    assert isMine() : thread;
    if (size == lists.length) {
      lists = Arrays.copyOf(lists, Math.max(8, 2 * size));
      kinds = Arrays.copyOf(kinds, Math.max(8, 2 * size));
    }
    lists[size] = list;
    kinds[size++] = kind;
    WaitClass c = kind.waitClass();
    if (c != null) {
      thread.classBegins(c.node());
    }
  }

  /** Takes the latest such entry out. */
  void remove(Holders list, HoldKind kind) {
    assert isMine() : thread;
    for (int i = size - 1; i >= 0; i--) {
      if (lists[i] == list && kinds[i] == kind) {
        System.arraycopy(lists, i + 1, lists, i, size - i - 1);
        System.arraycopy(kinds, i + 1, kinds, i, size - i - 1);
        lists[--size] = null;
        WaitClass c = kind.waitClass();
        if (c != null) {
          thread.classEnds(c.node());
        }
        return;
      }
    }
  }

  private boolean isMine() {
    return KThread.of(Strand.current()) == thread;
  }

  /** Returns the subject of a hold of that class which is not {@code scope}, or null if there is none. */
  @Nullable Object otherThan(@Nullable Object scope, WaitClass c) {
    for (int i = 0; i < size; i++) {
      Holders l = lists[i];
      if (l != null && kinds[i].waitClass() == c && l.subject() != scope) {
        return l.subject();
      }
    }
    return null;
  }

  void checkEmpty() {
    if (size != 0) {
      Holders first = lists[0];
      throw KernelPanic.of("ownership: I-57 " + thread + " leaves the kernel with " + this,
          first == null ? "" : first.subject(), first == null ? "" : first.story());
    }
  }

  @Override
  public String toString() {
    StringBuilder b = new StringBuilder();
    for (int i = 0; i < size; i++) {
      Holders l = lists[i];
      b.append(i == 0 ? "" : ", ").append(kinds[i]).append(" of ").append(l == null ? "" : l.subject());
    }
    return b.toString();
  }
}
