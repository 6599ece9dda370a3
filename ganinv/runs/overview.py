"""A run's results at a glance: contact_sheet.jpg, and index.html, which opens offline.

Both show what lies in the run's folder, whichever calls or processes did it: of the first images
the pictures, of the others lines of a table, on pages of their own. Entries are read one at a time,
so that a folder of any size takes little memory.
"""

import html
import itertools
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from ganinv.errors import printable
from ganinv.figures import INK
from ganinv.files import remove_file, size_of, write_text
from ganinv.images.writing import read_png, save_jpeg
from ganinv.inversion.latent_files import LATENT
from ganinv.measures.reconstruction import METRICS
from ganinv.runs.describe import describe, describe_metrics
from ganinv.runs.gathered import read_gathered
from ganinv.runs.names import ENVIRONMENT, INDEX, PAGES, SHEET, files_of
from ganinv.runs.params import Params
from ganinv.runs.record_files import has_latent, is_finished, is_id, read_record
from ganinv.runs.records import gather_codes

SIDE = 160  # pixels of a picture on the sheet
LINE = 20  # pixels of a line of text below it
COLUMNS = 4
REFINED = {  # what a result is, by what was refined
    "features": "a code and a feature map",
    "weights": "a code and changed weights",
    "both": "a code, a feature map and changed weights",
}
MOST = 200  # images on a sheet, and with pictures on the page; reading one takes some 40 ms
ROWS = 1000  # images in a table on a page of its own, of half a megabyte
TOLD = ("difference", "loss_curve", "history")  # files that a line of a table does not link
FAULTS = 200  # failures that the page names
STYLE = """
body { margin: 0 auto; max-width: 1320px; padding: 0 1rem 3rem; color: #1d1d1f;
  font: 16px/1.5 system-ui, sans-serif; }
figure { margin: 1.2rem 0; }
figure img { width: 100%; height: auto; aspect-ratio: 1320 / 506; background: #f6f7f9; }
figure.refined img { aspect-ratio: 1716 / 528; }
figcaption, p, li { overflow-wrap: anywhere; }
nav, .files { display: flex; flex-wrap: wrap; gap: .1rem .9rem; margin: .4rem 0; }
nav a, .files a { color: #0b57a4; }
.failed img { width: 100%; }
.failed { background: #fff4d6; border: 1px solid #e6c76a; border-radius: 6px; padding: .2rem 1rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .8rem .25rem 0; text-align: left; }
.wide { overflow-x: auto; }
"""


def write_overview(folder: str | Path, metrics: Mapping[str, Any], params: Params) -> None:
    """Write the contact sheet and the pages of a run. `metrics` is what metrics.json holds.

    Raises WriteError. Pictures that are missing leave their place empty.
    """
    folder = Path(folder)
    images = metrics["images"]
    if sheet := _has_pictures(images):
        save_jpeg(folder / SHEET, contact_sheet(folder, images))
    else:
        remove_file(folder / SHEET)
    _remove_pages(folder, _write_pages(folder, images))
    write_text(folder / INDEX, _page(folder, metrics, params, sheet))


def remove_overview(folder: str | Path) -> None:
    """Remove the metrics and pages of a run of which nothing is left. Raises WriteError."""
    for name in ("metrics.json", "metrics.csv", SHEET, INDEX):
        remove_file(Path(folder) / name)
    _remove_pages(Path(folder))


def _remove_pages(folder: Path, last: int = 0) -> None:
    """Remove the pages after the last, of images that have gone."""
    for page in (folder / PAGES).glob("*.html"):
        if page.stem.isdecimal() and int(page.stem) > last:
            remove_file(page)


