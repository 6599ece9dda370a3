"""The report: notebooks run by papermill from params/, assembled by nbconvert into HTML.

    OUT/index.html exp01.html … exp04.html indomain.html benchmarks.html overview.jpg
    OUT/runs/<experiment>/   what each run left, and its summary.json
    OUT/notebooks/           the executed notebooks

Pages hold their own style and pictures and open offline. Every parameter is checked against
`ganinv.Params` before the first notebook starts, because papermill only warns.
"""

import contextlib
import functools
import logging
import os
import sys
import tempfile
from pathlib import Path

import nbformat
import papermill
from nbclient.exceptions import DeadKernelError
from nbconvert import HTMLExporter
from traitlets.config import Config

from ganinv.errors import ParamsError, ReportError
from ganinv.experiment import find_encoder
from ganinv.files import atomic_path, read_json, write_text
from ganinv.generators import load_generator
from ganinv.params import STARTS, load_params
from ganinv.paths import project_root
from ganinv.weights.manifest import load_manifest

EXPERIMENTS = {
    "exp01": ("exp01_w_l2.ipynb", "Exp-01"),
    "exp02": ("exp02_wplus_l2.ipynb", "Exp-02"),
    "exp03": ("exp03_wplus_lpips.ipynb", "Exp-03"),
    "exp04": ("exp04_wplus_lpips_encoder.ipynb", "Exp-04"),
}
COMPARISON, IN_DOMAIN = "comparison.ipynb", "indomain.ipynb"
BENCHMARKS = "benchmarks.ipynb"
PAGES = {"index": "Comparison"} | {name: title for name, (_, title) in EXPERIMENTS.items()}
PAGES |= {"indomain": "In-domain", "benchmarks": "Benchmarks"}


QUICK = 10  # a quick report takes a tenth of the steps, and the first of the images
QUICK_NOTICE = (
    f"A quick run at a {QUICK}th of the steps, on the first of the images: a check of the "
    "pipeline, not a result."
)
TEMPLATES = Path(__file__).parent / "templates"


def make_report(out, *, quick=False, overrides=(), fresh=False):
    """Run every experiment and the comparison; return (path of index.html, whether images failed).

    Images that an earlier call finished under the same settings are kept unless `fresh`.
    Where the encoder was not made for the generator, what needs it is left out, with a notice.
    Raises ParamsError before anything runs, and ReportError when a notebook fails; pages and runs
    of earlier calls stay.
    """
    out = Path(out).resolve()
    plans = {name: _plan(name, out, quick, overrides) for name in EXPERIMENTS}
    encoded = plans["exp04"]
    if not _encoder_fits(encoded):
        del plans["exp04"]
    shown = ("index", *plans, *["indomain"] * ("exp04" in plans), "benchmarks")
    pages = {name: PAGES[name] for name in shown}
    write = functools.partial(write_page, pages=pages, notice=QUICK_NOTICE if quick else "")
    for name, params in plans.items():
        print(f"== {PAGES[name]}: {params.steps} steps", flush=True)
        values = params.model_dump() | {"previous": _previous(name, plans), "fresh": fresh}
        executed = run_notebook(EXPERIMENTS[name][0], out / "notebooks", values)
        write(executed, out / f"{name}.html", name)
    if "indomain" in pages:
        print(f"== {PAGES['indomain']}", flush=True)
        values = _in_domain(_plan("exp04", out, False, overrides), out, quick) | {"fresh": fresh}
        executed = run_notebook(IN_DOMAIN, out / "notebooks", values)
        write(executed, out / "indomain.html", "indomain")
    print("== Benchmarks", flush=True)
    executed = run_notebook(BENCHMARKS, out / "notebooks", {})
    write_page(executed, out / "benchmarks.html", "benchmarks", pages=pages)  # as measured before
    print("== Comparison", flush=True)
    runs = {PAGES[name]: params.out for name, params in plans.items()}
    values = {"runs": runs, "overview": from_notebooks(out / "overview.jpg")}
    executed = run_notebook(COMPARISON, out / "notebooks", values)
    write(executed, out / "index.html", "index")
    failed = any(read_json(out / "runs" / name / "metrics.json")["failed"] for name in plans)
    return out / "index.html", failed


def _encoder_fits(params):
    """Whether Exp-04 can start; says why not. A missing weight file is an error all the same."""
    generator = load_generator(_from_root(params.generator))
    try:
        find_encoder(params.replace(encoder=_from_root(params.encoder)), generator)
    except ParamsError as error:
        print(f"notice: Exp-04 and In-domain are left out: {error}", flush=True)
        return False
    return True


def _from_root(name):
    """A path as `_place` wrote it for notebooks, seen from here; names stay names."""
    inside = project_root() / "notebooks" / name
    return str(inside) if inside.exists() else name


