package dev.faultline.vm.program;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(value = 60, unit = TimeUnit.SECONDS)
final class GzipMembersTest {
  private static byte[] gzip(String text) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (GZIPOutputStream out = new GZIPOutputStream(bytes)) {
      out.write(text.getBytes(StandardCharsets.US_ASCII));
    }
    return bytes.toByteArray();
  }

  private static byte[] join(byte[]... parts) {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    for (byte[] part : parts) {
      all.writeBytes(part);
    }
    return all.toByteArray();
  }

  /** A pipe's end: says that nothing is there, and gives a byte at a time. */
  private static InputStream pipe(byte[] bytes) {
    return new FilterInputStream(new ByteArrayInputStream(bytes)) {
      @Override
      public int available() {
        return 0;
      }

      @Override
      public int read(byte[] into, int offset, int count) throws IOException {
        return super.read(into, offset, Math.min(count, 1));
      }
    };
  }

  private static String text(InputStream in) throws IOException {
    return new String(new GzipMembers(in).readAllBytes(), StandardCharsets.US_ASCII);
  }

  @Test
  void members_followEachOther_alsoOnAPipe() throws Exception {
    byte[] three = join(gzip("one "), gzip(""), gzip("two "), gzip("x".repeat(200_000)));
    assertThat(text(new ByteArrayInputStream(three))).isEqualTo("one two " + "x".repeat(200_000));
    assertThat(text(pipe(three))).isEqualTo("one two " + "x".repeat(200_000));
  }

  @Test
  void anOptionalHeader_isPassedOver() throws Exception {
    byte[] plain = gzip("text");
    byte[] header = Arrays.copyOf(plain, 10);
    header[3] = 4 | 8 | 16 | 2; // extra, name, comment, header checksum
    byte[] optional = join(new byte[] {3, 0, 'a', 'b', 'c'}, "name\0comment\0".getBytes(StandardCharsets.US_ASCII),
        new byte[] {1, 2});
    byte[] full = join(header, optional, Arrays.copyOfRange(plain, 10, plain.length));
    assertThat(text(pipe(full))).isEqualTo("text");
  }

  @Test
  void aCut_isNoticed_whereverItIs() throws Exception {
    byte[] first = gzip("first ");
    byte[] both = join(first, gzip("second"));
    for (int end = 0; end < both.length; end++) {
      byte[] cut = Arrays.copyOf(both, end);
      if (end == first.length) {
        assertThat(text(pipe(cut))).isEqualTo("first ");
        continue;
      }
      assertThatThrownBy(() -> text(pipe(cut))).as("cut at %d", end).isInstanceOf(IOException.class)
          .hasMessage("truncated gzip data");
    }
  }

  @Test
  void whatIsNoMember_isNotPassedOver() throws Exception {
    assertThatThrownBy(() -> text(pipe(join(gzip("text"), new byte[] {'j', 'u', 'n', 'k'}))))
        .hasMessage("something else after the gzip data");
    byte[] wrongSum = gzip("text");
    wrongSum[wrongSum.length - 8]++;
    assertThatThrownBy(() -> text(pipe(wrongSum))).hasMessage("damaged gzip data, wrong checksum");
    byte[] wrongLength = gzip("text");
    wrongLength[wrongLength.length - 4]++;
    assertThatThrownBy(() -> text(pipe(wrongLength))).hasMessage("damaged gzip data, wrong checksum");
    byte[] wrongMethod = gzip("text");
    wrongMethod[2] = 7;
    assertThatThrownBy(() -> text(pipe(wrongMethod))).hasMessage("unknown gzip compression");
  }
}
