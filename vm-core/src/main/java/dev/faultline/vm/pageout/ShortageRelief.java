package dev.faultline.vm.pageout;

/** Whom the scan asks for help at its end (vm-semantics 3.5 E). Neither method sleeps; no lock is held. */
interface ShortageRelief {
  /** Nobody. */
  ShortageRelief NONE = new ShortageRelief() {
    @Override
    public void requestVmDaemon(boolean swapOut) {}

    @Override
    public void requestSync() {}
  };

  /**
   * vm_req_vmdaemon: asks vm_daemon for a pass.
   *
   * @param swapOut whether processes are to be swapped out
   */
  void requestVmDaemon(boolean swapOut);

  /** Asks for the cleaning of files that the scan had to pass over. */
  void requestSync();
}
