package dev.weir.limiter.http;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

class AnnouncementTest {

    private final FakeExchange exchange = new FakeExchange();
    private final List<String> heard = new ArrayList<>();

    @Test
    void who_asked_is_told_the_last_first_and_who_asks_later_at_once() {
        Announcement<String> announcement = new Announcement<>();
        announcement.ask(exchange, news -> heard.add("first " + news));
        announcement.ask(exchange, news -> heard.add("second " + news));
        assertThat(announcement.isTold()).isFalse();
        announcement.tell(exchange, "now");
        announcement.tell(exchange, "again");
        announcement.ask(exchange, news -> heard.add("third " + news));
        assertThat(announcement.isTold()).isTrue();
        assertThat(heard).containsExactly("second now", "first now", "third now");
    }

    @Test
    void what_a_callback_throws_keeps_nobody_else_from_being_told() {
        Announcement<String> announcement = new Announcement<>();
        announcement.ask(exchange, heard::add);
        announcement.ask(exchange, news -> {
            throw new StackOverflowError("thrown by a test");
        });
        announcement.tell(exchange, "now");
        assertThat(heard).containsExactly("now");
    }

    @Test
    void not_even_if_it_cannot_be_logged() {
        Exchange nameless = new FakeExchange() {
            @Override
            public String description() {
                throw new IllegalStateException("thrown by a test");
            }
        };
        Announcement<String> announcement = new Announcement<>();
        announcement.ask(nameless, heard::add);
        announcement.ask(nameless, news -> {
            throw new IllegalArgumentException("thrown by a test");
        });
        announcement.tell(nameless, "now");
        assertThat(heard).containsExactly("now");
    }

    @Test
    void a_callback_may_ask() {
        Announcement<String> announcement = new Announcement<>();
        announcement.ask(exchange, news -> announcement.ask(exchange, heard::add));
        announcement.tell(exchange, "now");
        assertThat(heard).containsExactly("now");
    }

    @Test
    void whoever_asks_while_it_is_told_is_told_once() throws Exception {
        int askers = 3;
        int rounds = 5_000;
        ExecutorService threads = Executors.newFixedThreadPool(askers + 1);
        try {
            AtomicIntegerArray told = new AtomicIntegerArray(rounds * askers);
            List<Announcement<Integer>> announcements = new ArrayList<>();
            for (int round = 0; round < rounds; round++) {
                announcements.add(new Announcement<>());
            }
            CyclicBarrier start = new CyclicBarrier(askers + 1);
            List<Future<?>> done = new ArrayList<>();
            for (int asker = 0; asker < askers; asker++) {
                int offset = asker;
                done.add(threads.submit(() -> {
                    start.await(10, TimeUnit.SECONDS);
                    for (int round = 0; round < rounds; round++) {
                        announcements.get(round).ask(exchange, told(told, offset));
                    }
                    return null;
                }));
            }
            done.add(threads.submit(() -> {
                start.await(10, TimeUnit.SECONDS);
                for (int round = 0; round < rounds; round++) {
                    announcements.get(round).tell(exchange, round * askers);
                }
                return null;
            }));
            for (Future<?> each : done) {
                each.get(60, TimeUnit.SECONDS);
            }
            for (int i = 0; i < told.length(); i++) {
                assertThat(told.get(i)).as("callback %s", i).isEqualTo(1);
            }
        } finally {
            threads.shutdownNow();
        }
    }

    private static Consumer<Integer> told(AtomicIntegerArray told, int offset) {
        return base -> told.incrementAndGet(base + offset);
    }
}
