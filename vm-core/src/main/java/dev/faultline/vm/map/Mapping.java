package dev.faultline.vm.map;

import dev.faultline.vm.base.Inheritance;
import dev.faultline.vm.base.VmProt;
import dev.faultline.vm.object.VmObject;
import org.jspecify.annotations.Nullable;

/**
 * What is to be mapped, and how.
 *
 * @param object what holds the data, null for zero-filled memory whose object is made when it is first touched. A
 *     reference of the caller's, which a successful call consumes
 * @param offset byte offset of the first address in the object, page aligned
 * @param copyOnWrite the range is a private copy of something (keeps WRITE out of a raised protection)
 * @param needsCopy a shadow must be made before the first write
 */
public record Mapping(
    @Nullable VmObject object,
    long offset,
    boolean copyOnWrite,
    boolean needsCopy,
    int protection,
    int maxProtection,
    Inheritance inheritance) {

  /** Checks what does not depend on the map. */
  public Mapping {
    if (needsCopy && !copyOnWrite) {
      throw new IllegalArgumentException("needsCopy without copyOnWrite (I-55)");
    }
    if (object == null && needsCopy) {
      throw new IllegalArgumentException("needsCopy without an object to copy");
    }
  }

  /** Returns zero-filled memory with every right, copied at fork: what brk maps. */
  public static Mapping anonymous() {
    return new Mapping(null, 0, false, false, VmProt.ALL, VmProt.ALL, Inheritance.COPY);
  }

  /** Returns an object mapped with every right, copied at fork. */
  public static Mapping of(VmObject object, long offset) {
    return new Mapping(object, offset, false, false, VmProt.ALL, VmProt.ALL, Inheritance.COPY);
  }

  /** Returns this mapping with other rights. */
  public Mapping withProtection(int newProtection) {
    return new Mapping(object, offset, copyOnWrite, needsCopy, newProtection, maxProtection, inheritance);
  }

  /** Returns this mapping with another inheritance. */
  public Mapping withInheritance(Inheritance newInheritance) {
    return new Mapping(object, offset, copyOnWrite, needsCopy, protection, maxProtection, newInheritance);
  }

  /** Returns whether the attributes are those that an insert gives; only then may it extend its neighbour. */
  boolean isPlain() {
    return !copyOnWrite && protection == VmProt.ALL && maxProtection == VmProt.ALL && inheritance == Inheritance.COPY;
  }
}
