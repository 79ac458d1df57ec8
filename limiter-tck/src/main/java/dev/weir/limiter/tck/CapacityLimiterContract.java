package dev.weir.limiter.tck;

/**
 * The contract of a limiter that hands out permits and runs work: sections 1 to 4 of Weir's rules.
 *
 * <p>An implementation proves itself with a test class of a few lines:
 *
 * <pre>{@code
 * class MyLimiterContractTest extends CapacityLimiterContract {
 *     @Override
 *     protected CapacityLimiterBuilder newBuilder(String name) {
 *         return new MyLimiterBuilder(name);
 *     }
 * }
 * }</pre>
 *
 * <p>The limiters it builds must implement {@link dev.weir.limiter.spi.WorkLimiter}. Each test's name begins with the number
 * of the rule it checks, such as {@code rule_1_3_…}.
 */
public abstract class CapacityLimiterContract extends BackgroundRules {

    /** For subclasses. */
    protected CapacityLimiterContract() {}
}
