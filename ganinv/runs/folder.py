"""A run's folder, as one call takes it: what is in it, what may be replaced, who does which image.

What is finished is never dropped unasked. A folder with results under other parameters is refused,
replaced (`fresh`), or set aside under another name. Processes share a folder image by image: each
image has a lock, which the operating system holds.
"""

import contextlib
import hashlib
import json
import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ganinv.core_yaml import read_yaml
from ganinv.errors import InUseError, ParamsError, WriteError
from ganinv.files import TEMPORARY, read_json, remove_file
from ganinv.inversion.latent_files import LATENT
from ganinv.inversion.params import start_folder
from ganinv.inversion.result import Inversion
from ganinv.inversion.saved_code import CodeFile
from ganinv.locks import is_locked, locked, read_note
from ganinv.losses.terms import loss_name
from ganinv.runs.inputs import Photo
from ganinv.runs.names import (
    ALSO,
    CODE,
    ENVIRONMENT,
    INDEX,
    KEPT,
    OUTPUTS,
    PASTED,
    RECORD,
    SHEET,
    files_of,
)
from ganinv.runs.params import Params
from ganinv.runs.record_files import each_record, has_latent, is_finished, read_record, write_record
from ganinv.runs.records import (
    CHANGING,
    LOCK,
    SETTINGS,
    SETTINGS_KEY,
    adopt,
    held,
    is_measured,
    locks,
    write_params,
)

SHOWN = 3  # names that a message gives
Marks = dict[str, Any]  # what an entry says of its photograph: bytes, alignment, face


