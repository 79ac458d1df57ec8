package dev.weir.limiter.page;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.LimiterStatistics;
import dev.weir.limiter.PermitHolder;
import dev.weir.limiter.RefusalReason;
import java.time.Instant;
import java.util.List;
import java.util.Locale;
import java.util.OptionalLong;
import java.util.function.ToLongFunction;

/** What there is to see, for machines. The format is told in the documentation of {@link LimitsPage}. */
final class JsonView {

    private static final long MILLI = 1_000_000;

    private final Json json = new Json();

    static String of(String scope, Instant at, List<Look> looks) {
        JsonView view = new JsonView();
        view.json.open('{').name("scope").value(scope).name("at").value(at.toString());
        view.json.name("limiters").open('[');
        looks.forEach(view::limiter);
        return view.json.close(']').close('}') + "\n";
    }

    private void limiter(Look look) {
        LimiterStatistics now = look.now();
        boolean unlimited = now.capacity() == CapacityLimiter.UNLIMITED;
        json.open('{');
        json.name("name").value(now.limiterName());
        json.name("role").value(look.role());
        json.name("state").value(look.state().word());
        json.name("capacity").value(unlimited ? OptionalLong.empty() : OptionalLong.of(now.capacity()));
        json.name("inUse").value(now.inUse());
        json.name("available").value(unlimited ? OptionalLong.empty() : OptionalLong.of(now.available()));
        json.name("waiting").value(now.waiting());
        json.name("maxWaiting").value(now.maxWaiting());
        json.name("oldestWaitMillis").value(now.oldestWait().toMillis());
        json.name("waitP99Millis").value(millis(look.waitP99()));
        json.name("acquired").value(now.acquired());
        json.name("released").value(now.released());
        json.name("refused").open('{');
        for (RefusalReason reason : RefusalReason.values()) {
            json.name(key(reason)).value(now.refused(reason));
        }
        json.close('}');
        json.name("withdrawn").value(now.withdrawn());
        json.name("abandoned").value(now.abandoned());
        json.name("leaked").value(now.leaked());
        json.name("perSecond").open('{');
        json.name("acquired").value(look.rates().acquired());
        json.name("refused").value(look.rates().refused());
        json.close('}');
        json.name("tracksHolders").value(!look.untracked());
        json.name("holders").open('[');
        look.holders().forEach(this::holder);
        json.close(']');
        history(look);
        json.close('}');
    }

    private static OptionalLong millis(OptionalLong nanos) {
        return nanos.isPresent() ? OptionalLong.of(nanos.getAsLong() / MILLI) : nanos;
    }

    private void holder(PermitHolder holder) {
        json.open('{');
        json.name("thread").value(holder.threadName());
        json.name("ageMillis").value(holder.age().toMillis());
        json.name("overdue").value(holder.overdue());
        stack("askedAt", holder.askedAt());
        stack("nowAt", holder.nowAt());
        json.close('}');
    }

    private void stack(String name, List<StackTraceElement> frames) {
        json.name(name).open('[');
        frames.forEach(frame -> json.value(frame.toString()));
        json.close(']');
    }

    private void history(Look look) {
        json.name("history").open('{');
        long now = look.latest().nanos();
        column("millisAgo", look, sample -> (now - sample.nanos()) / MILLI);
        column("inUse", look, Sample::inUse);
        column("waiting", look, Sample::waiting);
        column("acquired", look, Sample::acquired);
        column("refused", look, Sample::refused);
        json.close('}');
    }

    private void column(String name, Look look, ToLongFunction<Sample> number) {
        json.name(name).open('[');
        look.samples().forEach(sample -> json.value(number.applyAsLong(sample)));
        json.close(']');
    }

    /** Such as queueFull. */
    private static String key(RefusalReason reason) {
        StringBuilder key = new StringBuilder();
        boolean upper = false;
        for (char c : reason.name().toCharArray()) {
            if (c != '_') {
                key.append(upper ? c : String.valueOf(c).toLowerCase(Locale.ROOT));
            }
            upper = c == '_';
        }
        return key.toString();
    }
}
