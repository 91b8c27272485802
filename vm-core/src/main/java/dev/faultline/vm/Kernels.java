package dev.faultline.vm;

import dev.faultline.hw.strand.Strand;
import dev.faultline.vm.sync.KThread;
import dev.faultline.vm.sync.SyncDomain;
import java.util.function.Supplier;

/** Turns a calling thread into a kernel thread for the length of a call. */
final class Kernels {
  private Kernels() {}

  static <T> T call(SyncDomain domain, String name, Supplier<T> body) {
    boolean attach = Strand.currentOrNull() == null;
    if (attach) {
      domain.strands().attach(name);
    }
    try {
      KThread made = Strand.current().context == null ? new KThread(domain, name, false) : null;
      domain.token().enter();
      boolean ok = false;
      try {
        T result = body.get();
        ok = true;
        return result;
      } finally {
        domain.token().leave();
        if (made != null) {
          end(made, ok);
        }
      }
    } finally {
      if (attach) {
        domain.strands().detach();
      }
    }
  }

  /** Ends a thread that was made for the call; one that something was thrown on may still hold anything. */
  private static void end(KThread t, boolean ok) {
    if (ok) {
      t.end();
    } else {
      t.abandon();
    }
  }
}
