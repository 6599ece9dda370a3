"""Sentences on edited codes: they say what the numbers say, and nothing where these do not."""

import re

import numpy as np
import pytest

from ganinv.analysis.edited_seen import advise_plainly, explain_rows_alike, see, tell_loss_per_move
from helpers.edited import made_up

CARRIED = "W+ short + features, carried"


def far_out(found, spread=7.0):
    """The same, with W's codes far out, and their attribute moved less than the encoder's."""
    for row in found.study.places:
        row["spread"] = spread + 0.01 * len(row["image"]) if row["experiment"] == "W" else 0.5
    return found


def test_codes_of_w_that_edit_worse_are_explained_by_where_they_lie():
    text = explain_rows_alike(far_out(made_up(own={"W": 0.6, "W+ short": 0.5})))
    assert "Encoder (0.90) and In-domain (0.80)" in text and "W+ short (" not in text
    assert "its spread is 7.02, against 0.50 of Encoder and 0.50 of In-domain" in text


@pytest.mark.parametrize(
    "found",
    [
        made_up(own={"W": 0.6}),
        far_out(made_up(own={"W": 1.0})),
        far_out(made_up(own={"W": 0.6}), 0.1),
    ],
    ids=["no further out", "edits better", "nearer"],
)
def test_what_the_numbers_do_not_say_is_not_said(found):
    assert explain_rows_alike(found) == ""


@pytest.mark.parametrize(
    ("own", "said"), [(0.7, "loses less"), (0.3, "loses more"), (0.5, "loses not clearly")]
)
def test_what_is_lost_is_told_for_what_is_moved(own, said):
    found = made_up(own={CARRIED: own})
    text = tell_loss_per_move(found)
    assert said in text
    lost = (0.6 - own / 2) / (2 * own)  # of edits of two units
    told = float(re.search(r"identity (-?[0-9.]+),", text)[1])
    assert told == pytest.approx(lost, abs=0.02)


def test_a_code_that_moves_the_other_way_has_no_loss_per_move():
    found = made_up(own={CARRIED: -0.5})
    assert np.isnan(found.study.measured(CARRIED, "per_move")).all()
    assert tell_loss_per_move(found) == ""


def test_advice_names_the_best_and_those_that_cannot_be_told_from_it():
    text = advise_plainly(made_up())
    assert "For edits, take W**" in text and "likeness, take W+ short + features (" in text
    assert "(not clearly before W+ short + weights)" in text  # LPIPS-alex 0.05 and 0.06
    encoder = advise_plainly(made_up(own={"Encoder": 1.4}))
    assert "For edits, take Encoder**" in encoder
    level = advise_plainly(made_up(own={"Encoder": 1.0}, noise=0.1))
    assert "not clearly before" in level.split("**For a likeness")[0]


def test_few_photographs_say_nothing():
    assert see(made_up(7)) == [] and advise_plainly(made_up(7)) == ""
    assert len(see(far_out(made_up(own={"W": 0.6})))) == 2
