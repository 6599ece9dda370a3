"""Controls for one inversion: a photograph, the choices, a button, the result, its edits."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ipywidgets

from ganinv.inversion.latent_files import LATENT
from ganinv.inversion.result import Inversion
from ganinv.losses.terms import loss_name
from ganinv.runs.inputs import find_photos
from ganinv.runs.params import Params
from ganinv.runs.record_files import has_latent, read_record
from ganinv.runs.results import read_inversion
from ganinv.widgets.choices import LABELS, WIDE, NameOrFile, weights_named
from ganinv.widgets.edit import EditWidget
from ganinv.widgets.photo import PhotoWidget
from ganinv.widgets.results import ResultView
from ganinv.widgets.search import SearchWidget
from ganinv.widgets.shared import Note

MEAN = "mean_w"
USUAL = "domain-ffhq"  # the start, while the generator is the one that this encoder is for:
STUDENT, LOSS = (Params.model_fields[name].default for name in ("generator", "loss"))
STEPS = 50  # of the search; the refinement has its own
BOTH = loss_name(LOSS)  # stands for the loss of a search that names none


class InversionWidget(ipywidgets.VBox):
    """Controls for one inversion; its result is shown below the button, and edits of it below that.

    The search runs in a thread, and *Stop* ends it with the best so far. `result` is the last
    `Inversion`, for the next cell, and `folder` where it lies. Each setting has a folder of its
    own in `out`, named after it, so that two of them can be compared; photographs uploaded lie in
    `out`/uploads. Show the controls by naming the widget on a cell's last line.
    """

    def __init__(self, out: str | Path = "runs/quickstart") -> None:
        self.out = Path(out).expanduser()
        self.result: Inversion | None = None
        self.folder: Path | None = None
        self._after: list[Callable[[], object]] = []
        self.photo = PhotoWidget(self.out / "uploads")
        self._make_choices()
        self.button = ipywidgets.Button(
            description="Invert", button_style="primary", icon="play", tooltip="begin the search"
        )
        self.search = SearchWidget(self._show, self._free)
        self.message = Note()
        self.shown, self.edits = ipywidgets.VBox(), ipywidgets.VBox()
        self.button.on_click(self.run)
        super().__init__(
            [
                self.photo,
                *(self.generator, self.start, self.space, self.loss, self.refine, self.steps),
                ipywidgets.HBox([self.button, self.search.stop_button]),
                *(self.message, self.search, self.shown, self.edits),
            ]
        )

    def _make_choices(self) -> None:
        how = dict(layout=WIDE, style=LABELS)
        self.generator = NameOrFile(
            weights_named("generator"), "generator", "what renders; a name or a file of your own"
        )
        encoders = [(f"the code of {label}", name) for label, name in weights_named("encoder")]
        self.start = NameOrFile(
            [("the mean face", MEAN), *encoders], "start", "where the search begins"
        )
        self.start.value = USUAL
        self.space = ipywidgets.Dropdown(
            options=[("W+, one vector per layer", "w+"), ("W, one vector for all", "w")],
            description="space",
            **how,
        )
        self.loss = ipywidgets.Dropdown(
            options=[
                ("LPIPS and pixels", BOTH),
                ("LPIPS, what looks alike", "lpips"),
                ("L2, pixel by pixel", "l2"),
            ],
            description="loss",
            **how,
        )
        self.refine = ipywidgets.Dropdown(
            options=[("features, for the photograph itself", "features"), ("nothing more", "none")],
            description="then",
            tooltip="what is added to the generator after the latent is found",
            **how,
        )
        self.steps = ipywidgets.IntSlider(STEPS, min=1, max=1000, description="steps", **how)
        self.generator.choice.observe(self._fit, "value")
        self._fit()

    def _fit(self, _: Any = None) -> None:
        """Begin another generator's searches from its mean, and refine nothing.

        The encoder is not for it, and it may have no features of the usual resolution.
        """
        is_usual = self.generator.value == STUDENT
        if self.start.value in (USUAL, MEAN):
            self.start.value = USUAL if is_usual else MEAN
        self.refine.value = "features" if is_usual else "none"

    def on_result(self, call: Callable[[], object]) -> None:
        """Call a function after each search, such as the `look` of a comparison."""
        self._after.append(call)

    def params(self) -> Params:
        """Make the parameters that the controls stand for.

        Raises ParamsError for values that cannot be used.
        """
        start = self.start.value
        values = {
            "generator": self.generator.value,
            "images": [self.photo.image],
            "align": self.photo.align.value,
            "face": self.photo.which_face(),
            "space": self.space.value,
            "loss": LOSS if self.loss.value == BOTH else self.loss.value,
            "refine": self.refine.value,
            "steps": self.steps.value,
            "log_every": 0,
            "snapshot_every": max(1, self.steps.value // 40),
        }
        begin = {} if start == MEAN else {"init": "encoder", "encoder": start}
        params = Params.make(values | begin)
        return params.model_copy(update={"out": str(self.out / settings_name(params))})

    def run(self, _: Any = None) -> None:
        """Begin a search with the values shown; progress, result and errors appear below."""
        if self.search.is_running:
            return
        if self.photo.problem:  # what is shown of an earlier search stays
            self.message.tell(self.photo.problem)
            return
        self.shown.children, self.edits.children = [], []
        self.result = self.folder = None
        self.message.tell()
        with self.message.told():
            params = self.params()
            (photo,) = find_photos(params.images, params.align, params.face)
            self._place = Path(params.out) / photo.id
            self.button.disabled = True
            self.search.start(params)

    def wait(self, seconds: float | None = None) -> Inversion | None:
        """Wait until the search has ended, or for so many seconds; return its result."""
        self.search.wait(seconds)
        return self.result

    def _free(self) -> None:
        """Let another search begin: a click before that would do nothing, and say nothing."""
        self.button.disabled = False

    def _show(self, found: Inversion | None) -> None:
        """Show what a search has found, or what is kept of an earlier one under these settings."""
        record = read_record(self._place.parent, self._place.name)
        if not has_latent(record) or not (self._place / LATENT).is_file():
            return
        with self.message.told():
            self.result, self.folder = found or read_inversion(self._place), self._place
            self.shown.children = [ResultView(self._place, self.result)]
            self.edits.children = [EditWidget(self._place)]
            for call in self._after:
                call()


def settings_name(params: Params) -> str:
    """Name a folder after the parameters that the controls choose: w+-lpips+l2-domain-ffhq-50."""
    start = Path(params.encoder).stem if params.encoder else params.init
    parts = [params.space, loss_name(params.loss), start, str(params.steps)]
    parts += [Path(params.generator).stem] if params.generator != STUDENT else []
    parts += [params.refine] if params.refine != "none" else []
    parts += [] if params.align else ["uncropped"]
    parts += [] if params.face == "largest" else [f"face{params.face}"]
    return re.sub(r"[^\w+.-]", "_", "-".join(parts))