def show(folder: str | Path, params: Params, *, anew: bool = True) -> None:
    """Write the contact sheet and the pages of what was gathered, as `write_overview` does.

    Another process may gather meanwhile: then that is shown too. Unless `anew`, a page that shows
    the same already stays. Raises ValueError where there is no metrics.json, WriteError.
    """
    file, shown = Path(folder) / "metrics.json", None
    while (found := _stamp(file)) != shown:
        metrics, shown = read_gathered(file), found
        if anew or not _is_shown(Path(folder), metrics, params):
            write_overview(folder, metrics, params)


def _stamp(file: Path) -> tuple[int, int]:
    """What tells a file from one that is renamed into its place; ValueError without one."""
    try:
        found = file.stat()
    except OSError:
        raise ValueError(f"there is no {file}") from None
    return found.st_ino, found.st_mtime_ns


def _is_shown(folder: Path, metrics: Mapping[str, Any], params: Params) -> bool:
    sheet = _has_pictures(metrics["images"])
    page, file = _page(folder, metrics, params, sheet).encode("utf-8", "replace"), folder / INDEX
    try:
        if size_of(file) != len(page) or file.read_bytes() != page:
            return False
    except OSError:
        return False
    last = folder / PAGES / f"{_page_count(len(metrics['images']))}.html"
    if len(metrics["images"]) > MOST and not last.is_file():
        return False
    return not sheet or (folder / SHEET).is_file()


