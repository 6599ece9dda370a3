"""Image sets, loaded within a project of their own."""

import shutil

from ganinv.paths import project_root
from ganinv.training.sets.image_sets import load_image_set


class Said(list):
    """The sentences that were said."""

    def __call__(self, text):
        self.append(text)


def separate_project(folder, monkeypatch):
    """Make a folder the project's root: caches of the checkout stay as they are."""
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "data").mkdir()
    for pattern in ("sets.yaml", "*.sha256"):
        for path in (project_root() / "data").glob(pattern):
            shutil.copy(path, folder / "data")
    shutil.copy(project_root() / "checkpoints" / "manifest.yaml", folder / "checkpoints")
    monkeypatch.setenv("GANINV_ROOT", str(folder))
    return folder


def load(images, size=16, **replaced):
    """Load a set; return its images and the sentences that were said."""
    said = Said()
    return load_image_set(str(images), size, say=said, **replaced), said


def caches(root):
    """The arrays that a project keeps of its image sets."""
    return sorted((root / "data" / "cache").glob("*.npy"))
