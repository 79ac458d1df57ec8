package dev.weir.examples;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import javax.management.JMException;
import javax.management.ObjectName;

/**
 * What the process uses at a moment.
 *
 * @param heap bytes in use after a collection
 * @param threads live threads
 * @param descriptors open files and sockets; 0 where the platform does not say
 * @param files directories of uploads, which hold all their files
 */
record SoakReading(long heap, int threads, long descriptors, long files) {

    static SoakReading take(Path uploads) throws IOException {
        for (int i = 0; i < 3; i++) {
            System.gc(); // what is only weakly reachable goes with the second
        }
        long heap = ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed();
        try (Stream<Path> left = Files.list(uploads)) {
            return new SoakReading(
                    heap, ManagementFactory.getThreadMXBean().getThreadCount(), openDescriptors(), left.count());
        }
    }

    private static long openDescriptors() {
        try {
            return (Long) ManagementFactory.getPlatformMBeanServer()
                    .getAttribute(new ObjectName("java.lang:type=OperatingSystem"), "OpenFileDescriptorCount");
        } catch (JMException e) {
            return 0;
        }
    }

    @Override
    public String toString() {
        return Text.format(
                "%6.1f MB heap, %3d threads, %3d descriptors, %2d directories of uploads",
                heap / 1e6, threads, descriptors, files);
    }
}
