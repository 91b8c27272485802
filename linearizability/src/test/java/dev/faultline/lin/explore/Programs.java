package dev.faultline.lin.explore;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.faultline.hw.strand.Strand;
import dev.faultline.hw.strand.StrandLock;
import dev.faultline.lin.explore.engine.Program;
import dev.faultline.lin.explore.engine.SharedWord;
import dev.faultline.lin.explore.engine.Trial;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntConsumer;

/** The small programs of the literature on partial-order reduction, whose numbers of classes are known. */
public final class Programs {
  private Programs() {}

  /** A lock with a name. */
  public static final class NamedLock extends StrandLock {
    private final String label;

    public NamedLock(String label) {
      this.label = label;
    }

    public void lock() {
      acquire(Strand.current());
    }

    public void unlock() {
      release(Strand.current());
    }

    @Override
    public String toString() {
      return label;
    }
  }

  /** Returns a trial of so many actors that do the same but for their number. */
  public static Trial trial(int actors, IntConsumer body) {
    List<Trial.Actor> all = new ArrayList<>();
    for (int i = 0; i < actors; i++) {
      int n = i;
      all.add(new Trial.Actor("t" + i, () -> body.accept(n)));
    }
    return () -> all;
  }

  public static SharedWord[] words(String label, int n) {
    SharedWord[] w = new SharedWord[n];
    for (int i = 0; i < n; i++) {
      w[i] = new SharedWord(label + i, 0);
    }
    return w;
  }

  /** One writer and n readers of one word: 2^n classes. */
  public static Program readers(int n) {
    return strands -> {
      SharedWord x = new SharedWord("x", 0);
      return trial(
          n + 1,
          i -> {
            if (i == 0) {
              x.set(1);
            } else {
              x.get();
            }
          });
    };
  }

  /** Threads 1 to n do a[j] = a[j-1] + 1, thread 0 looks for the last zero from a[n] down: (n+3) 2^(n-2) classes. */
  public static Program lastZero(int n) {
    return strands -> {
      SharedWord[] a = words("a", n + 1);
      return trial(
          n + 1,
          j -> {
            if (j == 0) {
              int i = n;
              while (a[i].get() != 0) {
                i--;
              }
            } else {
              a[j].set(a[j - 1].get() + 1);
            }
          });
    };
  }

  /** Threads insert four words each into a hash table of 128 by compare-and-set: 8^(n-11) classes from n = 12 on. */
  public static Program indexer(int n) {
    return strands -> {
      SharedWord[] table = words("table", 128);
      return trial(
          n,
          tid -> {
            for (int m = 1; m <= 4; m++) {
              int w = 11 * m + tid;
              int h = (7 * w) % 128;
              while (!table[h].compareAndSet(0, w)) {
                h = (h + 1) % 128;
              }
            }
          });
    };
  }

  /** Flanagan and Godefroid's file system: 32 inodes, 26 blocks, each with a lock: 2^(n-13) classes from n = 14 on. */
  public static Program fileSystem(int n) {
    return strands -> {
      NamedLock[] lockI = new NamedLock[32];
      NamedLock[] lockB = new NamedLock[26];
      int[] inode = new int[32];
      boolean[] busy = new boolean[26];
      for (int i = 0; i < 32; i++) {
        lockI[i] = new NamedLock("inode" + i);
      }
      for (int i = 0; i < 26; i++) {
        lockB[i] = new NamedLock("block" + i);
      }
      return trial(
          n,
          tid -> {
            int i = tid % 32;
            lockI[i].lock();
            if (inode[i] == 0) {
              int b = (i * 2) % 26;
              while (true) {
                lockB[b].lock();
                if (!busy[b]) {
                  busy[b] = true;
                  inode[i] = b + 1;
                  lockB[b].unlock();
                  break;
                }
                lockB[b].unlock();
                b = (b + 1) % 26;
              }
            }
            lockI[i].unlock();
            assertTrue(inode[i] != 0);
          });
    };
  }
}
