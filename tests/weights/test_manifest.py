"""Weights by name: the project's own manifest, and manifests that cannot be used."""

import json
import re

import pytest
import yaml

from ganinv.errors import WeightsError
from ganinv.paths import project_root
from ganinv.runs.samples import load_samples
from ganinv.weights.convert import READERS
from ganinv.weights.fetch import damage, fetch
from ganinv.weights.find import ensure
from ganinv.weights.manifest import load_manifest, weight_path
from helpers.paths import ROOT
from helpers.projects import sha256

# --- the project's own lists ---


def test_every_entry_says_what_it_is_and_may_be_converted():
    manifest = load_manifest()
    assert {"ffhq-student", "lpips-alex", "lpips-vgg"} <= set(manifest)
    for name, entry in manifest.items():
        assert re.fullmatch(r"[a-z0-9-]+", name)  # else it might be taken for a path
        assert entry.about and entry.licence
        if entry.sources:
            assert entry.convert in READERS
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
        origins = (sample.sources, sample.drawn, sample.tracked)
        assert sum(map(bool, origins)) == 1


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
