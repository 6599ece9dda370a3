"""Bring an image set that is listed file by file: taken from where it lies by hand, or fetched.

Each file is whole and has its checksum, or is absent; a second call goes on with those that are
missing. Names come from our own list, never from a server.
"""

import os
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from hashlib import sha256
from pathlib import Path, PurePosixPath

from ganinv.errors import ParamsError, WeightsError, printable
from ganinv.files import sha256_file, write_bytes
from ganinv.paths import downloads_folder, writable
from ganinv.runs.sets import Listed, load_sets, read_checksums, set_folder
from ganinv.weights.download import download
from ganinv.weights.fetch import Say
from ganinv.weights.first_use import fetching_alone

WORKERS = 8  # downloads at a time
GIVE_UP = 5  # files that could not be had, after which no others are asked for
NAMED = 3  # files that a message names; the others are counted


def bring_files(
    name: str,
    say: Say = print,
    *,
    given: Path | None = None,
    get: Callable[..., Path] = download,
) -> Path:
    """Bring what is missing of a set that is listed; return its folder.

    Files of its names and checksums are taken from the folder `given`, from
    checkpoints/downloads/NAME/, with their subfolders, and then from the set's addresses; `get` is
    called as `download` is. Raises ParamsError where `given` is no folder, WeightsError for files
    with other checksums, which it names, and where files cannot be had, WriteError where the disk
    is full.
    """
    listed = load_sets()[name].listed
    if listed is None:
        raise ParamsError(f"the set {name} is made of archives")
    if given is not None and not given.is_dir():
        raise ParamsError(f"--from: there is no folder {printable(given)}")
    folder, wanted = set_folder(name), read_checksums(listed)
    with fetching_alone(say):
        missing = _missing(name, folder, wanted)
        if not missing:
            say(f"{name}: all {len(wanted)} files are here, in {folder}")
            return folder
        writable(folder)
        by_hand = [given] if given else []
        missing = _take(missing, [*by_hand, downloads_folder() / name], folder, wanted, say)
        if missing:
            say(f"{name}: fetching {len(missing)} files from {listed.addresses[0]}")
            failed = _fetch_all(missing, listed, folder, wanted, say, get)
            if failed:
                raise WeightsError(_could_not(name, folder, wanted, failed))
    say(f"{name}: {len(wanted)} files in {folder}")
    return folder


def _missing(name: str, folder: Path, wanted: Mapping[str, str]) -> list[str]:
    """The files that are not here. Raises WeightsError for others in their places."""
    here = {path for path in wanted if (folder / path).is_file()}
    if wrong := [path for path in sorted(here) if sha256_file(folder / path) != wanted[path]]:
        raise WeightsError(
            f"not the files of the set {name}, by their SHA-256: {_listed(wrong)} in "
            f"{printable(folder)}; delete them and run the command again"
        )
    return [path for path in wanted if path not in here]


def _take(
    missing: Sequence[str],
    places: Iterable[Path],
    folder: Path,
    wanted: Mapping[str, str],
    say: Say,
) -> list[str]:
    """Copy what lies in `places` under its own name; return what is still missing.

    Raises WeightsError, once all others are copied, for files that have the names alone.
    """
    left, wrong = list(missing), []
    found = _by_name(places, {PurePosixPath(path).name for path in left})
    for path in list(left):
        candidates = found.get(PurePosixPath(path).name, [])
        for candidate in candidates:
            if _checksum(candidate) == wanted[path]:
                write_bytes(folder / path, candidate.read_bytes())
                left.remove(path)
                break
        else:
            wrong += candidates[:1]
    if taken := len(missing) - len(left):
        say(f"copied {taken} files that lay here")
    if wrong:
        raise WeightsError(
            f"other files than the set's, by their SHA-256: {_listed(map(printable, wrong))}; "
            "delete them, or bring the right ones, and run the command again"
        )
    return left


def _checksum(path):
    """A file's SHA-256, "" where it cannot be read."""
    try:
        return sha256_file(path)
    except OSError:
        return ""


def _by_name(places: Iterable[Path], names: set[str]) -> dict[str, list[Path]]:
    """The files below the places that have one of the names, by it, in the places' order."""
    found: dict[str, list[Path]] = {}
    for place in places:
        for where, _, files in os.walk(place):
            for name in sorted(names & set(files)):
                found.setdefault(name, []).append(Path(where, name))
    return found


def _fetch_all(
    missing: Iterable[str],
    listed: Listed,
    folder: Path,
    wanted: Mapping[str, str],
    say: Say,
    get: Callable[..., Path],
) -> dict[str, WeightsError]:
    """Fetch files, several at a time; return why some could not be had, {} where all are here."""
    failed: dict[str, WeightsError] = {}
    with tempfile.TemporaryDirectory() as work, ThreadPoolExecutor(WORKERS) as pool:
        jobs = {
            pool.submit(_fetch, path, wanted[path], listed.addresses, Path(work), get): path
            for path in missing
        }
        try:
            for count, job in enumerate(as_completed(jobs), start=1):
                try:
                    write_bytes(folder / jobs[job], job.result())
                except WeightsError as error:
                    failed[jobs[job]] = error
                if len(failed) == GIVE_UP:
                    break
                if count % 200 == 0:
                    say(f"fetched {count - len(failed)} of {len(jobs)}")
        finally:
            pool.shutdown(cancel_futures=True)
    return failed


def _fetch(
    path: str, checksum: str, addresses: Iterable[str], work: Path, get: Callable[..., Path]
) -> bytes:
    """The bytes of a file, from the first address that has those of its checksum."""
    name, reasons = PurePosixPath(path).name, []
    for number, address in enumerate(addresses):
        try:
            part = get(address + name, work / f"{number}-{name}", lambda line: None)
        except WeightsError as error:
            reasons.append(str(error))
            continue
        data = part.read_bytes()
        part.unlink()
        if sha256(data).hexdigest() == checksum:
            return data
        reasons.append(f"another SHA-256 than the list's {checksum[:12]}…")
    raise WeightsError("; ".join(dict.fromkeys(reasons)))


def _could_not(name, folder, wanted, failed):
    entry = load_sets()[name]
    first, reason = next(iter(failed.items()))
    missing = sum(not (folder / path).is_file() for path in wanted)
    return (
        f"{name} could not be had: {missing} of {len(wanted)} files are missing ({first}: "
        f"{reason}); run the command again to go on or, without a network, bring the files that "
        f"data/{entry.listed.checksums} lists from {entry.page} under their own names to "
        f"{printable(downloads_folder() / name)}, or name their folder by --from"
    )


def _listed(names):
    names = list(names)
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
