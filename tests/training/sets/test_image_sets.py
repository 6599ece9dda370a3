"""Image sets: decoded once, whole or made again; folders that cannot be used."""

import shutil
import tracemalloc

import numpy as np
import pytest
from PIL import Image

from ganinv import load_image
from ganinv.errors import ParamsError
from ganinv.images.pixels import to_uint8
from ganinv.images.reading import open_image
from ganinv.runs.samples import find_sample
from ganinv.training.sets.cache import MIN_IMAGES
from ganinv.training.sets.image_sets import why_not_shown
from helpers.checks import strict_json
from helpers.image_sets import caches, load, separate_project
from helpers.listed_sets import FILES, listed_set


@pytest.fixture(autouse=True)
def root(tmp_path, monkeypatch):
    return separate_project(tmp_path / "project", monkeypatch)


@pytest.fixture
def photos(tmp_path, make_photo):
    """Ten pictures of 48x40."""
    for seed in range(10):
        make_photo(tmp_path / "photos" / f"{seed}.png", seed)
    return tmp_path / "photos"


# --- folders ------------------------------------------------------------------------------------


def test_a_folder_becomes_one_array_on_disk(photos):
    images, _ = load(photos)
    assert isinstance(images, np.memmap)
    assert (images.shape, images.dtype) == ((10, 16, 16, 3), np.uint8)
    assert not images.flags.writeable


def test_pixels_are_those_of_the_centre_square(tmp_path):
    """A square of uniform colour between stripes that the crop removes, in files of every kind."""
    colours = np.random.default_rng(0).integers(0, 256, (8, 3))
    for i, colour in enumerate(colours):
        wide = np.zeros((32, 64, 3), np.uint8)
        wide[:, 16:48] = colour
        picture = wide if i % 2 else wide.transpose(1, 0, 2)
        path = tmp_path / "wide" / f"{i}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(picture).save(path)
    images, _ = load(tmp_path / "wide", 32)
    assert (images == colours[:, None, None]).all()


def test_faces_are_cut_out_where_that_is_asked_for(tmp_path, monkeypatch):
    """Portraits with the face at one side, one picture without, and one face that is too small."""
    with monkeypatch.context() as changed:
        changed.delenv("GANINV_ROOT")
        portrait = open_image(find_sample("hopper").path)
    for i in range(MIN_IMAGES):
        canvas = Image.new("RGB", (200 + i, 130), "grey")
        canvas.paste(portrait.resize((120, 120)), (80, 5))
        (tmp_path / "portraits").mkdir(exist_ok=True)
        canvas.save(tmp_path / "portraits" / f"{i}.png")
    wanted = to_uint8(load_image(tmp_path / "portraits" / "0.png", 64, align=True))
    portrait.resize((90, 90)).save(tmp_path / "portraits" / "small.png")
    Image.new("RGB", (64, 64), "grey").save(tmp_path / "portraits" / "wall.png")
    aligned, said = load(tmp_path / "portraits", 64, align=True)
    assert aligned.shape == (MIN_IMAGES, 64, 64, 3) and np.array_equal(aligned[0], wanted)
    (notice,) = (line for line in said if "notice: 2 files" in line)
    assert "small.png (too small: a face of" in notice
    assert "wall.png (no face was found in it)" in notice
    again, said = load(tmp_path / "portraits", 64, align=True, decode=None)
    assert np.array_equal(again, aligned) and not any("reading" in line for line in said)
    centred, _ = load(tmp_path / "portraits", 64)  # kept apart
    assert len(centred) == MIN_IMAGES + 2


def test_shrinking_does_not_alias(tmp_path):
    """Lines one pixel wide become their mean, which sampling without a filter would not give."""
    for i in range(MIN_IMAGES):
        lines = np.zeros((128, 128, 3), np.uint8)
        lines[:, i % 2 :: 2] = 200
        (tmp_path / "lines").mkdir(exist_ok=True)
        Image.fromarray(lines).save(tmp_path / "lines" / f"{i}.png")
    images, _ = load(tmp_path / "lines", 16)
    assert np.abs(images.astype(int) - 100).max() <= 5  # at the borders


def test_all_kinds_of_pictures(photos, make_photo):
    """Grey, 16 bits, transparent, turned by EXIF: as ganinv reads every photograph."""
    grey = np.full((40, 40), 30000, np.uint16)
    Image.fromarray(grey).save(photos / "a16.png")
    clear = np.zeros((40, 40, 4), np.uint8)
    Image.fromarray(clear).save(photos / "a_clear.png")
    half = np.zeros((40, 40, 3), np.uint8)
    half[:20] = 255  # the upper half is white
    turned = Image.Exif()
    turned[0x0112] = 3  # by half a turn
    Image.fromarray(half).save(photos / "a_turned.png", exif=turned)
    images, said = load(photos)
    assert len(images) == 13 and not any("notice" in line for line in said)
    by_name = dict(zip(sorted(p.name for p in photos.iterdir()), images, strict=True))
    assert (by_name["a16.png"] == round(30000 / 257)).all()
    assert (by_name["a_clear.png"] == 255).all()
    assert by_name["a_turned.png"][:7].max() < 30 and by_name["a_turned.png"][9:].min() > 225


