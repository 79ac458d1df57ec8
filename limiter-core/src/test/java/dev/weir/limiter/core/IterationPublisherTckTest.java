package dev.weir.limiter.core;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.Limiters;
import java.util.concurrent.Flow;
import java.util.stream.IntStream;
import org.reactivestreams.tck.TestEnvironment;
import org.reactivestreams.tck.flow.FlowPublisherVerification;

/** Rule 3.5. Run by TestNG, which the Reactive Streams TCK is written for. */
@SuppressWarnings("exports") // nobody requires a test module
public class IterationPublisherTckTest extends FlowPublisherVerification<Integer> {

    private static final long TIMEOUT_MILLIS = 2_000;
    private static final long NO_SIGNAL_MILLIS = 50;

    private final CapacityLimiter limiter = CapacityLimiter.of("tck", 4);

    public IterationPublisherTckTest() {
        super(new TestEnvironment(TIMEOUT_MILLIS, NO_SIGNAL_MILLIS));
    }

    @Override
    public Flow.Publisher<Integer> createFlowPublisher(long elements) {
        Iterable<Integer> items = () -> elements == Long.MAX_VALUE
                ? IntStream.iterate(0, i -> i + 1).iterator()
                : IntStream.range(0, (int) Math.min(elements, Integer.MAX_VALUE))
                        .iterator();
        return Limiters.iterate(limiter, items);
    }

    /** Not applicable: a source is opened on the first demand and not before, so nothing can fail earlier. */
    @Override
    @SuppressWarnings("NullAway") // the kit's way of saying so
    public Flow.Publisher<Integer> createFailedFlowPublisher() {
        return null;
    }
}
