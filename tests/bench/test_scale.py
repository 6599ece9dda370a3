"""The benchmark of scale: images per hour, folders that are really inverted, a line."""

import json

import pytest

from ganinv.bench.scale import bench_scale, fit_line, images_per_hour, time_folder
from ganinv.errors import ParamsError
from ganinv.runs.records import read_run


def test_images_per_hour():
    assert images_per_hour(0.5, 300, 1) == pytest.approx(24)
    assert images_per_hour(2.0, 300, 16) == pytest.approx(96)


def test_a_line_is_found_and_what_is_none_shows():
    exact = [dict(images=n, seconds=3 + 7 * n) for n in (1, 2, 4)]
    assert fit_line(exact) == pytest.approx(dict(a=3, b=7, r2=1))
    bent = [dict(images=n, seconds=s) for n, s in [(1, 1.0), (2, 3.0), (3, 2.0)]]
    assert fit_line(bent) == pytest.approx(dict(a=1, b=0.5, r2=0.25))  # by hand


def test_scale_reports_batches_folders_and_a_line(toy_path, tmp_path):
    seen = []

    def recording(what, function, *arguments):
        done = function(*arguments)
        if function is time_folder:
            (params,) = arguments
            images = read_run(params.out)[1]["images"]
            seen.append({name: entry["image_sha256"] for name, entry in images.items()})
        return done

    out = tmp_path / "scale.json"
    result = bench_scale(
        str(toy_path),
        loss="l2",
        batches=[1, 2],
        images=[2, 1],
        steps=2,
        out=out,
        say=lambda text: None,
        isolate=recording,
    )
    assert json.loads(out.read_text()) == result
    assert [len(images) for images in seen] == [1, 2]
    assert len(set(seen[1].values())) == 2 and seen[0].items() <= seen[1].items()
    assert (result["params"]["steps"], result["params"]["seed"]) == (2, 0)
    for row, batch in zip(result["batches"], (1, 2), strict=True):
        assert (row["generator"], row["loss"], row["device"]) == ("toy", "l2", "cpu")
        assert (row["batch"], row["compile"]) == (batch, "off")
        assert row["images_per_hour"] == images_per_hour(row["seconds_per_step"], 2, batch)
        assert row["peak_mb"] > 100
    one, two = result["folders"]
    assert (one["images"], two["images"]) == (1, 2)
    assert two["seconds_per_image"] == two["seconds"] / 2
    assert one["peak_growth_mb"] == 0
    assert two["peak_growth_mb"] == two["peak_mb"] - one["peak_mb"]
    slope = two["seconds"] - one["seconds"]
    assert result["fit"] == pytest.approx(dict(a=one["seconds"] - slope, b=slope, r2=1))


def test_a_folder_with_an_image_that_fails_is_not_timed(toy_params, make_photo, tmp_path):
    make_photo(tmp_path / "photos" / "a.png")
    (tmp_path / "photos" / "b.png").write_bytes(b"")
    with pytest.raises(ParamsError, match=r"cannot be timed: b\.png: the file is empty"):
        time_folder(toy_params([tmp_path / "photos"], steps=1))
