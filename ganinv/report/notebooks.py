"""Run a notebook by papermill with checked parameters, from its own folder.

Where ganinv is installed that folder is only read, and a folder of the home stands for it.

papermill only warns of an unknown parameter, formats braces in a path, and leaves a failed run
in place.
"""

import contextlib
import logging
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import nbformat
import papermill
from nbclient.exceptions import DeadKernelError
from traitlets.config import Config

from ganinv.errors import ParamsError, ReportError
from ganinv.files import write_text
from ganinv.paths import notebooks_folder, work_folder, writable

PLACES = ("GANINV_HOME", "GANINV_ROOT")


def from_notebooks(path: str | Path) -> str:
    """Write a path as seen from notebooks/, so that no machine's folders get into the pages."""
    try:
        return Path(os.path.relpath(path, work_folder())).as_posix()
    except ValueError:  # on another drive
        return Path(path).absolute().as_posix()


def run_notebook(name: str, folder: str | Path, values: Mapping[str, Any]) -> Path:
    """Execute notebooks/NAME with `values`; return the path of the executed copy in `folder`.

    The copy appears under its name only when every cell has run; the cells that a failed run had
    executed are kept as NAME.failed.ipynb. Raises ParamsError for values that the notebook does
    not name, and ReportError where a cell fails.
    """
    source = notebooks_folder() / name
    values = fit_parameters(source, values)
    where = work_folder()
    where = where if where.is_dir() else writable(where)
    target = Path(folder) / name
    with quiet(), absolute_places(), tempfile.TemporaryDirectory() as work:
        partial = Path(work) / name
        try:
            papermill.execute_notebook(
                _unformatted(source),
                _unformatted(partial),
                parameters=values,
                cwd=where,
                progress_bar=False,
                stdout_file=sys.stdout,
                stderr_file=sys.stderr,
                kernel_name="python3",
                config=_kernel_config(work),
            )
        except (papermill.PapermillExecutionError, DeadKernelError) as error:
            kept = target.with_suffix(".failed.ipynb")
            write_text(kept, partial.read_text(encoding="utf-8"))
            raise ReportError(
                f"{name} failed ({_reason(error)}); what it had run is in {kept}, and finished "
                "images are kept: the same command continues"
            ) from None
        write_text(target, partial.read_text(encoding="utf-8"))
    return target


@contextlib.contextmanager
def absolute_places() -> Iterator[None]:
    """Let a notebook find the same folders from its own, were they given as seen from here."""
    given = {name: os.environ[name] for name in PLACES if os.environ.get(name)}
    os.environ.update(
        {name: str(Path(text).expanduser().absolute()) for name, text in given.items()}
    )
    try:
        yield
    finally:
        os.environ.update(given)


def _reason(error):
    if isinstance(error, DeadKernelError):
        return "its kernel was killed; out of memory?"
    return f"{error.ename}: {error.evalue}"


def _kernel_config(folder):
    """Talk to the kernel through sockets in `folder`, where nobody else can listen, or by TCP."""
    sockets = str(Path(folder) / "k")
    if (
        os.name == "nt" or len(os.fsencode(sockets)) > 90
    ):  # the length of a socket's name is limited
        return Config()
    return Config(KernelManager={"transport": "ipc", "ip": sockets})


def _unformatted(path):
    """papermill formats paths; braces in a folder's name must not be taken for fields."""
    return str(path).replace("{", "{{").replace("}", "}}")


def fit_parameters(source: Path, values: Mapping[str, Any]) -> dict[str, Any]:
    """Lay values onto a notebook's parameters cell: those it does not name go into its `more`.

    Raises ParamsError where it has no `more` and does not name every one of `values`.
    """
    cells = nbformat.read(source, as_version=4).cells
    tagged = [c.source for c in cells if "parameters" in c.metadata.get("tags", [])]
    if len(tagged) != 1:
        raise ParamsError(f"{source.name} has {len(tagged)} cells tagged parameters, not one")
    given = {
        line.split("=")[0].split(":")[0].strip() for line in tagged[0].splitlines() if "=" in line
    }
    unknown = {name: value for name, value in values.items() if name not in given}
    if unknown and "more" not in given:
        raise ParamsError(f"{source.name} has no parameter {', '.join(sorted(unknown))}")
    named = {name: value for name, value in values.items() if name in given}
    return named | ({"more": unknown} if unknown else {})


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Show papermill's warnings alone: it logs every cell."""
    logger = logging.getLogger("papermill")
    before = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(before)
