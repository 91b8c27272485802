package dev.faultline.hw;

import dev.faultline.hw.strand.StepKind;
import dev.faultline.hw.strand.Strand;
import dev.faultline.hw.strand.Strands;
import java.io.IOException;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/** The disk's interrupt strand: takes requests up, moves their chunks, completes them. */
final class DiskService implements Runnable {
  /*
   * Implementation overview
   *
   * What it is    A loop: under D, take up what may begin (begin); then the earliest event of what is in service
   *               (step): a chunk of a scattered request, or all chunks and the completion of any other. Latency is
   *               the time from taking up to completion.
   * Order         take never passes over a queued request, nor runs beside one in service, that overlaps with the one
   *               that it takes.
   * Errors        Decided when a request is taken up (DiskFaults). A failed request's chunks each move right, not at
   *               all, or as a mixture or garbage. A failure of the host's file is an error of the request, too.
   * Guards        Everything here is the strand's own, but for what it reads and writes in Disk under D.
   * Allocation    In the constructor and when a request is larger than any before in its slot.
   */
  private static final System.Logger LOGGER = System.getLogger(DiskService.class.getName());
  private static final int WINDOW = 64; // requests looked at for a good next one
  private static final int SPINS = 50; // pauses before the strand parks
  private static final long NOW = Long.MIN_VALUE; // an event that waits for no time

  private final Disk disk;
  private final Strands strands;
  private final DiskProfile profile;
  private final long[] words; // physical memory
  private final long[] block; // one block, for failures
  private final Slot[] slots; // the first inService are in use
  private final SplittableRandom random;
  private int inService;
  private int completed; // since D was last held
  private long arm; // block after the last one taken up

  /** A request in service. */
  private static final class Slot {
    @Nullable DiskRequest request;
    boolean fails;
    long next; // when its next event is due
    long interval; // between two chunks, on average
    int left; // chunks still to move
    int[] order = {}; // scatter: the chunks still to move come first

    DiskRequest request() {
      DiskRequest r = request;
      assert r != null;
      return r;
    }
  }

  DiskService(Disk disk, MachineConfig config, Strands strands) {
    this.disk = disk;
    this.strands = strands;
    profile = config.disk();
    words = disk.memory.words;
    block = new long[disk.blockWords];
    random = new SplittableRandom(config.seedFor(512));
    slots = new Slot[profile.channels()];
    for (int i = 0; i < slots.length; i++) {
      slots[i] = new Slot();
    }
  }

  @Override
  public void run() {
    Strand me = Strand.current();
    while (begin(me)) {
      if (inService == 0) {
        await(me);
      } else {
        Slot slot = nextEvent();
        long wait = slot.next == NOW ? 0 : slot.next - strands.nanoTime();
        if (wait > 0) {
          awaitUntil(me, wait);
        } else {
          step(me, slot);
        }
      }
    }
  }

  /**
   * Takes up all that may begin now; false when the disk is closed. Leaves the state SPINNING if there is nothing to
   * do.
   */
  private boolean begin(Strand me) {
    disk.lock.acquire(me);
    try {
      if (completed > 0) {
        disk.pending -= completed;
        disk.quiet = disk.pending == 0;
        completed = 0;
      }
      if (disk.closed) {
        return false;
      }
      while (inService < slots.length) {
        DiskRequest r = take();
        if (r == null) {
          break;
        }
        Slot slot = slots[inService++];
        slot.request = r;
        slot.fails = disk.faults.hit(r);
        schedule(slot, r);
      }
      // Whoever submits from here on says so by setting the state to RUNNING.
      disk.state = Disk.SPINNING;
      return true;
    } finally {
      disk.lock.release(me);
    }
  }

