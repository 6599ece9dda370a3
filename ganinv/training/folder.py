"""The folder of a training: whose it is, what may be removed from it, one training at a time.

A training owns the folder that its checkpoint lies in: the checkpoint's notes name the kind. Before
the first checkpoint, its params.yaml tells, and one picture. Files of the same names without either
are somebody's, and no training begins there. Nothing here imports torch, so that all this is told
at once.
"""

import contextlib
import errno
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganinv.core_yaml import read_yaml
from ganinv.errors import InUseError, ParamsError, WriteError
from ganinv.locks import TRAINING, is_locked, locked
from ganinv.numerics import NUMERICS
from ganinv.training.settings import TrainingParams

CHECKPOINT, HISTORY, PARAMS = "checkpoint.safetensors", "history.json", "params.yaml"
LOCK, SAMPLES = ".lock", "samples"
PICTURE = re.compile(r"step_\d{6,}\.png")
FIRST_PICTURE = "step_000000.png"  # which is there before the first checkpoint
LARGEST_HEADER = 100_000_000  # bytes, as the safetensors library has it
NAMED = 5  # files that a message names; the others are counted


@dataclass(frozen=True, kw_only=True)
class Kind:
    """What tells one kind of training from others in a folder.

    `name` stands in checkpoints; after "train-" it is the command. `params` is the class of its
    parameters, `own` one that no other kind has. Of them, `free` may change between two calls, and
    those in `hashed` name what decides by its content. `publishes` are the files that it ends with.
    """

    name: str
    params: type[TrainingParams]
    own: str
    free: frozenset[str]
    hashed: frozenset[str]
    publishes: tuple[str, ...]

    def decisive(self, params: TrainingParams) -> dict[str, Any]:
        """List what a checkpoint must have been made under, but for what `hashed` names."""
        named = params.model_dump(exclude=set(self.free | self.hashed))
        return named | {"numerics": NUMERICS}


@contextlib.contextmanager
def held(out: str | Path) -> Iterator[None]:
    """Hold a training's folder in a `with` statement: no other training works in it meanwhile.

    A folder that was made for this and stayed empty is removed. Raises InUseError where another
    process holds it, WriteError where the folder cannot be made or written to.
    """
    out = Path(out)
    made = not out.exists()
    with contextlib.ExitStack() as stack:
        if made:
            stack.callback(_remove_empty, out)
        try:
            stack.enter_context(locked(out / LOCK, note=TRAINING))
        except InUseError:
            raise _in_use(out) from None
        yield


def _remove_empty(folder):
    with contextlib.suppress(OSError):  # it holds something
        folder.rmdir()


def _in_use(out):
    return InUseError(
        f"another training is at work in {out}; name another folder by --out, or wait for its end"
    )


def check_folder(params: TrainingParams, kind: Kind, *, fresh: bool = False) -> None:
    """Check that a training may work in `params.out`, before anything is written.

    Raises ParamsError where that is a file, where it holds another kind of training or files that
    no training left and this one would overwrite, and, unless `fresh`, where its checkpoint is
    damaged, of other parameters or beyond `params.steps`; WriteError where it cannot be made or
    written to.
    """
    out = Path(params.out)
    _check_name(out)
    _check_place(out)
    path = out / CHECKPOINT
    notes = find_notes(path) if os.path.lexists(path) else None
    if notes and _are_of_a_training(notes):
        if not _is_of(notes, kind):
            raise ParamsError(
                f"{out} holds another kind of training than train-{kind.name}; name another folder "
                "by --out"
            )
        if not fresh:
            wanted = kind.decisive(params)
            check_notes(notes, wanted, {k: notes["params"].get(k) for k in wanted}, params)
    elif names := _foreign(out, kind, notes):
        listed = ", ".join(names[:NAMED])
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        raise ParamsError(
            f"{out} holds files that the training would overwrite and that no train-{kind.name} "
            f"left: {listed}{more}; name another folder by --out, or move them away"
        )
    elif os.path.lexists(path) and not fresh:
        raise damaged(path, "its header cannot be read")


def check_free(out: str | Path) -> None:
    """Raise InUseError where a training is at work in a folder at this moment."""
    if is_locked(Path(out) / LOCK):
        raise _in_use(out)


def check_notes(
    notes: Mapping[str, Any],
    wanted: Mapping[str, Any],
    found: Mapping[str, Any],
    params: TrainingParams,
) -> None:
    """Raise ParamsError where a checkpoint of such notes is not to be gone on with.

    `wanted` is what it must have been made under, `found` what it was made under.
    """
    if dict(found) != dict(wanted):
        raise ParamsError(
            f"{params.out} holds a training under other parameters or images; name another folder "
            "by --out, or start over with --fresh (fresh = True in a notebook)"
        )
    if notes["step"] > params.steps:
        raise ParamsError(
            f"{params.out} is at step {notes['step']} already, beyond steps: {params.steps}; ask "
            "for more, or start over with --fresh"
        )


