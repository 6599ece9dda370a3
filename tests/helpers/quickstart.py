"""The quickstart's controls, as somebody uses them in a browser."""

import time

from PIL import Image

from ganinv.runs.samples import find_sample

PATIENCE = 600  # seconds; a step takes some where several share a core
TALL = 3000  # pixels; of what is not in sight JupyterLab shows nothing
CONTROLS = ".jp-Cell, [cell-index]"


def small_photo(path):
    """Write a photograph of 256 x 256 pixels with a face in it."""
    whole = Image.open(find_sample("astronaut").path).convert("RGB")
    whole.crop((60, 0, 400, 340)).resize((256, 256)).save(path)
    return path


def only_result(work, settings):
    """The folder of the one photograph that was inverted with such settings."""
    (latent,) = (work / "runs" / "quickstart" / settings).glob("*/latent.safetensors")
    return latent.parent


def until(holds):
    """Wait until something holds."""
    ends = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < ends, "it did not come in time"
        time.sleep(0.1)


class Visit:
    """A page with the quickstart's controls: its `cell` with them, and the `errors` it logged.

    Addresses that begin with one of `elsewhere` cannot be reached where there is no network, which
    counts as no error.
    """

    def __init__(self, browser, address, *, width=1280, elsewhere=()):
        self.context = browser.new_context(viewport={"width": width, "height": TALL})
        self.context.set_default_timeout(PATIENCE * 1000)
        self.elsewhere, self.errors = tuple(elsewhere), []
        self._open(address)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.context.close()

    def _open(self, address):
        self.page = self.context.new_page()
        self.page.on("console", self._note)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.goto(address, wait_until="commit")
        button = self.page.get_by_role("button", name="Upload a photo")
        self.cell = self.page.locator(CONTROLS).filter(has=button).first

    def _note(self, message):
        asked = message.location.get("url", "")
        if message.type == "error" and not (self.elsewhere and asked.startswith(self.elsewhere)):
            self.errors.append(f"{message.text} ({asked})")

    def reopen(self, address):
        """Close the page, and open it anew."""
        self.page.close()
        self._open(address)

    def upload(self, *paths):
        """Choose files by the button."""
        with self.page.expect_file_chooser() as chooser:
            self.press("Upload a photo")
        chooser.value.set_files(paths)
        self.cell.get_by_text(f"Upload a photo ({len(paths)})").wait_for()

    def press(self, name):
        """Press a button of the controls."""
        self.cell.get_by_role("button", name=name).first.click()

    def choose(self, *, steps, **choices):
        """Choose lines of drop-downs by the names beside them, and a number of steps."""
        for name, line in choices.items():
            self._row(name).locator("select").select_option(label=line)
        self._row("steps").locator(".widget-readout").click()
        self.page.keyboard.press("Control+a")
        self.page.keyboard.type(str(steps))
        self.page.keyboard.press("Enter")

    def move(self, name, by):
        """Move a slider by so many of its steps."""
        self._row(name).locator(".noUi-handle").focus()
        for _ in range(by):
            self.page.keyboard.press("ArrowRight")

    def _row(self, name):
        label = self.page.get_by_text(name, exact=True)
        return self.cell.locator(".widget-inline-hbox").filter(has=label).first

    def is_searching(self):
        """Wait until a search is under way."""
        self.cell.get_by_role("button", name="Stop", disabled=False).wait_for()

    def sees_a_growing_picture(self):
        """Count the different pictures of a search until it has shown three or is over."""
        seen = set()
        self.is_searching()
        assert self.cell.get_by_role("progressbar").or_(self.cell.locator(".progress")).count()
        picture = self.cell.get_by_title("the picture of the last step")
        ends = time.monotonic() + PATIENCE
        while len(seen) < 3 and time.monotonic() < ends:
            if self.cell.get_by_text("Save:").count():
                break
            seen.update(picture.evaluate_all("found => found.map(one => one.src)"))
            time.sleep(0.2)
        return len(seen)

    def download(self, name, folder):
        """Follow a link that saves a file; return its path."""
        with self.page.expect_download() as begun:
            self.cell.get_by_role("link", name=name).click()
        path = folder / begun.value.suggested_filename
        begun.value.save_as(path)
        return path
