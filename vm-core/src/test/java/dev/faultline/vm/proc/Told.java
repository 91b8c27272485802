package dev.faultline.vm.proc;

import dev.faultline.vm.base.Inheritance;
import dev.faultline.vm.base.KernReturn;
import dev.faultline.vm.base.MemoryWatcher;
import dev.faultline.vm.base.SpaceWatcher;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.function.LongUnaryOperator;

/** A watcher that writes down what it is told, in words, but for traps and the like. */
final class Told implements MemoryWatcher, SpaceWatcher {
  private final List<String> said = Collections.synchronizedList(new ArrayList<>());

  /** Returns what was said since the last call. */
  List<String> news() {
    List<String> news = List.copyOf(said);
    said.clear();
    return news;
  }

  private void say(String what, long start, long length) {
    said.add(what + " 0x" + Long.toHexString(start) + "+0x" + Long.toHexString(length));
  }

  @Override
  public SpaceWatcher newSpace(int pid) {
    return this;
  }

  @Override
  public void mappedAnonymous(long start, long length, int prot, boolean shared) {
    say("anon", start, length);
  }

  @Override
  public void mappedFile(long start, long length, int prot, boolean shared, Object file, long offset) {
    say("file", start, length);
  }

  @Override
  public void unmapped(long start, long length) {
    say("unmapped", start, length);
  }

  @Override
  public void protectionSet(long start, long length, int prot) {
    say("protected", start, length);
  }

  @Override
  public void inheritanceSet(long start, long length, Inheritance how) {
    say(how.toString(), start, length);
  }

  @Override
  public void wireBegins(long start, long length) {
    say("wire", start, length);
  }

  @Override
  public void wireEnds(long start, long length, boolean done) {
    say(done ? "wired" : "not wired", start, length);
  }

  @Override
  public void forkBegins() {
    said.add("fork");
  }

  @Override
  public SpaceWatcher forked(int childPid) {
    said.add("forked");
    return this;
  }

  @Override
  public void forkFailed() {
    said.add("fork failed");
  }

  @Override
  public void dropped() {
    said.add("dropped");
  }

  @Override
  public void storeTrapped(long va) {}

  @Override
  public void refused(long va, boolean store, KernReturn why, boolean excused) {
    said.add((store ? "store" : "load") + " refused: " + why + (excused ? ", excused" : ""));
  }

  @Override
  public void lost(long start, long length) {
    say("lost", start, length);
  }

  @Override
  public void fileCreated(Object file, long length, LongUnaryOperator words) {}

  @Override
  public void truncateBegins(Object file, long newLength) {
    said.add("truncate");
  }

  @Override
  public void truncateEnds(Object file, boolean done) {
    said.add("truncated");
  }

  @Override
  public long fileLoad(Object file, long offset, int frame, int word) {
    throw new IllegalStateException("no file is read here");
  }

  @Override
  public void fileStore(Object file, long offset, int frame, int word, long value, long mask) {
    throw new IllegalStateException("no file is written here");
  }

  @Override
  public void fileLost(Object file, long offset, long length) {
    say("file lost", offset, length);
  }

  @Override
  public String toString() {
    return said.toString();
  }
}