def _in_domain(params, out, quick):
    """What the notebook on eq. 4 takes: Exp-04's generator, encoder and first two images."""
    return {
        "generator": params.generator,
        "encoder": params.encoder,
        "align": params.align,
        "images": [*params.images, "sample:hopper"][:2],
        "steps": 100 // (QUICK if quick else 1),
        "seed": params.seed,
        "device": params.device,
        "out": from_notebooks(out / "runs" / "indomain"),
    }


def _plan(name, out, quick, overrides):
    params = load_params(project_root() / "params" / f"{name}.yaml", overrides)
    changes = {"out": from_notebooks(out / "runs" / name)}
    # notebooks run in their own folder: what is a path here must be one there
    changes |= {"images": [_place(item) for item in params.images]}
    changes |= {"generator": _place(params.generator), "init": _place(params.init)}
    changes |= {"encoder": params.encoder and _place(params.encoder)}
    if quick:
        changes |= {"steps": max(1, params.steps // QUICK), "images": changes["images"][:1]}
        changes |= {"log_every": 10, "snapshot_every": 5}
    return params.replace(**changes)


def from_notebooks(path):
    """A path as seen from notebooks/, so that no machine's folders get into the pages."""
    return Path(os.path.relpath(path, project_root() / "notebooks")).as_posix()


def _place(name):
    """A path as seen from notebooks/; names of samples, starts and weights stay names."""
    is_name = name in ("samples", *STARTS, *load_manifest()) or name.startswith("sample:")
    return name if is_name or not Path(name).exists() else from_notebooks(Path(name).resolve())


def _previous(name, plans):
    """The run folder of the experiment before, "" for the first."""
    names = list(plans)
    place = names.index(name)
    return plans[names[place - 1]].out if place else ""


def run_notebook(name, folder, values):
    """Execute notebooks/NAME with `values`; return the path of the executed copy in `folder`.

    The copy appears under its name only when every cell has run; what a failed run had executed
    is kept as NAME.failed.ipynb.
    """
    source = project_root() / "notebooks" / name
    check_parameters(source, values)
    target = Path(folder) / name
    with quiet(), tempfile.TemporaryDirectory() as work:
        partial = Path(work) / name
        try:
            papermill.execute_notebook(
                _unformatted(source),
                _unformatted(partial),
                parameters=values,
                cwd=source.parent,
                progress_bar=False,
                stdout_file=sys.stdout,
                stderr_file=sys.stderr,
                kernel_name="python3",
                config=_kernel_config(work),
            )
        except (papermill.PapermillExecutionError, DeadKernelError) as error:
            kept = target.with_suffix(".failed.ipynb")
            write_text(kept, partial.read_text(encoding="utf-8"))
            raise ReportError(
                f"{name} failed ({_reason(error)}); what it had run is in {kept}, and finished "
                "images are kept: the same command continues"
            ) from None
        write_text(target, partial.read_text(encoding="utf-8"))
    return target


def _reason(error):
    if isinstance(error, DeadKernelError):
        return "its kernel was killed; out of memory?"
    return f"{error.ename}: {error.evalue}"


def _kernel_config(folder):
    """Talk to the kernel through sockets in `folder`, where nobody else can listen, or by TCP."""
    sockets = str(Path(folder) / "k")
    if (
        os.name == "nt" or len(os.fsencode(sockets)) > 90
    ):  # the length of a socket's name is limited
        return Config()
    return Config(KernelManager={"transport": "ipc", "ip": sockets})


def _unformatted(path):
    """papermill formats paths; braces in a folder's name must not be taken for fields."""
    return str(path).replace("{", "{{").replace("}", "}}")


def check_parameters(source, values):
    """Raise ParamsError unless the notebook's parameters cell names every one of `values`."""
    cells = nbformat.read(source, as_version=4).cells
    tagged = [c.source for c in cells if "parameters" in c.metadata.get("tags", [])]
    if len(tagged) != 1:
        raise ParamsError(f"{source.name} has {len(tagged)} cells tagged parameters, not one")
    given = {
        line.split("=")[0].split(":")[0].strip() for line in tagged[0].splitlines() if "=" in line
    }
    unknown = values.keys() - given
    if unknown:
        raise ParamsError(f"{source.name} has no parameter {', '.join(sorted(unknown))}")


@contextlib.contextmanager
def quiet():
    """papermill logs every cell; only its warnings are of use here."""
    logger = logging.getLogger("papermill")
    before = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(before)


def write_page(notebook, path, name, notice="", pages=PAGES):
    """Convert an executed notebook to one self-contained HTML page, code folded away."""
    exporter = HTMLExporter(template_name="report", extra_template_basedirs=[str(TEMPLATES)])
    style = (TEMPLATES / "report" / "style.css").read_text(encoding="utf-8")
    resources = {
        "page_title": f"ganinv: {pages[name]}",
        "page_style": style,
        "page_name": name,
        "page_notice": notice,
        "pages": list(pages.items()),
    }
    body, _ = exporter.from_filename(str(notebook), resources=resources)
    with atomic_path(path) as temporary:
        temporary.write_text(body, encoding="utf-8", errors="replace")
    return path
