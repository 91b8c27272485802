package dev.faultline.vm.detect;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/**
 * The oracle's pages by number: a sparse radix tree.
 *
 * <p>Used in one of two ways, never both at once. A space's own tree is changed by one thread at a time ({@link #put},
 * {@link #clear}) and can be copied in no time ({@link #copy}). A shared tree only grows ({@link #getOrMake}), by
 * anybody at once.
 */
final class PageTree {
  /*
   * Implementation overview
   *
   * Nodes        64-way; the tree is as high as its highest number requires and grows at the root.
   * Copies       A node or page belongs to the tree whose token it carries, and only that may change it. copy() gives
   *              both trees new
   *              tokens, so that everything there belongs to nobody and is copied on its first change: the snapshot
   *              that a fork takes.
   * Shared       Slots are volatile and filled by compare-and-set; the token never changes.
   */
  private static final int BITS = 6;
  private static final int WAYS = 1 << BITS;
  private static final VarHandle SLOT = MethodHandles.arrayElementVarHandle(Object[].class);
  private static final VarHandle ROOT;

  static {
    try {
      ROOT = MethodHandles.lookup().findVarHandle(PageTree.class, "root", Node.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  /** Sees a page. */
  interface Visitor {
    /** Sees page number {@code n}. */
    void page(long n, ModelPage p);
  }

  private static final class Node {
    final Object owner; // (C)
    final int shift; // (C) bits of a page number below this node's index
    final @Nullable Object[] slots; // Node, or ModelPage where shift is 0

    Node(Object owner, int shift, @Nullable Object[] slots) {
      this.owner = owner;
      this.shift = shift;
      this.slots = slots;
    }

    boolean covers(long n) {
      return n >>> shift < WAYS;
    }

    int index(long n) {
      return (int) (n >>> shift) & (WAYS - 1);
    }

    @Nullable Object get(long n) {
      return SLOT.getVolatile(slots, index(n));
    }
  }

  private Object token = new Object();
  private volatile @Nullable Node root;

  /** Returns whether a page belongs to this tree, so that it may be changed where it is. */
  boolean owns(ModelPage p) {
    return p.owner == token;
  }

  /** Returns a new page that belongs to this tree but is not in it yet. */
  ModelPage newPage() {
    return new ModelPage(token);
  }

  @Nullable ModelPage get(long n) {
    Node d = root;
    if (d == null || !d.covers(n)) {
      return null;
    }
    while (d.shift != 0) {
      Object child = d.get(n);
      if (child == null) {
        return null;
      }
      d = (Node) child;
    }
    return (ModelPage) d.get(n);
  }

  /** Returns the page of a shared tree, making an untouched one if there is none. By anybody. */
  ModelPage getOrMake(long n) {
    ModelPage p = get(n);
    if (p != null) {
      return p;
    }
    Node d = root;
    while (d == null || !d.covers(n)) {
      Node higher = new Node(token, d == null ? height(n) : d.shift + BITS, new @Nullable Object[WAYS]);
      if (d != null) {
        higher.slots[0] = d;
      }
      ROOT.compareAndSet(this, d, higher);
      d = root;
    }
    while (d.shift != 0) {
      Object child = d.get(n);
      if (child == null) {
        SLOT.compareAndSet(d.slots, d.index(n), null, new Node(token, d.shift - BITS, new @Nullable Object[WAYS]));
        continue;
      }
      d = (Node) child;
    }
    SLOT.compareAndSet(d.slots, d.index(n), null, new ModelPage(token));
    Object made = d.get(n);
    assert made != null;
    return (ModelPage) made;
  }

  private static int height(long n) {
    int shift = 0;
    while (n >>> shift >= WAYS) {
      shift += BITS;
    }
    return shift;
  }

  /** Puts a page in, for one thread. */
  void put(long n, ModelPage p) {
    Node d = root;
    if (d == null) {
      d = new Node(token, height(n), new @Nullable Object[WAYS]);
    }
    while (!d.covers(n)) {
      Node higher = new Node(token, d.shift + BITS, new @Nullable Object[WAYS]);
      higher.slots[0] = d;
      d = higher;
    }
    root = put(d, n, p);
  }

  private Node put(Node d, long n, ModelPage p) {
    Node mine = mine(d);
    int i = mine.index(n);
    if (mine.shift == 0) {
      mine.slots[i] = p;
    } else {
      Node child = (Node) mine.slots[i];
      mine.slots[i] = put(child == null ? new Node(token, mine.shift - BITS, new @Nullable Object[WAYS]) : child, n, p);
    }
    return mine;
  }

  private Node mine(Node d) {
    return d.owner == token ? d : new Node(token, d.shift, d.slots.clone());
  }

  /** Takes out the pages from {@code from} to before {@code to}, for one thread. */
  void clear(long from, long to) {
    Node d = root;
    if (d != null && from < to) {
      root = clear(d, 0, from, to);
    }
  }

  /** Returns what is left of a node that begins at page {@code base}, or null for nothing. */
  private @Nullable Node clear(Node d, long base, long from, long to) {
    Node left = d;
    boolean any = false;
    for (int i = 0; i < WAYS; i++) {
      Object child = d.slots[i];
      if (child == null) {
        continue;
      }
      long first = base + ((long) i << d.shift);
      long end = first + (1L << d.shift);
      Object keep = child;
      if (first < to && end > from) {
        keep = first >= from && end <= to ? null : clear((Node) child, first, from, to);
      }
      if (keep != child) {
        left = mine(left);
        left.slots[i] = keep;
      }
      any |= keep != null;
    }
    return any ? left : null;
  }

  /**
   * Returns a tree with the same pages; from now on neither sees what is put into the other, nor owns any page. For one
   * thread.
   */
  PageTree copy() {
    PageTree t = new PageTree();
    t.root = root;
    token = new Object();
    return t;
  }

  /** Shows the pages from {@code from} to before {@code to}, in order. A shared tree may grow meanwhile. */
  void forEach(long from, long to, Visitor visitor) {
    Node d = root;
    if (d != null) {
      visit(d, 0, from, to, visitor);
    }
  }

  private static void visit(Node d, long base, long from, long to, Visitor visitor) {
    for (int i = 0; i < WAYS; i++) {
      long first = base + ((long) i << d.shift);
      if (first >= to) {
        return;
      }
      Object child = SLOT.getVolatile(d.slots, i);
      if (child == null || first + (1L << d.shift) <= from) {
        continue;
      }
      if (d.shift == 0) {
        visitor.page(first, (ModelPage) child);
      } else {
        visit((Node) child, first, from, to, visitor);
      }
    }
  }
}
