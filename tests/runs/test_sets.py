"""Image sets by name: the lists of the project, and what a name stands for."""

import re

import pytest

from ganinv.errors import ParamsError, UnknownNameError, WeightsError
from ganinv.report.experiments import plan_experiment
from ganinv.runs.inputs import find_photos
from ganinv.runs.params import Params
from ganinv.runs.records import write_params
from ganinv.runs.samples import load_samples
from ganinv.runs.sets import count_files, find_set, is_here, load_sets, read_checksums, set_folder
from helpers.listed_sets import FILES, listed_set


@pytest.fixture
def portraits(tmp_path, monkeypatch):
    with listed_set(tmp_path, monkeypatch) as made:
        yield made


# --- the project's own lists ---


@pytest.mark.parametrize(("name", "counts"), [("portraits", [20, 47]), ("congress", [1546])])
def test_the_lists_are_whole(name, counts):
    entry = load_sets()[name]
    files = read_checksums(entry.listed)
    assert sum(counts) == len(files) == len({path.rpartition("/")[2] for path in files})
    parts = list(entry.listed.parts)
    assert [count_files(name, part)[1] for part in parts or [""]] == counts
    assert parts == ([] if name == "congress" else ["study", "train"])
    commit = re.compile(r"https://raw\.githubusercontent\.com/\w+/\w+/[0-9a-f]{40}/[^ ]+/")
    assert all(commit.fullmatch(address) for address in entry.listed.addresses)


def test_the_sample_portraits_are_of_the_part_that_nothing_is_trained_on():
    listed = load_sets()["portraits"].listed
    assert listed.held_out == ["study"]
    numbers = [name.removeprefix("portrait-") for name, x in load_samples().items() if x.tracked]
    assert {f"study/{number}.jpg" for number in numbers} < set(read_checksums(listed))


def test_only_the_portraits_may_be_shown():
    """CC0 lets pictures be published; the other licences do not, or are not known."""
    assert [name for name, entry in load_sets().items() if entry.shown] == ["portraits"]


# --- names ---


def test_a_set_and_its_parts_are_images_named_by_their_stems(portraits):
    portraits.put(portraits.folder)
    whole = find_photos(["set:portraits"], align=True)
    assert [photo.id for photo in whole] == [f"{n:03d}" for n in range(1, 13)]
    study = find_photos(["set:portraits/study"], align=False)
    assert [(photo.id, photo.path, photo.align) for photo in study] == [
        (f"00{n}", portraits.folder / "study" / f"00{n}.jpg", False) for n in (1, 2)
    ]
    twice = find_photos(["set:portraits/train", "set:portraits"], align=True)
    assert len(twice) == len(FILES)


@pytest.mark.parametrize("item", ["set:portraits/train/004", "set:portraits/train/004.jpg"])
def test_one_image_of_a_set_has_a_name(portraits, item):
    portraits.put(portraits.folder)
    (photo,) = find_photos([item], align=True)
    assert (photo.id, photo.path) == ("004", portraits.folder / "train" / "004.jpg")
    assert len(find_photos([item, "set:portraits/train"], align=True)) == 10


def test_one_image_that_is_held_out_or_none_is_refused(portraits):
    portraits.put(portraits.folder)
    with pytest.raises(ParamsError, match=r"study/001 is held out.*train on set:portraits/train"):
        find_set("set:portraits/study/001", training=True)
    with pytest.raises(UnknownNameError, match="part of the set portraits"):
        find_set("set:portraits/train/001")  # it is of the other part
    (portraits.folder / "train" / "004.jpg").unlink()
    with pytest.raises(ParamsError, match=r"portraits/train/004 is not here; run `ganinv data"):
        find_set("set:portraits/train/004")


def test_other_files_in_the_folder_are_none_of_the_set(portraits):
    portraits.put(portraits.folder)
    (portraits.folder / "study" / "999.jpg").write_bytes(FILES["study/001.jpg"])
    assert len(find_set("set:portraits/study")[1]) == 2


