package dev.faultline.vm.scenario;

import dev.faultline.hw.Pte;
import dev.faultline.vm.Kernel;
import dev.faultline.vm.base.Inheritance;
import dev.faultline.vm.base.KernReturn;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.map.MapLookup;
import dev.faultline.vm.map.Mapping;
import dev.faultline.vm.map.Vmspace;
import dev.faultline.vm.object.ObjectType;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.pager.Vnode;
import dev.faultline.vm.trace.Tracer;

/** An address space of a scenario, by pages. Its operations enter the kernel on the calling strand. */
public final class AddressSpace {
  private static final int RW = VmProt.READ | VmProt.WRITE;

  private final ScenarioWorld world; // (C)
  private final Vmspace vmspace; // (C)

  AddressSpace(ScenarioWorld world, Vmspace vmspace) {
    this.world = world;
    this.vmspace = vmspace;
  }

  public Vmspace vmspace() {
    return vmspace;
  }

  Tracer tracer() {
    return kernel().tracer();
  }

  private Kernel kernel() {
    return world.kernel();
  }

  /** Returns the address of a page. */
  public long at(int page) {
    return (long) page * kernel().config().machine().pageSize();
  }

  /** Maps zero-filled memory whose object is made when it is first touched, as brk does. */
  public AddressSpace mapZero(int page, int pages) {
    return map(Mapping.anonymous(), page, pages);
  }

  /** Maps zero-filled memory over a fresh object, as mmap does. */
  public AddressSpace mapSwap(int page, int pages) {
    VmObject o = world.inKernel(() -> kernel().objects().allocate(ObjectType.SWAP, at(pages)));
    return map(Mapping.of(o, 0), page, pages);
  }

  /** Maps pages that hold nothing yet over a fresh object without a pager. */
  public AddressSpace mapDefault(int page, int pages) {
    VmObject o = world.inKernel(() -> kernel().objects().allocate(ObjectType.DEFAULT, at(pages)));
    return map(Mapping.of(o, 0), page, pages);
  }

  /** Maps an object from its beginning. */
  public AddressSpace mapObject(int page, int pages, VmObject o) {
    world.inKernel(o::reference);
    return map(Mapping.of(o, 0), page, pages);
  }

  /** Maps a file from its beginning, so that stores go to it. */
  public AddressSpace mapShared(int page, int pages, Vnode file) {
    VmObject o = world.inKernel(() -> kernel().vnodePager().objectOf(file));
    return map(Mapping.of(o, 0).withInheritance(Inheritance.SHARE), page, pages);
  }

  /** Maps a file from its beginning, so that stores go to a copy. */
  public AddressSpace mapPrivate(int page, int pages, Vnode file) {
    VmObject o =
        world.inKernel(
            () -> {
              VmObject f = kernel().vnodePager().objectOf(file);
              kernel().objects().ranges().pmapCopy(f, 0, at(pages));
              return kernel().objects().shadow(f, 0, file.size());
            });
    return map(new Mapping(o, 0, true, false, VmProt.ALL, VmProt.ALL, Inheritance.COPY), page, pages);
  }

  /** Maps zero-filled memory over a fresh object, in the place of what was there, and allows loads only. */
  public AddressSpace mapReadOnly(int page, int pages) {
    VmObject o = world.inKernel(() -> kernel().objects().allocate(ObjectType.DEFAULT, at(pages)));
    return map(Mapping.of(o, 0), page, pages, VmProt.READ);
  }

  private AddressSpace map(Mapping m, int page, int pages) {
    return map(m, page, pages, RW);
  }

  private AddressSpace map(Mapping m, int page, int pages, int prot) {
    KernReturn r =
        world.inKernel(() -> vmspace.map().mapFixed(m.withProtection(prot), at(page), at(page + pages)));
    world.require(r == KernReturn.SUCCESS, "mapping refused: " + r);
    return this;
  }

