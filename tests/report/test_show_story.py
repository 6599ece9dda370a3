"""The story tells what was run and what came of it."""

import re
from dataclasses import replace

from ganinv.analysis import finished
from ganinv.report import show_story
from ganinv.runs.params import Params
from helpers.runs import HOSTILE, fake_run


def experiment(folder, name="", **metrics):
    return finished.read_experiment(fake_run(folder, {"a": metrics}), name)


def test_steps_are_named_by_what_they_do():
    named = {
        "W, pixels": dict(space="w", loss="l2"),
        "W+, perceptual": dict(space="w+", loss="lpips"),
        "W+, mixed": dict(space="w+", loss={"l2": 1, "lpips": 1}),
        "from an encoder": dict(init="encoder", encoder="domain-ffhq"),
        "beyond the code": dict(refine="features"),
    }
    for name, settings in named.items():
        assert show_story.step_name(Params(**settings)) == name


def test_a_sentence_has_the_distance_and_says_where_another_person_is_seen(tmp_path):
    same, other, none = (
        show_story.sentence(experiment(tmp_path / str(x), identity=x), "a")
        for x in (0.599, 0.6, None)
    )
    assert same.endswith("LPIPS-alex 0.300, identity 0.599.")
    assert other.endswith("identity 0.600, another person.")
    assert none.endswith(": LPIPS-alex 0.300.")


def test_a_sentence_on_a_published_run_names_its_figures(tmp_path):
    text = show_story.sentence(experiment(tmp_path / "exp02", identity=0.4), "a")
    assert text.sources == (
        "exp02.json#/metrics/images/a/lpips_alex",
        "exp02.json#/metrics/images/a/identity",
    )
    assert f'data-from="{" ; ".join(text.sources)}"' in show_story.story(
        [experiment(tmp_path / "exp02", identity=0.4)], "a"
    )


def test_the_step_at_which_a_photograph_fails_is_named(tmp_path):
    values = {"first": (0.3, 0.7), "second": (0.3, 0.5)}
    steps = [
        finished.read_experiment(
            fake_run(
                tmp_path / name,
                {k: {"identity": x, "title": k} for k, x in zip("ab", pair, strict=True)},
            )
        )
        for name, pair in values.items()
    ]
    text = show_story.who_is_seen(steps)
    assert "Another person is seen after “W+, mixed” on b (0.700); the other 3 results" in text
    assert "as do all 2 results" in show_story.who_is_seen(steps[1:])
    faceless = experiment(tmp_path / "none", identity=None)
    assert show_story.who_is_seen([faceless]) == ""


def test_steps_are_told_where_they_change_too(tmp_path):
    one, two = (experiment(tmp_path / name) for name in "xy")
    assert "number of steps" not in show_story.story([one, two], "a")
    more = replace(two, params=two.params.replace(steps=7))
    text = show_story.story([one, more], "a")
    assert f"{one.params.steps} for “W+, mixed”, 7 for “W+, mixed”." in text


def test_the_story_has_the_photograph_and_every_step_and_escapes_titles(tmp_path):
    steps = [experiment(tmp_path / name, name) for name in "xy"]
    text = show_story.story(steps, "a", experiment(tmp_path / "z"))
    assert text.count("<img src") == 4 and HOSTILE not in text
    assert re.findall("<strong>([^<]+)", text)[0] == "the photograph"


def test_words_are_a_sentence_each():
    assert list(show_story.WORDS) == ["W", "W+", "PSNR", "SSIM", "LPIPS", "Identity"]
    assert all(text.endswith(".") for text in show_story.WORDS.values())
