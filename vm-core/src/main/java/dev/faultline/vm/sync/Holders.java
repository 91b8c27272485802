package dev.faultline.vm.sync;

import dev.faultline.vm.base.KernelPanic;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Who holds one page or object, and what happened to it lately. Part of the {@link Ownership} registry: a page or
 * object has one only where that is on.
 *
 * <p>Any thread may call; who changes the thing itself holds O.
 */
public final class Holders {
  /*
   * Implementation overview
   *
   * The list is immutable and replaced as a whole by compare-and-set. The log of the last steps is only for people: it
   * is written without any care, and a line may be lost.
   */
  private static final VarHandle HEAD;
  private static final int LOG = 8; // a power of two

  static {
    try {
      HEAD = MethodHandles.lookup().findVarHandle(Holders.class, "head", Hold.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private record Step(String verb, HoldKind kind, Object holder, HoldReason why, int n, @Nullable KThread by) {
    String describe() {
      String reason = why == HoldReason.UNNAMED ? "" : " for " + why;
      String who = by == null || by == holder ? "" : " (" + by + ")";
      return verb + " " + (n == 1 ? "" : n + " of ") + kind + " by " + holder + reason + who;
    }
  }

  private final Ownership registry; // (C)
  private final Object subject; // (C)
  private volatile @Nullable Hold head; // (A)
  private volatile boolean unwired; // whether a wiring's end has queued it since it became busy
  private volatile boolean ended; // set once
  private final @Nullable Step[] log = new Step[LOG]; // racy
  private int logged; // racy

  Holders(Ownership registry, Object subject) {
    this.registry = registry;
    this.subject = subject;
  }

  Object subject() {
    return subject;
  }

  /**
   * Begins a hold.
   *
   * @param holder a thread, which is then the calling one, or something else that does not return to user mode
   * @param gen generation of a page's frame, else 0
   */
  public void acquire(HoldKind kind, Object holder, HoldReason why, int n, long gen) {
    if (n == 0) {
      return;
    }
    note("taken:", kind, holder, why, n);
    push(kind, holder, why, n, gen);
    if (holder instanceof KThread t) {
      for (int i = 0; i < n; i++) {
        t.holdTable().add(this, kind);
      }
    }
  }

  private void push(HoldKind kind, Object holder, HoldReason why, int n, long gen) {
    touched();
    if (kind == HoldKind.BUSY) {
      unwired = false;
    }
    Hold h = new Hold(kind, holder, why, n, gen, registry.nextNumber(), null);
    while (true) {
      Hold old = head;
      if (kind == HoldKind.BUSY) {
        Hold other = find(old, HoldKind.BUSY, null);
        if (other != null) {
          throw violation("I-12 page made busy that is " + other.describe());
        }
      }
      if (HEAD.compareAndSet(this, old, h.before(old))) {
        return;
      }
    }
  }

  /**
   * Ends a hold, or a part of one.
   *
   * @param gen generation of a page's frame, else 0
   */
  public void release(HoldKind kind, Object holder, int n, long gen) {
    if (n == 0) {
      return;
    }
    note("released:", kind, holder, HoldReason.UNNAMED, n);
    take(kind, holder, n, gen);
  }

  /** Hands units of one holder to another, perhaps as a hold of another kind. */
  public void hand(HoldKind kind, Object holder, HoldKind toKind, Object to, int n) {
    note("handed to " + to + ":", kind, holder, HoldReason.UNNAMED, n);
    Hold h = take(kind, holder, n, -1);
    acquire(toKind, to, h.why(), n, h.gen());
  }

  /**
   * Hands a unit of the caller's to a thread that runs on meanwhile, which {@link #adopt}s it: what a thread holds is
   * listed by nobody else.
   */
  public void handOver(HoldKind kind, Object holder, HoldKind toKind, KThread to) {
    note("handed to " + to + ":", kind, holder, HoldReason.UNNAMED, 1);
    Hold h = take(kind, holder, 1, -1);
    push(toKind, to, h.why(), 1, h.gen());
  }

  /** Lists a hold that somebody else has handed over to the calling thread, among what it holds. */
  public void adopt(HoldKind kind) {
    KThread.current().holdTable().add(this, kind);
  }

  /** Takes units of a holder off the list. Returns the hold, as it was, that the last of them was of. */
  private Hold take(HoldKind kind, Object holder, int n, long gen) {
    Hold found = null;
    for (int left = n; left > 0; left--) {
      Hold old = head;
      found = find(old, kind, holder);
      if (found == null) {
        Hold other = find(old, kind, null);
        boolean page = kind == HoldKind.BUSY || kind == HoldKind.IO;
        String number = kind == HoldKind.PIP ? "I-22 " : page ? "I-12 " : "I-57 ";
        throw violation(number + (other == null ? "double release: " + holder + " releases " + kind
            + " that nobody has" : holder + " releases " + kind + " of another: " + other.describe()));
      }
      if (gen >= 0 && kind == HoldKind.BUSY && found.gen() != gen) {
        throw violation("I-19 frame changed hands while the page was busy: generation " + found.gen() + ", now " + gen);
      }
      if (!HEAD.compareAndSet(this, old, without(old, found))) {
        left++;
        continue;
      }
      if (holder instanceof KThread t) {
        t.holdTable().remove(this, kind);
      }
    }
    assert found != null;
    return found;
  }

  private static @Nullable Hold find(@Nullable Hold list, HoldKind kind, @Nullable Object holder) {
    for (Hold h = list; h != null; h = h.next()) {
      if (h.kind() == kind && (holder == null || h.holder() == holder)) {
        return h;
      }
    }
    return null;
  }

  /** Returns the list with one unit of {@code h} less. */
  private static @Nullable Hold without(@Nullable Hold list, Hold h) {
    if (list == null) {
      return null;
    }
    if (list == h) {
      return h.n() == 1 ? h.next() : h.of(h.n() - 1);
    }
    return list.before(without(list.next(), h));
  }

  /** Returns how many units of a kind are held, all holders together. */
  public int count(HoldKind kind) {
    int n = 0;
    for (Hold h = head; h != null; h = h.next()) {
      n += h.kind() == kind ? h.n() : 0;
    }
    return n;
  }

  /** Checks that a counter agrees with its holders: I-22, under O. */
  public void agrees(HoldKind kind, int counter) {
    int n = count(kind);
    if (n != counter) {
      throw violation("I-22 " + kind + " is " + counter + ", its holders have " + n);
    }
  }

  /** Returns what the page is busy for, or null if it is not, or a harness made it so. */
  public @Nullable HoldReason busyFor() {
    Hold h = find(head, HoldKind.BUSY, null);
    return h == null ? null : h.why();
  }

  /** Notes that the end of a wiring may have put the page on a queue, busy as it is (5.7 W3): no fault of its owner. */
  public void unwired() {
    unwired = true;
  }

  /** Checks that a page that a fault has claimed is on no queue (I-15), at the claim and before the release. */
  public void checkUnqueued(boolean queued) {
    if (queued && !unwired) {
      throw violation("I-15 page claimed by a fault is on a queue");
    }
  }

  /** Checks that nobody holds anything: the frame goes back, or the object is about to end. */
  public void checkFree(String when) {
    if (head != null) {
      throw violation("I-12 " + when + " while held");
    }
  }

  /** Ends the object: whoever touches it from now on is found out (I-31). */
  public void end() {
    checkFree("object ended");
    note("ended:", HoldKind.REFERENCE, "", HoldReason.UNNAMED, 0);
    ended = true;
  }

  /** Checks that the object has not ended (I-31). */
  public void touched() {
    if (ended) {
      throw violation("I-31 object touched that has ended");
    }
  }

  private KernelPanic violation(String what) {
    return KernelPanic.of("ownership: " + what, subject, story());
  }

  private void note(String verb, HoldKind kind, Object holder, HoldReason why, int n) {
    log[logged++ & (LOG - 1)] = new Step(verb, kind, holder, why, n, KThread.currentOrNull());
  }

  /** Returns who holds the thing, and what happened to it lately; for reports. */
  public String story() {
    StringBuilder b = new StringBuilder("held: ");
    Hold first = head;
    if (first == null) {
      b.append("not at all");
    }
    for (Hold h = first; h != null; h = h.next()) {
      b.append(h == first ? "" : ", ").append(h.describe());
    }
    b.append("; lately: ");
    int end = logged;
    String comma = "";
    for (int i = end - LOG; i < end; i++) {
      Step s = log[i & (LOG - 1)];
      if (i >= 0 && s != null) {
        b.append(comma).append(s.describe());
        comma = ", ";
      }
    }
    return b.toString();
  }

  /** Returns the holders of a kind, for reports: each with its reason. */
  public String holders(HoldKind kind) {
    StringBuilder b = new StringBuilder();
    for (Hold h = head; h != null; h = h.next()) {
      if (h.kind() == kind) {
        b.append(b.length() == 0 ? "" : ", ").append(h.describe());
      }
    }
    return b.toString();
  }

  /** Calls {@code visitor} for whoever holds a unit of the kind, each time he is listed. */
  public void forEachHolder(HoldKind kind, Consumer<Object> visitor) {
    for (Hold h = head; h != null; h = h.next()) {
      if (h.kind() == kind) {
        visitor.accept(h.holder());
      }
    }
  }

  @Override
  public String toString() {
    return story();
  }
}
