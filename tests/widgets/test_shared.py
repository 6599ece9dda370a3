"""Faces and notes, as the widgets show them."""

import ipywidgets
import numpy as np
import pytest
import torch

from ganinv.errors import BadArgumentsError
from ganinv.widgets.invert import InversionWidget
from ganinv.widgets.shared import SIDE, Face, Note, was_compiled
from helpers.faces import shown


def test_a_large_face_is_averaged_to_512_pixels():
    ramp = torch.linspace(-1, 1, 1024).expand(3, 1024, 1024)
    face = Face()
    face.show(ramp * 1.5)  # what leaves [-1, 1] is clamped
    expected = np.clip(1.5 * ramp[0, 0].numpy().reshape(SIDE, 2).mean(1), -1, 1)
    assert shown(face).shape == (SIDE, SIDE, 3)
    np.testing.assert_allclose(shown(face)[100, :, 1], expected, atol=0.03)


def test_errors_for_users_are_told_and_others_are_raised():
    note = Note()
    with note.told():
        raise BadArgumentsError("take <b> & \x1b[2J")
    assert ">take &lt;b&gt; &amp; \\x1b[2J<" in note.value
    with pytest.raises(ZeroDivisionError), note.told():
        1 / 0  # noqa: B018


def test_a_preview_is_compiled_where_the_search_was(tmp_path):
    latent = tmp_path / "run" / "me" / "latent.safetensors"
    latent.parent.mkdir(parents=True)
    assert not was_compiled(latent)
    (tmp_path / "run" / "params.yaml").write_text("compile: 'on'")  # of a run of many images
    assert was_compiled(latent)
    (latent.parent / "params.yaml").write_text("compile: 'off'")  # of a result that was saved
    assert not was_compiled(latent)


def test_what_has_a_tooltip_has_a_description_which_its_page_reads(tmp_path):
    InversionWidget(tmp_path), Face(alt="somebody")
    made = ipywidgets.Widget.get_manager_state()["state"].values()
    pointed = [one["state"] for one in made if one["state"].get("tooltip")]
    assert "somebody" in [state["tooltip"] for state in pointed]
    assert all("description" in state for state in pointed)
