"""Controls for one inversion: a photograph, the choices, a button, the result."""

from pathlib import Path
from typing import Any

import ipywidgets
from IPython.display import Image, display

from ganinv.errors import GaninvError
from ganinv.runs.experiment import run_experiment
from ganinv.runs.params import Params
from ganinv.runs.samples import photographs
from ganinv.weights.manifest import load_manifest
from ganinv.widgets.edit import EditWidget


class InversionWidget(ipywidgets.VBox):
    """Controls for one inversion; the panel is shown below the button, and edits of it below that.

    Results go to `out`/results, and are set aside as results-1 and so on when the next ones are
    under other parameters; photographs uploaded lie in `out`/uploads. Show the controls by naming
    the widget on a cell's last line.
    """

    def __init__(self, out: str | Path = "runs/quickstart"):
        self.out = Path(out)
        self.upload = ipywidgets.FileUpload(accept="image/*", multiple=False, description="Photo")
        self.sample = ipywidgets.Dropdown(options=photographs(), description="or sample")
        names, encoders = _names("generator"), _names("encoder")
        self.generator = ipywidgets.Combobox(
            value=names[0],
            options=names,
            ensure_option=False,
            description="generator",
            tooltip="a name, or the path of a file: my.pkl",
        )
        self.space = ipywidgets.ToggleButtons(options=["w", "w+"], value="w+", description="space")
        self.loss = ipywidgets.ToggleButtons(
            options=["l2", "lpips"], value="lpips", description="loss"
        )
        self.start = ipywidgets.Combobox(
            value="mean_w",
            options=["mean_w", *encoders],
            ensure_option=False,
            description="start",
            tooltip="mean_w, or an encoder: a name, or the path of a file",
        )
        self.steps = ipywidgets.IntSlider(100, min=1, max=1000, description="steps")
        self.align = ipywidgets.Checkbox(True, description="find and crop the face")
        self.button = ipywidgets.Button(description="Invert", button_style="primary")
        self.output = ipywidgets.Output()
        self.edits = ipywidgets.VBox()
        self.button.on_click(self.run)
        super().__init__(
            [
                ipywidgets.HBox([self.upload, self.sample]),
                self.generator,
                self.space,
                self.loss,
                self.start,
                self.steps,
                self.align,
                self.button,
                self.output,
                self.edits,
            ]
        )

    def image(self) -> str:
        """Name the photograph chosen: an uploaded one, saved beside the results, or a sample.

        Raises OSError where it cannot be saved.
        """
        if not self.upload.value:
            return f"sample:{self.sample.value}"
        uploaded = self.upload.value[0]
        path = self.out / "uploads" / Path(uploaded["name"]).name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(uploaded["content"]))
        return str(path)

    def run(self, _: Any = None) -> None:
        """Invert with the values shown; progress, result and errors appear in the output area."""
        self.button.disabled = True
        self.output.clear_output()
        self.edits.children = []
        with self.output:
            try:
                self._invert()
            except (GaninvError, OSError) as error:
                print(error)
            finally:
                self.button.disabled = False

    def params(self) -> Params:
        """Make the parameters that the controls stand for.

        Raises ParamsError for values that cannot be used, OSError where an uploaded photograph
        cannot be saved.
        """
        start = self.start.value
        begin = {} if start == "mean_w" else {"init": "encoder", "encoder": start}
        values = {
            "generator": self.generator.value,
            "images": [self.image()],
            "space": self.space.value,
            "loss": self.loss.value,
            "steps": self.steps.value,
            "align": self.align.value,
            "out": str(self.out / "results"),
        }
        return Params.make(values | begin)

    def _invert(self):
        run = run_experiment(self.params(), set_aside=True)
        for image_id in run.results["images"]:
            display(Image(filename=run.out / image_id / "panel.png"))
        self.edits.children = [EditWidget(run.out / image_id) for image_id in run.results["images"]]


def _names(kind):
    return [name for name, entry in load_manifest().items() if entry.kind == kind]
