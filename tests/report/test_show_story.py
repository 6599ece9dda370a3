"""The story tells what was run and what came of it."""

import re

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


def test_a_sentence_says_who_is_seen(tmp_path):
    same, other, none = (
        show_story.sentence(experiment(tmp_path / str(x), identity=x), "a")
        for x in (0.4, 0.7, None)
    )
    assert same.endswith("LPIPS-alex 0.300 and a face recognizer sees the same person.")
    assert other.endswith("sees another person.") and none.endswith("LPIPS-alex 0.300.")


def test_the_story_has_the_photograph_and_every_step_and_escapes_titles(tmp_path):
    steps = [experiment(tmp_path / name, name) for name in "xy"]
    text = show_story.story(steps, "a", experiment(tmp_path / "z"))
    assert text.count("<img src") == 4 and HOSTILE not in text
    assert re.findall("<strong>([^<]+)", text)[0] == "the photograph"


def test_words_are_a_sentence_each():
    assert list(show_story.WORDS) == ["W", "W+", "PSNR", "SSIM", "LPIPS", "Identity"]
    assert all(text.endswith(".") for text in show_story.WORDS.values())
