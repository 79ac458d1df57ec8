package dev.weir.limiter.spi;

import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Keeps threads that serve many connections from being blocked by one of them. A limiter {@linkplain #check asks} before it
 * does anything that may block, whether or not it would have to wait this time: a mistake that only shows under load is found by
 * the first request.
 *
 * <p>Two kinds of thread must not block:
 *
 * <ul>
 *   <li>event loops and selector threads of known servers, recognised by the method they run in all their lives: Netty (and what
 *       is built on it, relocated copies too), XNIO of Undertow, the poller and acceptor of Tomcat; and threads that Reactor
 *       marks as non-blocking
 *   <li>whatever thread is {@linkplain #forbid at the moment} in a place that must not block, such as a portable handler of
 *       requests. Servers that use one pool for everything, Jetty above all, have no other way to tell
 * </ul>
 *
 * <p>A thread is looked at once, when it first asks; after that, asking costs one read of a thread-local. Thread-safe.
 */
public final class BlockingGuard {

    /** Classes whose {@code run} is an event loop, without the prefix of a relocated copy. */
    private static final Set<String> LOOPS = Set.of(
            "io.netty.channel.SingleThreadIoEventLoop", // Netty 4.2, any transport
            "io.netty.channel.nio.NioEventLoop", // Netty 4.1, as the next three
            "io.netty.channel.epoll.EpollEventLoop",
            "io.netty.channel.kqueue.KQueueEventLoop",
            "io.netty.channel.DefaultEventLoop",
            "org.xnio.nio.WorkerThread",
            "org.apache.tomcat.util.net.NioEndpoint$Poller",
            "org.apache.tomcat.util.net.Acceptor");

    private static final String REACTOR = "reactor.core.scheduler.NonBlocking";
    private static final String VIRTUAL = "java.lang.VirtualThread";

    /**
     * Of a thread: a Boolean, whether it may block, as was found out; or a String, what it is doing at the moment that must not
     * block. Nothing of ours is left in threads of a server that outlives us.
     */
    private static final ThreadLocal<@Nullable Object> KNOWN = new ThreadLocal<>();

    private BlockingGuard() {}

    /**
     * Refuses a thread that must not block. Otherwise does nothing.
     *
     * @param limiterName the limiter that is about to be asked
     * @throws IllegalStateException when the calling thread must not block; the message names thread, reason and limiter, and
     *     says what to call instead
     */
    public static void check(String limiterName) {
        if (!Boolean.TRUE.equals(KNOWN.get())) {
            find(limiterName);
        }
    }

    private static void find(String limiterName) {
        if (KNOWN.get() instanceof String doing) {
            throw refusal(limiterName, doing);
        }
        // Known event loops are looked at again: a thread of a pool may have been one for a time.
        String loop = lookAt(Thread.currentThread());
        if (!Thread.currentThread().getClass().getName().equals(VIRTUAL)) { // there are too many, for too short a time
            KNOWN.set(loop == null);
        }
        if (loop != null) {
            throw refusal(limiterName, "it is an event loop (" + loop + ")");
        }
    }

    private static @Nullable String lookAt(Thread thread) {
        if (isReactors(thread.getClass())) {
            return REACTOR;
        }
        return StackWalker.getInstance()
                .walk(frames -> frames.filter(
                                frame -> frame.getMethodName().equals("run") && isLoop(frame.getClassName()))
                        .map(StackWalker.StackFrame::getClassName)
                        .findFirst()
                        .orElse(null));
    }

    private static boolean isReactors(Class<?> type) {
        for (Class<?> top = type; top != null; top = top.getSuperclass()) {
            for (Class<?> direct : top.getInterfaces()) {
                if (direct.getName().equals(REACTOR)) {
                    return true;
                }
            }
        }
        return false;
    }

    private static boolean isLoop(String className) {
        for (String loop : LOOPS) {
            if (className.endsWith(loop)
                    && (className.length() == loop.length()
                            || className.charAt(className.length() - loop.length() - 1) == '.')) {
                return true;
            }
        }
        return false;
    }

    private static IllegalStateException refusal(String limiterName, String why) {
        return new IllegalStateException(String.format(
                Locale.ROOT,
                "Thread '%s' must not block: %s. It asked limiter '%s' in a way that may block; use acquireAsync(),"
                        + " tryAcquire() or Limiters.run(limiter, work) here instead",
                Thread.currentThread().getName(),
                why,
                limiterName));
    }

    /**
     * Forbids the calling thread to block until the returned scope is closed, on the same thread.
     *
     * @param doing what the thread is doing meanwhile, for the message of an error: "it is …"
     * @return ends the ban, and brings back what was known before
     */
    public static Ban forbid(String doing) {
        Object before = KNOWN.get();
        KNOWN.set(doing);
        return () -> KNOWN.set(before);
    }

    /** A stretch of time in which a thread must not block. */
    @FunctionalInterface
    public interface Ban extends AutoCloseable {
        /** Ends it. */
        @Override
        void close();
    }
}
