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
      try {
        return body.get();
      } finally {
        domain.token().leave();
        if (made != null) {
          made.end();
        }
      }
    } finally {
      if (attach) {
        domain.strands().detach();
      }
    }
  }
}
