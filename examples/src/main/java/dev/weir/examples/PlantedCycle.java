package dev.weir.examples;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.LimiterScope;
import dev.weir.limiter.Limiters;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** An order holds the only permit of one limiter and waits for the other's; a delivery does it the other way round. */
final class PlantedCycle implements Planted {

    static final String ORDERS = "orders";
    static final String STOCK = "stock";

    private final CapacityLimiter orders;
    private final CapacityLimiter stock;

    PlantedCycle(LimiterScope limiters) {
        orders = limiters.limiter(ORDERS, 1);
        stock = limiters.limiter(STOCK, 1);
    }

    @Override
    @SuppressWarnings("FutureReturnValueIgnored") // one of them fails, and the report says why
    public void make() {
        CountDownLatch bothRun = new CountDownLatch(2);
        Limiters.run(orders, () -> order(bothRun));
        Limiters.run(stock, () -> deliver(bothRun));
    }

    private Void order(CountDownLatch bothRun) throws InterruptedException {
        meet(bothRun);
        return Limiters.run(stock, PlantedCycle::work).join();
    }

    private Void deliver(CountDownLatch bothRun) throws InterruptedException {
        meet(bothRun);
        return Limiters.run(orders, PlantedCycle::work).join();
    }

    private static Void work() {
        return null;
    }

    /** Each has its permit before it asks for the other's, unless somebody else is in between. */
    private static void meet(CountDownLatch bothRun) throws InterruptedException {
        bothRun.countDown();
        bothRun.await(1, TimeUnit.SECONDS);
    }

    @Override
    public void close() {}
}
