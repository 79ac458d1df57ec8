package dev.weir.examples;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.LimiterScope;
import dev.weir.limiter.Limiters;
import dev.weir.limiter.Permit;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/** Permits that are not closed: one is kept, another dropped. Made twice, it leaves none for those who do it right. */
final class PlantedLeak implements Planted {

    static final String LIMITER = "partner";
    static final int CAPACITY = 4;

    private final CapacityLimiter partner;
    private final List<Permit> kept = new CopyOnWriteArrayList<>();

    PlantedLeak(LimiterScope limiters) {
        partner = limiters.limiter(LIMITER, CAPACITY);
    }

    @Override
    @SuppressWarnings("FutureReturnValueIgnored") // of somebody who waits because of the others
    public void make() {
        keep();
        drop();
        Limiters.run(partner, () -> {});
    }

    private void keep() {
        partner.tryAcquire().ifPresent(kept::add);
    }

    private void drop() {
        partner.tryAcquire();
    }

    @Override
    public void close() {
        kept.forEach(Permit::close);
        kept.clear();
    }
}