def contact_sheet(folder: Path, images: Mapping[str, Mapping[str, Any]]) -> np.ndarray:
    """Draw photograph and reconstruction of each image, side by side: uint8 (H, W, 3).

    Of more than `MOST` images, the first that have pictures; that is written below them.
    """
    shown = dict(itertools.islice(_with_pictures(images), MOST))
    columns = min(COLUMNS, len(shown))
    gap, width, height = 12, 2 * SIDE, SIDE + 2 * LINE
    rows = -(-len(shown) // columns)
    foot = LINE if len(images) > MOST else 0
    size = (columns * (width + gap) + gap, rows * (height + gap) + gap + foot)
    sheet = Image.new("RGB", size, "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for number, name in enumerate(shown):
        x = gap + number % columns * (width + gap)
        y = gap + number // columns * (height + gap)
        for place, which in enumerate(("target", "reconstruction")):
            picture = _thumbnail(folder / name / f"{which}.png")
            if picture:
                sheet.paste(picture, (x + place * SIDE, y))
        draw.text((x, y + SIDE + 2), _short(name), INK, font)
        draw.text((x, y + SIDE + 2 + LINE), _brief(shown[name]), "#5f6368", font)
    if foot:
        text = f"the first {len(shown)} of {len(images)}; {INDEX} has all"
        draw.text((gap, size[1] - foot), text, INK, font)
    return np.asarray(sheet)


def _with_pictures(images: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    return ((name, entry) for name, entry in images.items() if "panel.png" in files_of(entry))


def _has_pictures(images: Mapping[str, Any]) -> bool:
    return any(True for _ in _with_pictures(images))


def _thumbnail(path: Path) -> Image.Image | None:
    try:
        picture = Image.fromarray(read_png(path))
        small = picture.reduce(max(1, min(picture.size) // (2 * SIDE)))
        return ImageOps.fit(small, (SIDE, SIDE), Image.Resampling.BOX)
    except (OSError, ValueError):
        return None


def _short(name: str) -> str:
    # the font that Pillow brings has Latin letters only
    text = name.encode("latin-1", "replace").decode("latin-1")
    return text if len(text) <= 40 else text[:38] + "…"


def _brief(entry: Mapping[str, Any]) -> str:
    shown = [m for m in ("psnr", "lpips_alex") if m in entry]
    words = [f"{METRICS[m].label} {METRICS[m].show(entry[m], unit=True)}" for m in shown]
    return "   ".join(words + ["refined"] * _is_refined(entry))


def _page(folder: Path, metrics: Mapping[str, Any], params: Params, sheet: bool) -> str:
    images, failed = metrics["images"], metrics["failed"]
    count = f"{len(images)} image{'s' if len(images) != 1 else ''}"
    first = list(itertools.islice(images.items(), MOST))
    codes = gather_codes(images)
    links = ["metrics.csv", "metrics.json", "params.yaml", ENVIRONMENT]
    nav = "".join(f'<a href="{name}">{name}</a>' for name in [SHEET][: int(sheet)] + links)
    parts = [
        '<!doctype html><html lang="en"><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{count}, {_text(describe(params))}</title><style>{STYLE}</style>",
        f"<h1>{count}</h1><p>{_text(describe(params))}; {_text(params.generator)}</p>",
        f"<nav>{nav}</nav>",
        _page_links(len(images)),
        _failures(folder, failed),
        _note(codes, params),
        _means(metrics, codes),
        *(_figure(name, entry) for name, entry in first if "panel.png" in files_of(entry)),
        _rows((name, entry) for name, entry in first if "panel.png" not in files_of(entry)),
        "</html>\n",
    ]
    return "\n".join(part for part in parts if part)


def _text(text: object) -> str:
    return html.escape(printable(text))


def _failures(folder: Path, failed: Mapping[str, str]) -> str:
    if not failed:
        return ""
    shown = itertools.islice(failed.items(), FAULTS)
    rows = "".join(
        f"<li>{_text(name)}: {_text(reason)}{_kept(folder, name)}</li>" for name, reason in shown
    )
    if len(failed) > FAULTS:
        rows += f"<li>and {len(failed) - FAULTS} more, in metrics.json</li>"
    return f'<div class="failed"><p>Failed: {len(failed)}</p><ul>{rows}</ul></div>'


def _kept(folder: Path, name: str) -> str:
    """What a search that ended early has left, with links; "" for nothing."""
    if not is_id(name) or not (folder / name / LATENT).is_file():  # of most there is none to read
        return ""
    record = read_record(folder, name)
    if is_finished(record) or not has_latent(record):
        return ""
    place = quote(name)
    there = [file for file in ("panel.png", LATENT) if (folder / name / file).is_file()]
    links = "".join(f'<a href="{place}/{file}">{file}</a>' for file in there)
    picture = (
        f'<img src="{place}/panel.png" loading="lazy" alt="{_text(name)}: what is kept">'
        if "panel.png" in there
        else ""
    )
    return f'<div class="files">{links}</div>{picture}'


def _means(metrics: Mapping[str, Any], codes: Mapping[str, Any]) -> str:
    mean, std = metrics["mean"], metrics["std"]
    names = [name for name in METRICS if name in mean]
    if len(metrics["images"]) < 2 or not names:
        return ""
    refined, all_images = codes["count"], len(metrics["images"])
    head = "<th>mean ± std</th>" + "".join(
        f"<th>{_text(METRICS[n].heading)} {METRICS[n].arrow}</th>" for n in names
    )
    rows = [_row("refined" if refined else "", names, mean, std)]
    if refined:
        count = "" if refined == all_images else f", of {refined} images"
        rows.append(_row(f"the code alone{count}", names, codes["mean"], codes["std"]))
    return f'<div class="wide"><table><tr>{head}</tr>{"".join(rows)}</table></div>'


def _row(name: str, metrics: list[str], mean: Mapping[str, Any], std: Mapping[str, Any]) -> str:
    cells = ["" for _ in metrics]
    for place, metric in enumerate(metrics):
        if metric in mean:
            show = METRICS[metric].show
            cells[place] = f"{show(mean[metric])} ± {show(std[metric])}"
    return f"<tr><td>{name}</td>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _note(codes: Mapping[str, Any], params: Params) -> str:
    """What a refined result is, where there are any."""
    if not codes["count"]:
        return ""
    what = REFINED.get(params.refine, "more than a code")
    return (
        f"<p>The results are refined: each is {what}, and not a code by itself. The reconstruction "
        "needs all of that; “the code alone” is what the latent renders without it, and what can "
        "be compared with the codes of other runs.</p>"
    )


def _is_refined(entry: Mapping[str, Any]) -> bool:
    return isinstance(entry.get("code"), dict)


def _figure(name: str, entry: Mapping[str, Any]) -> str:
    place, refined = quote(name), _is_refined(entry)
    about = f"{_text(entry.get('title', name))}: {_text(describe_metrics(entry))}"
    files = ["target.png", "reconstruction.png", "latent.safetensors", "record.json"]
    shown = ["photograph", "reconstruction", "difference"]
    if refined:
        about += f"<br>the code alone: {_text(describe_metrics(entry['code']))}"
        files[1:1], files[4:4] = ["code.png"], ["refinement.safetensors"]
        shown.insert(1, "the code alone")
    links = "".join(f'<a href="{place}/{file}">{file}</a>' for file in files)
    kind = ' class="refined"' if refined else ""
    return (
        f'<figure id="{_text(name)}"{kind}><a href="{place}/panel.png">'
        f'<img src="{place}/panel.png" loading="lazy" alt="{_text(name)}: {", ".join(shown)}"></a>'
        f'<figcaption>{about}<div class="files">{links}</div></figcaption></figure>'
    )


# --- pages of tables ---


def _page_count(images: int) -> int:
    """The number of the last page; index.html is the first."""
    return 1 + max(0, -(-(images - MOST) // ROWS))


def _page_links(images: int, here: int = 1) -> str:
    """Links to all pages but the one that is shown."""
    count = _page_count(images)
    if count == 1:
        return ""
    way = "" if here > 1 else f"{PAGES}/"
    home = [] if here == 1 else [f'<a href="../{INDEX}">the first {MOST}, with pictures</a>']
    links = [
        f'<a href="{way}{page}.html">{_range(page, images)}</a>'
        if page != here
        else f"<b>{_range(page, images)}</b>"
        for page in range(2, count + 1)
    ]
    return f"<nav>{' '.join(home + links)}</nav>"


def _range(page: int, images: int) -> str:
    start = MOST + (page - 2) * ROWS
    return f"{start + 1}–{min(start + ROWS, images)}"


def _write_pages(folder: Path, images: Mapping[str, Mapping[str, Any]]) -> int:
    """Write tables of the images that index.html does not show; return the last page's number."""
    left = itertools.islice(images.items(), MOST, None)
    for page in range(2, _page_count(len(images)) + 1):
        parts = [
            '<!doctype html><html lang="en"><meta charset="utf-8">',
            f"<title>images {_range(page, len(images))}</title><style>{STYLE}</style>",
            f"<h1>Images {_range(page, len(images))} of {len(images)}</h1>",
            _page_links(len(images), page),
            _rows(itertools.islice(left, ROWS), "../"),
            "</html>\n",
        ]
        write_text(folder / PAGES / f"{page}.html", "\n".join(parts))
    return _page_count(len(images))


def _rows(entries: Iterable[tuple[str, Mapping[str, Any]]], way: str = "") -> str:
    """A table of images: the name, the metrics, links to the files."""
    rows = []
    for name, entry in entries:
        place = way + quote(name)
        values = [METRICS[m].show(entry[m]) if m in entry else "" for m in METRICS]
        files = [x for x in (*files_of(entry), "record.json") if not x.startswith(TOLD)]
        links = " ".join(f'<a href="{place}/{file}">{file}</a>' for file in files)
        cells = "".join(f"<td>{cell}</td>" for cell in values)
        rows.append(f'<tr id="{_text(name)}"><td>{_text(name)}</td>{cells}<td>{links}</td></tr>')
    if not rows:
        return ""
    heads = "".join(f"<th>{_text(m.heading)} {m.arrow}</th>" for m in METRICS.values())
    head = f"<tr><th>image</th>{heads}<th>files</th></tr>"
    return f'<div class="wide"><table>{head}{"".join(rows)}</table></div>'
