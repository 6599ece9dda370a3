"""Choices that show what there is: a list of names, and a field for a path below its last line."""

from collections.abc import Sequence
from typing import Any

import ipywidgets

from ganinv.paths import is_in_clone
from ganinv.weights.manifest import load_manifest, weight_path

OTHER = "a file …"
WIDE = {"width": "auto", "max_width": "30em"}  # narrower on a phone, with its margins
LABELS = {"description_width": "6em"}


class NameOrFile(ipywidgets.VBox):
    """A drop-down of names, with a field for a path that is shown where `OTHER` is chosen.

    `options` are (label, value); `value` is what is chosen, or written.
    """

    def __init__(self, options: Sequence[tuple[str, str]], description: str, about: str) -> None:
        self.known = {value for _, value in options}
        self.choice = ipywidgets.Dropdown(
            options=[*options, (OTHER, OTHER)],
            description=description,
            tooltip=about,
            layout=WIDE,
            style=LABELS,
        )
        self.path = ipywidgets.Text(
            placeholder="its path: my.pkl", description="path", layout=WIDE, style=LABELS
        )
        self.choice.observe(self._show, "value")
        super().__init__([self.choice])

    @property
    def value(self) -> str:
        """The name that is chosen, or the path that is written."""
        return self.path.value.strip() if self.choice.value == OTHER else self.choice.value

    @value.setter
    def value(self, value: str) -> None:
        is_name = value in self.known
        if not is_name:
            self.path.value = value
        self.choice.value = value if is_name else OTHER

    def _show(self, _: Any) -> None:
        others = [self.path] if self.choice.value == OTHER else []
        self.children = [self.choice, *others]


def weights_named(kind: str) -> list[tuple[str, str]]:
    """List the manifest's generators or encoders as (label, name): first those that are here.

    In a clone, which downloads by command alone, the label of another one gives that command.
    """
    missing = " · not here: ganinv weights fetch " if is_in_clone() else " · fetched when used"
    here, others = [], []
    for name, entry in load_manifest().items():
        if entry.kind == kind and weight_path(name).is_file():
            here.append((name, name))
        elif entry.kind == kind:
            others.append((f"{name}{missing}{name if is_in_clone() else ''}", name))
    return here + others
