package dev.faultline.hw;

import dev.faultline.hw.strand.Strand;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * T(cpu): the lock of one processor's TLB and of the table that it has loaded, as one word on a cache line of its own.
 *
 * <p>Rank 110: one at a time, and nothing is acquired under it. Never held across a trap, a sleep or anything but an
 * access, a switch or a purge, and no schedule point lies inside.
 */
abstract class TlbLock extends TlbLockWord {
  /*
   * Implementation overview
   *
   * What it is    {generation, holder} (vm-semantics 6.1): two holder bits below, the generation above. A stranger
   *               (shootdown initiator, agent, speculative loader) takes it by CAS from a free word and gives it back
   *               with the generation raised; the processor's own strand takes it likewise and gives it back as it
   *               was. While a word says "held" nobody else's CAS succeeds, so the holder may give it back by a plain
   *               release store, and two strangers, or a stranger and the own strand, exclude each other.
   * Validation    A load that hits takes nothing. It reads the word (acquire), an entry, the datum (opaque), and
   *               after a load fence the word again. It is a seqlock's reader, so the stranger is a seqlock's writer:
   *               between taking the word and its first change of the TLB, and so before anything that it or anybody
   *               after it does with the frame, stands a store fence. Hence a reader that sees any later datum also
   *               sees the word changed. 62 bits of generation do not come round.
   * Waiting       Only through Strand.pause. A stranger that finds T taken says so in wanting, and the own strand,
   *               which would otherwise take it again and again, lets it go first: a stranger waits for one access.
   *               Bounded, as the stranger's thread may be off the host's processor.
   * Allocation    None.
   */
  private static final VarHandle WORD;
  private static final VarHandle WANTING;

  private static final long OWN = 1;
  private static final long STRANGER = 2;
  private static final long HOLDER = 3;
  private static final long GENERATION = 4;
  private static final int DEFERENCE = 50; // pauses that the own strand makes for strangers

  static {
    try {
      MethodHandles.Lookup l = MethodHandles.lookup();
      WORD = l.findVarHandle(TlbLockWord.class, "lockWord", long.class);
      WANTING = l.findVarHandle(TlbLockWord.class, "wanting", int.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  // Keeps what lies behind the lock word in the heap off its cache line.
  long behind1;
  long behind2;
  long behind3;
  long behind4;
  long behind5;
  long behind6;
  long behind7;

  /** Begins a load that takes nothing: returns the word, for {@link #free} and {@link #unchanged}. */
  final long read() {
    return (long) WORD.getAcquire(this);
  }

  /** Returns whether a word that was read says that nobody holds T. */
  static boolean free(long word) {
    return (word & HOLDER) == 0;
  }

  /** Ends a load that takes nothing: returns whether T has been free since {@link #read} returned {@code word}. */
  final boolean unchanged(long word) {
    VarHandle.loadLoadFence();
    return (long) WORD.getOpaque(this) == word;
  }

  /** Takes T for the processor's own strand; returns what to give back to {@link #giveOwn}. */
  final long takeOwn() {
    long word = (long) WORD.getOpaque(this);
    if (free(word) && (int) WANTING.getOpaque(this) == 0 && WORD.compareAndSet(this, word, word | OWN)) {
      return word;
    }
    Strand me = Strand.current();
    for (int i = 0; i < DEFERENCE && wanting != 0; i++) {
      me.pause(i);
    }
    return takeSlowly(me, OWN);
  }

  /** Gives T back; loads that validate do not notice. */
  final void giveOwn(long word) {
    assert lockWord == (word | OWN) : "T given back by who does not hold it";
    WORD.setRelease(this, word);
  }

  /** Takes T for anybody else; returns what to give back to {@link #giveStranger}. */
  final long takeStranger() {
    long word = (long) WORD.getOpaque(this);
    if (!free(word) || !WORD.compareAndSet(this, word, word | STRANGER)) {
      Strand me = Strand.current();
      WANTING.getAndAdd(this, 1);
      word = takeSlowly(me, STRANGER);
      WANTING.getAndAdd(this, -1);
    }
    VarHandle.storeStoreFence();
    return word;
  }

  /** Gives T back; a load that began before it was taken is redone. */
  final void giveStranger(long word) {
    assert lockWord == (word | STRANGER) : "T given back by who does not hold it";
    WORD.setRelease(this, word + GENERATION);
  }

  private long takeSlowly(Strand me, long holder) {
    for (int attempt = 0; ; attempt++) {
      long word = (long) WORD.getOpaque(this);
      if (free(word) && WORD.compareAndSet(this, word, word | holder)) {
        return word;
      }
      me.pause(attempt);
    }
  }
}

/** Keeps what lies before the lock word in the heap off its cache line. */
abstract class TlbLockBefore {
  long before1;
  long before2;
  long before3;
  long before4;
  long before5;
  long before6;
  long before7;
}

/** The lock word of {@link TlbLock}, and beside it who waits for it. */
abstract class TlbLockWord extends TlbLockBefore {
  volatile long lockWord; // (A) T
  volatile int wanting; // (A) strangers that found it taken
}
