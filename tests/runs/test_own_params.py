"""The project's own files of parameters: the experiment changes one thing at a time."""

from ganinv.paths import project_root
from ganinv.runs.params import Params


def test_exp04_differs_from_exp03_in_the_start_and_the_steps_alone():
    third, fourth = (Params.load(project_root() / "params" / f"exp0{n}.yaml") for n in (3, 4))
    changed = {k for k, v in third.model_dump().items() if v != getattr(fourth, k)}
    assert changed == {"init", "encoder", "steps"}
    assert (fourth.init, fourth.encoder, fourth.steps) == ("encoder", "domain-ffhq", 250)


def test_indomain_is_naive_with_the_third_term_as_published():
    naive, indomain = (
        Params.load(project_root() / "params" / f"{name}.yaml") for name in ("naive", "indomain")
    )
    changed = {k for k, v in naive.model_dump().items() if v != getattr(indomain, k)}
    assert changed == {"loss", "out"}
    assert indomain.loss == naive.loss | {"domain": 2.0}
    assert (indomain.steps, indomain.lr, indomain.lr_schedule) == (100, 0.01, "constant")
