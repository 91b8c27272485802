package dev.faultline.vm.base;

/** What fork does with a range. vm-semantics 1.1. */
public enum Inheritance {
  SHARE,
  COPY,
  NONE
}