  /** Faults on an address. */
  public KernReturn fault(long va, int type) {
    return world.inKernel(() -> kernel().fault().fault(vmspace.map(), va, type, false));
  }

  /** Faults on a page for a load. */
  public KernReturn read(int page) {
    return fault(at(page), VmProt.READ);
  }

  /** Faults on a page for a store. */
  public KernReturn write(int page) {
    return fault(at(page), RW);
  }

  /** Makes a page writable and sets its first word. All is quiet. */
  public AddressSpace set(int page, long value) {
    return setWord(page, 0, value);
  }

  /** Makes a page writable and sets a word of it. All is quiet. */
  public AddressSpace setWord(int page, int word, long value) {
    KernReturn r = write(page);
    world.require(r == KernReturn.SUCCESS, "store refused: " + r);
    world.inKernel(() -> kernel().machine().memory().store(vmspace.pmap().extract(at(page)), word, value));
    return this;
  }

  /** Returns a page's first word, faulting it in. All is quiet. */
  public long get(int page) {
    return getWord(page, 0);
  }

  /** Returns a word of a page, faulting it in. All is quiet. */
  public long getWord(int page, int word) {
    KernReturn r = read(page);
    world.require(r == KernReturn.SUCCESS, "load refused: " + r);
    return peek(page, word);
  }

  /** Returns the first word of a page that is mapped, as it is now. */
  public long word(int page) {
    return peek(page, 0);
  }

  private long peek(int page, int word) {
    return world.inKernel(() -> kernel().machine().memory().load(vmspace.pmap().extract(at(page)), word));
  }

  /** Forks. */
  public AddressSpace fork() {
    Vmspace child = world.inKernel(() -> vmspace.fork("child"));
    if (child == null) {
      throw new IllegalStateException("fork failed");
    }
    return world.adopt(child);
  }

  /** Unmaps pages. */
  public KernReturn unmap(int page, int pages) {
    return world.inKernel(() -> vmspace.map().remove(at(page), at(page + pages)));
  }

  /** Changes the protection of pages. */
  public KernReturn protect(int page, int pages, int prot) {
    return world.inKernel(() -> vmspace.map().protect(at(page), at(page + pages), prot, false));
  }

  /** Says what a fork does with pages. */
  public AddressSpace inherit(int page, int pages, Inheritance how) {
    KernReturn r = world.inKernel(() -> vmspace.map().inherit(at(page), at(page + pages), how));
    world.require(r == KernReturn.SUCCESS, "inheritance refused: " + r);
    return this;
  }

  /** Wires pages. */
  public KernReturn wire(int page, int pages) {
    return world.inKernel(() -> vmspace.map().pageable(at(page), at(page + pages), false));
  }

  /** Unwires pages. */
  public KernReturn unwire(int page, int pages) {
    return world.inKernel(() -> vmspace.map().pageable(at(page), at(page + pages), true));
  }

  /** Writes the dirty pages of files mapped there to the disk. */
  public KernReturn sync(int page, int pages) {
    return world.inKernel(() -> vmspace.map().clean(at(page), at(page + pages), false));
  }

  /** Returns whether a translation of a page allows stores. All is quiet. */
  public boolean isWritable(int page) {
    long both = Pte.V | Pte.W;
    return world.inKernel(() -> (vmspace.pmap().word(at(page)) & both) == both);
  }

  /** Returns the object at a page; it must have one. */
  public VmObject object(int page) {
    return world.inKernel(
        () -> {
          MapLookup l = new MapLookup();
          KernReturn r = vmspace.map().lookup(l, at(page), VmProt.NONE);
          world.require(r == KernReturn.SUCCESS, "no entry: " + r);
          VmObject o = l.object();
          vmspace.map().lookupDone(l);
          return o;
        });
  }

  /** Ends the address space. */
  public void free() {
    world.forget(this);
    world.inKernel(vmspace::free);
  }

  @Override
  public String toString() {
    return vmspace.toString();
  }
}
