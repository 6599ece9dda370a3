"""Bringing a listed set: by hand, from servers on 127.0.0.1; whole files or none."""

import threading
import time

import pytest

from ganinv.errors import ParamsError, WeightsError
from ganinv.runs.set_files import GIVE_UP, WORKERS, bring_files
from ganinv.weights.download import download
from helpers.listed_sets import FILES, listed_set
from helpers.projects import closed_port
from helpers.servers import refusing
from helpers.tensors import quiet


@pytest.fixture
def portraits(tmp_path, monkeypatch):
    with listed_set(tmp_path, monkeypatch) as made:
        yield made


def refused(**options):
    with pytest.raises(WeightsError) as caught:
        bring_files("portraits", quiet, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# --- by hand ---


@pytest.mark.parametrize("flat", [False, True])
def test_a_folder_that_holds_the_files_is_enough(portraits, tmp_path, flat):
    given, said = portraits.put(tmp_path / "given", flat=flat), []
    assert bring_files("portraits", said.append, given=given) == portraits.folder
    assert portraits.here() == FILES and portraits.site.asked == []
    assert said == ["copied 12 files that lay here", f"portraits: 12 files in {portraits.folder}"]
    bring_files("portraits", said.append)
    assert "all 12 files are here" in said[-1]


def test_files_in_downloads_are_taken(portraits):
    portraits.put(portraits.downloads / "portraits", flat=True)
    bring_files("portraits", quiet)
    assert portraits.here() == FILES and portraits.site.asked == []


def test_of_several_files_of_one_name_the_one_with_the_checksum_is_taken(portraits, tmp_path):
    given = portraits.put(tmp_path / "given" / "large")
    for place in ("a", "z"):
        (given.parent / place).mkdir()
        (given.parent / place / "001.jpg").write_bytes(b"smaller")
    bring_files("portraits", quiet, given=given.parent)
    assert portraits.here() == FILES


def test_files_with_the_name_alone_are_refused_by_it_and_the_others_taken(portraits, tmp_path):
    given = portraits.put(tmp_path / "given")
    (given / "train" / "005.jpg").write_bytes(b"another")
    (given / "study" / "001.jpg").unlink()
    (given / "study" / "001.jpg").symlink_to(tmp_path / "nowhere")
    message = refused(given=given)
    assert f"{given}/study/001.jpg, {given}/train/005.jpg;" in message
    assert portraits.here() == {
        path: body for path, body in FILES.items() if path[-7:] not in ("001.jpg", "005.jpg")
    }
    assert portraits.site.asked == []


def test_many_refused_files_are_counted(portraits, tmp_path):
    given = portraits.put(tmp_path / "given")
    for path in FILES:
        (given / path).write_bytes(b"another")
    assert refused(given=given).count(".jpg") == 3 and "and 9 more" in refused(given=given)


def test_a_damaged_file_in_its_place_is_refused_and_kept(portraits):
    portraits.put(portraits.folder)
    (portraits.folder / "train" / "004.jpg").write_bytes(b"mine")
    assert f"train/004.jpg in {portraits.folder}; delete" in refused()
    assert portraits.here()["train/004.jpg"] == b"mine"


def test_a_folder_that_is_not_there(portraits, tmp_path):
    with pytest.raises(ParamsError, match=r"--from: there is no folder .*nowhere"):
        bring_files("portraits", quiet, given=tmp_path / "nowhere")


def test_a_set_of_archives_is_brought_otherwise(portraits):
    with pytest.raises(ParamsError, match="made of archives"):
        bring_files("cats", quiet)


# --- fetched ---


def test_each_file_comes_from_the_address_that_has_it(portraits):
    bring_files("portraits", quiet)
    assert portraits.here() == FILES
    assert len(portraits.site.asked) == 12 + 6, "half of them lie at the second address"


def test_other_bytes_at_the_first_address_are_passed_over(portraits):
    portraits.pages["/one/001.jpg"] = FILES["study/002.jpg"]
    bring_files("portraits", quiet)
    assert portraits.here() == FILES


def test_a_second_call_goes_on(portraits, tmp_path):
    lost = portraits.pages.pop("/two/001.jpg")
    message = refused()
    assert "1 of 12 files are missing (study/001.jpg: no download (404" in message
    assert portraits.here().keys() == FILES.keys() - {"study/001.jpg"}
    portraits.pages["/two/001.jpg"] = lost
    portraits.site.asked.clear()
    bring_files("portraits", quiet)
    assert [path for path, _ in portraits.site.asked] == ["/one/001.jpg", "/two/001.jpg"]
    assert portraits.here() == FILES


def test_what_lies_here_is_not_fetched(portraits, tmp_path):
    portraits.put(portraits.folder, list(FILES)[:1])
    given, said = portraits.put(tmp_path / "given", list(FILES)[:10]), []
    bring_files("portraits", said.append, given=given)
    assert said[0] == "copied 9 files that lay here" and "fetching 2 files" in said[1]
    assert portraits.here() == FILES
    assert {path[-7:] for path, _ in portraits.site.asked} == {"011.jpg", "012.jpg"}


def test_wrong_bytes_everywhere_leave_no_file(portraits):
    portraits.pages["/two/003.jpg"] = b"<html>log in</html>"
    assert "train/003.jpg: no download (404" in refused() and "another SHA-256" in refused()
    assert portraits.here().keys() == FILES.keys() - {"train/003.jpg"}
    assert not [path for path in portraits.root.rglob("*") if "003" in path.name]


def test_without_a_network_one_sentence_says_what_to_put_where(portraits):
    portraits.declare(closed_port())
    message = refused()
    for part in (
        "12 of 12 files are missing",
        "data/portraits.sha256 lists from https://set.example/page",
        f"to {portraits.downloads / 'portraits'}, or name their folder by --from",
    ):
        assert part in message
    assert message.count(".jpg") == 1 and portraits.here() == {}


def test_a_server_that_refuses_is_not_asked_for_every_file(portraits):
    portraits.site.reply = refusing(503)

    def get(url, *more):
        time.sleep(0.05)  # else all are asked for before the first refusal is seen
        return download(url, *more)

    refused(get=get)
    assert len({path for path, _ in portraits.site.asked}) <= 2 * (WORKERS + GIVE_UP - 1)
    assert portraits.here() == {}


def test_downloads_run_side_by_side_and_not_all_at_once(portraits):
    lock, now, most = threading.Lock(), [], []

    def get(url, *more):
        with lock:
            now.append(url)
            most.append(len(now))
        time.sleep(0.05)
        try:
            return download(url, *more)
        finally:
            with lock:
                now.remove(url)

    bring_files("portraits", quiet, get=get)
    assert 1 < max(most) <= WORKERS < len(FILES)
