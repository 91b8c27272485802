package dev.faultline.vm.program.random;

import dev.faultline.vm.program.random.SharedMemory.Owner;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/** A process of a random program while the program is made: what it is in the middle of, and who it has to meet. */
final class Actor {
  private static final int MEETINGS_MAX = 3;
  private static final int TEAM_MAX = 4;

  final long pid;
  final StringBuilder text = new StringBuilder();
  final RandomPrograms program;
  final SplittableRandom random;
  Layout layout;
  Owner owner;
  /** A file that is this process's alone, mapped by nobody else, whose length may change. */
  @Nullable RandomFile ownFile;
  boolean ended;

  private final Commands commands;
  private final List<Team> duties = new ArrayList<>();
  private final List<Actor> children = new ArrayList<>();
  /** The parent that is suspended, and whose address space this is, until the exec or exit. */
  private @Nullable Actor suspended;
  private boolean blocked;
  private @Nullable Actor waitedFor;
  private int left;

  Actor(RandomPrograms program, long pid, Layout layout, Owner owner, @Nullable Actor suspended) {
    this.program = program;
    this.random = program.random;
    this.pid = pid;
    this.layout = layout;
    this.owner = owner;
    this.suspended = suspended;
    commands = new Commands(this);
    left = program.quota();
    program.actors.add(this);
  }

  boolean canGoOn() {
    return !ended && !blocked && (waitedFor == null || waitedFor.ended);
  }

  /** Emits some command, or what is still to be done before the end, or the end. */
  void act() {
    if (waitedFor != null) {
      waited(waitedFor);
    }
    if (left-- > 0) {
      int dice = random.nextInt(100);
      if (dice < 4 && program.processesLeft() > 0) {
        fork();
      } else if (dice < 6 && !duties.isEmpty()) {
        meet(duties.get(random.nextInt(duties.size())));
      } else if (dice == 6) {
        waitForSome();
      } else if (dice == 7 && random.nextInt(6) == 0 && (suspended != null || random.nextInt(3) == 0)) {
        exec();
      } else {
        commands.emit();
      }
    } else if (!duties.isEmpty()) {
      meet(duties.get(random.nextInt(duties.size())));
    } else if (children.isEmpty() || random.nextInt(6) == 0 || !waitForSome()) {
      end();
    }
  }

  void line(String command) {
    text.append(command).append('\n');
  }

  private void fork() {
    if (ownFile != null) {
      commands.unmapOwnFile();
    }
    if (random.nextInt(5) == 0) {
      Actor child = new Actor(program, program.newPid(), layout, owner, this);
      children.add(child);
      line("vfork " + child.pid);
      blocked = true;
      return;
    }
    int many = random.nextInt(3) == 0 ? 1 : 1 + random.nextInt(Math.min(TEAM_MAX, program.processesLeft()));
    Team team = null;
    if (random.nextInt(3) != 0) {
      team = new Team(program.newBarrier(many + 1), 1 + random.nextInt(MEETINGS_MAX));
      join(team);
    }
    for (int i = 0; i < many; i++) {
      Owner childOwner = new Owner();
      Actor child = new Actor(program, program.newPid(), layout.fork(owner, program.memories), childOwner, null);
      for (SharedMemory memory : program.memories) {
        memory.deal(owner, childOwner, random);
      }
      children.add(child);
      line("fork " + child.pid);
      if (team != null) {
        child.join(team);
      }
    }
  }

  private void join(Team team) {
    team.members.add(this);
    for (int i = 0; i < team.meetings; i++) {
      duties.add(team);
    }
  }

  /** Comes to the team's barrier; the last one to come lets all go on, and what they own is dealt out anew. */
  private void meet(Team team) {
    line("barrier " + team.barrier);
    duties.remove(team);
    blocked = true;
    team.waiting.add(this);
    if (team.waiting.size() == team.members.size()) {
      List<Owner> owners = new ArrayList<>();
      for (Actor a : team.waiting) {
        a.blocked = false;
        owners.add(a.owner);
      }
      team.waiting.clear();
      for (SharedMemory memory : program.memories) {
        memory.deal(owners, random);
      }
    }
  }

  /** Waits for a child that this process has no more meetings with. Returns false if there is none. */
  private boolean waitForSome() {
    for (Actor child : children) {
      if (duties.stream().noneMatch(team -> team.members.contains(child))) {
        line("wait " + child.pid);
        children.remove(child);
        waitedFor = child;
        return true;
      }
    }
    return false;
  }

  private void waited(Actor child) {
    if (child.owner != owner) {
      for (SharedMemory memory : program.memories) {
        memory.give(child.owner, owner);
      }
    }
    waitedFor = null;
  }

  private void exec() {
    line(program.options.segments() && random.nextInt(3) != 0 ? SegmentCommands.image() : "exec");
    layout = layout.empty();
    resumeParent();
  }

  private void resumeParent() {
    if (suspended != null) {
      suspended.blocked = false;
      suspended = null;
      owner = new Owner();
    }
  }

  private void end() {
    if (suspended == null || random.nextBoolean()) {
      commands.sumUp();
    }
    if (random.nextBoolean()) {
      line("exit");
    }
    ended = true;
    resumeParent();
  }
}
