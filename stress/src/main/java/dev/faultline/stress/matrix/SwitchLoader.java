package dev.faultline.stress.matrix;

import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.net.MalformedURLException;
import java.net.URL;
import java.net.URLClassLoader;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.objectweb.asm.ClassReader;
import org.objectweb.asm.ClassVisitor;
import org.objectweb.asm.ClassWriter;
import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;
import org.objectweb.asm.Type;

/**
 * Loads the kernel once more, so that {@link Reach} hears of each reading of a defect's switch.
 *
 * <p>The kernel itself does not count: a switch is a final field that is tested on the fault path, and nobody but the
 * matrix wants to know.
 */
final class SwitchLoader extends URLClassLoader {
  private static final String KERNEL = "dev.faultline.vm.";

  SwitchLoader(String classPath) {
    super(urls(classPath), ClassLoader.getPlatformClassLoader());
  }

  private static URL[] urls(String classPath) {
    List<URL> urls = new ArrayList<>();
    for (String entry : classPath.split(File.pathSeparator, -1)) {
      try {
        urls.add(new File(entry).toURI().toURL());
      } catch (MalformedURLException e) {
        throw new IllegalArgumentException(entry, e);
      }
    }
    return urls.toArray(new URL[0]);
  }

  /** Returns for each scenario the kernels with a defect that it could show. */
  static Map<String, Set<Variant>> reach(List<String> scenarios, String classPath) {
    Map<String, Set<Variant>> reach = new HashMap<>();
    try (SwitchLoader loader = new SwitchLoader(classPath)) {
      var of = loader.loadClass(Reach.class.getName()).getMethod("of", String.class);
      for (String s : scenarios) {
        Set<Variant> variants = new HashSet<>();
        for (Object label : (List<?>) of.invoke(null, s)) {
          Variant.broken().stream().filter(v -> v.label().equals(label)).forEach(variants::add);
        }
        reach.put(s, variants);
      }
    } catch (IOException | ReflectiveOperationException e) {
      throw new IllegalStateException(e);
    }
    return reach;
  }

  @Override
  protected Class<?> findClass(String name) throws ClassNotFoundException {
    if (!name.startsWith(KERNEL)) {
      return super.findClass(name);
    }
    try (InputStream in = getResourceAsStream(name.replace('.', '/') + ".class")) {
      if (in == null) {
        throw new ClassNotFoundException(name);
      }
      byte[] code = listening(in.readAllBytes());
      return defineClass(name, code, 0, code.length);
    } catch (IOException e) {
      throw new ClassNotFoundException(name, e);
    }
  }

  /** Puts a call before each reading of a switch. Nothing else changes, and the stack is as before. */
  private static byte[] listening(byte[] code) {
    ClassReader reader = new ClassReader(code);
    ClassWriter writer = new ClassWriter(reader, ClassWriter.COMPUTE_MAXS);
    reader.accept(
        new ClassVisitor(Opcodes.ASM9, writer) {
          @Override
          public MethodVisitor visitMethod(int access, String name, String type, String generic, String[] thrown) {
            return new MethodVisitor(Opcodes.ASM9, super.visitMethod(access, name, type, generic, thrown)) {
              @Override
              public void visitFieldInsn(int opcode, String owner, String field, String fieldType) {
                if (opcode == Opcodes.GETFIELD && fieldType.equals("Z") && Reach.isSwitch(field)) {
                  visitLdcInsn(field);
                  visitMethodInsn(
                      Opcodes.INVOKESTATIC, Type.getInternalName(Reach.class), "read", "(Ljava/lang/String;)V", false);
                }
                super.visitFieldInsn(opcode, owner, field, fieldType);
              }
            };
          }
        },
        0);
    return writer.toByteArray();
  }
}
