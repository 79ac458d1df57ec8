package dev.weir.limiter.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class HeadersTest {

    @Test
    void fields_keep_their_order_and_may_come_twice() {
        Headers headers = Headers.of("A", "1").and("B", "2").and("a", "3");
        List<String> seen = new ArrayList<>();
        headers.forEach((name, value) -> seen.add(name + "=" + value));
        assertThat(seen).containsExactly("A=1", "B=2", "a=3");
        assertThat(headers.first("A")).hasValue("1");
        assertThat(headers.first("b")).hasValue("2");
        assertThat(headers.first("c")).isEmpty();
    }

    @Test
    void headers_do_not_change() {
        Headers headers = Headers.of("A", "1");
        headers.and("B", "2");
        assertThat(headers.first("B")).isEmpty();
        assertThat(headers.orElse("a", "2")).isSameAs(headers);
        assertThat(headers.orElse("B", "2").first("b")).hasValue("2");
    }

    @Test
    void names_are_tokens_and_nothing_else() {
        for (char c = 0; c < 0x200; c++) {
            boolean letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
            String name = "x" + c;
            if (letter || "!#$%&'*+-.^_`|~".indexOf(c) >= 0) {
                assertThat(Headers.of(name, "").first(name)).hasValue("");
            } else {
                assertThatIllegalArgumentException()
                        .as("character %d", (int) c)
                        .isThrownBy(() -> Headers.of(name, "1"))
                        .withMessageStartingWith("name: ");
            }
        }
        assertThatIllegalArgumentException().isThrownBy(() -> Headers.of("", "1"));
    }

    @Test
    void values_have_no_line_ends_and_fit_into_bytes() {
        for (char c = 0; c < 0x200; c++) {
            String value = "x" + c;
            if (c == '\t' || (c >= 0x20 && c <= 0xff && c != 0x7f)) {
                assertThat(Headers.of("A", value).first("a")).hasValue(value);
            } else {
                assertThatIllegalArgumentException()
                        .as("character %d", (int) c)
                        .isThrownBy(() -> Headers.of("A", value))
                        .withMessageStartingWith("value of A: ");
            }
        }
    }
}