def test_subfolders_count_and_hidden_files_do_not(photos, make_photo):
    make_photo(photos / "more" / "x.jpg", 20)
    make_photo(photos / ".hidden" / "y.jpg", 21)
    assert len(load(photos)[0]) == 11


def test_the_second_call_reads_the_cache(photos, root):
    first, said = load(photos)
    assert any("reading 10 files" in line for line in said)
    again, said = load(photos, decode=None)  # nothing is decoded
    assert np.array_equal(first, again) and said == []
    assert len(caches(root)) == 1


def test_sizes_and_folders_have_caches_of_their_own(photos, root):
    sizes = {size: load(photos, size)[0].shape[1] for size in (16, 32)}
    assert sizes == {16: 16, 32: 32} and len(caches(root)) == 2


def test_a_changed_folder_is_read_anew(photos, make_photo):
    before = load(photos)[0].copy()
    make_photo(photos / "0.png", 99)
    after, _ = load(photos)
    assert not np.array_equal(before[0], after[0]) and np.array_equal(before[1:], after[1:])
    (photos / "1.png").unlink()
    assert len(load(photos)[0]) == 9


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "gone", "note", "note gone"])
def test_a_damaged_cache_is_made_again(photos, root, damage):
    before = load(photos)[0].copy()
    (path,) = caches(root)
    data = bytearray(path.read_bytes())
    note = path.with_suffix(".json")
    if damage == "cut":
        path.write_bytes(data[:-100])
    elif damage == "flipped":
        data[-5] ^= 1
        path.write_bytes(data)
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "gone":
        path.unlink()
    elif damage == "note":
        note.write_text("{")
    else:
        note.unlink()
    after, said = load(photos)
    assert np.array_equal(before, after)
    assert any("reading" in line for line in said)


def test_an_interrupted_reading_leaves_nothing_behind(photos, root):
    def interrupt(path):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load(photos, decode=interrupt)
    assert list((root / "data" / "cache").iterdir()) == []


def test_the_number_of_images_does_not_move_the_pixels(tmp_path, make_photo):
    """The count is written into the header last, whatever its number of digits."""
    for seed in range(105):
        make_photo(tmp_path / "many" / f"{seed:03d}.png", seed, (16, 16))
    images, _ = load(tmp_path / "many")
    for index in (0, 99, 104):
        with Image.open(tmp_path / "many" / f"{index:03d}.png") as image:
            assert np.array_equal(images[index], np.asarray(image))


def test_memory_does_not_grow_with_the_folder(tmp_path, make_photo):
    def peak(count):
        folder = tmp_path / str(count)
        for i in range(count):
            make_photo(folder / f"{i}.bmp", i, (64, 64))
        tracemalloc.start()
        load(folder, 64)
        high = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return high

    peak(8)  # what is imported and kept on first use
    assert peak(150) < peak(20) + 60 * 64 * 64 * 3  # of 130 images more


# --- folders that cannot be used, or not wholly --------------------------------------------------


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(ParamsError, match="no folder .*nowhere; there are faces, cats"):
        load(tmp_path / "nowhere")


def test_a_file_in_place_of_a_folder(photos):
    with pytest.raises(ParamsError, match="0.png is a file; name the folder"):
        load(photos / "0.png")


def test_an_empty_folder(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "notes.txt").write_text("nothing")
    with pytest.raises(ParamsError, match=r"empty holds no images \(png, jpg"):
        load(tmp_path / "empty")


@pytest.mark.parametrize(("count", "says"), [(1, "holds 1 image that"), (7, "holds 7 images that")])
def test_too_few_images(tmp_path, make_photo, root, count, says):
    for seed in range(count):
        make_photo(tmp_path / "few" / f"{seed}.png", seed)
    with pytest.raises(ParamsError, match=f"{says} can be used; bring at least 8"):
        load(tmp_path / "few")
    assert caches(root) == []


def test_too_few_of_many_are_named(photos):
    for seed in range(4):
        (photos / f"{seed}.png").write_bytes(b"no picture")
    with pytest.raises(
        ParamsError, match=r"holds 6 images that can be used \(0.png \(not an image"
    ):
        load(photos)


