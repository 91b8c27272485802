package dev.faultline.vm.scenario;

import dev.faultline.vm.base.Inheritance;
import dev.faultline.vm.base.KernReturn;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.map.MapLookup;
import dev.faultline.vm.map.Mapping;
import dev.faultline.vm.map.Vmspace;
import dev.faultline.vm.object.ObjectType;
import dev.faultline.vm.object.VmObject;
import dev.faultline.vm.pager.Vnode;
import org.jspecify.annotations.Nullable;

/**
 * An address space of a {@link World}, with the operations of tests in short. Addresses are page numbers: {@code at(3)}
 * is the third page.
 *
 * <p>May be used by the test's thread, and by actors (inside the kernel already) through the methods that end in {@code
 * Here}.
 */
public final class Space {
  private static final int RW = VmProt.READ | VmProt.WRITE;

  private final World world; // (C)
  private final Vmspace vmspace; // (C)
  private boolean freed;

  Space(World world, Vmspace vmspace) {
    this.world = world;
    this.vmspace = vmspace;
  }

  public Vmspace vmspace() {
    return vmspace;
  }

  /** Returns the address of page {@code n}. */
  public long at(int n) {
    return (long) n * world.pageSize();
  }

  private void must(KernReturn r) {
    if (r != KernReturn.SUCCESS) {
      throw new IllegalStateException("refused: " + r);
    }
  }

  private void map(Mapping m, int page, int pages) {
    must(vmspace.map().mapFixed(m, at(page), at(page + pages)));
  }

  /** Maps zero-filled memory over a fresh SWAP object, as mmap does. */
  public Space mapSwap(int page, int pages) {
    world.inKernel(
        () -> {
          VmObject o = world.kernel().objects().allocate(ObjectType.SWAP, at(pages));
          map(Mapping.of(o, 0).withProtection(RW), page, pages);
        });
    return this;
  }

  /** Maps zero-filled memory whose DEFAULT object is made when it is first touched, as brk does. */
  public Space mapZero(int page, int pages) {
    world.inKernel(() -> map(Mapping.anonymous().withProtection(RW), page, pages));
    return this;
  }

  /** Maps an object; a reference of the caller's is consumed. */
  public Space mapObject(VmObject o, int offsetPages, int page, int pages) {
    world.inKernel(() -> map(Mapping.of(o, at(offsetPages)).withProtection(RW), page, pages));
    return this;
  }

  /** Maps a file shared. */
  public Space mapFile(Vnode file, int offsetPages, int page, int pages) {
    world.inKernel(
        () -> {
          VmObject o = world.kernel().vnodePager().objectOf(file);
          map(Mapping.of(o, at(offsetPages)).withProtection(RW).withInheritance(Inheritance.SHARE), page, pages);
        });
    return this;
  }

  /** Maps a file privately: a DEFAULT object over the file's. */
  public Space mapPrivate(Vnode file, int offsetPages, int page, int pages) {
    world.inKernel(
        () -> {
          VmObject o = world.kernel().vnodePager().objectOf(file);
          VmObject top = world.kernel().objects().shadow(o, 0, o.size());
          map(new Mapping(top, at(offsetPages), true, false, RW, VmProt.ALL, Inheritance.COPY), page, pages);
        });
    return this;
  }

  /** Faults on page {@code n}. */
  public KernReturn fault(int n, int type) {
    return world.inKernel(() -> faultHere(n, type));
  }

  /** Faults on page {@code n}; the caller is in the kernel. */
  public KernReturn faultHere(int n, int type) {
    return world.kernel().fault().fault(vmspace.map(), at(n), type, false);
  }

  /** Reads page {@code n}. */
  public KernReturn read(int n) {
    return fault(n, VmProt.READ);
  }

  /**
   * Makes page {@code n} writable and stores {@code value} in its first word, through the translation as the MMU would.
   */
  public void write(int n, long value) {
    world.inKernel(
        () -> {
          must(faultHere(n, RW));
          int frame = vmspace.pmap().extract(at(n));
          world.kernel().machine().memory().store(frame, 0, value);
        });
  }

  /** Returns the first word of page {@code n}, faulting it in. */
  public long value(int n) {
    return world.inKernel(
        () -> {
          must(faultHere(n, VmProt.READ));
          return world.kernel().machine().memory().load(vmspace.pmap().extract(at(n)), 0);
        });
  }

  /** Forks. */
  public Space fork() {
    Vmspace child = world.inKernel(() -> vmspace.fork("child"));
    if (child == null) {
      throw new IllegalStateException("fork failed");
    }
    return world.adopt(child);
  }

  public KernReturn unmap(int page, int pages) {
    return world.inKernel(() -> vmspace.map().remove(at(page), at(page + pages)));
  }

  public KernReturn protect(int page, int pages, int prot) {
    return world.inKernel(() -> vmspace.map().protect(at(page), at(page + pages), prot, false));
  }

  public KernReturn wire(int page, int pages) {
    return world.inKernel(() -> vmspace.map().pageable(at(page), at(page + pages), false));
  }

  public KernReturn unwire(int page, int pages) {
    return world.inKernel(() -> vmspace.map().pageable(at(page), at(page + pages), true));
  }

  public KernReturn inherit(int page, int pages, Inheritance how) {
    return world.inKernel(() -> vmspace.map().inherit(at(page), at(page + pages), how));
  }

  /** Returns the top object at page {@code n}, or null. */
  public @Nullable VmObject object(int n) {
    return world.inKernel(
        () -> {
          MapLookup l = new MapLookup();
          if (vmspace.map().lookup(l, at(n), VmProt.NONE) != KernReturn.SUCCESS) {
            return null;
          }
          VmObject o = l.object();
          vmspace.map().lookupDone(l);
          return o;
        });
  }

  /** Ends the address space. */
  public void free() {
    if (!freed) {
      freed = true;
      world.forget(this);
      world.inKernel(vmspace::free);
    }
  }

  @Override
  public String toString() {
    return "space(" + vmspace + ")";
  }
}
