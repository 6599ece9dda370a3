"""Bring the image sets that data/sets.yaml makes of archives to data/NAME/, by their names.

Archives are fetched with the care of weights: checked, and continued where they were cut off. Their
pictures gather in data/NAME.part/, which gets its name when all are there; an interrupted call goes
on. Nothing in an archive says where a file is to lie: names are made from its members' names, and
what announces itself too large is not unpacked.
"""

import io
import lzma
import os
import shutil
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from ganinv.errors import ImageError, WeightsError, WriteError
from ganinv.files import read_json, write_bytes
from ganinv.images.reading import SUFFIXES, image_id, open_image
from ganinv.images.writing import save_jpeg
from ganinv.paths import downloads_folder
from ganinv.runs.sets import is_here, load_sets, set_folder
from ganinv.training.sets.cache import MIN_IMAGES
from ganinv.training.sets.cat_heads import crop_head, read_points
from ganinv.training.sets.image_sets import NAMED
from ganinv.weights.fetch import obtain

ORIENTATION = 0x0112  # the EXIF tag
QUALITY = 95  # of the heads' JPEG; they are shrunk afterwards
BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    RuntimeError,
    NotImplementedError,
    EOFError,
    OSError,
    ValueError,
)
# the data set's authors replaced this annotation, whose name is of no cat, by the other
WRONG, RIGHT = "CAT_00/00000003_019.jpg.cat", "CAT_00/00000003_015.jpg.cat"


@dataclass(frozen=True)
class Limits:
    """The most that an archive may announce; the real ones stay far below."""

    member_bytes: int = 50_000_000  # of one file
    total_bytes: int = 20_000_000_000  # of all
    members: int = 100_000


LIMITS = Limits()


def fetch_set(
    name: str,
    say: Callable[[str], None] = print,
    *,
    limits: Limits = LIMITS,
    decode: Callable[[bytes], Image.Image] = open_image,
) -> Path:
    """Bring the set "cats" or "abstract-art"; return its folder. One that is here is kept.

    Pictures above `limits`, and those that `decode` refuses with an ImageError, are left out, and
    `say` is told which. Raises WeightsError, which says what to do by hand, where a file cannot be
    had, is damaged, or is above `limits` as a whole, WriteError where the disk is full.
    """
    folder = set_folder(name)
    if is_here(name):
        say(f"{name}: here already; delete {folder} to make it anew")
        return folder
    entry = load_sets()[name]
    try:
        archives = [_obtain(source, entry, say) for source in entry.sources]
        work = folder.with_name(f"{name}.part")
        unpack = {"cats": _unpack_heads, "abstract-art": _unpack_pictures}[name]
        count, left_out = unpack(archives, work, say, limits, decode)
    except WeightsError as error:
        raise WeightsError(f"{name} could not be had: {error}\n{_by_hand(name, entry)}") from None
    if left_out:
        named = ", ".join(f"{member} ({reason})" for member, reason in left_out[:NAMED])
        more = f", and {len(left_out) - NAMED} more" if len(left_out) > NAMED else ""
        say(f"notice: {len(left_out)} pictures left out: {named}{more}")
    if count < MIN_IMAGES:
        shutil.rmtree(work, ignore_errors=True)
        files = ", ".join(path.name for path in archives)
        raise WeightsError(f"{files} held {count} pictures: not {name} as known; see {entry.page}")
    try:
        if folder.is_dir():
            folder.rmdir()  # an empty one
        work.rename(folder)
    except OSError as error:
        raise WriteError(folder, error) from error
    say(f"{name}: {count} pictures in {folder}")
    return folder


def _obtain(source, entry, say):
    wants_key = entry.key == "kaggle" and not (downloads_folder() / source.file).is_file()
    return obtain(source, None, say, kaggle_key() if wants_key else None)


def _by_hand(name, entry):
    files = [
        f"- {s.file}, from {s.place}, md5 {s.md5}"
        if s.md5
        else f"- {s.file}, from {entry.page}, of which no checksum is published"
        for s in entry.sources
    ]
    return (
        f"By hand: bring to {downloads_folder()}, under these names, and run `ganinv data {name}` "
        "again:\n" + "\n".join(files) + f"\nOr put pictures of your own into {set_folder(name)}."
    )


