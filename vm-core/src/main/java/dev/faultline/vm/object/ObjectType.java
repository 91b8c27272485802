package dev.faultline.vm.object;

/** What pages an object in and out. vm-semantics 1.4. */
public enum ObjectType {
  /** No pager; the first pageout converts it to SWAP. */
  DEFAULT,
  SWAP,
  VNODE,
  DEVICE
}
