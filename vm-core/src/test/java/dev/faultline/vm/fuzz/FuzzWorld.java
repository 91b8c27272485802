package dev.faultline.vm.fuzz;

import dev.faultline.vm.Kernel;
import dev.faultline.vm.pager.Device;
import dev.faultline.vm.pager.Vnode;
import dev.faultline.vm.proc.Barrier;
import dev.faultline.vm.proc.SystemCalls;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;

/**
 * What the calls of a fuzzed run are about, besides the memory of the process that makes them.
 *
 * @param kernel the kernel
 * @param files files that all processes use
 * @param device a device of a few pages
 * @param barrier a barrier for one, at which nobody waits
 * @param pageSize the machine's
 * @param lastPid the last process number that is in use
 * @param alone whether nobody but one process is to change files: what a refused call left of them can be told then
 */
record FuzzWorld(Kernel kernel, List<Vnode> files, Device device, Barrier barrier, int pageSize, AtomicLong lastPid,
    boolean alone) {
  SystemCalls calls() {
    return kernel.processes().systemCalls();
  }

  long nextPid() {
    return lastPid.incrementAndGet();
  }
}
