"""A fetch from an address or by hand: checked, converted, described; damage is noticed.

Everything happens in a project root of its own (GANINV_ROOT) with servers on 127.0.0.1.
"""

import io
import json
import pickle
import re
from functools import partial

import pytest
import torch
from safetensors.torch import safe_open

from ganinv.errors import WeightsError
from ganinv.weights.download import download
from ganinv.weights.fetch import check_file, damage, fetch
from ganinv.weights.find import ensure
from ganinv.weights.manifest import Entry, Source, read_entries, weight_path
from helpers.paths import DATA
from helpers.projects import (
    CONVS,
    FETCHED,
    GOOD,
    HTML,
    NOTHING,
    assert_holds_the_network,
    backbone,
    closed_port,
    not_fetched,
    sha256,
)

MANIFEST = read_entries(DATA.parents[1] / "checkpoints" / "manifest.yaml", Entry, "a manifest")

# --- from an address ---


def test_a_good_file_is_fetched_converted_and_described(project, pages):
    pages.serve("tiny.ckpt", GOOD)
    project.declare(pages.source())
    said = []
    path = fetch("tiny", say=said.append)
    assert path == project.converted == weight_path("tiny") == ensure("tiny")
    assert_holds_the_network(path)
    assert project.files() == FETCHED | {"checkpoints/downloads/tiny.ckpt"}
    note = json.loads(path.with_suffix(".json").read_text())
    assert note["name"] == "tiny" and note["licence"] == "BSD-3-Clause"
    assert note["sha256"] == sha256(path.read_bytes()) and note["source_sha256"] == sha256(GOOD)
    assert note["source"] == f"{pages.address}/tiny.ckpt"
    with safe_open(path, "pt") as file:
        described = json.loads(file.metadata()["ganinv"])
    assert described == {"architecture": "lpips_backbone", "config": {"convs": 2}}
    assert damage("tiny") == ""
    assert any(pages.address in line for line in said)


def test_a_second_fetch_downloads_and_converts_nothing(project, pages):
    pages.serve("tiny.ckpt", GOOD)
    project.declare(pages.source())
    path = fetch("tiny", say=lambda _: None)
    written = path.stat().st_mtime_ns
    said = []
    assert fetch("tiny", say=said.append) == path
    assert pages.asked == ["/tiny.ckpt"]
    assert path.stat().st_mtime_ns == written and said == []


def test_the_conversion_gives_the_same_bytes_each_time(project, pages):
    pages.serve("tiny.ckpt", GOOD)
    project.declare(pages.source())
    first = fetch("tiny", say=lambda _: None).read_bytes()
    project.converted.unlink()
    assert fetch("tiny", say=lambda _: None).read_bytes() == first
    assert pages.asked == ["/tiny.ckpt"]  # what was downloaded is kept


def test_the_leading_digits_of_a_checksum_are_compared(project, pages):
    pages.serve("tiny.ckpt", GOOD)
    project.declare(pages.source(sha256=sha256(GOOD)[:8]))
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
def test_what_is_not_the_file_is_refused_with_its_reason(project, pages, body, changes, reason):
    pages.serve("tiny.ckpt", body)
    project.declare(pages.source(**changes))
    message = not_fetched()
    assert reason in message
    assert project.files() == NOTHING  # nothing doubtful is kept


def test_a_connection_that_ends_too_early_is_refused(project, pages):
    pages.serve("tiny.ckpt", GOOD[:100], **{"Content-Length": str(len(GOOD))})
    project.declare(pages.source())
    get = partial(download, pause=lambda seconds: None)
    assert "no download" in not_fetched(get=get)
    assert project.files() == NOTHING


@pytest.mark.parametrize("status", [403, 404, 429, 500, 503])
def test_a_server_that_refuses_is_named_with_its_status(project, pages, status):
    pages.serve("tiny.ckpt", b"sorry", status)
    project.declare(pages.source())
    assert str(status) in not_fetched()
    assert project.files() == NOTHING


def test_a_redirection_to_a_log_in_page_is_refused(project, pages):
    pages.serve("tiny.ckpt", b"", 302, Location="/login")
    pages.serve("login", HTML)
    project.declare(pages.source())
    assert "web page" in not_fetched()
    assert project.files() == NOTHING


def test_without_a_network_every_reason_and_the_way_by_hand_are_told(project, pages):
    down = closed_port()
    first = pages.source("one.ckpt", url=f"{down}/one.ckpt")
    second = pages.source("two.ckpt", url=f"{down}/two.ckpt", sha256="ab" * 32)
    project.declare(first, second)
    message = not_fetched()
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


def test_the_next_source_is_tried_where_one_fails(project, pages):
    pages.serve("two.ckpt", HTML)
    pages.serve("three.ckpt", GOOD)
    project.declare(*(pages.source(f"{n}.ckpt") for n in ("one", "two", "three", "four")))
    assert_holds_the_network(fetch("tiny", say=lambda _: None))
    assert pages.asked == ["/one.ckpt", "/two.ckpt", "/three.ckpt"]
    note = json.loads(project.converted.with_suffix(".json").read_text())
    assert note["source"].endswith("/three.ckpt")


def test_loading_never_downloads(project, pages):
    pages.serve("tiny.ckpt", GOOD)
    project.declare(pages.source())
    with pytest.raises(WeightsError, match="ganinv weights fetch tiny"):
        ensure("tiny")
    assert pages.asked == [] and project.files() == NOTHING


# --- by hand ---


