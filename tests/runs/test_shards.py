"""Shards: disjoint, complete, stable; read from I/N and from a job array; done by ordinary runs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganinv.errors import ParamsError
from ganinv.files import read_json
from ganinv.runs.experiment import run_experiment
from ganinv.runs.records import collect
from ganinv.runs.shards import Shard, parse_shard

IDS = [f"photo-{k:04d}" for k in range(2000)]


@pytest.mark.parametrize("count", [1, 2, 3, 7, 64])
def test_every_photograph_falls_to_one_shard(count):
    shards = [Shard(index, count) for index in range(1, count + 1)]
    assert all(sum(name in shard for shard in shards) == 1 for name in IDS)
    sizes = [sum(name in shard for name in IDS) for shard in shards]
    mean = len(IDS) / count
    assert max(abs(size - mean) for size in sizes) < 5 * mean**0.5, "a hash divides evenly"


def test_a_shard_stays_what_it_is():
    """So that results of earlier calls, on other machines, stay where they were asked for."""
    assert [name for name in IDS[:12] if name in Shard(2, 4)] == [
        "photo-0005",
        "photo-0007",
        "photo-0008",
        "photo-0010",
        "photo-0011",
    ]


@given(st.text(max_size=30), st.integers(1, 1000))
def test_any_name_falls_to_one_of_any_number(name, count):
    found = [index for index in range(1, count + 1) if name in Shard(index, count)]
    assert len(found) == 1


@pytest.mark.parametrize(
    ("text", "shard"), [("1/1", (1, 1)), ("2/8", (2, 8)), (" 3 / 4 ", (3, 4)), ("007/10", (7, 10))]
)
def test_shards_are_read(text, shard):
    assert parse_shard(text, {}) == Shard(*shard)


@pytest.mark.parametrize(
    "text", ["", "0/4", "5/4", "-1/4", "1", "1/0", "1/4/2", "a/b", "1.5/4", "1/9999999", "١/٤"]
)
def test_what_is_no_shard_is_refused(text):
    with pytest.raises(ParamsError, match="no I/N"):
        parse_shard(text, {})


def array(**values):
    return {f"SLURM_ARRAY_TASK_{name}": str(value) for name, value in values.items()}


@pytest.mark.parametrize(
    ("variables", "shard"),
    [
        (array(ID=2, COUNT=4), (2, 4)),
        (array(ID=0, COUNT=4, MIN=0, MAX=3), (1, 4)),
        (array(ID=4, COUNT=4, MIN=1, MAX=4, STEP=1), (4, 4)),
        (array(ID=15, COUNT=4, MIN=5, MAX=20, STEP=5), (3, 4)),
    ],
)
def test_a_job_array_says_which(variables, shard):
    assert parse_shard("slurm", variables) == Shard(*shard)
    assert parse_shard("SLURM", variables) == Shard(*shard)


@pytest.mark.parametrize(
    "variables",
    [
        {},
        array(ID=2),
        array(COUNT=2),
        array(ID="two", COUNT=4),
        array(ID=0, COUNT=4),
        array(ID=5, COUNT=4),
        array(ID=7, COUNT=3, MIN=1, MAX=7),  # --array=1,3,7
        array(ID=2, COUNT=4, MIN=1, MAX=4, STEP=0),
    ],
)
def test_an_array_that_does_not_say_which_is_refused(variables):
    with pytest.raises(ParamsError, match="--array=1-N|give I/N"):
        parse_shard("slurm", variables)


# --- runs -----------------------------------------------------------------------------------------


@pytest.fixture
def many(make_photo, tmp_path):
    return [make_photo(tmp_path / "photos" / f"p{k}.png", k) for k in range(5)]


def test_shards_together_are_the_whole_to_the_bit(toy_params, many, tmp_path, silent):
    whole = run_experiment(toy_params(many, out=str(tmp_path / "whole")), say=silent)
    done = []
    for index in (3, 1, 2):
        params = toy_params(many, out=str(tmp_path / "parts"))
        run = run_experiment(params, only=Shard(index, 3), collecting=False, say=silent)
        done += run.results["images"]
        assert not (tmp_path / "parts" / "metrics.json").exists()
    assert sorted(done) == sorted(whole.results["images"])
    metrics = collect(tmp_path / "parts")["images"]
    assert metrics.keys() == whole.results["images"].keys()
    for name in metrics:
        files = [tmp_path / run / name / "latent.safetensors" for run in ("whole", "parts")]
        assert files[0].read_bytes() == files[1].read_bytes()
    assert (tmp_path / "parts" / "environment.json").is_file()


def test_a_shard_goes_on(toy_params, many, silent, inverted):
    for _ in range(2):
        run_experiment(
            toy_params(many), only=Shard(1, 2), collecting=False, say=silent, invert=inverted
        )
    assert sorted(inverted) == [f"p{k}" for k in range(5) if f"p{k}" in Shard(1, 2)]


def test_a_shard_reads_the_records_of_its_own_images_alone(toy_params, many, tmp_path, silent):
    """In a folder of these settings; the damaged record of another image is not even opened."""
    run_experiment(toy_params(many), only=Shard(1, 2), collecting=False, say=silent)
    other = next(k for k in range(5) if f"p{k}" in Shard(1, 2))
    record = tmp_path / "run" / f"p{other}" / "record.json"
    record.unlink()
    record.mkdir()  # reading it would not do
    run = run_experiment(toy_params(many), only=Shard(2, 2), collecting=False, say=silent)
    assert not run.failed


def test_a_shard_under_other_parameters_is_refused(toy_params, many, tmp_path, silent):
    run_experiment(toy_params(many), only=Shard(1, 2), collecting=False, say=silent)
    known = read_json(tmp_path / "run" / "environment.json")["settings"]
    assert known == read_json(next((tmp_path / "run").glob("p*/record.json")))["settings"]
    with pytest.raises(ParamsError, match="other parameters"):
        run_experiment(toy_params(many, steps=9), only=Shard(2, 2), collecting=False, say=silent)


def test_an_empty_shard_is_no_failure(toy_params, many, silent):
    empty = next(
        Shard(k, 64) for k in range(1, 65) if not any(f"p{n}" in Shard(k, 64) for n in range(5))
    )
    run = run_experiment(toy_params(many), only=empty, collecting=False, say=silent)
    assert run.results["images"] == {} and not run.failed
