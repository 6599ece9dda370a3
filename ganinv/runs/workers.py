"""A worker of an engine: does photographs into the folder of a run, wherever its process is.

It does one as `run_experiment` does it in one process: it takes its lock, searches, writes its
folder and its record. What it returns is short. Before it begins one it adds a byte to a file in
the photograph's folder: a photograph that has ended DEATHS workers is recorded as failed.
"""

import contextlib
import dataclasses
import functools
import os
import pickle
import socket
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from ganinv.errors import GaninvError, InUseError, ParamsError, WriteError, printable
from ganinv.files import remove_file
from ganinv.inversion.result import Inversion
from ganinv.runs.experiment import Work, marks_of, note_environment_of
from ganinv.runs.folder import RunFolder
from ganinv.runs.inputs import Photo
from ganinv.runs.names import RECORD
from ganinv.runs.params import Params
from ganinv.runs.plan import make_plan
from ganinv.runs.record_files import read_result
from ganinv.runs.starts import starts_of

DEATHS = 3  # of workers, after which a photograph is recorded as failed
MARKER = ".shared"  # the file that every worker must find in the folder of results
PATIENCE = 10.0  # seconds until a file that one machine wrote is seen by all, as on NFS
ATTEMPTS = ".attempts"  # in a photograph's folder: a byte for each worker that has begun it


@dataclass(frozen=True)
class Setup:
    """What a worker is told once: the call's settled parameters, its folder, its threads."""

    params: Params
    key: str
    invert: Callable[..., Inversion]
    environment: dict[str, Any]
    photos: list[Photo]  # of all shards, where starts go by their number; else none
    count: int
    threads: int
    fresh: bool
    token: str  # of this call, in the marker file and in the names of attempts
    finds: Callable[[Path, str], bool]
    here: str  # the driver's working folder


@dataclass(frozen=True)
class Outcome:
    """What came of a photograph: done, kept, failed, busy (another process has it) or refused."""

    id: str
    state: str
    reason: str = ""
    seconds: float = 0.0
    lines: list[str] = field(default_factory=list)


def finds_marker(folder: Path, token: str, *, patience: float = PATIENCE) -> bool:
    """Tell whether this process sees the marker file that the driver wrote into `folder`."""
    until = time.monotonic() + patience
    while True:
        with contextlib.suppress(OSError):
            if (folder / f"{MARKER}-{token}").read_text(encoding="utf-8") == token:
                return True
        if time.monotonic() > until:
            return False
        time.sleep(0.2)


