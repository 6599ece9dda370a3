"""The benchmark of many photographs: its stages, its figures, the model that they feed."""

import json

import pytest

from ganinv.bench.capacity import count_calls, describe_model, model, names_of
from ganinv.bench.many import STAGES, bench_many, compare, growth, time_stage
from ganinv.bench.stand_ins import stand_in_params, write_generator, write_photographs
from ganinv.runs.record_files import read_records

PARTS = dict(  # of a made-up machine, round numbers
    records=[
        dict(images=10, stage="done", before_mb=1000.0, calls={"open": 50, "os.rename": 30}),
        dict(images=10, stage="collected", seconds_per_image=0.001),
        dict(images=10, stage="shown", seconds_per_image=0.0008),
    ],
    growth={"done": {"bytes": 1000.0}},
    keep=[
        dict(keep="latents", seconds=0.5, png_seconds=0.0, bytes=1e5, files=["a"]),
        dict(keep="all", seconds=2.5, png_seconds=1.25, bytes=1e7, files=["a", "b", "c"]),
    ],
    engines=[
        dict(engine="serial", workers=1, overhead_seconds=0.0),
        dict(engine="ray", workers=1, overhead_seconds=0.04),
    ],
    files=dict(names_per_second=1000.0, files_per_second=250.0, bytes_per_second=1e8),
)
for row in PARTS["keep"]:
    row["seconds_per_step"] = 0.1


def test_the_model_is_computed_from_the_parts():
    found = model(PARTS, steps=95, workers=100, photographs=10**6, memory=1e10)
    assert found["driver_bytes"] == 1e9 + 1000 * 10**6
    assert found["gather_hours"] == pytest.approx(0.5)
    latents, whole = found["keeps"]
    assert latents["images_per_hour"] == pytest.approx(36_000)  # 10 s each
    assert latents["days"] == pytest.approx(10**6 / 36_000 / 24)
    assert whole["png_share"] == pytest.approx(1.25 / 12)
    uses = {row["resource"]: row["use"] for row in latents["shared"]}
    assert uses == pytest.approx(
        {
            "names of the file system": 10 * 8 / 1000,
            "bytes of the file system": 10 * 1e5 / 1e8,
            "the driver's time": 10 * 0.04,
            "the driver's memory": 0.2,
        }
    )
    assert latents["first"] == "the driver's time"
    assert latents["shared"][0]["workers_at_most"] == pytest.approx(250)
    uses = {row["resource"]: row["use"] for row in whole["shared"]}
    assert uses["names of the file system"] == pytest.approx(100 / 12 * (8 + 2 * 4) / 1000)
    assert whole["first"] == "bytes of the file system"
    assert "first saturated: bytes of the file system (83.3% used)" in describe_model(found)[2]


def test_growth_compares_the_largest_folder():
    rows = [
        dict(stage="done", images=n, cpu_seconds_per_image=s, peak_mb=mb)
        for n, s, mb in [(100, 0.01, 500.0), (1000, 0.01, 510.0), (10_000, 0.02, 519.0)]
    ]
    found = growth(rows)
    assert found == {"done": pytest.approx({"time": 2, "memory": 519 / 510, "bytes": 1000})}
    assert growth(rows[:1]) == {}


def test_the_engine_costs_what_is_beyond_the_workers_share():
    serial = dict(workers=1, seconds_per_image=0.01)
    assert compare(serial, serial)["overhead_seconds"] == 0
    two = dict(workers=2, seconds_per_image=0.02)
    assert compare(two, serial)["overhead_seconds"] == pytest.approx(0.015)


def test_calls_are_counted_while_a_function_runs(tmp_path):
    def act():
        (tmp_path / "a").mkdir()
        (tmp_path / "a" / "b").write_text("")
        (tmp_path / "a" / "b").rename(tmp_path / "c")

    calls = count_calls(act)
    assert calls == {"os.mkdir": 1, "open": 1, "os.rename": 1} and names_of(calls) == 3
    assert count_calls(lambda: None) == {}


def test_no_stage_opens_more_files_for_an_image_of_many(tmp_path):
    """What grows with the number of images elsewhere than in their own steps shows here."""
    generator = write_generator(tmp_path / "generator.safetensors")
    calls = {}
    for count in (30, 300):
        write_photographs(tmp_path / f"{count}", count)
        params = stand_in_params(generator, tmp_path / f"{count}", tmp_path / f"{count} results")
        for stage in STAGES:
            calls[count, stage] = sum(time_stage(stage, params)["calls"].values())
        assert len(read_records(tmp_path / f"{count} results")) == count
    for stage in STAGES:
        assert calls[300, stage] < 10.5 * calls[30, stage], stage
    assert calls[300, "again"] < calls[300, "done"]


def test_the_parts_are_measured_and_written(toy_path, tmp_path):
    lines, out = [], tmp_path / "many.json"
    result = bench_many(
        str(toy_path),
        records=[4, 2],
        steps=10,
        line=(2, 5),
        out=out,
        say=lines.append,
        isolate=lambda what, function, *arguments: function(*arguments),
    )
    assert json.loads(out.read_text()) == result
    assert [(row["images"], row["stage"]) for row in result["records"]] == [
        (count, stage) for count in (2, 4) for stage in STAGES
    ]
    kept = {row["keep"]: row for row in result["keep"]}
    assert set(kept["latents"]["files"]) == {"latent.safetensors"}
    assert kept["latents"]["png_seconds"] == 0 < kept["pictures"]["png_seconds"]
    assert kept["latents"]["bytes"] < kept["pictures"]["bytes"] < kept["all"]["bytes"]
    assert [row["engine"] for row in result["engines"]] == ["serial"]
    assert len(result["model"]["keeps"]) == 3 and result["model"]["steps"] == 10
    assert any(line.startswith("serial, 1 worker: ") for line in lines)
