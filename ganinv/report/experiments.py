"""The report: notebooks run by papermill from params/, assembled by nbconvert into HTML.

    OUT/index.html exp01.html … exp04.html indomain.html beyond.html editing.html benchmarks.html
    OUT/overview.jpg         targets and reconstructions in one picture
    OUT/runs/<experiment>/   what each run left, and its summary.json
    OUT/notebooks/           the executed notebooks

Pages hold their own style and pictures and open offline. Every parameter is checked against
`ganinv.Params` before the first notebook starts, because papermill only warns.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganinv.analysis.beyond import COMPONENTS, RESOLUTIONS
from ganinv.analysis.editing import EditingParams
from ganinv.errors import ParamsError, shorten
from ganinv.files import read_json
from ganinv.generators.load import load_generator
from ganinv.inversion.params import STARTS
from ganinv.paths import (
    benchmarks_folder,
    params_folder,
    published_folder,
    study_file,
    work_folder,
)
from ganinv.report.estimate import Estimate, tell_whole, watch
from ganinv.report.notebooks import from_notebooks, run_notebook
from ganinv.report.pages import write_page
from ganinv.report.told import EVIDENCE, SUMMARIES
from ganinv.report.ways import join_reports
from ganinv.runs.describe import name_run
from ganinv.runs.inputs import find_photos
from ganinv.runs.params import Params
from ganinv.runs.plan import prepare
from ganinv.runs.samples import photographs
from ganinv.weights.manifest import load_manifest

PAGES = {
    "index": "Comparison",
    "exp01": "Exp-01: W, L2",
    "exp02": "Exp-02: W+, L2",
    "exp03": "Exp-03: W+, LPIPS",
    "exp04": "Exp-04: W+, LPIPS, from an encoder",
    "indomain": "In-domain",
    "beyond": "Beyond the code",
    "editing": "What the code is good for",
    "benchmarks": "Benchmarks",
}
NOTEBOOKS = {
    "index": "05_comparison.ipynb",
    "exp01": "01_w_l2.ipynb",
    "exp02": "02_wplus_l2.ipynb",
    "exp03": "03_wplus_lpips.ipynb",
    "exp04": "04_wplus_lpips_encoder.ipynb",
    "indomain": "06_indomain.ipynb",
    "beyond": "07_beyond_the_code.ipynb",
    "editing": "08_what_the_code_is_for.ipynb",
    "benchmarks": "11_benchmarks.ipynb",
}
RECIPES = {f"exp0{n}": f"Exp-0{n}" for n in range(1, 5)}  # what studies call the experiments
STUDIED = ("exp02", "exp03", "exp04")  # experiments whose pages the study judges
EXPERIMENTS = SUMMARIES
READING = ("benchmarks", "index")  # pages that make no runs
QUICK = 10  # a quick report takes a tenth of the steps, and the first of the images
QUICK_NOTICE = (
    f"A quick run at a {QUICK}th of the steps, on the first of the images: a check of the "
    "pipeline, not a result."
)


@dataclass(frozen=True)
class Job:
    """A page to be made: its name, its notebook's parameters, what is added to its title."""

    name: str
    values: Mapping[str, Any]
    heading: str = ""


