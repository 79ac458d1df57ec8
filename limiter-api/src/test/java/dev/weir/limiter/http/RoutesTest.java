package dev.weir.limiter.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class RoutesTest {

    private static ExchangeHandler says(String name) {
        return exchange -> Exchanges.text(exchange, 200, name);
    }

    private static FakeExchange get(Routes routes, String path) {
        FakeExchange exchange = new FakeExchange("GET", path);
        Exchanges.serve(exchange, routes);
        return exchange;
    }

    @Test
    void the_longest_route_that_fits_is_taken() {
        Routes routes = Routes.to("/a", says("a"))
                .and("/a/*", says("below a"))
                .and("/a/b/*", says("below b"))
                .and("/a/b/c", says("c"))
                .and("/a/a/*", says("below a a"));

        assertThat(get(routes, "/a").sent).hasToString("a");
        assertThat(get(routes, "/a/").sent).hasToString("below a");
        assertThat(get(routes, "/a/c").sent).hasToString("below a");
        assertThat(get(routes, "/a/b").sent).hasToString("below a");
        assertThat(get(routes, "/a/b/c").sent).hasToString("c");
        assertThat(get(routes, "/a/b/d").sent).hasToString("below b");
        assertThat(get(routes, "/ab").status()).isEqualTo(404);
        assertThat(get(routes, "/").status()).isEqualTo(404);
    }

    @Test
    void what_fits_no_route_goes_to_the_one_for_others() {
        Routes routes = Routes.to("/a", says("a")).otherwise(says("other"));

        assertThat(get(routes, "/b").sent).hasToString("other");
        assertThat(get(routes, "*").sent).hasToString("other");
    }

    @Test
    void a_path_that_is_none_or_is_taken_is_refused() {
        Routes routes = Routes.to("/a", says("a")).and("/b/*", says("b"));

        assertThatThrownBy(() -> routes.and("a", says("a")))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("'a'");
        assertThatThrownBy(() -> routes.and("/a", says("a")))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("/a");
        assertThatThrownBy(() -> routes.and("/b/*", says("b"))).isInstanceOf(IllegalArgumentException.class);
    }
}