  /** Unlinks and returns the request to be taken up next, or null if none may be. D is held. */
  private @Nullable DiskRequest take() {
    DiskRequest head = disk.first;
    if (head == null) {
      return null;
    }
    if (profile.order() == DiskProfile.Order.FIFO) {
      return overlapsService(head) ? null : unlink(null, head);
    }
    DiskRequest best = null;
    DiskRequest beforeBest = null;
    DiskRequest before = null;
    int eligible = 0;
    int seen = 0;
    for (DiskRequest r = head; r != null && seen < WINDOW; r = r.next, seen++) {
      if (!overlapsService(r) && !overlapsEarlier(head, r)) {
        eligible++;
        if (best == null || better(r, best, eligible)) {
          best = r;
          beforeBest = before;
        }
      }
      before = r;
    }
    return best == null ? null : unlink(beforeBest, best);
  }

  private boolean better(DiskRequest r, DiskRequest best, int eligible) {
    if (profile.order() == DiskProfile.Order.RANDOM) {
      return random.nextInt(eligible) == 0;
    }
    boolean ahead = r.block >= arm;
    return ahead == (best.block >= arm) ? r.block < best.block : ahead;
  }

  private boolean overlapsService(DiskRequest r) {
    for (int i = 0; i < inService; i++) {
      if (slots[i].request().overlaps(r)) {
        return true;
      }
    }
    return false;
  }

  private static boolean overlapsEarlier(DiskRequest head, DiskRequest r) {
    for (DiskRequest q = head; q != null && q != r; q = q.next) {
      if (q.overlaps(r)) {
        return true;
      }
    }
    return false;
  }

  private DiskRequest unlink(@Nullable DiskRequest before, DiskRequest r) {
    if (before == null) {
      disk.first = r.next;
    } else {
      before.next = r.next;
    }
    if (disk.last == r) {
      disk.last = before;
    }
    r.next = null;
    return r;
  }

  /** Says when the events of a request that was just taken up are due. */
  private void schedule(Slot slot, DiskRequest r) {
    int count = r.blockCount;
    slot.left = count;
    if (profile.scatter()) {
      shuffle(slot, count);
    }
    long latency = 0;
    if (!profile.immediate()) {
      latency = profile.fixedNanos() + profile.blockNanos() * count;
      if (profile.randomNanos() > 0) {
        latency += random.nextLong(profile.randomNanos() + 1);
      }
      if (profile.seekNanos() > 0) {
        latency += (long) ((double) profile.seekNanos() * Math.abs(r.block - arm) / disk.blocks());
      }
    }
    arm = r.block + count;
    slot.interval = profile.scatter() ? latency / (count + 1) : latency;
    slot.next = latency == 0 ? NOW : strands.nanoTime() + firstDelay(slot);
  }

  private long firstDelay(Slot slot) {
    return profile.scatter() ? random.nextLong(2 * slot.interval + 1) : slot.interval;
  }

  private void shuffle(Slot slot, int count) {
    if (slot.order.length < count) {
      slot.order = new int[count];
    }
    int[] order = slot.order;
    for (int i = 0; i < count; i++) {
      int j = random.nextInt(i + 1);
      order[i] = order[j];
      order[j] = i;
    }
  }

  /** Returns the slot whose event is due first; a random one of several that wait for no time. */
  private Slot nextEvent() {
    Slot best = slots[0];
    int due = 1;
    for (int i = 1; i < inService; i++) {
      Slot s = slots[i];
      if (s.next == NOW && best.next == NOW) {
        due++;
        if (profile.order() == DiskProfile.Order.RANDOM && random.nextInt(due) == 0) {
          best = s;
        }
      } else if (s.next < best.next) {
        best = s;
      }
    }
    return best;
  }

  private void step(Strand me, Slot slot) {
    DiskRequest r = slot.request();
    if (profile.scatter() && slot.left > 0) {
      me.point(StepKind.DISK_TRANSFER, r);
      move(slot, r, slot.order[--slot.left], 1);
      if (slot.next != NOW) {
        slot.next += random.nextLong(2 * slot.interval + 1);
      }
      return;
    }
    if (slot.left > 0) {
      moveInOrder(me, slot, r);
    }
    me.point(StepKind.DISK_COMPLETE, r);
    complete(slot, r);
  }