class Worker:
    """An actor of the pool: loads what a search needs at its first photograph, and keeps it."""

    def __init__(self, setup: Setup, wait: float = 0.0):
        self.setup, self.wait = setup, wait
        self.folder = RunFolder(setup.params.out, setup.key)
        self.work: Work | None = None
        self.lines: list[str] = []

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Do the photographs of a batch: pickled ones in, pickled outcomes out."""
        done = [self.do(*pickle.loads(item)) for item in batch["item"]]
        return {"outcome": [pickle.dumps(outcome) for outcome in done]}

    def do(self, photo: Photo, number: int) -> Outcome:
        """Do one photograph into its folder; say what came of it."""
        try:
            if self.work is None and not self.setup.finds(self.folder.path, self.setup.token):
                return Outcome(photo.id, "refused", self._unseen())
            attempts = self.folder.path / photo.id / f"{ATTEMPTS}-{self.setup.token}"
            begun = attempts.stat().st_size if attempts.is_file() else 0
            try:
                if begun < DEATHS:
                    _add_byte(attempts)
            except WriteError as error:  # as where there is no engine, others may succeed
                return Outcome(photo.id, "failed", printable(f"{photo.title}: {error}"))
            outcome = self._do(photo, number, begun)
            # while another call is at it, that call's deaths count
            ended = attempts.name if outcome.state == "busy" else f"{ATTEMPTS}-*"
            for path in attempts.parent.glob(ended):
                remove_file(path)
            return outcome
        except (GaninvError, ValueError) as error:  # as of a start that has gone meanwhile
            return Outcome(photo.id, "refused", str(error))
        except Exception:
            return Outcome(photo.id, "broken", traceback.format_exc())

    def _do(self, photo: Photo, number: int, begun: int) -> Outcome:
        if begun >= DEATHS:
            return self._give_up(photo)
        if self.work is None:
            self.work = self._load()
        work, started = self.work, time.perf_counter()
        work.forget()
        work.fresh = self.setup.fresh and not self.wait and not self._is_of_this_call(photo)
        self.lines.clear()
        try:
            work.do(photo, number, wait=self.wait)
        except InUseError:
            return Outcome(photo.id, "busy")
        # the driver numbers the images itself
        lines = [text for text in self.lines if not text.startswith("[")]
        if begun:
            lines.append(f"notice: {photo.id}: done again, a worker had died at it")
        reason = work.failed.get(photo.id, "")
        state = "failed" if reason else "done" if work.changed else "kept"
        return Outcome(photo.id, state, reason, time.perf_counter() - started, lines)

    def _load(self) -> Work:
        """Load what a search needs. Raises ParamsError where it is not what the driver has."""
        setup, folder = self.setup, self.folder
        settle_in(setup.here, setup.threads)
        plan = make_plan(setup.params, setup.invert)
        if plan.key != setup.key:
            raise ParamsError(
                f"a worker on {_host()} has other weights, starts or another version of ganinv than"
                " the process that plans the call; its results would differ"
            )
        plan = dataclasses.replace(plan, environment=lambda: setup.environment)
        settled = plan.params
        own = starts_of(settled, setup.photos) if setup.photos else lambda photo: settled
        return Work(
            folder,
            plan.params,
            plan.resolution,
            plan.search,
            own,
            functools.partial(marks_of, plan.params, own),
            note_environment_of(folder, plan),
            self.lines.append,
            setup.count,
        )

    def _is_of_this_call(self, photo: Photo) -> bool:
        """Whether a record was written since the call began, by the clock of the file system."""
        try:
            marker = self.folder.path / f"{MARKER}-{self.setup.token}"
            record = self.folder.path / photo.id / RECORD
            return record.stat().st_mtime_ns >= marker.stat().st_mtime_ns
        except OSError:
            return False

    def _give_up(self, photo: Photo) -> Outcome:
        """Record a photograph as failed that has ended as many workers as it may.

        It overwrites no result: an earlier one stays, and one that another process has finished
        since the call began is kept.
        """
        reason = printable(f"{photo.title}: {DEATHS} workers died while they were at it")
        try:
            with self.folder.claim(photo.id, wait=self.wait):
                if read_result(self.folder.path, photo.id) is None:
                    self.folder.note(photo.id, {"failed": reason, "title": photo.title})
                elif self._is_of_this_call(photo):
                    return Outcome(photo.id, "kept")
        except InUseError:
            return Outcome(photo.id, "busy")
        return Outcome(photo.id, "failed", reason, lines=[f"warning: {reason}"])

    def _unseen(self) -> str:
        return (
            f"a worker on {_host()} does not see {self.folder.path}, where the results go; name a "
            "folder by --out on a file system that all workers see"
        )


def _add_byte(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "ab") as file:
            file.write(b".")
    except OSError as error:
        raise WriteError(path, error) from error


def _host() -> str:
    return socket.gethostname()


def settle_in(here: str, threads: int) -> None:
    """Work from the driver's folder, where it is there, and on as many threads as the call has."""
    with contextlib.suppress(OSError):
        os.chdir(here)
    torch.set_num_threads(threads)


def plan_there(
    params: Params,
    invert: Callable[..., Inversion],
    here: str,
    threads: int,
    command: list[str],
) -> tuple[Params, str, int, dict[str, Any]] | GaninvError:
    """Make the plan of a call on a worker: what of it can be sent, or the error."""
    try:
        settle_in(here, threads)
        plan = make_plan(params, invert)
        made = plan.environment() | {"command": command}
        return plan.params, plan.key, plan.resolution, made
    except GaninvError as error:
        return error
