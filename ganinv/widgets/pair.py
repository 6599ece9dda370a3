"""Two of the faces that were inverted, to choose, wherever a widget needs two."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import ipywidgets

from ganinv.errors import printable
from ganinv.files import full_path
from ganinv.inversion.latent_files import LATENT
from ganinv.runs.names import SAVED
from ganinv.runs.record_files import has_latent, read_record
from ganinv.widgets.choices import LABELS, WIDE
from ganinv.widgets.shared import Note


class FacePair(ipywidgets.VBox):
    """Two drop-downs over the faces in `out`, and *Look again*; `changed` is called after a choice.

    `names` are those of the drop-downs, `purpose` what two faces are needed for, as a sentence
    begins.
    """

    def __init__(
        self,
        out: str | Path,
        names: tuple[str, str],
        purpose: str,
        changed: Callable[[], object],
    ) -> None:
        self.out, self.purpose, self.changed = Path(full_path(out)), purpose, changed
        self.message = Note()
        self.first, self.second = (
            ipywidgets.Dropdown(description=name, layout=WIDE, style=LABELS) for name in names
        )
        self.look_button = ipywidgets.Button(description="Look again", icon="refresh")
        self.look_button.on_click(self.look)
        self._is_looking = False
        super().__init__()
        for choice in (self.first, self.second):
            choice.observe(self._choose, "value")

    @property
    def is_whole(self) -> bool:
        """Whether there are two faces to choose from."""
        return len(self.first.options) > 1

    @property
    def paths(self) -> tuple[Path, Path]:
        """The latents that are chosen."""
        return self.first.value, self.second.value

    def look(self, _: Any = None) -> None:
        """Look for inverted faces; keep the choices where they are still there."""
        faces = {printable(name): path for name, path in find_faces(self.out).items()}
        chosen = self.first.value, self.second.value
        self._is_looking = True
        for number, choice in enumerate((self.first, self.second)):
            choice.options = list(faces.items())
            there = [path for path in faces.values() if path == chosen[number]]
            choice.value = next(iter(there or list(faces.values())[number:]), None)
        self._is_looking = False
        if len(faces) < 2:
            self.children = [self.look_button, self.message]
            self.message.tell(
                f"{self.purpose} needs two inverted faces; {self.out} holds "
                f"{'one. Invert another one' if faces else 'none. Invert some'}, then look again."
            )
        else:
            self.children = [self.first, self.second, self.look_button]
            self.message.tell()
        self.changed()

    def _choose(self, _: Any) -> None:
        if not self._is_looking:
            self.changed()


def find_faces(out: str | Path) -> dict[str, Path]:
    """Find the latents of images in a run, or in the runs of a folder, by their names.

    A name is the image's, with its run's where `out` holds several. Those of searches that were
    stopped count, with the best that they kept; failures and edits are left out.
    """
    found = sorted({*Path(out).glob(f"*/{LATENT}"), *Path(out).glob(f"*/*/{LATENT}")})
    faces = {}
    for path in found:
        folder = path.parent
        record = read_record(folder.parent, folder.name)
        if folder.parent.name != SAVED and (record is None or has_latent(record)):
            faces[folder.relative_to(out).as_posix()] = path
    return faces
