package dev.weir.limiter.page;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Of 20 seconds: ten columns of two seconds each. */
class PlotTest {

    private static Plot plot(List<Sample> past, Sample now) {
        return new Plot(20, past, now);
    }

    @Test
    void a_column_shows_the_highest_and_is_carried_on() {
        Plot plot = plot(
                List.of(Numbers.sample(4, 3, 0), Numbers.sample(5, 9, 0), Numbers.sample(10, 2, 0)),
                Numbers.sample(19.9, 1, 0));

        assertThat(plot.columns(Sample::inUse)).containsExactly(-1, -1, 9, 9, 9, 2, 2, 2, 2, 1);
    }

    @Test
    void what_is_older_is_left_out() {
        Plot plot = plot(List.of(Numbers.sample(1, 7, 0)), Numbers.sample(100, 1, 0));

        assertThat(Plot.highest(plot.columns(Sample::inUse))).isEqualTo(1);
    }

    @Test
    void growth_is_by_the_second() {
        Plot plot = plot(
                List.of(Numbers.sample(14, 0, 10), Numbers.sample(15, 0, 10), Numbers.sample(17, 0, 16)),
                Numbers.sample(18.5, 0, 16));

        assertThat(plot.growth(Sample::refused)).containsExactly(-1, -1, -1, -1, -1, -1, -1, 0, 3, 0);
    }

    @Test
    void nothing_and_zeros_are_drawn_without_a_line() {
        String svg = plot(List.of(), Numbers.sample(19, 0, 0)).svg(new double[10]);

        assertThat(svg).contains("x=\"0\" width=\"10\"").doesNotContain("NaN", "<path");
    }

    @Test
    void a_line_goes_from_value_to_value() {
        Plot plot = plot(List.of(Numbers.sample(0, 20, 0), Numbers.sample(10, 40, 0)), Numbers.sample(19, 0, 0));

        String svg = plot.svg(plot.columns(Sample::inUse), plot.columns(Sample::capacity), 40);

        assertThat(svg)
                .contains("<path class=\"area\" d=\"M0 40V21.0H5V2.0H9V40.0H10V40\"/>")
                .contains("<path class=\"limit\" d=\"M0 2.0H10\"/>");
    }

    @Test
    void a_history_keeps_the_latest_and_never_more() {
        History history = new History(3);
        for (int second = 0; second < 10; second++) {
            history.add(Numbers.sample(second, second, 0));
        }

        assertThat(history.samples()).extracting(Sample::inUse).containsExactly(7, 8, 9);
    }

    @Test
    void rates_are_those_of_the_last_ten_seconds() {
        List<Sample> past = new ArrayList<>();
        for (int second = 0; second <= 30; second++) {
            past.add(Numbers.sample(second, 0, second < 20 ? 1000 : 1000 + 5L * (second - 20)));
        }

        assertThat(Rates.of(past, Numbers.sample(30, 0, 1050)).refused()).isEqualTo(5);
        assertThat(Rates.of(List.of(), Numbers.sample(30, 0, 1050)).refused()).isZero();
    }
}
