"""A measurement: a process of its own, a warm-up apart."""

import os

import pytest

from ganinv.bench.measure import in_a_process, time_steps


def test_steps_are_counted_after_the_warm_up():
    calls = []
    timed = time_steps(lambda: calls.append(1), 4, "cpu", started=0.0)
    assert len(timed["all_seconds"]) == 4 and len(calls) == 4 + 2


def test_a_process_that_is_killed_is_named():
    with pytest.raises(MemoryError, match="measured batch 7 was killed"):
        in_a_process("batch 7", os._exit, 1)
