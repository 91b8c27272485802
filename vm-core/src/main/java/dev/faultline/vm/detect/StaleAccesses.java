package dev.faultline.vm.detect;

import dev.faultline.hw.Cpu;
import dev.faultline.hw.StaleAccessListener;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Reports accesses that went to a frame which has been given another identity since the processor took its address into
 * its TLB (I-42). Works on a machine with identity stamps; called under T(cpu).
 */
public final class StaleAccesses implements StaleAccessListener {
  private final Findings findings; // (C)

  public StaleAccesses(Findings findings) {
    this.findings = findings;
  }

  @Override
  public void staleAccess(Cpu cpu, long va, int frame, boolean write, long stampFilled, long stampNow) {
    Map<String, String> d = new LinkedHashMap<>();
    d.put("cpu", Integer.toString(cpu.id()));
    d.put("va", "0x" + Long.toHexString(va));
    d.put("access", write ? "store" : "load");
    d.put("frame", Integer.toString(frame));
    d.put("stampFilled", Long.toString(stampFilled));
    d.put("stampNow", Long.toString(stampNow));
    findings.add(
        Finding.Kind.STALE,
        "I-42 " + (write ? "store to" : "load from") + " 0x" + Long.toHexString(va) + " went to frame " + frame
            + " which is another page by now",
        d);
  }

  @Override
  public String toString() {
    return "stale accesses: " + findings.count(Finding.Kind.STALE);
  }
}
