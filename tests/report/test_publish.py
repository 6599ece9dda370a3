"""Publishing copies whole parts: what another report left goes, what cannot be copied is told."""

import pytest

from ganinv.errors import ReportError
from ganinv.files import read_json, write_json, write_text
from ganinv.report import show_encoder
from ganinv.report.publish import (
    publish_evidence,
    publish_gan,
    publish_report,
    publish_study,
)


def write_page(path):
    write_text(path, "<html></html>")
    write_json(path.parent / "figures" / f"{path.stem}.json", {"texts": []})


@pytest.fixture
def report(tmp_path):
    """A report of one experiment of one image."""
    folder = tmp_path / "report"
    for name in ("index", "exp01"):
        write_page(folder / f"{name}.html")
    run = folder / "runs" / "exp01"
    write_json(run / "summary.json", {"metrics": {"images": {"me too": {}}}})
    write_text(run / "me too" / "latent.safetensors", "a latent")
    return folder


def names_in(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def test_pages_of_another_report_go_and_those_of_other_parts_stay(report, tmp_path):
    to = tmp_path / "published"
    others = ("beyond", "editing", "study", "starts", "gan/index")
    for name in (*others, "exp04", "indomain"):
        write_page(to / f"{name}.html")
    publish_report(report, to)
    pages = {name for name in names_in(to) if name.endswith(".html")}
    assert pages == {f"{name}.html" for name in ("index", "exp01", *others)}
    assert not (to / "figures" / "exp04.json").exists()
    assert (to / "latents" / "exp01" / "me too.safetensors").read_text() == "a latent"


def test_a_result_without_its_latent_is_told_before_anything_is_copied(report, tmp_path):
    to = tmp_path / "published"
    publish_report(report, to)
    before = names_in(to)
    (report / "runs" / "exp01" / "me too" / "latent.safetensors").unlink()
    write_page(report / "exp02.html")
    with pytest.raises(ReportError, match="no .*me too/latent.safetensors to publish: make report"):
        publish_report(report, to)
    assert names_in(to) == before


@pytest.mark.parametrize("text", ["{", "[]", '{"metrics": {"images": 3}}'])
def test_a_damaged_summary_is_told_before_anything_is_copied(report, tmp_path, text):
    write_text(report / "runs" / "exp01" / "summary.json", text)
    with pytest.raises(ReportError, match="summary.json is damaged.*make report"):
        publish_report(report, tmp_path / "published")
    assert not (tmp_path / "published").exists()


def test_half_of_the_evidence_is_not_published(tmp_path):
    write_page(tmp_path / "evidence" / "beyond.html")
    with pytest.raises(ReportError, match="no .*editing.html to publish: make evidence"):
        publish_evidence(tmp_path / "evidence", tmp_path / "published")
    assert not (tmp_path / "published").exists()


def test_a_study_that_is_not_here_stays_published(tmp_path):
    to = tmp_path / "published"
    for name in ("study", "starts"):
        write_page(to / f"{name}.html")
        write_json(to / f"{name}.json", {"numerics": 1})
    write_page(tmp_path / "runs/study/study.html")
    write_json(tmp_path / "runs/study/study.json", {"numerics": 2})
    publish_study(tmp_path, to)
    assert [read_json(to / f"{x}.json")["numerics"] for x in ("study", "starts")] == [2, 1]
    assert (to / "starts.html").is_file() and (to / "figures/starts.json").is_file()


def starts_of(sha256, **changes):
    """A study of the mean of W and of an encoder's code."""

    def recipe(value, **more):
        return {
            "mean": {"psnr": value, "seconds": 1},
            "interval": {"psnr": [value - 1, None]},
        } | more

    coded = recipe(12.0, weights={"domain-ffhq (encoder)": sha256})
    pair = {"a": "encoder", "b": "mean_w", "metric": "psnr", "wins": 2}
    return {
        "commit": "c",
        "missing": 0,
        "photographs": ["a", "b"],
        "recipes": {"mean_w": recipe(9.0), "encoder": coded},
        "comparisons": [pair, pair | {"a": "mean_w", "b": "encoder", "wins": 0}],
    } | changes


@pytest.fixture
def publish_starts(tmp_path):
    """Publish a study of starts; returns what the encoder's card says then, None of no card."""
    card = tmp_path / "checkpoints" / "domain_encoder_ffhq.json"

    def publish(study):
        write_page(tmp_path / "runs/starts/study.html")
        write_json(tmp_path / "runs/starts/study.json", study)
        publish_study(tmp_path, tmp_path / "published")
        return read_json(card) if card.is_file() else None

    publish.card = card
    return publish


def test_an_encoders_card_tells_what_its_codes_are_on_photographs(publish_starts):
    assert publish_starts(starts_of("s")) is None, "no card lies there"
    write_json(publish_starts.card, {"sha256": "s", "portraits": "earlier", "photographs": 0})
    card = publish_starts(starts_of("s"))
    assert card == {
        "sha256": "s",
        "photographs": 0,
        "portraits": {
            "count": 2,
            "commit": "c",
            "starts": {
                "mean_w": {"psnr": {"mean": 9.0, "low": 8.0, "high": None}},
                "encoder": {"psnr": {"mean": 12.0, "low": 11.0, "high": None}},
            },
            "better_on": {"psnr": 2},
        },
    }
    (shown,) = (text for _, text in show_encoder._on_portraits(card))
    assert shown == "2, none seen in training: PSNR 12.00, mean of W 9.00, better on 2"


@pytest.mark.parametrize(
    "study",
    [
        starts_of("of other weights"),
        starts_of("s", missing=1),
        starts_of("s", photographs=[], comparisons=[]),
        starts_of("s", recipes={}, comparisons=[]),
    ],
    ids=["other weights", "unfinished", "without photographs", "of other recipes"],
)
def test_a_card_is_left_as_it_is_by_a_study_that_is_not_its_own(publish_starts, study):
    before = {"sha256": "s", "portraits": "earlier"}
    write_json(publish_starts.card, before)
    assert publish_starts(study) == before


def test_pages_on_trainings_of_another_report_go(tmp_path):
    report, to = tmp_path / "gan", tmp_path / "published"
    write_page(report / "index.html")
    write_json(report / "index.json", {})
    write_json(report / "runs/gan_objectives/results/new.json", {})
    write_page(to / "gan/train_gan.html"), write_page(to / "index.html")
    publish_gan(report, to)
    assert names_in(to / "gan") == [
        *("figures/index.json", "index.html", "index.json", "results/new.json")
    ]
    assert (to / "index.html").is_file()
