package dev.faultline.vm.detect;

import java.lang.reflect.Field;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Breaks fields of live structures, and mends them again. */
final class Broken implements AutoCloseable {
  private final List<Runnable> mends = new ArrayList<>();

  /** Sets a field, private or not. */
  Broken set(Object target, String field, @Nullable Object value) {
    Field f = field(target.getClass(), field);
    try {
      Object old = f.get(target);
      f.set(target, value);
      mends.add(
          0,
          () -> {
            try {
              f.set(target, old);
            } catch (IllegalAccessException e) {
              throw new AssertionError(e);
            }
          });
    } catch (IllegalAccessException e) {
      throw new AssertionError(e);
    }
    return this;
  }

  /** Adds to an int field. */
  Broken add(Object target, String field, int n) {
    return set(target, field, (Integer) get(target, field) + n);
  }

  /** Notes how something that the caller breaks is mended. */
  Broken mend(Runnable how) {
    mends.add(0, how);
    return this;
  }

  static Object get(Object target, String field) {
    try {
      return field(target.getClass(), field).get(target);
    } catch (IllegalAccessException e) {
      throw new AssertionError(e);
    }
  }

  private static Field field(Class<?> in, String name) {
    for (Class<?> c = in; c != null; c = c.getSuperclass()) {
      try {
        Field f = c.getDeclaredField(name);
        f.setAccessible(true);
        return f;
      } catch (NoSuchFieldException e) {
        continue;
      }
    }
    throw new AssertionError(in + " has no field " + name);
  }

  @Override
  public void close() {
    mends.forEach(Runnable::run);
  }
}