class RunFolder:
    """The folder `path` of a run whose settings have the hash `key`."""

    def __init__(self, path: str | Path, key: str):
        self.path, self.key = Path(path), key

    @contextlib.contextmanager
    def opened(
        self,
        params: Params,
        asked: Mapping[str, Photo],
        marks: Callable[[Photo], Marks] = lambda photo: {},
        *,
        fresh: bool = False,
        set_aside: bool = False,
        alone: bool = True,
        say: Callable[[str], None] = print,
    ) -> Iterator[None]:
        """Make the folder ready for a run, and hold it for these settings in a `with` statement.

        `asked` are the photographs by their ids, and `marks` reads of one what its entry would say:
        of those alone where that can make a difference, since it reads the file. Not `alone`, a
        call is one of many, and looks at its own images only, where the folder says that it is of
        these settings. Raises
        ParamsError where the folder holds something other than a run, or results under other
        parameters, unless `fresh`, which removes them, or `set_aside`, which gives their folder
        another name (also where a result is that of another photograph of the same name);
        InUseError where another process is at work in it under other parameters.
        """
        if set_aside and self.path.is_dir():
            self._set_aside(asked, marks, say)
        with contextlib.ExitStack() as stack:
            with held(self.path):
                self._check_content()
                whole = alone or not self._is_known()
                self._check_nobody_else(whole)
                adopt(self.path)
                strangers, old = [], []
                for name, record in self._records(None if whole else asked):
                    if self._is_strange(record):
                        strangers.append(name)
                    elif name not in asked and not is_finished(record):
                        old += [name] * (record.get("settings") != self.key)
                others = strangers + self._of_other_crops(asked, marks)
                if others and not fresh:
                    raise ParamsError(self._refusal(params, others))
                if strangers:
                    say(f"removed, as --fresh asks: {_named(strangers)}, under other parameters")
                for name in (*strangers, *old):
                    self.remove(name)
                write_params(self.path, params)
                # from here on, no run under other settings begins until this one has ended
                own = self.path / f"{LOCK}-{secrets.token_hex(4)}"
                stack.enter_context(locked(own, note=self.key))
            yield

    def _is_known(self) -> bool:
        """Whether the folder's environment.json says that its results are under these settings."""
        try:
            return read_json(self.path / ENVIRONMENT)[SETTINGS_KEY] == self.key
        except (OSError, ValueError, LookupError, TypeError):
            return False

    def _records(self, names: Iterable[str] | None) -> Iterator[tuple[str, dict[str, Any]]]:
        """The records of these images, or of all, one after another."""
        if names is None:
            return each_record(self.path)
        found = ((name, read_record(self.path, name)) for name in names)
        return ((name, record) for name, record in found if record is not None)

    def _check_content(self) -> None:
        """Raise ParamsError for a folder with the parameters, or the page, of something else."""
        there: dict[str, Any] = {}
        with contextlib.suppress(ParamsError):
            there = read_yaml(self.path / "params.yaml")
        known = there.keys() <= Params.model_fields.keys()
        if (
            (there and known)
            or (self.path / "metrics.json").is_file()
            or any(True for _ in each_record(self.path))
        ):
            return
        if there:
            raise ParamsError(
                f"{self.path} holds no run, and its params.yaml are those of something else, such "
                "as a training; name another folder by --out"
            )
        taken = (name for name in (INDEX, SHEET, ENVIRONMENT) if (self.path / name).exists())
        if name := next(taken, ""):
            raise ParamsError(
                f"{self.path} holds no run, and a run would overwrite its {name}; name another "
                "folder by --out"
            )

    def _is_strange(self, record: dict[str, Any] | None) -> bool:
        """Whether a record is that of a result under other settings."""
        return record is not None and is_finished(record) and record.get("settings") != self.key

    def _result(self, image_id: str) -> dict[str, Any] | None:
        """The entry of a finished result of this run's settings, or None."""
        entry = read_record(self.path, image_id)
        return entry if is_finished(entry) and not self._is_strange(entry) else None

    def _of_other_crops(
        self, asked: Mapping[str, Photo], marks: Callable[[Photo], Marks]
    ) -> list[str]:
        """Results, of images that are asked for, with another `align` or `face` than asked for.

        A photograph that cannot be read is none of them; that is said later.
        """
        found = []
        for name, photo in asked.items():
            entry = self._result(name)
            if entry and _differs(entry, crop_marks(photo)) and marks(photo):
                found.append(name)
        return found

    def has_other_start(self, image_id: str, marks: Marks) -> bool:
        """Whether a finished result is that of this photograph, begun from another latent."""
        entry = self._result(image_id)
        start = "init_sha256"
        if entry is None or entry.get(start) == marks.get(start):
            return False
        return not _differs(entry, {k: v for k, v in marks.items() if k != start})

    def is_of_another(self, image_id: str, marks: Marks) -> bool:
        """Whether a finished result of this run is that of another photograph, or crop."""
        entry = self._result(image_id)
        return entry is not None and _differs(entry, marks)

    def _check_nobody_else(self, whole: bool = True) -> None:
        """Raise InUseError where a run under other settings is at work; remove dead locks.

        Not `whole`, those of images are left, for which every image's folder is looked into.
        """
        for lock in locks(self.path, of_images=whole):
            of_a_run = lock.parent == self.path
            if is_locked(lock) and of_a_run and read_note(lock) != self.key:
                raise InUseError(
                    f"another process is writing results under other parameters to {self.path};"
                    " name another folder by --out, or wait for it"
                )

    def _set_aside(
        self,
        asked: Mapping[str, Photo],
        marks: Callable[[Photo], Marks],
        say: Callable[[str], None],
    ) -> None:
        """Give a folder another name where it holds results under other parameters."""
        with held(self.path):
            self._check_content()
            adopt(self.path)
            entries = ((self._result(name), photo) for name, photo in asked.items())
            others = (entry and _differs(entry, marks(photo)) for entry, photo in entries)
            strange = any(self._is_strange(record) for _, record in each_record(self.path))
            if not strange and not any(others):
                return
            self._check_nobody_else()
            taken = (self.path.with_name(f"{self.path.name}-{n}") for n in range(1, 10**6))
            other = next(path for path in taken if not path.exists())
            try:
                self.path.rename(other)
            except OSError as error:
                raise WriteError(other, error) from error
            remove_file(other / LOCK)  # which went with it
        say(f"{self.path} held results under other parameters; they are now in {other}")

    def _refusal(self, params: Params, strangers: list[str]) -> str:
        return (
            f"{self.path} holds {len(strangers)} result{'s' if len(strangers) != 1 else ''} under "
            f"other parameters{describe_changes(self.path, params)}: {_named(strangers)}. Name "
            "another folder by --out, or remove them by --fresh (fresh = True in Python)"
        )

    def finished(self, image_id: str, marks: Marks) -> dict[str, Any] | None:
        """Return an image's entry if it is this run's, of this photograph, its files there."""
        entry = self._result(image_id)
        if entry is None or not marks or _differs(entry, marks):
            return None
        whole = all((self.path / image_id / name).is_file() for name in files_of(entry))
        return entry if whole else None

    def nearer(self, image_id: str, marks: Marks, found: Inversion) -> dict[str, Any] | None:
        """Return the entry of what an earlier search that ended early left, if its loss is lower.

        That is one under the settings of this run, of this photograph, its latent there.
        """
        entry = read_record(self.path, image_id)
        if entry is None or is_finished(entry) or not has_latent(entry):
            return None
        if entry.get("settings") != self.key:
            return None
        there = (self.path / image_id / LATENT).is_file()
        if not there or not marks or _differs(entry, marks):
            return None
        loss: Any = entry.get("best_loss")
        return entry if is_measured(loss) and loss <= found.best_loss else None

    @contextlib.contextmanager
    def claim(self, image_id: str, *, wait: float = 0.0) -> Iterator[None]:
        """Take an image, so that no other process does; raises InUseError where one has."""
        with locked(self.path / image_id / LOCK, wait=wait):
            yield

    def is_claimed(self, image_id: str) -> bool:
        """Whether another process is at an image at this moment."""
        return is_locked(self.path / image_id / LOCK)

    def begin(self, image_id: str, keep: str = "all") -> None:
        """Forget an image before its files are overwritten: no record may stand for a mixture.

        `keep` is what the new result will have, a name in `KEPT`: other files are removed.

        Its record says so until `note`: one that is missing might be taken from metrics.json.
        """
        self.note(image_id, {"failed": CHANGING})
        for name in (*ALSO, *(set(OUTPUTS) - set(KEPT[keep][0]))):  # that the new may not have
            if name != PASTED:
                remove_file(self.path / image_id / name)

    def code_file(self, image_id: str, marks: Marks, *, fresh: bool = False) -> CodeFile:
        """Return where an image's code waits for its refinement; `fresh` removes one that does."""
        path = self.path / image_id / CODE
        if fresh:
            remove_file(path)
        return CodeFile(path, json.dumps([self.key, marks], sort_keys=True))

    def note(self, image_id: str, entry: dict[str, Any]) -> dict[str, Any]:
        """Write an image's record, with the settings it was made under; return it."""
        entry = entry | {"settings": self.key}
        write_record(self.path, image_id, entry)
        return entry

    def remove(self, image_id: str) -> None:
        """Remove what a run wrote for an image, and its folder where nothing else lies in it.

        The record goes last: by it the next call removes what a kill left. A result that another
        process has finished meanwhile stays, and what one is at work on.
        """
        folder = self.path / image_id
        with contextlib.suppress(InUseError), self.claim(image_id):
            record = read_record(self.path, image_id)
            if is_finished(record) and not self._is_strange(record):
                return
            left = [path.name for path in folder.iterdir() if TEMPORARY.fullmatch(path.name)]
            for name in (*OUTPUTS, *ALSO, CODE, *left, RECORD):
                remove_file(folder / name)
        with contextlib.suppress(OSError):  # somebody's files are in it
            folder.rmdir()


