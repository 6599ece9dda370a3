"""The Ray engine: the photographs of a call are done by the workers of a cluster.

Ray Data hands out the photographs to a pool of actors and reads short outcomes back, so that the
driver keeps little. The workers (`workers.py`) write results and records themselves, on a file
system that all see: the records are the truth here too, the same call goes on from them, and
several drivers may share a folder. A worker that dies costs the photograph that it was at, which
Ray hands out again.
"""

import contextlib
import logging
import math
import os
import pickle
import secrets
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ganinv.errors import EngineError, GaninvError, ParamsError, printable
from ganinv.files import read_json, remove_file, write_text
from ganinv.inversion.params import STARTS
from ganinv.inversion.result import Inversion
from ganinv.runs.describe import describe_seconds
from ganinv.runs.experiment import Work
from ganinv.runs.inputs import Photo, find_photos
from ganinv.runs.names import ENVIRONMENT, lacks
from ganinv.runs.params import Params
from ganinv.runs.plan import Plan
from ganinv.runs.record_files import read_result
from ganinv.runs.records import SETTINGS_KEY
from ganinv.runs.workers import MARKER, Outcome, Setup, Worker, finds_marker, plan_there

BLOCKS = 10_000  # at most that many parts are handed out, which the driver keeps in memory


def _elsewhere(*arguments: Any, **options: Any) -> Inversion:
    raise RuntimeError("the workers search, not the driver")


@dataclass
class RayEngine:
    """A connection to a Ray cluster, and the pool that a call asks for. See `cluster.connected`."""

    workers: int
    cpus: float  # that Ray sets aside for a worker
    gpus: float
    threads: int
    threads_given: bool
    say: Callable[[str], None]
    finds: Callable[[Path, str], bool] = finds_marker
    invert: Callable[..., Inversion] = _elsewhere
    made: dict[str, Any] = field(default_factory=dict)

    def plan(self, params: Params, invert: Callable[..., Inversion]) -> Plan:
        """Settle the parameters on a worker, whose device and weights decide."""
        import ray

        if params.device.startswith("cuda:"):
            raise ParamsError("device: Ray chooses each worker's GPU; give cuda, cpu or auto")
        self.invert = invert
        task = ray.remote(num_cpus=self.cpus, num_gpus=self.gpus, max_retries=0)(plan_there)
        with _ray_errors():
            sent = (params, invert, os.getcwd(), self.threads, sys.argv)
            made = ray.get(task.remote(*sent))
        if isinstance(made, GaninvError):
            raise made
        settled, key, resolution, self.made = made
        return Plan(settled, key, resolution, _elsewhere, lambda: self.made)

    def do_each(self, work: Work, plan: Plan, photos: list[Photo]) -> None:
        """Hand out the photographs; those that another process is at come last."""
        out = work.folder.path.absolute()
        self.take_threads(out, plan)
        token = secrets.token_hex(8)
        marker = out / f"{MARKER}-{token}"
        params = plan.params.model_copy(update={"out": str(out)})
        places: list[Photo] = []  # that starts are found by: those of all shards
        if params.init not in STARTS:
            places = find_photos(params.images, params.align, params.face)
        setup = Setup(
            params,
            plan.key,
            self.invert,
            self.made | {"threads": self.threads},
            places,
            len(photos),
            self.threads,
            work.fresh,
            token,
            self.finds,
            os.getcwd(),
        )
        tally = _Tally(work, self.workers)
        numbered = [(photo, number) for number, photo in enumerate(photos, 1)]
        try:
            write_text(marker, token)
            for wait in (0.0, -1.0):  # seconds, the second time as long as it takes
                for outcome in self._outcomes(numbered, setup, wait):
                    tally.note(outcome)
                left, tally.left = tally.left, set()
                numbered = [(photo, number) for photo, number in numbered if photo.id in left]
                if not numbered:
                    break
                self.say(f"waiting for other processes, which are at {len(numbered)} of the images")
        finally:
            remove_file(marker)

    def take_threads(self, out: Path, plan: Plan) -> None:
        """Take the threads that the folder's results were computed by: others change last bits."""
        try:
            known = read_json(out / ENVIRONMENT)
            before = known["threads"] if known[SETTINGS_KEY] == plan.key else self.threads
        except (OSError, ValueError, LookupError, TypeError):
            return
        if type(before) is not int or before < 1:  # a damaged file
            return
        if before == self.threads or plan.params.device != "cpu":
            return
        if self.threads_given:
            raise ParamsError(
                f"{out} holds results that {before} threads computed, and {self.threads} compute "
                f"other last bits: give --cpus-per-worker {before}, or another --out"
            )
        self.threads = before

    def _outcomes(self, numbered, setup: Setup, wait: float) -> Iterator[Outcome]:
        """Run the pool over photographs and yield what came of each, as it comes.

        Ray Data restarts actors that died, and hands out again what they had, without a limit.
        """
        import ray.data

        items = [pickle.dumps(item) for item in numbered]
        if not items:
            return
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        context.execution_options.preserve_order = False
        logging.getLogger("ray.data").setLevel(logging.CRITICAL)
        with _ray_errors():
            outcomes = (
                ray.data.from_items(items, override_num_blocks=min(len(items), BLOCKS))
                .map_batches(
                    Worker,
                    batch_size=1,
                    fn_constructor_args=(setup, wait),
                    compute=ray.data.ActorPoolStrategy(size=min(self.workers, len(items))),
                    num_cpus=self.cpus,
                    num_gpus=self.gpus or None,
                )
                .iter_rows()
            )
            for row in outcomes:
                yield pickle.loads(row["outcome"])


class _Tally:
    """What the driver keeps of the outcomes: failures, what is left, how long images take."""

    def __init__(self, work: Work, workers: int):
        self.work, self.workers = work, workers
        self.left: set[str] = set()
        self.ended = 0
        self.done = 0
        self.seconds = 0.0

    def note(self, outcome: Outcome) -> None:
        """Take in an outcome. Raises ParamsError for one that concerns the whole call."""
        if outcome.state == "refused":
            raise ParamsError(outcome.reason)
        if outcome.state == "broken":
            raise RuntimeError(f"a worker failed:\n{outcome.reason}")
        if outcome.state == "busy":
            self.left.add(outcome.id)
            return
        work = self.work
        for text in outcome.lines:
            work.say(text)
        self.ended += 1
        head = f"[{self.ended}/{work.count}] {outcome.id}"
        if outcome.state == "failed":
            work.failed[outcome.id] = outcome.reason
            entry = None
        else:
            entry = read_result(work.folder.path, outcome.id)  # which another may do anew
            if entry is not None:
                work.note(outcome.id, entry)
        if outcome.state == "kept":
            work.say(f"{head}: finished earlier, kept{lacks(entry or {}, work.params.keep)}")
            return
        work.changed = True
        self.done, self.seconds = self.done + 1, self.seconds + outcome.seconds
        work.say(f"{head}: {outcome.state}{self._time_left()}")

    def _time_left(self) -> str:
        remaining = self.work.count - self.ended
        if not remaining:
            return ""
        left = self.seconds / self.done * math.ceil(remaining / self.workers)
        return f"  (about {describe_seconds(left)} left for all)"


@contextlib.contextmanager
def _ray_errors() -> Iterator[None]:
    """Turn what Ray raises into a sentence."""
    import ray

    try:
        yield
    except ray.exceptions.RayError as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else ""
        raise EngineError(
            f"Ray could not go on ({type(error).__name__}: {printable(reason)}); what is finished "
            "is kept, and the same command continues"
        ) from error
