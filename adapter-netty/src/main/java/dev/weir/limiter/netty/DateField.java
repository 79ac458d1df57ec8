package dev.weir.limiter.netty;

import io.netty.handler.codec.DateFormatter;
import io.netty.util.AsciiString;
import java.util.Date;
import org.jspecify.annotations.Nullable;

/** The value of the header field Date, made once a second: it is more than half of the work of making a head. */
@SuppressWarnings("JavaUtilDate") // Netty's form of it
final class DateField {

    private record Second(long number, CharSequence text) {}

    private static volatile @Nullable Second last;

    private DateField() {}

    static CharSequence now() {
        long millis = System.currentTimeMillis();
        long number = millis / 1000;
        Second second = last;
        if (second == null || second.number != number) {
            second = new Second(number, new AsciiString(DateFormatter.format(new Date(millis))));
            last = second;
        }
        return second.text;
    }
}
