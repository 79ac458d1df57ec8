package dev.weir.examples;

import dev.weir.limiter.LimiterScope;
import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;

/** The mistakes that can be planted, to see how they are found. */
enum Plant {
    LEAK,
    CYCLE;

    static Optional<Plant> named(String option) {
        return Arrays.stream(values())
                .filter(plant -> plant.option().equals(option))
                .findFirst();
    }

    /** All of them, as one may write them on the command line. */
    static String names() {
        return Arrays.stream(values()).map(Plant::option).collect(Collectors.joining("|"));
    }

    String option() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** Makes room for the mistake among the limiters of an application. It is made when it is told to be. */
    Planted in(LimiterScope limiters) {
        return switch (this) {
            case LEAK -> new PlantedLeak(limiters);
            case CYCLE -> new PlantedCycle(limiters);
        };
    }
}