def crop_marks(photo: Photo) -> Marks:
    """Return what an entry says of the crop that a photograph is asked for."""
    return {"align": photo.align, "face": photo.face or None}


def _named(names: list[str]) -> str:
    """Some names, and how many more there are."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{', '.join(names[:SHOWN])}{more}"


def _differs(entry: Mapping[str, Any], marks: Marks) -> bool:
    return any(entry.get(name) != value for name, value in marks.items())


def describe_changes(folder: Path, params: Params) -> str:
    """Say which parameters differ from those of a run: " (steps: 300 there, 5 here)", or ""."""
    try:
        there = read_yaml(folder / "params.yaml")
    except ParamsError:
        return ""
    here = params.model_dump(
        include=SETTINGS - {"generator", "encoder", "init"} | {"align", "face"}
    )
    shown = [
        f"{name}: {there[name]} there, {value} here"
        for name, value in here.items()
        if name in there and there[name] != value
    ]
    more = f" and {len(shown) - SHOWN} more" if len(shown) > SHOWN else ""
    return (
        f" ({'; '.join(shown[:SHOWN])}{more})"
        if shown
        else ", another start, other weights or numerics"
    )


def default_folder(params: Params, key: str) -> Path:
    """Name the folder of a run whose `out` is auto: below runs/, after its parameters.

    The same parameters have the same folder, so that the same command continues.
    """
    refined = "" if params.refine == "none" else f"-{params.refine}-{params.refine_steps}"
    loss = loss_name(params.loss)
    name = re.sub(r"[^\w+.-]", "_", f"{params.space}-{loss}-{params.steps}{refined}")
    begun = start_folder(params.init)
    text = f"{key} {params.align} {params.face}" + (f" {begun.resolve()}" if begun else "")
    digest = hashlib.sha256(text.encode()).hexdigest()
    return Path("runs") / f"{name}-{digest[:8]}"
