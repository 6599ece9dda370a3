"""The environment of a result, and the machine in it."""

import os

from ganinv.runs.environment import describe_machine, environment
from ganinv.runs.params import Params


def test_environments_and_benchmarks_name_the_same_machine():
    machine, about = describe_machine("cpu"), environment(Params(device="cpu"), {})
    assert machine["device"] and about["device_name"] == (
        f"{machine['device']}, {os.cpu_count()} cores"
    )
    for key, other in {"python": "python", "platform": "system", "threads": "threads"}.items():
        assert about[key] == machine[other]
    assert about["date"].startswith(machine["date"])