def make_report(
    out: str | Path,
    *,
    quick: bool = False,
    overrides: Iterable[str] = (),
    fresh: bool = False,
    study: str | Path | None = None,
    only: Collection[str] = (),
    run: Callable[..., Path] = run_notebook,
    write: Callable[..., Any] = write_page,
    estimate: Callable[..., Estimate | None] | None = None,
) -> tuple[Path, bool]:
    """Run every experiment and the comparison; return (path of the first page, if images failed).

    Images that an earlier call finished under the same settings are kept unless `fresh`.
    `study` is the study.json that judges, by default the published one, of a full report under the
    usual parameters. `only` are the names of the pages that are made, where not all. Where the
    encoder was not made for the generator, all that needs it is left out, with a notice.
    Raises ParamsError before anything runs, and ReportError when a notebook fails; pages and runs
    of earlier calls stay. `run` and `write` are called as `run_notebook` and `write_page`;
    `estimate`, as `estimate_report`, lets it say how long it takes, and how long is left.
    """
    out, overrides = Path(out).resolve(), tuple(overrides)
    check_pages(only)
    plans = {name: plan_experiment(name, out, quick, overrides) for name in EXPERIMENTS}
    if not _encoder_fits(plans["exp04"]):
        del plans["exp04"]
    titles = PAGES | {name: f"{RECIPES[name]}: {name_run(p)}" for name, p in plans.items()}
    left_out = () if "exp04" in plans else ("exp04", "indomain")
    pages = {name: title for name, title in titles.items() if name not in left_out}

    jobs = _jobs(plans, out, quick, overrides, study)
    jobs = [job for job in jobs if not only or job.name in only]
    if not jobs:
        raise ParamsError(f"nothing to make: {', '.join(only)} needs an encoder of the generator")
    expected = estimate and estimate([(job.name, job.values) for job in jobs], fresh=fresh)
    if expected:
        print(tell_whole(expected, titles), flush=True)
    for job in jobs:
        print(f"== {titles[job.name]}{job.heading}", flush=True)
        # benchmarks are shown as measured before, at full length
        notice = QUICK_NOTICE if quick and job.name != "benchmarks" else ""
        values = dict(job.values) | ({} if job.name in READING else {"fresh": fresh})
        with watch(expected, job.name):
            executed = run(NOTEBOOKS[job.name], out / "notebooks", values)
            write(executed, out / f"{job.name}.html", job.name, pages=pages, notice=notice)
    join_reports(out)
    done = [job.name for job in jobs]
    failed = any(_failed(out / "runs" / name) for name in plans if name in done)
    return out / f"{'index' if 'index' in done else done[0]}.html", failed


def _jobs(plans, out, quick, overrides, study):
    """The pages of a report in their order, each with what its notebook takes."""
    beyond, editing = (plan_experiment(name, out, quick, overrides) for name in EVIDENCE)
    # a quick run, or one with other parameters, is not what was studied
    usual = not quick and not overrides
    judges = Path(study or "") if study or not usual else study_file()
    studied = {"study": from_notebooks(judges.resolve())} if judges.is_file() else {}
    jobs = _experiments(plans, studied)
    if "exp04" in plans:
        full = plan_experiment("exp04", out, False, overrides)
        jobs.append(_in_domain(full, out, quick, usual))
    return [
        *jobs,
        Job("beyond", _beyond(beyond, quick) | _evidence("beyond", usual)),
        Job("editing", _editing(editing, quick) | _evidence("editing", usual)),
        Job("benchmarks", {"folder": from_notebooks(benchmarks_folder())}),
        Job("index", _comparison(plans, beyond, out) | studied | _advising(usual)),
    ]


def check_pages(names: Iterable[str]) -> None:
    """Raise ParamsError for a name that is no page of the report."""
    for name in names:
        if name not in PAGES:
            raise ParamsError(f"no page {shorten(repr(name))}; there are {', '.join(PAGES)}")


def _experiments(plans, studied):
    """The jobs of the experiments, each compared with the one before."""
    jobs = []
    for name, params in plans.items():
        values = experiment_values(name, params) | (studied if name in STUDIED else {})
        if previous := _previous(name, plans):
            values["previous"] = previous
        jobs.append(Job(name, values, f": {params.steps} steps"))
    return jobs


def _evidence(name, usual):
    """The published photographs that judge a page of the usual parameters, where there are any."""
    path = published_folder() / f"{name}.json"
    return {"published": from_notebooks(path)} if usual and path.is_file() else {}


def _advising(usual):
    """The published results that advise on a page of the usual parameters, where there are any."""
    folder = published_folder()
    return {"published": from_notebooks(folder)} if usual and folder.is_dir() else {}


def _comparison(plans, beyond, out):
    """The parameters of the comparison of the experiments."""
    return {
        "runs": {RECIPES[name]: params.out for name, params in plans.items()},
        "only": _ids(plans["exp01"]),  # the folders may hold images of earlier calls
        "overview": from_notebooks(out / "overview.jpg"),
        "beyond": f"{beyond.out}/features{beyond.refine_resolution}",
    }


def _ids(params: Params) -> list[str]:
    """The ids of the images that a plan asks for."""
    images = [_from_root(item) for item in params.images]
    return [photo.id for photo in find_photos(images, params.align, params.face)]


def _failed(folder: Path) -> bool:
    """Whether images of the run's last call failed."""
    return bool(read_json(folder / "summary.json")["metrics"]["failed"])