def test_a_file_put_there_by_hand_is_used_without_a_network(project, pages):
    project.declare(pages.source(url=f"{closed_port()}/tiny.ckpt"))
    project.put_by_hand("tiny.ckpt", GOOD)
    said = []
    assert_holds_the_network(fetch("tiny", say=said.append))
    assert not any("fetching" in line for line in said)


@pytest.mark.parametrize(
    "data, reason",
    [(GOOD[:99], "cut short"), (HTML, "web page"), (GOOD[:-1] + b"!", "another SHA-256")],
    ids=["cut short", "page", "a bit"],
)
def test_a_bad_file_put_there_by_hand_is_refused_and_left_there(project, pages, data, reason):
    project.declare(pages.source())
    project.put_by_hand("tiny.ckpt", data)
    message = not_fetched()
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
def fetched(project, pages):
    """A project whose weights have been fetched."""
    pages.serve("tiny.ckpt", GOOD)
    project.declare(pages.source())
    fetch("tiny", say=lambda _: None)
    return project


def test_weights_that_are_absent_are_not_damaged_but_not_here(project):
    project.declare()
    assert damage("tiny") == "not here"


@pytest.mark.parametrize("how", ["a bit", "cut short", "empty"])
def test_a_damaged_file_is_noticed_and_made_again(fetched, pages, how):
    whole = fetched.converted.read_bytes()
    flipped = whole[:-1] + bytes([whole[-1] ^ 1])
    fetched.converted.write_bytes({"a bit": flipped, "cut short": whole[:-4], "empty": b""}[how])
    assert "SHA-256" in damage("tiny")
    fetch("tiny", say=lambda _: None)
    assert fetched.converted.read_bytes() == whole and damage("tiny") == ""
    assert pages.asked == ["/tiny.ckpt"]


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


def test_the_manifests_checksum_of_the_converted_file_is_what_counts(fetched, pages):
    right = sha256(fetched.converted.read_bytes())
    fetched.declare(pages.source(), sha256=right)
    assert damage("tiny") == ""
    fetched.declare(pages.source(), sha256="00" * 32)
    assert "SHA-256" in damage("tiny")
    assert "other weights than known" in not_fetched()
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
def test_a_file_that_holds_something_else_is_refused(project, pages, name, data):
    pages.serve(name, data)
    project.declare(pages.source(name, data))
    assert name in not_fetched()
    assert not project.converted.exists()


def test_torchvisions_own_file_gives_the_same_weights(project, pages):
    state = {}
    for i, place in enumerate((0, 3)):
        kernel = CONVS[f"Conv_{i}"]["kernel"].transpose(3, 2, 0, 1)
        state[f"features.{place}.weight"] = torch.from_numpy(kernel.copy())
        state[f"features.{place}.bias"] = torch.from_numpy(CONVS[f"Conv_{i}"]["bias"])
    state["classifier.1.weight"] = torch.zeros(2, 2)
    data = io.BytesIO()
    torch.save(state, data)
    pages.serve("tiny.pth", data.getvalue())
    project.declare(pages.source("tiny.pth", data.getvalue()))
    assert_holds_the_network(fetch("tiny", say=lambda _: None))


# --- of which no checksum is known ---


@pytest.mark.parametrize(
    ("holds", "reason"),
    [
        ({"convs": 2, "architecture": "lpips_backbone"}, ""),
        ({"convs": 3}, "its convs is 2, and the manifest says 3"),
        ({"resolution": 1024}, "its resolution is None, and the manifest says 1024"),
    ],
)
def test_the_network_is_compared_with_the_manifest(project, holds, reason):
    project.declare({"url": f"{closed_port()}/tiny.ckpt", "file": "tiny.ckpt"}, holds=holds)
    project.put_by_hand("tiny.ckpt", GOOD)
    if not reason:
        assert_holds_the_network(fetch("tiny", say=lambda _: None))
        return
    message = not_fetched()
    assert reason in message and f"delete {project.downloads / 'tiny.ckpt'}" in message
    assert project.files() == NOTHING | {"checkpoints/downloads/tiny.ckpt"}


@pytest.mark.parametrize("more", [-1, 1])
def test_the_size_is_compared_where_no_checksum_is_known(project, pages, more):
    pages.serve("tiny.ckpt", GOOD)
    project.declare(
        {"url": f"{pages.address}/tiny.ckpt", "file": "tiny.ckpt", "size": len(GOOD) + more}
    )
    message = not_fetched()
    assert ("cut short" if more > 0 else f"is {len(GOOD)} bytes long") in message
    assert project.files() == NOTHING


def test_a_small_generator_is_not_taken_for_ffhq(project):
    """In the place of every file of the manifest whose checksum is not published."""
    entries = {name: e for name, e in MANIFEST.items() if e.convert == "generator"}
    for name, entry in entries.items():
        assert entry.holds["resolution"] == int(re.search(r"(\d+)x\1", entry.about)[1])
        for source in entry.sources:
            if source.sha256:
                continue
            alone = entry.model_dump(mode="json", exclude_none=True)
            alone["sources"] = [source.model_dump(mode="json", exclude_none=True)]
            project.write(json.dumps({name: alone}))
            project.put_by_hand(source.file, (DATA / "nvidia_64.pkl").read_bytes())
            message = not_fetched(name)
            assert "its resolution is 64" in message and source.file in message
    assert len(entries) == 2 and not list(project.checkpoints.glob("*.safetensors"))


def test_an_address_is_fetched_by_its_name(project, pages):
    pages.serve("tiny.ckpt", GOOD)
    project.declare(pages.source())
    assert fetch(f"{pages.address}/tiny.ckpt", say=lambda _: None) == project.converted
