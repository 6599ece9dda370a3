"""Parameters -> images, generator, one inversion per image -> records.

Images are done one after another, each saved before the next begins. The same call again
continues: what is finished under the same settings, weights and image bytes is kept. Several
processes may share a folder; each image is done by one of them.
"""

import contextlib
import functools
import hashlib
import time
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from ganinv.errors import ImageError, InUseError, printable
from ganinv.files import write_json
from ganinv.images.alignment import Cut, cut_squares
from ganinv.images.crops import describe_crop
from ganinv.images.pixels import from_pil
from ganinv.images.reading import open_image, read_bytes
from ganinv.inversion.invert import invert
from ganinv.inversion.params import STARTS
from ganinv.inversion.result import Inversion
from ganinv.numerics import NUMERICS
from ganinv.runs.checks import lies_in
from ganinv.runs.describe import describe_seconds
from ganinv.runs.entries import Noted
from ganinv.runs.folder import Marks, RunFolder, crop_marks, default_folder
from ganinv.runs.inputs import Photo, find_photos
from ganinv.runs.names import ENVIRONMENT, lacks
from ganinv.runs.overview import remove_overview, show
from ganinv.runs.params import Params
from ganinv.runs.plan import Plan, make_plan
from ganinv.runs.record_files import is_finished, read_record, read_result
from ganinv.runs.records import SETTINGS_KEY, Numbers, collect, save_inversion, write_params
from ganinv.runs.starts import start_marks, starts_of

MOMENT = 0.2  # seconds between two looks at whether another process has finished an image


class Engine(Protocol):
    """What does the photographs of a call elsewhere than in this process."""

    def plan(self, params: Params, invert: Callable[..., Inversion]) -> Plan:
        """Settle a call's parameters where they will be used."""
        ...

    def do_each(self, work: "Work", plan: Plan, photos: list[Photo]) -> None:
        """Do every photograph, and note in `work` what came of it."""
        ...


@dataclass(frozen=True)
class Run:
    """What `run_experiment` did: where, under which resolved parameters, with what results.

    `results` are those of the images that this call asked for: {"images", "mean", "std", "failed"}
    as in metrics.json, which has all of the folder. `seconds` are those of the call.
    """

    out: Path
    params: Params
    photos: list[Photo]
    results: dict
    seconds: float = 0.0

    @property
    def failed(self) -> dict[str, str]:
        """The images that failed, with their reasons."""
        return self.results["failed"]


def run_experiment(
    params: Params,
    *,
    fresh: bool = False,
    set_aside: bool = False,
    keep_interrupted: bool = False,
    only: Container[str] | None = None,
    collecting: bool = True,
    say: Callable[[str], None] = print,
    invert: Callable[..., Inversion] = invert,
    engine: Engine | None = None,
    while_waiting: Callable[[], object] = lambda: None,
) -> Run:
    """Invert every image of `params` into `params.out`; return a `Run`.

    An image that cannot be read or saved, has no face to align, or whose loss stops being finite is
    noted in the results' "failed" with its reason, and the others are done. `fresh` does the images
    anew and removes results under other parameters from the folder; `set_aside` gives a folder with
    such results another name, and without either it is refused. With `keep_interrupted`, Ctrl-C
    keeps the best latent so far of the running image. `only` are the ids of those images that are
    to be done, where not all. Without `collecting` the folder's metrics are not gathered, so that
    the cost of one of many calls does not grow with what the others have done. `invert` is the
    function that searches. An `engine` does the photographs elsewhere than in this process.
    Without one, `while_waiting` is called a few times a second while another process is at the
    last images of this call; what it raises ends the call.
    Raises ParamsError, WeightsError or InUseError before anything runs.
    """
    started = time.perf_counter()
    left_out: list[str] = []
    photos = find_photos(
        params.images, params.align, params.face, only=only, left_out=left_out.append
    )
    if keep_interrupted:
        invert = functools.partial(invert, keep_interrupted=True)
    plan = (make_plan if engine is None else engine.plan)(params, invert)
    params, key = plan.params, plan.key
    if params.out == "auto":
        params = params.model_copy(update={"out": str(default_folder(params, key))})
    folder = RunFolder(params.out, key)
    if lies_in(folder.path, photos):
        set_aside = False  # the photographs would go with it
    own = _own_starts(params, photos, only)
    marks = functools.partial(marks_of, params, own)

    note_environment = note_environment_of(folder, plan)
    search, size, count = plan.search, plan.resolution, len(photos)
    work = Work(
        folder, params, size, search, own, marks, note_environment, say, count, fresh, while_waiting
    )
    asked = {photo.id: photo for photo in photos}
    whole = dict(fresh=fresh, set_aside=set_aside, alone=collecting)
    with folder.opened(params, asked, marks, **whole, say=say):
        do_each = work.do_each if engine is None else functools.partial(engine.do_each, work, plan)
        work.do_all(do_each, photos, collecting)
    results = work.results()
    for text in left_out:
        say(f"notice: {text}")
    return Run(folder.path, params, photos, results, time.perf_counter() - started)


