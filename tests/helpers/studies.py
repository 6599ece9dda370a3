"""Studies on toys, and rows of made-up ones."""

from ganinv.measures.reconstruction import METRICS
from ganinv.runs.inputs import Photo
from ganinv.runs.study import Plan
from ganinv.runs.study_params import StudyParams, recipes_of


def toy_study(toy_path, photos, out, **changes):
    """`StudyParams` of two recipes of a few steps in a toy's W and W+."""
    own = dict(generator=str(toy_path), loss="l2", compile="off", precision="float32")
    recipes = {
        "w": {**own, "space": "w", "steps": 3, "title": "W"},
        "w+": {**own, "space": "w+", "steps": 4, "title": "W+", "restarts": 1},
    }
    values = dict(images=[str(photo) for photo in photos], align=False, recipes=recipes)
    return StudyParams.make(values | dict(out=str(out), device="cpu", block=2) | changes)


def made_up_plan(values, *, restarts=1, curves=None, **changes):
    """The plan of a study whose rows have, of every metric, values[recipe][photograph][restart].

    `curves` gives a recipe's curve, the same in all of its rows.
    """
    recipes = {name: {"title": name.upper(), "restarts": restarts} for name in values}
    study = StudyParams.make(dict(recipes=recipes, restarts=restarts) | changes)
    names = sorted({photo for rows in values.values() for photo in rows})
    photos = [Photo(name, name, f"{name}.png", name, True) for name in names]
    plan = Plan(study, recipes_of(study), photos)
    for recipe, rows in values.items():
        for photo, numbers in rows.items():
            for number, value in enumerate(numbers, 1):
                row = dict(recipe=recipe, restart=number, photograph=photo, seconds=10.0, steps=3)
                row |= dict.fromkeys(METRICS, value)
                row |= dict(commit="0" * 40, machine="a machine", settings="x", numerics=2)
                row |= dict(curve=(curves or {}).get(recipe, []), align=True, image_sha256="y")
                plan.known[(recipe, number, photo)] = row
    return plan
