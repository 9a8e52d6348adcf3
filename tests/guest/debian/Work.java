// SPDX-License-Identifier: GPL-2.0-or-later
// Work for a Java machine whose printed result is the same on every processor: each line is a part that the compilers get hot.
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.*;
import java.util.concurrent.*;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.*;
import java.util.stream.*;
import java.util.zip.CRC32;
import javax.crypto.Cipher;
import javax.crypto.spec.*;

public class Work {
    static long mix(long x) {
        x ^= x >>> 33;
        x *= 0xff51afd7ed558ccdL;
        x ^= x >>> 29;
        return x * 31 + Long.rotateLeft(x, 17);
    }

    static String integers() {
        long sum = 0;
        for (int i = 0; i < 30_000_000; i++) {
            sum = mix(sum + i) ^ (i / 7 + i % 13);
        }
        boolean[] composite = new boolean[4_000_000];
        int primes = 0;
        for (int i = 2; i < composite.length; i++) {
            if (!composite[i]) {
                primes++;
                for (long j = (long) i * i; j < composite.length; j += i) {
                    composite[(int) j] = true;
                }
            }
        }
        return Long.toHexString(sum) + " " + primes;
    }

    static String floats() {
        double[] x = new double[64], v = new double[64];
        for (int i = 0; i < 64; i++) {
            x[i] = i * 1.25 + 1 / (i + 3.0);
        }
        for (int step = 0; step < 2000; step++) {
            for (int i = 0; i < 64; i++) {
                for (int j = i + 1; j < 64; j++) {
                    double d = x[i] - x[j], m = 0.001 / (d * d * Math.sqrt(d * d + 0.5));
                    v[i] -= d * m;
                    v[j] += d * m;
                }
            }
            for (int i = 0; i < 64; i++) {
                x[i] += 0.01 * v[i];
            }
        }
        double sum = 0;
        for (double d : x) {
            sum += d;
        }
        float[] a = new float[1000], b = new float[1000];
        for (int i = 0; i < 1000; i++) {
            a[i] = i * 0.37f;
            b[i] = 1 / (i + 1f);
        }
        for (int n = 0; n < 20000; n++) {           // the vector units' part
            for (int i = 0; i < 1000; i++) {
                a[i] = a[i] * 0.999f + b[i];
            }
        }
        float f = 0;
        for (float e : a) {
            f += e;
        }
        return Double.toHexString(sum) + " " + Float.toHexString(f) + " " + (int) 1e20 + " " + (long) Double.NaN;
    }

    record Node(Node left, Node right) {
        static Node tree(int depth) {
            return depth == 0 ? new Node(null, null) : new Node(tree(depth - 1), tree(depth - 1));
        }

        int count() {
            return left == null ? 1 : 1 + left.count() + right.count();
        }
    }

    static String garbage() {
        Node kept = Node.tree(16);
        int n = 0;
        for (int i = 0; i < 60; i++) {
            n += Node.tree(14).count();
        }
        return n + " " + kept.count();
    }

    static String collections() {
        Map<String, Integer> words = new HashMap<>();
        StringBuilder text = new StringBuilder();
        long seed = 1;
        for (int i = 0; i < 400_000; i++) {
            seed = mix(seed + i);
            String w = "w" + Long.toString(Math.floorMod(seed, 5000), 36);
            words.merge(w, 1, Integer::sum);
            if (i % 40 == 0) {
                text.append(w).append(' ');
            }
        }
        String top = words.entrySet().stream()
            .sorted(Map.Entry.<String, Integer>comparingByValue().reversed().thenComparing(Map.Entry.comparingByKey()))
            .limit(5).map(Object::toString).collect(Collectors.joining(","));
        long odd = Arrays.stream(text.toString().split(" ")).parallel().filter(s -> s.hashCode() % 2 != 0).count();
        return top + " " + odd + " " + text.toString().replaceAll("w([0-9a-m]+)", "$1").hashCode();
    }

    static String hex(byte[] data) {
        return HexFormat.of().formatHex(data);
    }

    static String digests() throws Exception {
        byte[] data = new byte[1 << 20];
        for (int i = 0; i < data.length; i++) {
            data[i] = (byte) mix(i);
        }
        CRC32 crc = new CRC32();
        MessageDigest sha = MessageDigest.getInstance("SHA-256"), md5 = MessageDigest.getInstance("MD5"),
            sha512 = MessageDigest.getInstance("SHA-512");
        Cipher aes = Cipher.getInstance("AES/GCM/NoPadding");
        for (int i = 0; i < 24; i++) {
            byte[] nonce = new byte[12];
            nonce[0] = (byte) i;
            aes.init(Cipher.ENCRYPT_MODE, new SecretKeySpec(Arrays.copyOf(data, 16), "AES"), new GCMParameterSpec(128, nonce));
            data = Arrays.copyOf(aes.doFinal(data), 1 << 20);
            crc.update(data);
            sha.update(data);
            md5.update(data);
            sha512.update(data);
        }
        String base64 = Base64.getEncoder().encodeToString(data);
        return Long.toHexString(crc.getValue()) + " " + hex(sha.digest()).substring(0, 16) + " " + hex(md5.digest()).substring(0, 16)
            + " " + hex(sha512.digest()).substring(0, 16) + " " + base64.hashCode();
    }

