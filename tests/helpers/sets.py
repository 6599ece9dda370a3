"""Loading and fetching image sets, and what is said meanwhile."""

import hashlib
import io
import shutil
import zipfile

import numpy as np
import pytest
import yaml
from PIL import Image

from ganinv.errors import WeightsError
from ganinv.paths import project_root
from ganinv.training.sets.fetch import fetch_set
from ganinv.training.sets.image_sets import load_image_set
from helpers.cats import UPRIGHT, annotation, dotted, turned
from helpers.servers import Site, refusing, serving

SECRET = "0123456789abcdef"
BASIC = "Basic bWU6MDEyMzQ1Njc4OWFiY2RlZg=="  # of me:0123456789abcdef
ONE, TWO, NOTE = "CAT_DATASET_01.zip", "CAT_DATASET_02.zip", "00000003_015.jpg.cat"


class Said(list):
    """A `say` that keeps what is said."""

    def __call__(self, text):
        self.append(text)


def load(folder, size=16, **options):
    """The images of a set, and what was said."""
    said = Said()
    return load_image_set(str(folder), size, say=said, **options), said


def caches(root):
    """The arrays that were kept under a project's root."""
    return sorted((root / "data" / "cache").glob("*.npy"))


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

        text = dict(about="a set", licence="none", page="https://kaggle.example/page")
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


def refused(name, **options):
    """What is said of a set that cannot be had."""
    with pytest.raises(WeightsError) as caught:
        fetch_set(name, say=lambda _: None, **options)
    return str(caught.value)
