"""What a report has yet to do, and how long a step of each kind takes: in a process of its own.

Steps are those of the very searches: `invert` is called with a run's parameters and left after a
few steps, so that precision and compilation are its own. What comes before the first step is the
warm-up, a compilation that is not kept yet included; it is kept for the run.
"""

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ganinv.analysis import beyond, editing
from ganinv.analysis.editing import EditingParams
from ganinv.bench.measure import in_a_process
from ganinv.compute.device import resolve_device
from ganinv.compute.render import render_result
from ganinv.editing.edits import Looked
from ganinv.generators.base import Generator
from ganinv.generators.load import load_generator
from ganinv.inversion.invert import invert
from ganinv.inversion.starts import find_encoder
from ganinv.measures.reconstruction import measure
from ganinv.paths import work_folder
from ganinv.report.estimate import Estimate, Part
from ganinv.report.notebooks import absolute_places
from ganinv.runs.describe import describe_loss
from ganinv.runs.experiment import marks_of
from ganinv.runs.folder import RunFolder
from ganinv.runs.inputs import find_photos
from ganinv.runs.params import Params
from ganinv.runs.plan import settings_key, settle, weights_used
from ganinv.runs.record_files import each_record, is_finished
from ganinv.runs.records import SETTINGS_KEY
from ganinv.runs.starts import starts_of

STEPS = 3  # that are timed of each kind, after the first
MOST = 60.0  # seconds of timing, after which kinds that are left take the slowest step's time
NOTEBOOK, EDITS, PLAIN = "notebook", "edits", "a code without a search"
MENDED = "-mended"  # ends the folder of Exp-03's second search, of one photograph


@dataclass(frozen=True)
class Page:
    """A page to be made: its name, the parameters of its runs, or of the study that makes them.

    `pictures` are those that are rendered and measured of each image and run, after the runs.
    """

    name: str
    runs: list[Params]
    pictures: int = 0


@dataclass(frozen=True)
class Work:
    """A run of a page: its parameters, and how many of its images are left, and are finished."""

    page: str
    params: Params
    left: int
    kept: int


@dataclass(frozen=True)
class Timed:
    """Seconds of a kind of step: of one, and of what comes before the first."""

    step: float
    warm_up: float


class _EnoughError(Exception):
    """Ends a search whose steps were timed."""


def estimate_report(
    jobs: Sequence[tuple[str, Mapping[str, Any]]], *, fresh: bool = False
) -> Estimate | None:
    """Estimate a report from its pages and their notebooks' parameters; None where that fails.

    Steps are timed in a process of its own, whose memory is free before the first notebook.
    """
    try:
        pages = [plan_page(name, values) for name, values in jobs]
        with absolute_places():
            asked = time.time()
            folder = work_folder()
            parts = in_a_process("a few steps", estimate_parts, pages, folder, asked, fresh)
    except Exception as error:  # the report itself says what is wrong, if anything is
        print(f"notice: how long it takes could not be estimated: {error}", flush=True)
        return None
    return Estimate(parts)


def plan_page(name: str, values: Mapping[str, Any]) -> Page:
    """Say what a page's notebook runs under these parameters."""
    values = {**values, **values.get("changes", {})}  # experiments have their parameters there
    if name == "indomain":
        own = {key: value for key, value in values.items() if key in Params.model_fields}
        return Page(
            name,
            [Params.load(run, **own | {"out": f"{own['out']}/{run}"}) for run in ("naive", name)],
        )
    if "space" not in values:  # it reads what others ran
        return Page(name, [])
    kind = EditingParams if name == "editing" else Params
    params = kind.make({key: value for key, value in values.items() if key in kind.model_fields})
    if isinstance(params, EditingParams):
        moved = sum(strength != 0 for strength in params.strengths)
        return Page(name, [params], 1 + moved * len(params.directions))
    if name == "beyond":
        return Page(name, [params], 1 + 2 * values["components"] + len(beyond.WAY[1:]))
    if name == "exp03":
        again = params.replace(loss={"lpips": 1.0, "l2": 0.5}, out=params.out + MENDED)
        return Page(name, [params, again])
    return Page(name, [params])


