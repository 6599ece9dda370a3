"""ganinv align | paste: cut faces out of photographs, and put them back."""

import hashlib
import os
import re
from pathlib import Path
from typing import Annotated

import typer

from ganinv.cli.shared import a_path, complain
from ganinv.errors import BadArgumentsError, ImageError, printable
from ganinv.files import full_path, read_json, spare_inputs
from ganinv.runs.names import files_of

Inputs = Annotated[
    list[str], typer.Argument(help="images, folders, sample:NAME, samples, set:NAME")
]
SUFFIX = ".pasted.png"


def align(
    inputs: Inputs,
    out: Annotated[Path, typer.Option(parser=a_path, help="the folder for aligned images")],
    size: Annotated[int, typer.Option(min=16, max=4096)] = 1024,
    face: Annotated[
        str, typer.Option(help="which face: largest, all, or a number from 1, by size")
    ] = "largest",
) -> None:
    """Cut faces out of photographs as FFHQ does it, with a record for `ganinv paste`.

    Photographs are only read, and a crop of another photograph, or of another face, is kept.
    """
    from ganinv.images.faces import parse_face
    from ganinv.runs.checks import check_out

    face = str(parse_face(face))
    check_out(str(out))
    failed = 0
    left_out: list[str] = []
    photos = _photographs(inputs, out, left_out.append)
    targets = _targets_of([photo.id for photo in photos], out, face)
    spare_inputs(targets, [photo.path for photo in photos], "name another folder by --out")
    for photo in photos:
        try:
            _align_one(photo, out, size, face)
        except ImageError as error:
            failed += 1
            complain(f"{printable(photo.path)}: {error}", 1)
        except OSError as error:
            failed += 1
            complain(f"cannot write to {printable(out)}: {error.strerror or error}", 1)
    for line in left_out:
        complain(line, 0)
    raise typer.Exit(1 if failed else 0)


def _photographs(inputs, out, say):
    """The photographs of the inputs. Crops in `out` that folders bring along are left out."""
    from ganinv.runs.inputs import find_photos

    photos = find_photos(inputs, True, left_out=say)
    named = {os.path.realpath(full_path(item)) for item in inputs}
    others = [photo.path for photo in photos if not _is_own(photo.path, out, named)]
    if len(others) in (0, len(photos)):  # crops alone are meant: what they would replace is said
        return photos
    say(f"left out of {printable(out)}: crops that were made there ({len(photos) - len(others)})")
    return find_photos(others, True)  # whose names do not depend on crops


def _is_own(path, out, named):
    """Whether a picture is a crop in `out`, with its record beside it, and was not named."""
    from ganinv.images.crops import read_crop

    real = os.path.realpath(path)
    if path.suffix != ".png" or real in named or os.path.dirname(real) != os.path.realpath(out):
        return False
    try:
        read_crop(path.with_name(f"{path.stem}.json"))
    except ImageError:
        return False
    return True


def _targets_of(names, out, face):
    """Files that may be written; where each has any number of faces, those of them that exist."""
    if face != "all":
        return [out / f"{name}{suffix}" for name in names for suffix in (".png", ".json")]
    known = {name.casefold() for name in names}
    there = os.listdir(out) if out.is_dir() else []
    faces = [re.fullmatch(r"(.+)-face\d+\.(png|json)", name, re.IGNORECASE) for name in there]
    return [out / found[0] for found in faces if found and found[1].casefold() in known]


def _check_place(out, name, photo, sha256, face):
    """Raise ImageError where a crop's files are there, and are not those of this very face.

    One of the same face is replaced, also where the photograph at that path has changed.
    """
    from ganinv.images.crops import read_crop

    picture, record = out / f"{name}.png", out / f"{name}.json"
    there = next((path for path in (picture, record) if os.path.lexists(path)), None)
    if there is None:
        return
    other = "name another folder by --out"
    try:
        crop = read_crop(record)
    except ImageError:
        raise ImageError(
            f"{printable(there)} is there, and no crop that `ganinv align` wrote; {other}"
        ) from None
    beside = out / (crop.source_relative or crop.source)
    same = os.path.realpath(photo.path) in map(os.path.realpath, (crop.source, beside))
    if not same and crop.sha256 != sha256:
        raise ImageError(
            f"{printable(there)} is the crop of another photograph of this name, "
            f"{printable(crop.source)}; {other}"
        )
    if crop.face != face:
        raise ImageError(
            f"{printable(there)} is the crop of face {crop.face}, and not of face {face}; {other}, "
            "or take --face all, which numbers the crops"
        )


def _align_one(photo, out, size, face):
    """Write the faces of one photograph, each with its record: first, so that none is without."""
    import numpy as np

    from ganinv.images.alignment import cut_squares
    from ganinv.images.crops import describe_crop, write_crop
    from ganinv.images.reading import open_image, read_bytes
    from ganinv.images.writing import save_png

    def notice(text):
        complain(f"{printable(photo.path)}: {text}", 0)

    data = read_bytes(photo.path)
    image = open_image(data, notice)
    sha256 = hashlib.sha256(data).hexdigest()
    cuts = cut_squares(image, size, True, notice, face, otherwise="")
    names = [f"{photo.id}-face{cut.face}" if face == "all" else photo.id for cut in cuts]
    for name, cut in zip(names, cuts, strict=True):
        _check_place(out, name, photo, sha256, cut.face)
    for name, cut in zip(names, cuts, strict=True):
        write_crop(
            out / f"{name}.json", describe_crop(cut, photo.path, image.size, out, sha256=sha256)
        )
        save_png(out / f"{name}.png", np.asarray(cut.image))
        print(printable(out / f"{name}.png"))


