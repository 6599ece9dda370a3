"""The images of a folder, and what was left out of it by kind, so that nothing vanishes silently.

A file named by the user is always taken; this is about what a folder holds beside photographs.
"""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ganinv.errors import printable
from ganinv.images.formats import HEAD, RAW_SUFFIXES, VIDEO_SUFFIXES, kind_of

SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".bmp", ".dib", ".tif", ".tiff", ".apng"),
    *(".gif", ".heic", ".heif", ".hif", ".avif", ".jp2", ".j2k", ".ppm", ".pgm", ".pbm", ".tga"),
)
# what ganinv writes for an image; beside a record they are results and not photographs
RESULTS = {
    *("target.png", "reconstruction.png", "difference.png", "panel.png", "loss_curve.png"),
    *("progress.gif", "progress_strip.png", "code.png", "pasted.png"),
}
RECORDS = ("record.json", "latent.safetensors")  # the second of older runs
GENERATED = re.compile(r"seed\d{4,}\.safetensors")  # beside a picture of `ganinv generate`
NAMED = 3  # left-out files of a kind that are named; the others are counted
# kinds of what is left out, in the order of a sentence: of one, of several
KINDS = {
    "video": ("1 video", "{} videos"),
    "raw": ("1 camera raw file, to be exported as JPEG", "{} camera raw files, to be exported"),
    "suffix": ("1 file of unknown suffix", "{} files of unknown suffix"),
    "other": ("1 that is no image", "{} that are no images"),
    "crop": ("1 record of a crop", "{} records of crops"),
    "result": ("1 result of an earlier run", "{} results of earlier runs"),
    "hidden": ("1 hidden", "{} hidden"),
    "link": ("1 link to a folder", "{} links to folders"),
    "unreadable": ("1 that cannot be read", "{} that cannot be read"),
}


@dataclass(frozen=True)
class Listing:
    """What a folder holds: `images`, sorted by path, and what was left out, paths by kind.

    The kinds are those of `KINDS`. A hidden folder counts as one, whatever it holds.
    """

    folder: Path
    images: list[Path] = field(default_factory=list)
    left_out: dict[str, list[Path]] = field(default_factory=dict)


def search_folder(folder: Path | str) -> Listing:
    """Search a folder with its subfolders for images, by their suffixes; return a `Listing`.

    Files of other suffixes are looked into, 64 bytes, to say of which kind they are.
    """
    found = Listing(Path(folder))

    def note(kind, path):
        found.left_out.setdefault(kind, []).append(path)

    def refuse(error):
        note("unreadable", Path(error.filename))

    for place, folders, files in os.walk(found.folder, onerror=refuse):
        here = Path(place)
        for name in [name for name in folders if name.startswith(".")]:
            folders.remove(name)
            note("hidden", here / name)
        for name in folders:
            if (here / name).is_symlink():  # not followed: it may lead back here
                note("link", here / name)
        names = set(files)
        for name in files:
            kind = _kind(here / name, names)
            if kind:
                note(kind, here / name)
            else:
                found.images.append(here / name)
    found.images.sort()
    return found


def list_images(folder: Path | str) -> list[Path]:
    """List all image files below a folder, sorted by path, without results of earlier runs."""
    return search_folder(folder).images


def _kind(path, beside):
    """Why a file is left out, as a kind; "" for an image."""
    suffix = path.suffix.lower()
    if path.name.startswith("."):
        return "hidden"
    if not path.is_file():  # a link to nothing, a pipe
        return "unreadable"
    if suffix in SUFFIXES:
        return "result" if _is_result(path.name, beside) else ""
    if suffix in VIDEO_SUFFIXES:
        return "video"
    if suffix in RAW_SUFFIXES:
        return "raw"
    if suffix == ".json" and path.stem + ".png" in beside:
        return "crop"
    try:
        with open(path, "rb") as file:
            content = kind_of(file.read(HEAD))
    except OSError:
        return "unreadable"
    return {"": "other", "video": "video"}.get(content, "suffix")


def _is_result(name, beside):
    if name == "contact_sheet.jpg":
        return "metrics.json" in beside or any(map(GENERATED.fullmatch, beside))
    return name in RESULTS and any(record in beside for record in RECORDS)


def describe_left_out(folder: Path | str, left_out: Mapping[str, Sequence[Path]]) -> str:
    """Say in one sentence what was left out of a folder, by kind; "" where nothing was.

    Of each kind the first few are named; control characters in names are made visible.
    """
    parts = []
    for kind, (one, many) in KINDS.items():
        if paths := sorted(left_out.get(kind, ())):
            names = [_name(path, folder) for path in paths[:NAMED]] + ["…"] * (len(paths) > NAMED)
            count = one if len(paths) == 1 else many.format(len(paths))
            parts.append(f"{count} ({', '.join(names)})")
    return f"left out of {printable(folder)}: {', '.join(parts)}" if parts else ""


def _name(path, folder):
    path = Path(path)
    return printable(path.relative_to(folder) if path.is_relative_to(folder) else path)
