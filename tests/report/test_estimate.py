"""The time a report takes, by a clock that is set: known answers, and the words."""

import io
import sys

import pytest

from ganinv.report.estimate import (
    Estimate,
    Part,
    Watched,
    tell_left,
    tell_seconds,
    tell_whole,
    watch,
)


class Clock:
    """Seconds that are set."""

    now = 100.0

    def __call__(self):
        return self.now


def image(page, kind, seconds):
    return Part(page, kind, seconds, True)


def parts():
    return [
        Part("a", "notebook", 10),
        image("a", "L2", 100),
        image("a", "L2", 100),
        Part("b", "notebook", 10),
        image("b", "L2", 100),
        image("b", "LPIPS", 400),
    ]


@pytest.fixture
def clock():
    return Clock()


def test_at_the_start_all_is_left(clock):
    estimate = Estimate(parts(), clock)
    assert estimate.seconds == estimate.left() == 720


def test_what_runs_counts_down_but_not_below_nothing(clock):
    estimate = Estimate(parts(), clock)
    clock.now += 4
    assert estimate.left() == 716
    clock.now += 1000
    assert estimate.left() == 710


def test_a_kind_that_takes_twice_as_long_is_corrected_for_itself_and_others(clock):
    estimate = Estimate(parts(), clock)
    clock.now += 10  # the notebook began as estimated
    estimate.begin_image("a")
    clock.now += 200
    estimate.begin_image("a")
    # two of L2 at 200, a notebook at 10, and LPIPS by what was measured in all: 210 of 110 seconds
    assert estimate.left() == pytest.approx(2 * 200 + 10 + 400 * 210 / 110)
    clock.now += 200
    estimate.finish_page("a")
    assert estimate.left() == pytest.approx(10 + 200 + 400 * 410 / 210)


def test_little_corrects_no_other_kind(clock):
    estimate = Estimate(parts(), clock)
    clock.now += 30  # a notebook of 10 seconds, of 720 in all
    estimate.begin_image("a")
    assert estimate.left() == 100 + 100 + 30 + 100 + 400


def test_pages_that_are_made_leave_nothing(clock):
    estimate = Estimate(parts(), clock)
    clock.now += 210
    estimate.finish_page("a")
    assert estimate.left() == pytest.approx(510)
    clock.now += 510
    estimate.finish_page("b")
    assert estimate.left() == 0
    estimate.finish_page("b")
    estimate.begin_image("b")
    assert estimate.left() == 0


def test_what_is_finished_counts_nothing_and_corrects_nothing(clock):
    estimate = Estimate([image("a", "L2", 0.0)] * 3 + [image("a", "L2", 60.0)], clock)
    for _ in range(4):
        clock.now += 0.5
        estimate.begin_image("a")
    assert estimate.seconds == estimate.left() == 60


def test_more_images_than_were_estimated_do_no_harm(clock):
    estimate = Estimate(parts(), clock)
    for _ in range(9):
        estimate.begin_image("a")
    assert estimate.left() <= 100 + 10 + 500


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "1 second"),
        (1.2, "1 second"),
        (40, "40 seconds"),
        (89, "89 seconds"),
        (95, "2 minutes"),
        (2580, "43 minutes"),
        (3590, "1 h 0 min"),
        (4800, "1 h 20 min"),
    ],
)
def test_durations_in_words(seconds, words):
    assert tell_seconds(seconds) == words


def test_the_whole_is_told_with_its_longest_pages(clock):
    estimate = Estimate([*parts(), Part("c", "x", 60), Part("d", "x", 1)], clock)
    titles = {"a": "W, L2", "b": "W+, L2", "c": "Edits", "d": "Benchmarks"}
    assert tell_whole(estimate, titles) == (
        "about 13 minutes on this machine (W+, L2: 8 minutes; W, L2: 4 minutes; Edits: 60 seconds; "
        "other pages less)"
    )
    assert tell_left(estimate) == "about 13 minutes left in all"


def test_lines_of_images_are_followed_by_the_time_left_once_a_minute(clock):
    estimate, stream = Estimate(parts(), clock), io.StringIO()
    watched = Watched(stream, estimate, "a")
    clock.now += 10
    watched.write("[1/2] first\nnotice: some")
    clock.now += 100
    watched.write("thing\n[2/")
    watched.write("2] second\n")
    told = stream.getvalue().splitlines()
    assert told[:3] == ["[1/2] first", "notice: something", "[2/2] second"]
    assert told[3:] == ["   about 10 minutes left in all"]


def test_waiting_for_another_process_begins_no_image(clock):
    estimate, stream = Estimate(parts(), clock), io.StringIO()
    watched = Watched(stream, estimate, "a")
    watched.write("[1/2] first: another process is doing it\n")
    watched.write("[1/2] first: waiting for the other process\n")
    assert estimate.begun == -1
    watched.write("[2/2] another process\n")
    assert estimate.begun == 1


def test_a_finished_image_among_others_counts_nothing(clock):
    estimate, stream = Estimate(parts(), clock), io.StringIO()
    watched = Watched(stream, estimate, "a")
    clock.now += 10
    watched.write("[1/4] first: finished earlier, kept (without pictures)\n[2/4] second\n")
    clock.now += 100
    watched.write("[3/4] third: finished earlier, kept\n[4/4] fourth\n")
    assert estimate.left() == pytest.approx(100 + 10 + 500)
    clock.now += 100
    estimate.finish_page("a")
    assert estimate.left() == pytest.approx(510)


def test_a_page_is_watched_and_told_after(clock, capsys):
    estimate, before = Estimate(parts(), clock), sys.stdout
    with watch(estimate, "a"):
        print("[1/2] first")
        clock.now += 210
    assert sys.stdout is before
    assert capsys.readouterr().out == "[1/2] first\n   about 8 minutes left in all\n"
    with watch(estimate, "b"):
        clock.now += 500
    with watch(None, "c"):
        print("as it is")
    assert capsys.readouterr().out == "as it is\n"