def _own_starts(params, photos, only):
    """The function that gives each of the photographs its start, which may go by its number."""
    if only is not None and params.init not in STARTS:  # the number is that among all
        photos = find_photos(params.images, params.align, params.face)
    return starts_of(params, photos)


def note_environment_of(folder: RunFolder, plan: Plan) -> Callable[[], None]:
    """Make the function that writes environment.json: once, and again where it has gone."""
    path = folder.path / ENVIRONMENT
    noted: list[Path] = []

    def note_environment() -> None:
        if not noted or not path.is_file():
            write_json(path, plan.environment() | {SETTINGS_KEY: folder.key})
            noted.append(path)

    return note_environment


def marks_of(params: Params, own: Callable[[Photo], Params], photo: Photo) -> Marks:
    """Return what an entry says of its photograph, so that it is known again; {} if unreadable.

    Where each image has a latent of its own to start from, that counts as well.
    """
    try:
        data = read_bytes(photo.path)
    except ImageError:
        return {}
    sha256 = hashlib.sha256(data).hexdigest()
    marks = {"image_sha256": sha256} | crop_marks(photo)
    begun = start_marks(params, photo, own)
    return marks if begun is None else marks | {"init_sha256": begun}


@dataclass
class Work:
    """The images of one call, one after another."""

    folder: RunFolder
    params: Params
    resolution: int  # of the generator, in pixels
    search: Callable[..., Inversion]
    own: Callable[[Photo], Params]
    marks: Callable[[Photo], Marks]
    note_environment: Callable[[], None]
    say: Callable[[str], None]
    count: int
    fresh: bool = False
    while_waiting: Callable[[], object] = lambda: None
    failed: dict[str, str] = field(default_factory=dict)
    done: int = 0
    seconds: float = 0.0  # of the images done
    changed: bool = False

    def __post_init__(self) -> None:
        self.entries = Noted(functools.partial(read_result, self.folder.path))
        self.numbers = Numbers()

    def note(self, image_id: str, entry: dict[str, Any]) -> None:
        """Take in the entry of an image, whose record is written."""
        if image_id not in self.entries:
            self.numbers.add(entry)
        self.entries.note(image_id, entry)

    def forget(self) -> None:
        """Forget what came of the images so far: whoever asked for them has been told."""
        self.failed, self.changed = {}, False
        self.__post_init__()

    def results(self) -> dict[str, Any]:
        """Return the results of the images that were asked for.

        Of many, the entries are read when they are asked for.
        """
        spread = {name: self.numbers.over(by) for name, by in (("mean", np.mean), ("std", np.std))}
        return {"images": self.entries.plain()} | spread | {"failed": self.failed}

    def do_all(
        self, do_each: Callable[[list[Photo]], None], photos: list[Photo], collecting: bool
    ) -> None:
        """Do every photograph and finish, also where that is cut short."""
        try:
            do_each(photos)
        except BaseException:
            with contextlib.suppress(OSError):
                self.finish(collecting)
            raise
        self.finish(collecting)

    def do_each(self, photos: list[Photo]) -> None:
        """Do every photograph; those that another process is at come last."""
        left = []
        for number, photo in enumerate(photos, 1):
            try:
                self.do(photo, number)
            except InUseError:
                self.say(f"[{number}/{self.count}] {photo.id}: another process is doing it")
                left.append((number, photo))
        for number, photo in left:
            self.say(f"[{number}/{self.count}] {photo.id}: waiting for the other process")
            self.fresh = False  # what it has just finished is not to be done again
            self._wait_for(photo)
            self.do(photo, number, wait=-1)

    def _wait_for(self, photo: Photo) -> None:
        """Wait until nobody is at a photograph, or nearly: another process may be the next."""
        while self.folder.is_claimed(photo.id):
            self.while_waiting()
            time.sleep(MOMENT)

    def finish(self, collecting: bool) -> None:
        """Gather the results of the folder, and show them, where that is wanted.

        What of the folder has gone meanwhile is written again.
        """
        if collecting:
            try:
                collect(self.folder.path)
            except ValueError:  # there is no record, so that what tells of some is of old ones
                remove_overview(self.folder.path)
                return
            show(self.folder.path, self.params, anew=self.changed)
        if not (self.folder.path / ENVIRONMENT).is_file():
            self.note_environment()
        if not (self.folder.path / "params.yaml").is_file():
            write_params(self.folder.path, self.params)

    def do(self, photo: Photo, number: int, wait: float = 0.0) -> None:
        """Invert one image into its folder, or note why not. Raises InUseError."""
        try:
            with self.folder.claim(photo.id, wait=wait):
                try:
                    self._do(photo, number)
                except (ImageError, OSError, torch.OutOfMemoryError) as error:
                    # claimed still: another process may finish it the next moment
                    self._fail(photo, str(error))
        except OSError as error:  # it cannot be claimed
            self._fail(photo, str(error))

    def _do(self, photo: Photo, number: int) -> None:
        head = f"[{number}/{self.count}] {photo.id}"
        started = time.perf_counter()
        marks = self.marks(photo)
        kept = None if self.fresh else self.folder.finished(photo.id, marks)
        if kept is not None:
            self.note(photo.id, kept)
            self.say(f"{head}: finished earlier, kept{lacks(kept, self.params.keep)}")
            return
        self.say(head + self._time_left(number))
        self._invert(photo, marks)
        self.done += 1
        self.seconds += time.perf_counter() - started

    def _time_left(self, number: int) -> str:
        if not self.done:
            return ""
        left = self.seconds / self.done * (self.count - number + 1)
        return f"  (about {describe_seconds(left)} left for all)"

    def _invert(self, photo: Photo, marks: Marks) -> None:
        def notice(text):
            self.say(f"notice: {printable(photo.path)}: {text}")

        picture = open_image(read_bytes(photo.path), notice)
        if not self.fresh and self.folder.has_other_start(photo.id, marks):
            raise ImageError(
                f"{self.folder.path / photo.id} holds a result that began from another latent than "
                f"the one now in {self.params.init}; replace it by --fresh (fresh = True in "
                "Python), or name another --out"
            )
        if not self.fresh and self.folder.is_of_another(photo.id, marks):
            raise ImageError(
                f"{self.folder.path / photo.id} holds the result of another photograph, or crop, of"
                " this name; replace it by --fresh (fresh = True in Python), or name another --out"
            )
        face = photo.face or "largest"
        (cut,) = cut_squares(picture, self.resolution, photo.align, notice, face)
        self.note_environment()
        waiting = self.folder.code_file(photo.id, marks, fresh=self.fresh)
        more: dict[str, Any] = {"code_file": waiting} if self.params.refine != "none" else {}
        try:
            begun = self.own(photo)
        except ValueError as error:
            raise ImageError(str(error)) from None
        has_own = begun is not self.params  # a start that may not fit, where others' do
        if has_own:
            more["init"] = begun.init
        try:
            inversion = self.search(from_pil(cut.image), image_id=photo.name, **more)
        except ValueError as error:
            if not has_own:
                raise
            raise ImageError(str(error)) from None
        self.changed = True
        if inversion.stopped and (nearer := self.folder.nearer(photo.id, marks, inversion)):
            whose = "that of an earlier call, which has a lower loss"
            self._fail(photo, f"{inversion.stopped}: {whose}", nearer)
        else:
            self._save(photo, inversion, marks, cut, picture.size)
        if not inversion.stopped:
            waiting.path.unlink(missing_ok=True)
        if inversion.interrupted:
            raise KeyboardInterrupt

    def _save(
        self, photo: Photo, inversion: Inversion, marks: Marks, cut: Cut, size: tuple[int, int]
    ) -> None:
        place, keep = self.folder.path / photo.id, self.params.keep
        self.folder.begin(photo.id, keep)
        save_inversion(place, inversion, title=photo.title, params=self.params, keep=keep)
        entry = _entry(photo, inversion) | marks
        if inversion.stopped:  # the best so far is saved: its numbers stand beside the reason
            self._fail(photo, inversion.stopped, entry)
            return
        crop = describe_crop(cut, photo.path, size, place, marks.get("image_sha256", ""))
        entry |= {"keep": keep, "crop": crop.to_dict()}
        self.note(photo.id, self.folder.note(photo.id, entry))

    def _fail(self, photo: Photo, reason: str, kept: Mapping[str, Any] | None = None) -> None:
        """Note a failure, with the entry of what is kept; it overwrites no earlier result."""
        self.say(f"warning: {printable(photo.path)}: {printable(reason)}")
        reason = printable(f"{photo.title}: {reason}")
        self.failed[photo.id] = reason
        self.changed = True
        try:
            if not is_finished(read_record(self.folder.path, photo.id)):
                entry = {"failed": reason, "title": photo.title}
                self.folder.note(photo.id, dict(kept or {}) | entry)
        except OSError as error:  # the disk is full for this one too
            self.say(f"warning: {error}")


def _entry(photo: Photo, inversion: Inversion) -> dict:
    return (
        inversion.metrics
        | inversion.settings
        | {
            "numerics": NUMERICS,
            "seconds": inversion.seconds,
            "steps": len(inversion.history),
            "evaluations": inversion.evaluations,
            "best_step": inversion.best_step,
            "best_loss": inversion.best_loss,
            "title": photo.title,
        }
        | ({"code": inversion.code_metrics} if inversion.refinement else {})
    )
