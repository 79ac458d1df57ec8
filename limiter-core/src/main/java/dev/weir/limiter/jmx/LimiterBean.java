package dev.weir.limiter.jmx;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.LimiterStatistics;
import dev.weir.limiter.PermitHolder;
import dev.weir.limiter.RefusalReason;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/** What the MBean server asks. */
final class LimiterBean implements LimiterMXBean {

    private final CapacityLimiter limiter;
    private final String role;

    LimiterBean(CapacityLimiter limiter, String role) {
        this.limiter = limiter;
        this.role = role;
    }

    private LimiterStatistics now() {
        return limiter.statistics();
    }

    @Override
    public String getName() {
        return limiter.name();
    }

    @Override
    public String getRole() {
        return role;
    }

    @Override
    public int getCapacity() {
        return limiter.capacity();
    }

    @Override
    public void setCapacity(int capacity) {
        try {
            limiter.resize(capacity);
        } catch (IllegalArgumentException e) { // of the JDK's own, so that every console can show it
            throw new IllegalArgumentException("Limiter '" + limiter.name() + "': " + e.getMessage());
        }
    }

    @Override
    public int getInUse() {
        return now().inUse();
    }

    @Override
    public int getAvailable() {
        return now().available();
    }

    @Override
    public int getWaiting() {
        return now().waiting();
    }

    @Override
    public int getMaxWaiting() {
        return now().maxWaiting();
    }

    @Override
    public long getOldestWaitMillis() {
        return now().oldestWait().toMillis();
    }

    @Override
    public long getAcquired() {
        return now().acquired();
    }

    @Override
    public long getReleased() {
        return now().released();
    }

    @Override
    public Map<String, Long> getRefused() {
        LimiterStatistics now = now();
        Map<String, Long> refused = new LinkedHashMap<>();
        for (RefusalReason reason : RefusalReason.values()) {
            refused.put(reason.name().toLowerCase(Locale.ROOT), now.refused(reason));
        }
        return refused;
    }

    @Override
    public long getWithdrawn() {
        return now().withdrawn();
    }

    @Override
    public long getAbandoned() {
        return now().abandoned();
    }

    @Override
    public long getLeaked() {
        return now().leaked();
    }

    @Override
    public String[] getHolders() {
        return limiter.holders().stream().map(PermitHolder::toString).toArray(String[]::new);
    }

    @Override
    public boolean isClosed() {
        return limiter.isClosed();
    }

    @Override
    public String getSummary() {
        return now().summary();
    }
}
