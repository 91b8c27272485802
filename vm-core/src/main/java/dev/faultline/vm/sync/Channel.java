package dev.faultline.vm.sync;

import dev.faultline.vm.trace.TraceKind;
import dev.faultline.vm.trace.TraceSubject;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** Something that threads sleep on. The number spreads channels over sleep queue buckets; it need not be unique. */
public interface Channel extends TraceSubject {
  /** Returns a number that is the same in every run of one seed. */
  int channelNumber();

  @Override
  default TraceKind traceKind() {
    return TraceKind.CHANNEL;
  }

  @Override
  default long traceId() {
    return channelNumber();
  }

  /**
   * Returns who is to wake the sleepers, where one thread or transfer is known to: a lock's owner, a busy page's. A
   * racy snapshot, for reports on hangs.
   */
  default @Nullable Object holder() {
    return null;
  }

  /**
   * Returns whether what its sleepers wait for is there already, so that somebody has woken them, is about to, or
   * forgot to. A racy snapshot, for reports on hangs; false where that is not known.
   */
  default boolean isSatisfied() {
    return false;
  }

  /** Calls {@code visitor} for everybody who has to act before the sleepers can go on; as {@link #holder}. */
  default void forEachHolder(Consumer<Object> visitor) {
    Object h = holder();
    if (h != null) {
      visitor.accept(h);
    }
  }

  /** Returns what kind of thing who sleeps here waits for, where that has a place in the order of waits. */
  default @Nullable WaitClass waitClass() {
    return null;
  }

  /** Returns the object that a wait for a busy page is about: pip may be held on it, and on no other (5.1). */
  default @Nullable Object waitScope() {
    return null;
  }
}