def _encoder_fits(params):
    """Whether Exp-04 can start; says so where it cannot. A missing weight file stays an error."""
    generator = load_generator(_from_root(params.generator))
    try:
        prepare(params.replace(encoder=_from_root(params.encoder)), generator)
    except ParamsError as error:
        print(
            f"notice: {PAGES['exp04']}, and {PAGES['indomain']} are left out: {error}",
            flush=True,
        )
        return False
    return True


def _from_root(name):
    """A path as `_place` writes it for notebooks, seen from here; names stay names."""
    inside = work_folder() / name
    return str(inside) if inside.exists() else name


def experiment_values(name: str, params: Params) -> dict[str, Any]:
    """Return what an experiment's notebook takes: its file, and every parameter as it is to be."""
    values = params.model_dump()
    file = from_notebooks(params_folder() / f"{name}.yaml")
    return {"experiment": file, "out": values.pop("out"), "changes": values}


def _in_domain(params, out, quick, usual):
    """The job of the notebook on eq. 4: Exp-04's generator, encoder and first two images."""
    values = {
        "generator": params.generator,
        "encoder": params.encoder,
        "align": params.align,
        "images": [*params.images, "sample:hopper"][:2],
        "steps": 100 // (QUICK if quick else 1),
        "seed": params.seed,
        "device": params.device,
        "out": from_notebooks(out / "runs" / "indomain"),
    }
    if found := _evidence("editing", usual):  # what that page found says more than two photographs
        values["editing"] = found["published"]
    return Job("indomain", values)


def _beyond(params, quick):
    """The parameters of the notebook on refinements."""
    values = params.model_dump() | {"file": from_notebooks(params_folder() / "beyond.yaml")}
    values |= {"log_every": 0, "snapshot_every": 0}
    values |= {"resolutions": list(RESOLUTIONS), "components": COMPONENTS}
    if quick:
        values |= {"refine_steps": max(1, params.refine_steps // QUICK), "components": 1}
    return values


def _editing(params, quick):
    """The parameters of the notebook on edits."""
    values = params.model_dump() | {"file": from_notebooks(params_folder() / "editing.yaml")}
    values |= {"log_every": 0, "snapshot_every": 0}
    if quick:
        steps = ("w_steps", "long_steps", "indomain_steps", "refine_steps")
        values |= {name: max(1, values[name] // QUICK) for name in steps}
        strengths = sorted({min(params.strengths), 0.0, max(params.strengths)})
        values |= {"directions": params.directions[:2], "strengths": strengths}
        values |= {"draws": min(params.draws, QUICK)}
    return values


def plan_experiment(name: str, out: Path, quick: bool, overrides: Iterable[str]) -> Params:
    """Load params/NAME.yaml with `overrides` as its notebook takes it, for the report in `out`.

    Paths are those seen from notebooks/. Raises ParamsError for parameters that do not exist, and
    where not all is kept.
    """
    kind = EditingParams if name == "editing" else Params
    params = kind.load(params_folder() / f"{name}.yaml", overrides)
    if params.keep != "all":
        raise ParamsError(f"keep: {params.keep}: a report shows all of each image; leave it at all")
    changes: dict[str, Any] = {"out": from_notebooks(out / "runs" / name)}
    # notebooks run in their own folder: what is a path here must be one there
    changes |= {"images": [_place(item) for item in params.images]}
    changes |= {"generator": _place(params.generator), "init": _place(params.init)}
    changes |= {"encoder": params.encoder and _place(params.encoder)}
    if quick:
        changes |= {"steps": max(1, params.steps // QUICK), "images": _first(changes["images"])}
        changes |= {"log_every": 10, "snapshot_every": 5}
    return params.replace(**changes)


def _first(images):
    """The first of the images; of all samples, the first sample."""
    return [f"sample:{photographs()[0]}"] if images[0] == "samples" else images[:1]


def _place(name):
    """A path as seen from notebooks/; names of samples, sets, starts and weights stay names."""
    is_name = name in ("samples", *STARTS, *load_manifest()) or name.startswith(("sample:", "set:"))
    return name if is_name or not Path(name).exists() else from_notebooks(Path(name).resolve())


def _previous(name, plans):
    """The run folder of the experiment before, "" for the first."""
    names = list(plans)
    place = names.index(name)
    return plans[names[place - 1]].out if place else ""
