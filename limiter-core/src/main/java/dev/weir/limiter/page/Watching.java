package dev.weir.limiter.page;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.LimiterScope;
import dev.weir.limiter.Registration;
import dev.weir.limiter.ScopeListener;
import dev.weir.limiter.core.watch.Roles;
import java.lang.System.Logger.Level;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * Watches the limiters of a scope, also those that are declared later, until it is closed or the scope is. A single daemon
 * thread looks once a second, and runs what is {@linkplain #ask handed} to it.
 *
 * <p>Limiters may be anybody's: none of their methods is called under our lock.
 */
final class Watching implements AutoCloseable {

    private static final System.Logger LOGGER = System.getLogger("dev.weir.limiter");
    private static final int SLICE_SECONDS = 60 / WaitHistogram.SLICES;

    /** More than this are no operators, or the thread is stuck. */
    static final int MOST_ASKED = 32;

    private final LimiterScope scope;
    private final int samples;
    private final ScheduledThreadPoolExecutor thread = new ScheduledThreadPoolExecutor(1, Watching::daemon);
    private final List<Watched> limiters = new ArrayList<>(); // by their numbers; guarded by this
    private final Set<CapacityLimiter> known = Collections.newSetFromMap(new IdentityHashMap<>()); // guarded by this
    private final AtomicInteger asked = new AtomicInteger();
    private int made; // guarded by this
    private boolean closed; // guarded by this
    private int ticks; // of the one thread
    private Registration listening = () -> {};

    private Watching(LimiterScope scope, int samples) {
        this.scope = scope;
        this.samples = samples;
    }

    static Watching of(LimiterScope scope, int samples) {
        Watching watching = new Watching(scope, samples);
        try {
            watching.begin();
            return watching;
        } catch (Throwable e) { // no thread to be had, say
            watching.close();
            throw e;
        }
    }

    @SuppressWarnings("FutureReturnValueIgnored") // a tick tells of its failures itself, and ends with the thread
    private void begin() {
        Registration registration = scope.listen(new ScopeListener() {
            @Override
            public void added(CapacityLimiter limiter) {
                add(limiter);
            }

            @Override
            public void closed() {
                close();
            }
        });
        synchronized (this) {
            listening = registration;
        }
        scope.limiters().forEach(this::add);
        synchronized (this) {
            if (!closed) {
                thread.scheduleWithFixedDelay(this::tick, 1, 1, TimeUnit.SECONDS);
            }
        }
    }

    private static Thread daemon(Runnable work) {
        Thread thread = new Thread(work, "weir-limits-page");
        thread.setDaemon(true);
        return thread;
    }

    private void add(CapacityLimiter limiter) {
        int number;
        synchronized (this) {
            if (closed || !known.add(limiter)) {
                return;
            }
            number = made++;
        }
        Watched watched = null;
        boolean kept = false;
        try {
            watched = new Watched(number, limiter, Roles.of(scope, limiter), samples);
            watched.sample();
            kept = keep(watched);
        } finally {
            if (!kept) {
                forget(limiter, watched);
            }
        }
    }

    private void forget(CapacityLimiter limiter, @Nullable Watched watched) {
        synchronized (this) {
            known.remove(limiter);
        }
        if (watched != null) {
            watched.close();
        }
    }

    /** False when nobody looks any more. */
    private synchronized boolean keep(Watched watched) {
        if (closed) {
            return false;
        }
        limiters.add(watched);
        limiters.sort(Comparator.comparingInt(Watched::number)); // two may be added at once
        return true;
    }

    private synchronized List<Watched> limiters() {
        return List.copyOf(limiters);
    }

    private void tick() {
        try {
            ticks++;
            for (Watched watched : limiters()) {
                watched.sample();
                if (ticks % SLICE_SECONDS == 0) {
                    watched.advance();
                }
            }
            forgetOver();
        } catch (Throwable e) { // whatever it is, the next look may fare better
            LOGGER.log(
                    Level.ERROR, "Unexpected failure while looking at the limiters of scope '" + scope.name() + "'", e);
        }
    }

    private void forgetOver() {
        List<Watched> over = limiters().stream().filter(Watched::isOver).toList();
        over.forEach(Watched::close);
        synchronized (this) {
            limiters.removeAll(over);
            over.forEach(watched -> known.remove(watched.limiter()));
        }
    }

    String scopeName() {
        return scope.name();
    }

    /** Looks at all limiters, in the order in which they were declared. */
    List<Look> look() {
        return limiters().stream()
                .filter(watched -> !watched.isOver())
                .map(Watched::look)
                .toList();
    }

    /** The limiters of a name: usually one or none. */
    List<CapacityLimiter> named(String name) {
        return limiters().stream()
                .map(Watched::limiter)
                .filter(limiter -> limiter.name().equals(name))
                .toList();
    }

    List<String> names() {
        return limiters().stream().map(watched -> watched.limiter().name()).toList();
    }

    /**
     * Runs something on the thread that looks; on the calling thread once nobody looks any more.
     *
     * @return false when there is too much to do already
     */
    boolean ask(Runnable task) {
        if (asked.incrementAndGet() > MOST_ASKED) {
            asked.decrementAndGet();
            return false;
        }
        Runnable counted = () -> {
            try {
                task.run();
            } finally {
                asked.decrementAndGet();
            }
        };
        try {
            thread.execute(counted);
        } catch (RejectedExecutionException e) {
            counted.run();
        }
        return true;
    }

    @Override
    public void close() {
        Registration registration;
        List<Watched> watched;
        synchronized (this) {
            closed = true;
            registration = listening;
            watched = List.copyOf(limiters);
        }
        registration.close();
        watched.forEach(Watched::close);
        thread.shutdown();
    }
}