def clear(out: str | Path, kind: Kind) -> None:
    """Remove what an earlier training of this kind left in a folder that `check_folder` let pass.

    The checkpoint, which says whose the files are, goes last. Raises OSError.
    """
    out = Path(out)
    for name in (*kind.publishes, HISTORY, *_pictures(out), CHECKPOINT):
        (out / name).unlink(missing_ok=True)


def find_notes(path: Path) -> dict[str, Any] | None:
    """Read a checkpoint's notes from its header; {} where it has none, None where it is damaged.

    Raises OSError for a file that cannot be read.
    """
    if not path.is_file():
        return {}
    with open(path, "rb") as file:
        size = int.from_bytes(file.read(8), "little")
        data = file.read(size) if size <= LARGEST_HEADER else b""
    try:
        header = json.loads(data)
    except (ValueError, RecursionError):
        return None
    try:
        notes = json.loads(header["__metadata__"]["ganinv"])
    except (ValueError, LookupError, TypeError, RecursionError):
        return {}
    return notes if isinstance(notes, dict) else {}


def damaged(path: Path, error: Exception | str) -> ParamsError:
    """Make the error for a checkpoint that cannot be read."""
    reason = " ".join(str(error).removeprefix(f"{path} is ").split())[:200]
    return ParamsError(f"{path} is damaged ({reason}); start over with --fresh")


def _are_of_a_training(notes):
    """Whether notes are not those of a network, whose file may have the same name."""
    return isinstance(notes.get("params"), dict) and isinstance(notes.get("step"), int)


def _is_of(notes, kind):
    """Whether notes are of a kind; before they named it, its own parameter tells."""
    if "kind" in notes:
        return notes["kind"] == kind.name
    return kind.own in notes["params"]


def _check_name(out):
    if os.path.lexists(out) and not out.is_dir():
        raise ParamsError(f"out: {out} is a file; name a folder")
    try:
        str(out).encode()
    except UnicodeEncodeError:
        raise ParamsError(
            f"out: the name {out} is not UTF-8, which safetensors asks for; name another folder"
        ) from None


def _check_place(out):
    """Raise WriteError where the system would let nobody write: at the folder, or where it goes."""
    place = next(path for path in (out, *out.absolute().parents) if os.path.lexists(path))
    if not place.is_dir():
        raise WriteError(out, NotADirectoryError(errno.ENOTDIR, f"{place} is a file"))
    if not os.access(place, os.W_OK | os.X_OK):
        raise WriteError(out, PermissionError(errno.EACCES, f"{place} may not be written to"))


def _foreign(out, kind, notes):
    """Names in a folder that a training would write, where they are not of one of this kind.

    `notes` are those of a file of the checkpoint's name, which no training wrote: None where it is
    damaged, and where there is none.
    """
    begun = _left_params(out, kind)  # a training of this kind began here
    names = [name for name in (HISTORY, *kind.publishes) if os.path.lexists(out / name)]
    names += _pictures(out)
    path = out / CHECKPOINT
    if os.path.lexists(path):
        if notes is None and begun:
            return []
        names.insert(0, CHECKPOINT)
    if begun:
        names = [name for name in names if name != f"{SAMPLES}/{FIRST_PICTURE}"]
    elif not _may_be_params(out, kind):
        names.append(PARAMS)
    if os.path.lexists(out / SAMPLES) and not (out / SAMPLES).is_dir():
        names.append(SAMPLES)
    return names


def _pictures(out):
    """The names of the pictures of a training, below its folder."""
    found = sorted(path.name for path in (out / SAMPLES).glob("step_*.png"))
    return [f"{SAMPLES}/{name}" for name in found if PICTURE.fullmatch(name)]


def _left_params(out, kind):
    """Whether the parameters in a folder are those that a training of this kind writes: all."""
    return {*TrainingParams.model_fields, kind.own} <= (_read_params(out) or {}).keys()


def _may_be_params(out, kind):
    """Whether they are none, or such that a user may have written for a training of this kind."""
    values = _read_params(out)
    return values is not None and values.keys() <= kind.params.model_fields.keys()


def _read_params(out):
    """The parameters in a folder, {} where there are none, None where they are no parameters."""
    if not os.path.lexists(out / PARAMS):
        return {}
    try:
        return read_yaml(out / PARAMS)
    except ParamsError:
        return None