def estimate_parts(
    pages: Sequence[Page],
    folder: str | Path,
    asked: float,
    fresh: bool = False,
    *,
    most: float = MOST,
) -> list[Part]:
    """Time steps and return the parts of a report, in order. It changes the working folder.

    `folder` is where notebooks run, and `asked` the time.time() at which this process was asked
    for: a notebook takes as long to begin.
    """
    os.chdir(folder)
    some = next((page.runs[0] for page in pages if page.runs), None)
    if some is None:
        return [Part(page.name, NOTEBOOK, time.time() - asked) for page in pages]
    generator = load_generator(some.generator, resolve_device(some.device))
    begin = time.time() - asked
    work = {page.name: list(list_work(page, generator, fresh)) for page in pages}
    kinds = {kind_of(w.params): w.params for ws in work.values() for w in ws if w.left}
    target = _render_mean(generator)
    rendering = _seconds(lambda: _render_mean(generator))
    finishing = rendering + _seconds(lambda: measure(target, target))
    timed = time_kinds(kinds, generator, target, most)
    look = any(page.name == "editing" for page in pages)
    looking = _seconds(lambda: Looked(target).measure(target)) if look else 0.0
    parts = []
    for page in pages:
        parts.append(Part(page.name, NOTEBOOK, begin))
        for w in work[page.name]:
            parts += _images(w, timed, finishing)
        each = rendering + (looking if page.name == "editing" else 0.0)
        pictures = page.pictures * sum(w.left + w.kept for w in work[page.name])
        parts += [Part(page.name, EDITS, pictures * each)] if pictures else []
    return parts


def _images(work: Work, timed: Mapping[str, Timed], finishing: float) -> list[Part]:
    """The parts of a run's images that are left: those that are finished need no time."""
    kind, params = kind_of(work.params), work.params
    parts = []
    known = timed.get(kind, Timed(0.0, 0.0))
    each = finishing + params.all_steps * known.step
    for k in range(work.left):
        parts.append(Part(work.page, kind, each + (0.0 if k else known.warm_up), True))
    return parts


def _render_mean(generator: Generator) -> torch.Tensor:
    return render_result(generator, generator.w_avg.expand(generator.num_ws, -1))


def _seconds(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def kind_of(params: Params) -> str:
    """Name the kind of a run's steps: what they minimize and, where they refine, what moves."""
    if not params.all_steps:
        return PLAIN
    if params.refine == "none":
        compiled = "" if params.compile != "off" else ", not compiled"
        return describe_loss(params) + compiled
    return f"refined {'features' if params.refine == 'features' else 'weights'}"


def list_work(page: Page, generator: Generator, fresh: bool = False) -> Iterator[Work]:
    """List a page's runs and the images that are left of each; `fresh` does all of them anew.

    Runs that cannot be made are left out.
    """
    for params in expand(page, generator):
        try:
            photos = find_photos(params.images, params.align, params.face)
            settled = settle(params, generator)
            encoder = find_encoder(settled, generator)
            key = settings_key(settled, weights_used(generator, encoder))
            own = starts_of(settled, photos)
        except ValueError:
            continue
        if params.out.endswith(MENDED):  # of one photograph, which the run before chooses
            kept = int(not fresh and _has_finished(Path(params.out), key))
            yield Work(page.name, settled, 1 - kept, kept)
            continue
        run = RunFolder(params.out, key)
        done = [run.finished(p.id, marks_of(settled, own, p)) is not None for p in photos]
        kept = 0 if fresh else sum(done)
        yield Work(page.name, settled, len(photos) - kept, kept)


def _has_finished(folder: Path, key: str) -> bool:
    records = dict(each_record(folder)) if folder.is_dir() else {}
    return any(is_finished(r) and r.get(SETTINGS_KEY) == key for r in records.values())


def expand(page: Page, generator: Generator) -> list[Params]:
    """List the runs that a page's notebook makes of its parameters."""
    if page.name == "beyond":
        offered = generator.feature_shapes()
        return [*beyond.plan(page.runs[0], beyond.RESOLUTIONS, offered).values()]
    if page.runs and isinstance(study := page.runs[0], EditingParams):
        return [*editing.plan(study, generator)[0].values()]
    return page.runs


def time_kinds(
    kinds: Mapping[str, Params], generator: Generator, target: torch.Tensor, most: float
) -> dict[str, Timed]:
    """Time a few steps of each kind, by the run's own parameters; `most` seconds in all.

    Kinds that are not reached take the slowest step of those that are, and no warm-up.
    """
    began = time.perf_counter()
    timed: dict[str, Timed] = {}
    for kind, params in kinds.items():
        if kind == PLAIN:
            continue
        if timed and time.perf_counter() - began > most:
            timed[kind] = Timed(max(t.step for t in timed.values()), 0.0)
        else:
            timed[kind] = time_steps(params, generator, target)
    return timed


def time_steps(params: Params, generator: Generator, target: torch.Tensor) -> Timed:
    """Time the steps of a run on a target (3, H, W); of a refinement from the mean of W."""
    begun = params.init if params.refine == "none" else "mean_w"
    own = params.model_copy(update=dict(init=begun, log_every=0, snapshot_every=0))
    moments: list[float] = []

    def note(state: object) -> None:
        moments.append(time.perf_counter())
        if len(moments) > STEPS:
            raise _EnoughError

    began = time.perf_counter()
    with contextlib.suppress(_EnoughError):
        invert(generator, target, own, callback=note)
    if len(moments) < 2:
        return Timed(0.0, time.perf_counter() - began)
    step = (moments[-1] - moments[0]) / (len(moments) - 1)
    return Timed(step, max(0.0, moments[0] - began - step))
