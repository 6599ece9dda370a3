"""Refined runs of the toy."""

from ganinv.runs.experiment import run_experiment
from helpers.searches import quick_params

REFINED = dict(refine_steps=3, refine_resolution=16, refine_loss={"l2_full": 4.0, "l2": 1.0})


def refined_run(toy_path, make_photo, root, refine, **changes):
    """Run the toy, refined, on a.png and b.png into root/run; return that folder."""
    for seed, name in enumerate("ab"):
        make_photo(root / "photos" / f"{name}.png", seed)
    settings = dict(space="w+", steps=4, refine=refine, snapshot_every=2) | REFINED | changes
    params = quick_params(toy_path, [root / "photos"], root / "run", **settings)
    run = run_experiment(params, say=lambda text: None)
    assert run.failed == {}
    return root / "run"
