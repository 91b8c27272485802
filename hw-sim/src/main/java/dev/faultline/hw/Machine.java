package dev.faultline.hw;

import dev.faultline.hw.strand.Strand;
import dev.faultline.hw.strand.Strands;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A whole simulated machine. Making one costs microseconds: no strand is started and no disk contents exist until
 * they are needed.
 *
 * <p>Closing it ends the strands that its devices started and waits for them; nobody may use it any more by then.
 */
public final class Machine implements AutoCloseable {
  /*
   * Implementation overview
   *
   * Owns its parts, which know nothing of it. All fields are constant; the parts guard themselves.
   */
  private final MachineConfig config; // (C)
  private final Strands strands; // (C)
  private final PhysicalMemory memory; // (C)
  private final Cpu[] cpus; // (C)
  private final Shootdown shootdown; // (C)
  private final Clock clock; // (C)
  private final Disk disk; // (C)

  /**
   * Builds a machine.
   *
   * @param strands where its devices' strands and its time come from
   */
  public Machine(MachineConfig config, Strands strands) {
    this.config = config;
    this.strands = strands;
    memory = new PhysicalMemory(config);
    cpus = new Cpu[config.cpus()];
    for (int i = 0; i < cpus.length; i++) {
      cpus[i] = new Cpu(i, config, memory, strands.controlled());
    }
    shootdown = new Shootdown(cpus, config, strands);
    clock = new Clock(config, strands);
    disk = new Disk(config, memory, strands);
  }

  /** Returns what the machine was built from. */
  public MachineConfig config() {
    return config;
  }

  /** Returns the supply of strands and time. */
  public Strands strands() {
    return strands;
  }

  /** Returns the frames. */
  public PhysicalMemory memory() {
    return memory;
  }

  /** Returns a processor, 0 to {@link #cpus} less 1. */
  public Cpu cpu(int i) {
    return cpus[i];
  }

  /** Returns the number of processors. */
  public int cpus() {
    return cpus.length;
  }

  /** Returns the clock. */
  public Clock clock() {
    return clock;
  }

  /** Returns the disk. */
  public Disk disk() {
    return disk;
  }

  /** Returns the means to purge TLBs. */
  public Shootdown shootdown() {
    return shootdown;
  }

  /**
   * Sets who hears of stale accesses (I-42), if {@link MachineConfig#stamps} are on. Nobody may be running on a
   * processor.
   */
  public void staleAccessListener(@Nullable StaleAccessListener listener) {
    for (Cpu cpu : cpus) {
      cpu.staleAccessListener(listener);
    }
  }

  /** Sets who hears of the machine's steps; before anything runs on it. */
  public void hardwareObserver(@Nullable HardwareObserver observer) {
    for (Cpu cpu : cpus) {
      cpu.hardware = observer;
    }
    shootdown.hardware = observer;
    disk.hardware = observer;
  }

  @Override
  public void close() {
    Strand me = Strand.currentOrNull();
    boolean attach = me == null;
    if (me == null) {
      me = strands.attach("machine-close");
    }
    try {
      List<Strand> ending = new ArrayList<>();
      shootdown.stop(me, ending);
      clock.stop(me, ending);
      disk.stop(me, ending);
      for (Strand s : ending) {
        strands.join(s);
      }
      disk.close();
    } finally {
      if (attach) {
        strands.detach();
      }
    }
  }

  @Override
  public String toString() {
    return cpus.length + " cpus, " + memory + ", " + disk;
  }
}
