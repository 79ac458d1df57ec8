package dev.weir.limiter.netty;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.weir.limiter.http.ExchangeHandler;
import dev.weir.limiter.http.Exchanges;
import dev.weir.limiter.tck.HttpProtocol;
import org.junit.jupiter.api.Test;

class RoutesTest extends ServerTest {

    private static ExchangeHandler says(String name) {
        return exchange -> Exchanges.text(exchange, 200, name);
    }

    @Test
    void the_longest_route_that_fits_is_taken() throws Exception {
        Routes routes = Routes.to("/a", says("a"))
                .and("/a/*", says("below a"))
                .and("/a/b/*", says("below b"))
                .and("/a/b/c", says("c"))
                .and("/a/a/*", says("below a a"));
        RawHttp client = connect(serve(HttpProtocol.HTTP_1_1, routes));

        assertThat(client.get("/a").answer().body()).isEqualTo("a");
        assertThat(client.get("/a/").answer().body()).isEqualTo("below a");
        assertThat(client.get("/a/c").answer().body()).isEqualTo("below a");
        assertThat(client.get("/a/b").answer().body()).isEqualTo("below a");
        assertThat(client.get("/a/b/c?d=/e").answer().body()).isEqualTo("c");
        assertThat(client.get("/a/b/d").answer().body()).isEqualTo("below b");
        assertThat(client.get("/ab").answer().status()).isEqualTo(404);
        assertThat(client.get("/").answer().status()).isEqualTo(404);
    }

    @Test
    void what_fits_no_route_goes_to_the_one_for_others() throws Exception {
        Routes routes = Routes.to("/a", says("a")).otherwise(says("other"));
        RawHttp client = connect(serve(HttpProtocol.HTTP_1_1, routes));

        assertThat(client.get("/b").answer().body()).isEqualTo("other");
        assertThat(client.request("OPTIONS", "*").answer().body()).isEqualTo("other");
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
