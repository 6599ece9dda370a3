"""What an edit moved from end to end: as numbers, in edits.json, in a line."""

import numpy as np
import pytest

from ganinv import load_generator
from ganinv.editing.directions import find_direction
from ganinv.editing.edits import write_edits
from ganinv.editing.moved import describe_moved, deviation_of, measure_moved
from ganinv.editing.sources import Code
from ganinv.inversion.latent_files import GeneratorFile
from ganinv.measures.identity import identity_distance
from ganinv.paths import checkpoints_folder
from helpers.checks import strict_json
from helpers.pictures import picture

BLANK = np.zeros((64, 64, 3), np.uint8)
CARD = checkpoints_folder() / "directions_ffhq-student.json"
HINT = "larger strengths may be needed"


def test_a_change_is_counted_in_deviations():
    low, high = (-2.0, BLANK, {"smile": 0.75}), (1.5, BLANK, {"smile": 1.0})
    moved = measure_moved(low, high, "smile", 0.125)
    assert (moved["from"], moved["to"], moved["own"]) == ("-2", "+1.5", 2.0)
    assert np.isnan(moved["identity"])  # no face
    for attribute, deviation in (("smile", None), ("sefa:0", 0.125)):
        assert measure_moved(low, high, attribute, deviation)["own"] is None
    assert measure_moved((-2.0, BLANK, None), high, "smile", 0.125)["own"] is None


@pytest.mark.parametrize(
    "own, identity, said",
    [
        (
            1.234,
            0.456,
            "smile from -2 to +2: moves its own attribute by +1.23 standard deviations; "
            "identity 0.46 between the ends",
        ),
        (
            -3.0,
            None,
            "smile from -2 to +2: moves its own attribute by -3.00 standard deviations; "
            "no face is found to compare the ends by",
        ),
        (None, 0.1, "smile from -2 to +2: identity 0.10 between the ends"),
        (None, float("nan"), "smile from -2 to +2: no face is found to compare the ends by"),
    ],
)
def test_a_line_says_what_moved(own, identity, said):
    assert (
        describe_moved("smile", {"from": "-2", "to": "+2", "own": own, "identity": identity})
        == said
    )


@pytest.mark.parametrize(
    "own, little", [(0.5, True), (-0.5, True), (0.99, True), (0.999, False), (1.0, False)]
)
def test_little_movement_asks_for_more(own, little):
    """What is said does not contradict the number beside it."""
    said = describe_moved("smile", {"from": "-1", "to": "+1", "own": own, "identity": 0.1})
    assert (HINT in said) == little


def test_deviations_are_those_of_the_generator_s_card():
    card = strict_json(CARD)
    student = GeneratorFile("ffhq-student", card["sha256"])
    assert deviation_of("smile", student) == card["deviations"]["smile"] > 0
    assert deviation_of("nose", student) is None
    assert deviation_of("smile", GeneratorFile("other", "0" * 64)) is None


def test_what_is_printed_of_a_face_is_what_edits_json_holds(tmp_path):
    """A drawn face smiles by so many deviations: by hand, in the file and in the line."""
    student = load_generator("ffhq-student")
    code = Code("face", student.w_avg.expand(student.num_ws, -1).contiguous(), tmp_path / "x")
    direction = find_direction(student, "smile")
    lines = []
    for out, strengths in ((tmp_path / "a", [2.0, -2.0]), (tmp_path / "b", [0.2])):
        write_edits(student, [code], [direction], strengths, out, say=lines.append)
        image = strict_json(out / "edits.json")["images"]["face"]
        moved, rows = image["moved"]["smile"], image["edits"]["smile"]
        assert lines[-1] == f"face: {describe_moved('smile', moved)}"
        if len(strengths) == 2:
            assert (moved["from"], moved["to"]) == ("-2", "+2")
            change = rows["+2"]["attributes"]["smile"] - rows["-2"]["attributes"]["smile"]
            assert moved["own"] == change / strict_json(CARD)["deviations"]["smile"] > 1
            ends = [picture(out / "face" / f"smile_{x}.png") for x in ("+2", "-2")]
            assert moved["identity"] == identity_distance(*ends) > 0
        else:
            assert (moved["from"], moved["to"]) == ("+0", "+0.2")
            assert 0 < moved["own"] < 1
            assert moved["identity"] == rows["+0.2"]["identity"]
    assert HINT not in lines[1] and HINT in lines[3]