  /**
   * Moves all chunks in order, a frame's worth at a time; one at a time where an engine or a failure may come in
   * between.
   */
  private void moveInOrder(Strand me, Slot slot, DiskRequest r) {
    boolean single = me.controlled() || slot.fails;
    for (int n = 0; n < r.blockCount; ) {
      int chunk = (r.firstChunk + n) & 7;
      int run = single ? 1 : Math.min(8 - chunk, r.blockCount - n);
      me.point(StepKind.DISK_TRANSFER, r);
      move(slot, r, n, run);
      n += run;
    }
    slot.left = 0;
  }

  /** Moves chunks {@code n} and on of a request, all within a frame. */
  private void move(Slot slot, DiskRequest r, int n, int run) {
    int at = at(r, n);
    long b = r.block + n;
    disk.memory.touch(r.frames[(r.firstChunk + n) >>> 3], !r.write);
    try {
      if (slot.fails && !movesAllTheSame(r, b, at)) {
        return;
      }
      if (r.write) {
        disk.store.write(b, run, words, at);
      } else {
        disk.store.read(b, run, words, at);
      }
    } catch (IOException e) {
      LOGGER.log(System.Logger.Level.WARNING, "host failed a " + r, e);
      slot.fails = true;
    }
  }

  private int at(DiskRequest r, int n) {
    int chunk = r.firstChunk + n;
    return (r.frames[chunk >>> 3] * 8 + (chunk & 7)) * disk.blockWords;
  }

  /**
   * Does to one chunk of a failed request what it may have coming; returns whether it is moved as if nothing were the
   * matter.
   */
  private boolean movesAllTheSame(DiskRequest r, long b, int at) throws IOException {
    switch (random.nextInt(3)) {
      case 0:
        return true;
      case 1:
        return false;
      default:
        disk.store.read(b, 1, block, 0);
        for (int i = 0; i < block.length; i++) {
          if (!r.write) {
            words[at + i] = random.nextLong();
          } else if (random.nextBoolean()) {
            block[i] = words[at + i];
          }
        }
        if (r.write) {
          disk.store.write(b, 1, block, 0);
        }
        return false;
    }
  }

  private void complete(Slot slot, DiskRequest r) {
    boolean failed = slot.fails;
    retire(slot);
    disk.errors += failed ? 1 : 0;
    if (r.write) {
      disk.faults.written(r, failed);
    }
    disk.reads += r.write ? 0 : 1;
    disk.writes += r.write ? 1 : 0;
    disk.blocksMoved += r.blockCount;
    r.pending = false;
    r.error = failed;
    HardwareObserver observer = disk.hardware;
    if (observer != null) {
      observer.completing(r, failed);
    }
    r.done = true; // publishes all of the above
    r.completed(); // which may submit it again: it is no longer ours
    completed++;
  }

  /** Takes a slot out of those in use. */
  private void retire(Slot slot) {
    slot.request = null;
    for (int i = 0; i < inService; i++) {
      if (slots[i] == slot) {
        inService--;
        slots[i] = slots[inService];
        slots[inService] = slot;
        return;
      }
    }
  }

  /** Waits for a submission, with nothing in service. */
  private void await(Strand me) {
    if (!me.controlled()) {
      for (int i = 0; i < SPINS; i++) {
        if (disk.state != Disk.SPINNING) {
          return;
        }
        me.pause(i);
      }
    }
    if (parks(me)) {
      while (disk.state == Disk.PARKED) {
        me.park();
      }
    }
  }

  /** Waits for a submission, or until the next event is due. */
  private void awaitUntil(Strand me, long nanos) {
    if (parks(me)) {
      me.parkNanos(nanos);
    }
  }

  /** Says that the strand must be woken from now on; false if something was submitted since it looked. */
  private boolean parks(Strand me) {
    disk.lock.acquire(me);
    try {
      if (disk.state != Disk.SPINNING) {
        return false;
      }
      disk.state = Disk.PARKED;
      return true;
    } finally {
      disk.lock.release(me);
    }
  }
}
