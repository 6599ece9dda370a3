"""Archives of image sets that are not what they seem."""

import io
import tracemalloc
import zipfile

from ganinv.training.sets.fetch import fetch_set
from helpers.sets import Said, archive, painting, refused

# --- hostile archives ---------------------------------------------------------------------------


def test_no_member_leaves_the_folder(sets, key, tmp_path):
    names = (
        "../../../escaped.jpg",
        "/tmp/absolute_member.jpg",
        "a/../../b.jpg",
        "..\\..\\windows.jpg",
        "C:\\drive.jpg",
        "x/..jpg",
        "a/.hidden.jpg",
        "__MACOSX/._a.jpg",
        "con.jpg",
        "a/sub\0zero.jpg",
    )
    members = {name: painting(i) for i, name in enumerate(names)}
    members |= {f"g/{i}.jpg": painting(20 + i) for i in range(8)}
    sets.files["art.zip"] = archive(members)
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    fetch_set("abstract-art", say=lambda _: None)
    after = {path for path in tmp_path.rglob("*") if path.is_file()} - before
    folder = sets.data / "abstract-art"
    assert {path.parent for path in after} == {folder, sets.downloads}
    assert all(
        name.startswith("g_") or "." not in name[:-4] for name in sets.pictures("abstract-art")
    )
    assert not any(name.startswith(".") for name in sets.pictures("abstract-art"))


def test_links_are_not_followed(sets, key):
    link = zipfile.ZipInfo("g/link.jpg")
    link.external_attr = 0o120777 << 16
    members = {f"g/{i}.jpg": painting(i) for i in range(8)}
    data = io.BytesIO(archive(members))
    with zipfile.ZipFile(data, "a") as file:
        file.writestr(link, "/etc/passwd")
    sets.files["art.zip"] = data.getvalue()
    fetch_set("abstract-art", say=lambda _: None)
    assert len(sets.pictures("abstract-art")) == 8


def test_what_announces_itself_too_large_is_not_unpacked(sets, key):
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("g/bomb.jpg", bytes(10_000_000))
        for i in range(8):
            file.writestr(f"g/{i}.jpg", painting(i))
    sets.files["art.zip"] = bomb.getvalue()
    said = Said()
    tracemalloc.start()
    fetch_set("abstract-art", say=said, member_bytes=100_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000 and any("g/bomb.jpg (it announces 10 MB)" in line for line in said)


def test_a_lie_about_the_size_is_no_way_around(sets, key):
    """The size in the archive's list is what is unpacked at most; the checksum tells the rest."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("g/bomb.jpg", bytes(1_000_000))
        for i in range(8):
            file.writestr(f"g/{i}.jpg", painting(i))
    honest = (1_000_000).to_bytes(4, "little")
    sets.files["art.zip"] = data.getvalue().replace(honest, (5000).to_bytes(4, "little"))
    said = Said()
    fetch_set("abstract-art", say=said)
    assert any("g/bomb.jpg (the archive is damaged there" in line for line in said)


def test_too_many_members(sets, key):
    assert "announces 10 files" in refused("abstract-art", members=9)
