"""Which photograph: one that is uploaded, or a sample, with its crop shown before anything runs."""

import re
from pathlib import Path
from typing import Any

import ipywidgets
import numpy as np
from PIL import Image, ImageDraw

from ganinv.errors import GaninvError, NoFaceError, printable
from ganinv.files import remove_file, write_bytes
from ganinv.images.alignment import centre_square, crop_square, face_square
from ganinv.images.faces import TRIED, find_faces
from ganinv.images.reading import open_image
from ganinv.runs.samples import find_sample, photographs
from ganinv.widgets.choices import LABELS, WIDE
from ganinv.widgets.shared import Face, Note

TALL = 256  # pixels of the preview
LONGEST = 150  # bytes of a name; with a number, and while it is written, it is longer
GAP = 16  # between the photograph and its crop
CHOSEN, OTHERS = "#d55e00", "#56b4e9"  # lines about faces
YOURS = "your upload: "


class PhotoWidget(ipywidgets.VBox):
    """A photograph to choose, with a preview of its crop; uploads are kept in `folder`.

    An upload is one more line of the drop-down, and chosen at once. *Clear upload* removes what
    was uploaded here; results stay. A second drop-down numbers the faces where there are several.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.upload = ipywidgets.FileUpload(
            accept="image/*,.heic,.heif",
            multiple=False,
            description="Upload a photo",
            layout={"width": "auto"},
        )
        self.clear_button = ipywidgets.Button(description="Clear upload", disabled=True)
        self.samples = [(name, f"sample:{name}") for name in photographs()]
        self.choice = ipywidgets.Dropdown(
            options=self.samples, description="photo", layout=WIDE, style=LABELS
        )
        self.align = ipywidgets.Checkbox(
            True, description="find the face and crop it", indent=False, layout=WIDE
        )
        self.face = ipywidgets.Dropdown(
            options=[("1", 1)], description="face", layout=WIDE, style=LABELS
        )
        self.preview, self.message = Face(alt="the photograph, and its crop"), Note()
        self.problem = ""  # why what is chosen cannot be inverted
        self._found: tuple[str, Image.Image, list[np.ndarray]] | None = None
        self._uploaded: list[Path] = []
        super().__init__()
        self.upload.observe(self._take, "value")
        self.clear_button.on_click(self.clear)
        for control in (self.choice, self.align, self.face):
            control.observe(self.show, "value")
        self.show()

    @property
    def image(self) -> str:
        """The photograph that is chosen, as `find_photos` takes it."""
        return self.choice.value

    def which_face(self) -> str:
        """The face that is meant, as the parameter of that name: largest, or a number."""
        return "largest" if self.face.value in (None, 1) else str(self.face.value)

    def _take(self, _: Any) -> None:
        """Save what was uploaded, and choose it."""
        with self.message.told():
            for uploaded in self.upload.value:
                path = save_upload(self.folder, uploaded["name"], bytes(uploaded["content"]))
                if path not in self._uploaded:
                    self._uploaded.append(path)
                self._list(str(path))

    def clear(self, _: Any = None) -> None:
        """Remove what was uploaded here, and choose a sample."""
        with self.message.told():
            for path in self._uploaded:
                remove_file(path)
            self._uploaded.clear()
            self.upload.value = ()
            self._list(self.samples[0][1])

    def _list(self, chosen: str) -> None:
        mine = [(printable(YOURS + path.name), str(path)) for path in reversed(self._uploaded)]
        self.clear_button.disabled = not mine
        self.choice.options = [*mine, *self.samples]  # which chooses the first
        self.choice.value = chosen

    def show(self, _: Any = None) -> None:
        """Draw the photograph and its crop, and say what will be inverted."""
        shown, self.problem = [], ""
        try:
            picture, faces = self._look(self.image)
            self._count(len(faces) if self.align.value else 0)
            quads = [face_square(face) for face in faces]
            if not self.align.value:
                quads = [centre_square(picture.size)]
            number = (self.face.value or 1) - 1
            drawn = draw_crop(picture, quads, number)
            self.preview.draw(drawn)
            self.preview.layout.width = f"{drawn.shape[1]}px"  # not stretched to the page's width
            shown = [self.preview]
            self.message.tell(self._words(picture, quads, number))
        except (GaninvError, OSError) as error:
            self.problem = f"{Path(self.image).name}: {error}"
            self.message.tell(self.problem)
        faces_named = [self.face] if len(self.face.options) > 1 else []
        buttons = ipywidgets.HBox([self.upload, self.clear_button], layout={"flex_flow": "wrap"})
        rows = [buttons, self.choice, self.align, *faces_named]
        self.children = [*rows, *shown, self.message]

    def _look(self, image: str) -> tuple[Image.Image, list[np.ndarray]]:
        """The photograph that is chosen, and its faces; the last one is known."""
        if self._found is None or self._found[0] != image:
            name = image.removeprefix("sample:")
            path = find_sample(name).path if name != image else Path(image)
            picture = open_image(path)
            self._found = image, picture, find_faces(picture)
        return self._found[1:]

    def _count(self, count: int) -> None:
        """Offer the numbers of the faces, the largest first."""
        numbers = [(f"{n} of {count}", n) for n in range(1, count + 1)] or [("1", 1)]
        if numbers != list(self.face.options):
            self.face.options = numbers

    def _words(self, picture: Image.Image, quads: list[np.ndarray], number: int) -> str:
        if not quads:
            raise NoFaceError(
                f"no face found ({TRIED}): take another photograph, or switch the cropping off for "
                "a picture that is a crop already"
            )
        side = np.hypot(*(quads[number][3] - quads[number][0]))
        size = f"{picture.width} × {picture.height} pixels"
        what = "the face's square" if self.align.value else "the centre square"
        return f"{size}; {what}, {side:.0f} pixels a side, is inverted"


def save_upload(folder: Path, name: str, data: bytes) -> Path:
    """Write an uploaded file, and return its path; another file of that name is not overwritten.

    A second one of a name becomes NAME-2, so that each has results of its own. Raises WriteError.
    """
    safe = re.sub(r".*[/\\]", "", name)
    safe = re.sub("[\0\ud800-\udfff]", "_", safe)  # what no file's name can hold
    safe = "photo" if safe in ("", ".", "..") else shorten_name(safe)
    place, number = folder / safe, 1
    while place.exists() and not (place.is_file() and place.read_bytes() == data):
        number += 1
        place = folder / f"{Path(safe).stem}-{number}{Path(safe).suffix}"
    folder.mkdir(parents=True, exist_ok=True)
    write_bytes(place, data)
    return place


def shorten_name(name: str) -> str:
    """Cut a file's name to `LONGEST` bytes of UTF-8; its suffix stays."""
    suffix = Path(name).suffix
    suffix = suffix if len(suffix.encode(errors="replace")) <= LONGEST // 2 else ""
    stem = name.removesuffix(suffix)
    while len((stem + suffix).encode(errors="replace")) > LONGEST:
        stem = stem[:-1]
    return stem + suffix


def draw_crop(picture: Image.Image, quads: list[np.ndarray], chosen: int) -> np.ndarray:
    """Draw squares (4, 2) into a photograph, beside it the chosen one's content: (256, W, 3)."""
    scale = TALL / picture.height
    width = max(1, round(picture.width * scale))
    if width > 2 * TALL:  # a panorama
        scale, width = 2 * TALL / picture.width, 2 * TALL
    small = picture.resize((width, max(1, round(picture.height * scale))))
    draw = ImageDraw.Draw(small)
    for number, quad in enumerate(quads):
        corners = [tuple(corner) for corner in (quad + 0.5) * scale]
        colour, thick = (CHOSEN, 3) if number == chosen else (OTHERS, 2)
        draw.line([*corners, corners[0]], fill=colour, width=thick, joint="curve")
        if len(quads) > 1:
            draw.text(corners[0], f" {number + 1}", fill=colour, font_size=18)
    crops = [crop_square(picture, quads[chosen], TALL)] if quads else []
    sheet = Image.new("RGB", (width + (GAP + TALL) * len(crops), TALL), "white")
    sheet.paste(small, (0, (TALL - small.height) // 2))
    for crop in crops:
        sheet.paste(crop, (width + GAP, 0))
    return np.asarray(sheet)
