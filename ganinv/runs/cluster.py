"""Ray clusters: connected to, or started on this machine, and what they have room for."""

import contextlib
import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ganinv.errors import EngineError, printable
from ganinv.runs.engines import RayEngine
from ganinv.runs.workers import finds_marker

RAY_EXTRA = "pip install 'ganinv[ray]'"
PASSED_ON = ("GANINV_HOME", "GANINV_ROOT", "PYTHONPATH")  # variables that workers need
QUIET = {  # of Ray itself, where nothing else was asked for
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "1",
}
LOCAL = QUIET | {
    "RAY_raylet_start_wait_time_s": "120",
    "RAY_worker_niceness": "0",  # as a call without an engine
}
TRIES = 3  # to start a local cluster: a busy machine may be too slow for Ray's patience


@contextlib.contextmanager
def connected(
    address: str = "auto",
    *,
    workers: int | None = None,
    cpus_per_worker: int | None = None,
    gpus_per_worker: float | None = None,
    device: str = "auto",
    say: Callable[[str], None] = print,
    finds: Callable[[Path, str], bool] = finds_marker,
) -> Iterator[RayEngine]:
    """Connect to a Ray cluster in a `with` statement; yield the engine for `run_experiment`.

    `address` is HOST:PORT, local for a cluster of this machine alone that ends with the statement,
    or auto: the cluster that this machine belongs to, else a local one. A worker computes on
    `cpus_per_worker` threads, since another number of threads changes last bits: where it is not
    given, on those of a call without an engine, or of the results that are in the folder. `workers`
    are as many as the cluster has room for. `finds` tells whether a worker sees the marker file.
    Raises EngineError where Ray is not installed, cannot be reached, or has no room for a worker.
    """
    try:
        for name, value in (LOCAL if address == "local" else QUIET).items():
            os.environ.setdefault(name, value)
        import ray
        import ray.data  # noqa: F401  (needs pyarrow, which ray alone does not bring)
    except ImportError:
        raise EngineError(f"--engine ray needs Ray: {RAY_EXTRA}") from None
    import torch

    if ray.is_initialized():
        raise EngineError("this process is connected to a Ray cluster already")
    _connect(address, say)
    try:
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        threads = cpus_per_worker or torch.get_num_threads()
        gpus = gpus_per_worker
        if gpus is None:
            has = any(node.get("GPU", 0) >= 1 for node in nodes)
            gpus = 1 if has and device != "cpu" else 0
        given = cpus_per_worker is not None
        cpus = cpus_of(nodes, workers, threads, given=given, say=say)
        room = sum(room_of(node, cpus, gpus) for node in nodes)
        if not room:
            most = {name: max(node.get(name, 0) for node in nodes) for name in ("CPU", "GPU")}
            raise EngineError(
                f"no machine of the cluster has room for a worker of {cpus:g} CPUs and {gpus:g} "
                f"GPUs; the largest have {most['CPU']:g} and {most['GPU']:g}: give "
                "--cpus-per-worker or --gpus-per-worker"
            )
        if workers is not None and workers > room:
            say(f"notice: the cluster has room for {room} of {workers} workers now")
        count = room if workers is None else min(workers, room)
        say(f"Ray: {count} worker{'s' * (count != 1)} of {threads} thread{'s' * (threads != 1)}")
        yield RayEngine(count, cpus, gpus, threads, given, say, finds)
    finally:
        ray.shutdown()


def room_of(node: Mapping[str, float], cpus: float, gpus: float) -> int:
    """How many workers a machine has room for."""
    room = node.get("CPU", 0) / cpus
    return int(min(room, node.get("GPU", 0) / gpus) if gpus else room)


def cpus_of(
    nodes: Sequence[Mapping[str, float]],
    workers: int | None,
    threads: int,
    *,
    given: bool,
    say: Callable[[str], None],
) -> int:
    """Return the CPUs to set aside for a worker: its threads, where they are `given`.

    Else fewer, where as many `workers` are to be placed, or no machine has as many CPUs.
    """
    if given:
        return threads

    def room(cpus):
        return sum(int(node.get("CPU", 0) // cpus) for node in nodes)

    wanted = workers or 1
    cpus = next((cpus for cpus in range(threads, 0, -1) if room(cpus) >= wanted), 1)
    if cpus < threads and room(cpus) >= wanted:
        say(
            f"notice: workers share CPUs, {cpus} for each of {threads} threads, so that the "
            f"results are those of a call without Ray to the bit; --cpus-per-worker {cpus} is "
            "faster, and its last bits differ"
        )
    return cpus


def _connect(address: str, say: Callable[[str], None]) -> None:
    """Connect to a cluster, or start one. Raises EngineError."""
    import ray

    variables = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    options: dict[str, Any] = dict(
        log_to_driver=False,
        logging_level=logging.CRITICAL,
        runtime_env={"env_vars": variables} if variables else None,
    )
    if address != "local":
        try:
            ray.init(address, **options)
            return
        except (ConnectionError, ValueError, RuntimeError) as error:
            if address != "auto" or not isinstance(error, ConnectionError):
                raise EngineError(
                    f"no Ray cluster could be reached at {printable(address)}; look whether it runs"
                    " (ray status), and, where it asks for a token, set RAY_AUTH_MODE=token"
                ) from error
        say("notice: this machine belongs to no Ray cluster; a local one is started")
    for name, value in LOCAL.items():
        os.environ.setdefault(name, value)
    for left in reversed(range(TRIES)):
        try:
            ray.init("local", include_dashboard=False, **options)
            return
        except Exception as error:  # Ray raises a bare Exception where its processes are too slow
            ray.shutdown()
            if not left:
                raise EngineError(f"a local Ray cluster could not be started: {error}") from error