def paste(
    inputs: Annotated[
        list[Path],
        typer.Argument(
            parser=a_path, help="PNG with their crop records, image folders of a run, or runs"
        ),
    ],
    photo: Annotated[
        Path | None,
        typer.Option(parser=a_path, help="the photograph; else the one that the record names"),
    ] = None,
    crop: Annotated[
        Path | None, typer.Option(parser=a_path, help="the crop record; else ID.json beside ID.png")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(parser=a_path, help="a PNG, or a folder; else beside what is pasted"),
    ] = None,
    rim: Annotated[
        float, typer.Option(min=0, max=0.5, help="the share of the side that fades in")
    ] = 0.08,
) -> None:
    """Put reconstructions, or edited crops, back into the photographs they were cut from."""
    if not 0 <= rim <= 0.5:  # typer lets pass what is not a number
        raise BadArgumentsError(f"--rim {rim}: a share of the side, 0 to 0.5")
    jobs, failed = [], 0
    for item in inputs:
        try:
            jobs += _find_jobs(item, crop)
        except ImageError as error:
            failed += 1
            complain(error, 1)
    found = []
    for (picture, record, _), target in zip(jobs, _targets(jobs, out), strict=True):
        try:
            found.append((picture, *_find_source(picture, record, photo), target))
        except ImageError as error:
            failed += 1
            complain(f"{printable(picture)}: {error}", 1)
    read = [path for picture, _, source, _ in found for path in (picture, source)]
    spare_inputs([target for *_, target in found], read, "name another file by --out")
    for picture, crop_of, source, target in found:
        try:
            _paste_one(picture, crop_of, source, target, rim)
        except ImageError as error:
            failed += 1
            complain(f"{printable(picture)}: {error}", 1)
        except OSError as error:
            failed += 1
            complain(f"cannot write {printable(target)}: {error.strerror or error}", 1)
    raise typer.Exit(1 if failed else 0)


def _find_jobs(item, crop):
    """What to paste for one INPUT: (picture, record, output beside it). Raises ImageError."""
    if not os.path.exists(item):
        raise ImageError(f"there is no file or folder {printable(item)}")
    if item.is_file():
        beside = [item.with_suffix(".json"), item.parent / "record.json"]
        record = crop or next((path for path in beside if path.is_file()), None)
        if record is None:
            raise ImageError(
                f"{printable(item)}: no crop record beside it ({printable(beside[0])}); `ganinv "
                "align` writes them, --crop names one"
            )
        return [(item, record, item.with_name(item.stem + SUFFIX))]
    records = [item / "record.json"]
    if not records[0].is_file():
        records = sorted(item.glob("*/record.json"))
    if not records:
        raise ImageError(
            f"{printable(item)}: neither a run nor an image folder of one (no record.json)"
        )
    folders = [record.parent for record in records]
    if len(records) > 1:  # of a run, images that failed have no reconstruction
        folders = [folder for folder in folders if _has_result(folder)]
    return [
        (folder / "reconstruction.png", crop or folder / "record.json", folder / "pasted.png")
        for folder in folders
    ]


def _has_result(folder):
    """Whether an image's folder holds a reconstruction, or was to be kept without."""
    if (folder / "reconstruction.png").is_file():
        return True
    try:
        return "reconstruction.png" not in files_of(read_json(folder / "record.json"))
    except (OSError, ValueError, AttributeError):
        return False


def _targets(jobs, out):
    """Where each result goes. Raises BadArgumentsError where several would go to one file."""
    if out is None:
        return [beside for _, _, beside in jobs]
    if out.suffix and not out.is_dir():
        if out.suffix.lower() != ".png":
            raise BadArgumentsError(f"--out {printable(out)}: results are PNG; name a .png file")
        if len(jobs) > 1:
            raise BadArgumentsError(f"--out {printable(out)} is one file for {len(jobs)} results")
        return [out for _ in jobs]
    names = [
        (picture.parent.name if beside.name == "pasted.png" else picture.stem) + SUFFIX
        for picture, _, beside in jobs
    ]
    if len(set(names)) < len(names):
        raise BadArgumentsError(f"several results would have one name in {printable(out)}")
    return [out / name for name in names]


def _find_source(picture, record, photo):
    """The crop that a record holds, and its photograph. Raises ImageError."""
    from ganinv.images.crops import find_photograph, read_crop

    crop = read_crop(record)
    if picture.name == "reconstruction.png" and not picture.is_file():
        raise ImageError(
            "it was not kept (--keep latents); draw it by `ganinv render`, and paste that with "
            f"--crop {printable(record)}"
        )
    try:
        return crop, photo or find_photograph(crop, record)
    except ImageError as error:
        raise ImageError(f"{error}: name the photograph by --photo") from None


def _paste_one(picture, crop, source, target, rim):
    import numpy as np

    from ganinv.images.pasting import paste as paste_crop
    from ganinv.images.reading import open_image
    from ganinv.images.writing import save_png

    result = open_image(picture)
    try:
        whole = open_image(source)
    except ImageError as error:
        raise ImageError(f"its photograph {printable(source)}: {error}") from None
    if whole.size != crop.photo_size:
        sizes = "{}x{} and not {}x{}".format(*whole.size, *crop.photo_size)
        raise ImageError(f"{printable(source)} is {sizes}, as the photograph it was cut from")
    save_png(target, np.asarray(paste_crop(whole, result, crop.quad, rim)))
    print(printable(target))
