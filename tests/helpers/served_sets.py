"""The image sets of data/sets.yaml in small, on a server of this machine."""

import contextlib
import hashlib
import io
import shutil
import zipfile

import numpy as np
import yaml
from PIL import Image

from ganinv.paths import project_root
from helpers.cats import UPRIGHT, annotation, dotted, turned
from helpers.servers import Site, refusing, serving

SECRET = "0123456789abcdef"
BASIC = "Basic bWU6MDEyMzQ1Njc4OWFiY2RlZg=="  # of me:0123456789abcdef
ONE, TWO, NOTE = "CAT_DATASET_01.zip", "CAT_DATASET_02.zip", "00000003_015.jpg.cat"


class Sets:
    """A project with a data/sets.yaml of its own, and a server that has the files of both sets."""

    def __init__(self, folder):
        self.folder, self.site, self.files = folder, Site(), {}
        self.downloads, self.data = folder / "checkpoints" / "downloads", folder / "data"
        self.downloads.mkdir(parents=True)
        self.data.mkdir()
        shutil.copy(project_root() / "checkpoints" / "manifest.yaml", folder / "checkpoints")
        self.site.reply = self._reply

    def _reply(self, handler, site):
        body = self.files.get(handler.path[1:])
        return (refusing(404) if body is None else serving(body))(handler, site)

    def declare(self, address=None):
        def source(name):
            url = f"{address or self.site.address}/{name}"
            md5 = {"md5": hashlib.md5(self.files[name]).hexdigest()} if ".zip" in name else {}
            return {"url": url, "file": name} | md5

        text = dict(about="a set", licence="none", shown=False, page="https://kaggle.example/page")
        art = {"url": f"{address or self.site.address}/art.zip", "file": "art.zip"}
        sets = {
            "cats": text | {"sources": [source(name) for name in (ONE, TWO, NOTE)]},
            "abstract-art": text | {"key": "kaggle", "sources": [art]},
        }
        (self.data / "sets.yaml").write_text(yaml.safe_dump(sets))

    def by_hand(self):
        for name, body in self.files.items():
            (self.downloads / name).write_bytes(body)

    def pictures(self, name):
        return sorted(path.name for path in (self.data / name).iterdir())


def jpeg(image, **more):
    data = io.BytesIO()
    image.save(data, "JPEG", quality=95, **more)
    return data.getvalue()


def archive(members):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as file:
        for name, body in members.items():
            file.writestr(name, body)
    return data.getvalue()


def cats(folder, numbers):
    """Photographs and annotations as the data set has them, each cat turned otherwise."""
    members = {f"{folder}/Thumbs.db": b"no picture"}
    for number in numbers:
        points = turned(UPRIGHT - [50, 45], 7 * number, 1.5, (200, 200)).round()
        name = f"{folder}/00000003_{number:03d}.jpg"
        members |= {name: jpeg(dotted(points)), f"{name}.cat": annotation(points).encode()}
    return members


def painting(seed):
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8))
    return jpeg(coarse.resize((64, 64), Image.Resampling.NEAREST))


@contextlib.contextmanager
def served_sets(folder, monkeypatch):
    """Twelve cats in two archives; number 15 has its annotation apart, as in the data set.

    The project below `folder` is the root, and its user has no key of Kaggle's.
    """
    made = Sets(folder / "root")
    first = cats("CAT_00", range(10, 17))
    note = first.pop(f"CAT_00/{NOTE}")
    first["CAT_00/00000003_019.jpg.cat"] = b"9 " + b"5 " * 18
    second = cats("CAT_05", range(20, 25))
    made.files = {ONE: archive(first), TWO: archive(second), NOTE: note}
    paintings = {
        f"Abstract_gallery/Abstract_gallery/Abstract_image_{i}.jpg": painting(i) for i in range(10)
    }
    made.files["art.zip"] = archive(paintings)
    made.declare()
    for name in ("KAGGLE_USERNAME", "KAGGLE_KEY", "KAGGLE_CONFIG_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(folder / "home"))
    monkeypatch.setenv("GANINV_ROOT", str(made.folder))
    try:
        yield made
    finally:
        made.site.close()


def give_key(monkeypatch):
    """The user has a key of Kaggle's, in the environment."""
    monkeypatch.setenv("KAGGLE_USERNAME", "me")
    monkeypatch.setenv("KAGGLE_KEY", SECRET)