    static String big() {
        BigInteger p = BigInteger.TWO.pow(521).subtract(BigInteger.ONE), x = BigInteger.valueOf(3);
        for (int i = 0; i < 60; i++) {
            x = x.modPow(p.subtract(BigInteger.valueOf(i + 2)), p).add(BigInteger.TEN.pow(i));
        }
        BigInteger f = BigInteger.ONE;
        for (int i = 2; i < 3000; i++) {
            f = f.multiply(BigInteger.valueOf(i));
        }
        return x.toString(36).hashCode() + " " + f.toString().hashCode();
    }

    // Faults that the compiled code leaves to the processor, and stacks that unwind through it.
    static int nulls(Object[] things) {
        int caught = 0;
        for (int n = 0; n < 200_000; n++) {
            try {
                caught += things[n & 63].hashCode() & 1;
            } catch (NullPointerException e) {
                caught += 2;
            }
            try {
                caught += 100 / (n & 31);
            } catch (ArithmeticException e) {
                caught += 3;
            }
        }
        return caught;
    }

    static int deep(int n) {
        return n == 0 ? 0 : 1 + deep(n - 1);
    }

    static String faults() {
        Object[] things = new Object[64];
        for (int i = 0; i < 64; i++) {
            things[i] = i % 5 == 0 ? null : (Integer) i;
        }
        boolean overflowed = false;
        try {
            deep(Integer.MAX_VALUE);
        } catch (StackOverflowError e) {
            overflowed = true;
        }
        return nulls(things) + " " + overflowed + " " + deep(2000);
    }

    interface Shape {
        int area(int n);
    }

    // Call sites that turn from one receiver to many: code that was compiled on a guess is thrown away and patched.
    static int calls(List<Shape> shapes) {
        int sum = 0;
        for (int n = 0; n < 3_000_000; n++) {
            sum += shapes.get(n % shapes.size()).area(n);
        }
        return sum;
    }

    static String patched() {
        List<Shape> shapes = new ArrayList<>();
        StringBuilder s = new StringBuilder();
        shapes.add(n -> n);
        s.append(calls(shapes)).append(' ');
        shapes.add(n -> n * 3);
        s.append(calls(shapes)).append(' ');
        for (int i = 0; i < 6; i++) {
            int k = i;
            shapes.add((Shape) java.lang.reflect.Proxy.newProxyInstance(Work.class.getClassLoader(), new Class<?>[] {Shape.class},
                (self, method, args) -> (Integer) args[0] ^ k));
        }
        return s.append(calls(shapes)).toString();
    }

    static String threads() throws Exception {
        AtomicLong atomic = new AtomicLong();
        long[] locked = new long[1];
        ConcurrentHashMap<Integer, Long> map = new ConcurrentHashMap<>();
        BlockingQueue<Integer> queue = new ArrayBlockingQueue<>(16);
        List<Thread> all = new ArrayList<>();
        for (int t = 0; t < 4; t++) {
            int id = t;
            all.add(new Thread(() -> {
                for (int i = 0; i < 200_000; i++) {
                    atomic.addAndGet(mix(i + id) & 0xff);
                    synchronized (locked) {
                        locked[0] += i;
                    }
                    map.merge(i & 1023, 1L, Long::sum);
                }
                try {
                    for (int i = 0; i < 5000; i++) {
                        queue.put(i);
                    }
                } catch (InterruptedException e) {
                    throw new IllegalStateException(e);
                }
            }));
        }
        all.forEach(Thread::start);
        long taken = 0;
        for (int i = 0; i < 20000; i++) {
            taken += queue.take();
        }
        for (Thread t : all) {
            t.join();
        }
        long total = map.values().stream().mapToLong(Long::longValue).sum();
        return atomic + " " + locked[0] + " " + taken + " " + total;
    }

    public static void main(String[] args) throws Exception {
        System.out.println("integers " + integers());
        System.out.println("floats " + floats());
        System.out.println("garbage " + garbage());
        System.out.println("collections " + collections());
        System.out.println("digests " + digests());
        System.out.println("big " + big());
        System.out.println("faults " + faults());
        System.out.println("patched " + patched());
        System.out.println("threads " + threads());
    }
}