def test_nothing_but_corrupt_files(tmp_path):
    (tmp_path / "bad").mkdir()
    for i in range(9):
        (tmp_path / "bad" / f"{i}.png").write_bytes(b"\x89PNG but no more")
    with pytest.raises(ParamsError, match=r"none of the files.*0.png \(.*and 4 more"):
        load(tmp_path / "bad")


def test_corrupt_files_among_good_ones_are_skipped_and_named(photos, root):
    good = load(photos)[0].copy()
    (photos / "55.png").write_bytes((photos / "5.png").read_bytes()[:200])
    (photos / "a.png").write_bytes(b"")
    (photos / "b.jpg").write_text("<html>")
    images, said = load(photos)
    assert np.array_equal(images, good)
    (notice,) = [line for line in said if "notice" in line]
    assert "3 files of" in notice and "a.png (the file is empty)" in notice and "55.png" in notice
    _, again = load(photos)
    assert again == [notice], "the cache remembers what was left out"
    assert strict_json(caches(root)[-1].with_suffix(".json"))["images"] == 10


def test_small_images_are_left_out_not_enlarged(photos, make_photo):
    make_photo(photos / "small.png", 50, (48, 31))
    images, said = load(photos, 32)
    assert len(images) == 10
    assert any("small.png (too small: 48x31 for a size of 32)" in line for line in said)
    with pytest.raises(ParamsError, match="none of the files.*for a size of 64"):
        load(photos, 64)


def test_copies_are_kept_and_said(photos, tmp_path):
    shutil.copy(photos / "0.png", photos / "copy.png")
    images, said = load(photos)
    assert len(images) == 11 and any("1 of 11 images" in line for line in said)
    same = tmp_path / "same"
    same.mkdir()
    for i in range(9):
        shutil.copy(photos / "0.png", same / f"{i}.png")
    images, said = load(same)
    assert len(images) == 9 and any("all 9 images" in line and "same" in line for line in said)


@pytest.mark.parametrize("name", ["cats", "abstract-art"])
def test_a_set_that_was_not_fetched(name, root, make_photo):
    with pytest.raises(ParamsError, match=f"the set {name} is not here; run `ganinv data {name}`"):
        load(name)
    make_photo(root / "data" / f"{name}.part" / "0.png")  # an interrupted fetch
    (root / "data" / name).mkdir()
    with pytest.raises(ParamsError, match="is not here"):
        load(name)
    for seed in range(9):
        make_photo(root / "data" / name / f"{seed}.png", seed)
    assert len(load(name)[0]) == 9


@pytest.mark.parametrize("name", ["portraits", "set:portraits", "set:portraits/train"])
def test_a_listed_set_without_the_part_that_is_held_out(name, tmp_path, monkeypatch):
    with listed_set(tmp_path / "listed", monkeypatch) as made:
        with pytest.raises(ParamsError, match=r"not here; run `ganinv data portraits`"):
            load(name)
        made.put(made.folder)
        images, _ = load(name, 64)
    assert len(images) == sum(path.startswith("train/") for path in FILES) == 10
    seen = [Image.open(path).convert("RGB") for path in sorted((made.folder / "train").iterdir())]
    assert all(np.array_equal(image, one) for image, one in zip(images, seen, strict=True))


# --- what may be shown --------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["congress", "set:congress", "cats", "set:cats", "abstract-art"])
def test_a_set_that_is_not_to_be_published_is_not_to_be_shown(name):
    said = why_not_shown(name)
    assert said.startswith(f"The images of the set {name.removeprefix('set:')} are not shown; ")
    assert said.endswith(".") and "\n" not in said
    assert name != "congress" or "not to be published one by one" in said


@pytest.mark.parametrize("name", ["faces", "faces:64", "portraits", "set:portraits/train"])
def test_drawn_faces_and_pictures_under_cc0_may_be_shown(name):
    assert why_not_shown(name) == ""


def test_a_folder_may_be_shown_unless_it_holds_pictures_of_a_set_that_may_not(
    root, photos, make_photo, monkeypatch
):
    folder = root / "data" / "sets" / "congress"
    assert why_not_shown(str(photos)) == why_not_shown(str(root / "data")) == ""
    make_photo(folder / "deep" / "0.png")
    for inside in (folder, folder / "deep", root / "data", folder / ".." / "congress"):
        assert "the set congress are not shown" in why_not_shown(str(inside)), inside
    (photos / "link").symlink_to(folder)
    assert why_not_shown(str(photos / "link")) != ""
    assert why_not_shown(str(photos)) == why_not_shown(str(root / "data" / "setsuma")) == ""
    monkeypatch.chdir(root)
    assert why_not_shown("data/sets/congress") != "" and why_not_shown("congress/") == ""
