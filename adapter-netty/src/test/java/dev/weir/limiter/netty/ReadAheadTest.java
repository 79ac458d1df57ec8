package dev.weir.limiter.netty;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.Unpooled;
import io.netty.handler.codec.http.DefaultHttpContent;
import io.netty.handler.codec.http.DefaultHttpRequest;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.LastHttpContent;
import org.junit.jupiter.api.Test;

/** How much is read of a client before anybody wants it. What becomes of it is in the tests of connections. */
class ReadAheadTest {

    private final ReadAhead ahead = new ReadAhead();

    private void addRequest() {
        ahead.add(new DefaultHttpRequest(HttpVersion.HTTP_1_1, HttpMethod.POST, "/"));
    }

    private void addContent(int bytes) {
        ahead.add(new DefaultHttpContent(Unpooled.wrappedBuffer(new byte[bytes])));
    }

    @Test
    void rule_5_5_less_than_16_kib_is_little() {
        addRequest();
        addContent(16 * 1024 - 1);
        assertThat(ahead.isLittle()).isTrue();

        addContent(1);
        assertThat(ahead.isLittle()).isFalse();

        ahead.takeRequest();
        ahead.takeContent().release();
        assertThat(ahead.isLittle()).isTrue();
        ahead.release();
    }

    @Test
    void rule_5_5_fewer_than_64_objects_are_little() {
        for (int i = 0; i < 63; i++) {
            ahead.add(LastHttpContent.EMPTY_LAST_CONTENT);
        }
        assertThat(ahead.isLittle()).isTrue();

        ahead.add(LastHttpContent.EMPTY_LAST_CONTENT);
        assertThat(ahead.isLittle()).isFalse();
    }

    @Test
    void what_was_seen_is_counted_whether_it_was_taken_or_not_and_for_one_request() {
        addRequest();
        ahead.takeRequest();
        addContent(10);
        addContent(20);
        ahead.takeContent().release();
        assertThat(ahead.contentSeen()).isEqualTo(30);

        ahead.add(LastHttpContent.EMPTY_LAST_CONTENT);
        assertThat(ahead.contentArrived()).isTrue();
        assertThat(ahead.dropContent()).isTrue();
        addRequest();
        ahead.takeRequest();

        assertThat(ahead.contentSeen()).isZero();
        assertThat(ahead.contentArrived()).isFalse();
    }

    @Test
    void rule_5_5_content_that_came_in_one_piece_is_one_slice_however_long() {
        addRequest();
        ahead.takeRequest();
        addContent(100_000);

        assertThat(ahead.takeSlice().remaining()).isEqualTo(100_000);

        ahead.release();
        addContent(1);
        ahead.release();
        assertThat(ahead.isEmpty()).isTrue();
    }

    @Test
    void rule_5_1_a_slice_ends_with_its_request() {
        addRequest();
        ahead.takeRequest();
        addContent(10);
        ahead.add(LastHttpContent.EMPTY_LAST_CONTENT);
        addRequest();

        assertThat(ahead.takeSlice().remaining()).isEqualTo(10);

        assertThat(ahead.contentEnded()).isTrue();
        assertThat(ahead.takeRequest().uri()).isEqualTo("/");
    }
}