def kaggle_key() -> tuple[str, str]:
    """Find the user's (name, key): $KAGGLE_USERNAME and $KAGGLE_KEY, or ~/.kaggle/kaggle.json.

    Raises WeightsError, without what it found, where there is none.
    """
    user, key = (os.environ.get(name) for name in ("KAGGLE_USERNAME", "KAGGLE_KEY"))
    if not (user and key):
        folder = os.environ.get("KAGGLE_CONFIG_DIR") or Path.home() / ".kaggle"
        path = Path(folder) / "kaggle.json"
        try:
            kept = read_json(path)
            user, key = kept["username"], kept["key"]
        except OSError:
            raise WeightsError(
                "Kaggle asks for a key: make one on your account's page there, and save its "
                f"kaggle.json as {path} or set KAGGLE_USERNAME and KAGGLE_KEY"
            ) from None
        except (ValueError, LookupError, TypeError):
            user = key = None
    if not (isinstance(user, str) and isinstance(key, str) and (user + key).isascii()):
        raise WeightsError(
            "the Kaggle key that is set is none; make one on your account's page there"
        )
    return user, key


def _unpack_heads(archives, work, say, limits, decode):
    """Crop the heads of two archives of photographs and annotations; see `cat_heads`."""
    *archives, right = archives
    done, left_out = 0, []
    for path in archives:
        with _open(path) as archive:
            members = _members(archive, path, limits)
            notes = {_last_two(info): info for info in members}
            notes.pop(WRONG, None)
            for info in _pictures(members):
                out, place = work / f"{_safe(info)}.jpg", f"{_last_two(info)}.cat"
                try:
                    if not out.is_file():
                        if place == RIGHT:
                            text = right.read_bytes()
                        elif place in notes:
                            text = _read(archive, notes[place], limits)
                        else:
                            raise ImageError("it has no annotation")
                        head = _head(_read(archive, info, limits), text, decode)
                        save_jpeg(out, np.asarray(head), quality=QUALITY)
                    done += 1
                except ImageError as error:
                    left_out.append((info.filename, error))
                if (done + len(left_out)) % 1000 == 0:
                    say(f"cats: {done} heads cropped")
    return done, left_out


def _head(data, text, decode):
    image = decode(data)
    with Image.open(io.BytesIO(data)) as stored:
        if stored.getexif().get(ORIENTATION, 1) not in (0, 1):
            raise ImageError("its EXIF data turn it, and perhaps not its points")
    return crop_head(image, read_points(text.decode("ascii", "replace")))


def _unpack_pictures(archives, work, say, limits, decode):
    """Take the pictures out of an archive as they are."""
    (path,) = archives
    done, left_out = 0, []
    with _open(path) as archive:
        for info in _pictures(_members(archive, path, limits)):
            out = work / f"{_safe(info)}{PurePosixPath(info.filename).suffix.lower()}"
            try:
                if not out.is_file():
                    data = _read(archive, info, limits)
                    decode(data)  # a damaged one is better named now than at every training
                    write_bytes(out, data)
                done += 1
            except ImageError as error:
                left_out.append((info.filename, error))
    return done, left_out


def _open(path):
    try:
        return zipfile.ZipFile(path)
    except BROKEN as error:
        raise WeightsError(
            f"{path.name} does not unpack ({error}); delete {path} and run the command again"
        ) from None


def _members(archive, path, limits):
    members = archive.infolist()
    if len(members) > limits.members:
        raise WeightsError(
            f"{path.name} announces {len(members)} files: it is not the set as known"
        )
    size = sum(info.file_size for info in members)
    if size > limits.total_bytes:
        raise WeightsError(f"{path.name} announces {size / 1e9:.0f} GB: it is not the set as known")
    return members


def _pictures(members):
    """Members that are pictures; hidden ones, which archives made on a Mac hold, are not."""
    for info in members:
        path = PurePosixPath(info.filename)
        if path.suffix.lower() in SUFFIXES and not any(p.startswith(".") for p in path.parts):
            yield info


def _read(archive, info, limits):
    """A member's bytes, never more than it announces. Raises ImageError."""
    if info.file_size > limits.member_bytes:
        raise ImageError(f"it announces {info.file_size / 1e6:.0f} MB")
    try:
        return archive.read(info)
    except BROKEN as error:
        raise ImageError(f"the archive is damaged there: {error}") from None


def _last_two(info):
    return "/".join(PurePosixPath(info.filename).parts[-2:])


def _safe(info):
    """A file's name, made of a member's and its folder's, that no member can make a path."""
    return image_id(_last_two(info).replace("/", "_"))