@pytest.mark.parametrize(
    ("item", "said"),
    [
        ("set:portrait", "did you mean portraits"),
        ("set:", "there are cats, portraits"),
        ("set:portraits/stdy", "did you mean study"),
        ("set:portraits/../train", "part of the set portraits"),
        ("set:cats/study", "the set cats has no parts; write set:cats"),
    ],
)
def test_a_name_that_is_none_brings_the_nearest(portraits, item, said):
    with pytest.raises(UnknownNameError, match=said):
        find_photos([item], align=True)


def test_a_set_that_is_not_here_brings_its_command(portraits):
    with pytest.raises(ParamsError, match=r"portraits/study is not here; run `ganinv data portr"):
        find_photos(["set:portraits/study"], align=True)
    portraits.put(portraits.folder, list(FILES)[:3])
    assert (count_files("portraits"), is_here("portraits")) == ((3, 12), False)
    with pytest.raises(ParamsError, match=r"portraits is here with 3 of 12 files; run `ganinv"):
        find_set("set:portraits")
    assert len(find_set("set:portraits/study")[1]) == 2, "this part is here, whole"
    portraits.put(portraits.folder)
    assert is_here("portraits")


def test_a_set_of_archives_has_a_name_too(portraits):
    with pytest.raises(ParamsError, match="the set cats is not here; run `ganinv data cats`"):
        find_set("set:cats")
    portraits.put(portraits.root / "data" / "cats", flat=True)
    folder, files = find_set("set:cats", training=True)
    assert folder == set_folder("cats") and len(files) == 12 and is_here("cats")
    assert count_files("cats") is None


def test_names_of_sets_stay_names_in_files_and_reports(tmp_path):
    names = ["set:portraits/study", "set:portraits", "sample:hopper"]
    write_params(tmp_path, Params(images=names))
    assert Params.load(tmp_path / "params.yaml").images == names
    settings = ["images=[set:portraits/study]"]
    assert plan_experiment("exp01", tmp_path, False, settings).images == names[:1]


# --- training ---


def test_no_training_sees_the_part_that_is_held_out(portraits):
    portraits.put(portraits.folder)
    files = find_set("set:portraits", training=True)[1]
    assert files == find_set("set:portraits/train")[1] and len(files) == 10
    with pytest.raises(ParamsError, match=r"study is held out.*train on set:portraits/train"):
        find_set("set:portraits/study", training=True)


def test_a_training_needs_no_part_that_it_does_not_see(portraits):
    portraits.put(portraits.folder, [path for path in FILES if path.startswith("train/")])
    assert len(find_set("set:portraits", training=True)[1]) == 10


# --- lists that are not valid ---


@pytest.mark.parametrize(
    "text",
    ["", "12  a.jpg", f"{'0' * 64}  ../a.jpg", f"{'0' * 64}  /a.jpg", f"{'0' * 64}a.jpg", "\n"],
)
def test_a_list_of_checksums_that_is_none(portraits, text):
    portraits.checksums.write_text(text)
    with pytest.raises(WeightsError, match="as sha256sum writes it"):
        find_set("set:portraits")


def test_a_list_of_checksums_that_is_not_there(portraits):
    portraits.checksums.unlink()
    with pytest.raises(WeightsError, match=r"portraits.sha256 cannot be read"):
        find_set("set:portraits")


SOURCES = "sources: [{url: u, file: f}]"


def write_entry(made, *fields):
    text = ", ".join(("about: b", "licence: c", "page: d", *fields))
    (made.root / "data" / "sets.yaml").write_text(f"a: {{{text}}}")


@pytest.mark.parametrize("more", [(), (SOURCES, "listed: {checksums: c}")])
def test_a_set_has_one_origin(portraits, more):
    write_entry(portraits, "shown: true", *more)
    with pytest.raises(WeightsError, match="not a valid list of image sets"):
        load_sets()


@pytest.mark.parametrize("more", [(), ("shown: perhaps",), ("shown: 1",), ("shown: yes",)])
def test_a_set_says_by_true_or_false_whether_it_may_be_shown(portraits, more):
    write_entry(portraits, SOURCES, "shown: false")
    assert load_sets()["a"].shown is False
    write_entry(portraits, SOURCES, *more)
    with pytest.raises(WeightsError, match=r"not a valid list of image sets(.|\n)*shown"):
        load_sets()
