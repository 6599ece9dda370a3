"""A run's parameters and metrics in a line."""

from collections.abc import Mapping

from ganinv.inversion.params import STARTS, SearchParams
from ganinv.losses.terms import row_of
from ganinv.measures.reconstruction import metric_words

LR, RAMPUP = (SearchParams.model_fields[name].default for name in ("lr", "lr_rampup"))


def describe_loss(params: SearchParams) -> str:
    """Name the loss in a few words: L2, LPIPS-vgg, or a weighted sum."""

    def label(name: str) -> str:
        return row_of(name).label.format(lpips_net=params.lpips_net)

    if isinstance(params.loss, str):
        return label(params.loss)
    return " + ".join(f"{weight:g} {label(name)}" for name, weight in params.loss.items())


def describe_refine(params: SearchParams) -> str:
    """Name the refinement in a few words, "" for none."""
    at = f"features at {params.refine_resolution}"
    what = {"none": "", "features": at, "weights": "weights", "both": f"{at} and weights"}
    named = what[params.refine]
    return named and f"{named}, {params.refine_steps} steps"


def _describe_rate(params: SearchParams) -> str:
    """Name a rate, or a rise of it, that is not the usual one, "" for that."""
    rate = "" if params.lr == LR else f" at rate {params.lr:g}"
    if params.lr_schedule != "ramp" or params.lr_rampup == RAMPUP:
        return rate
    if params.lr_rampup == 0:
        return f"{rate} from the first step" if rate else " at the full rate from the first step"
    rises = f"rises for {100 * params.lr_rampup:g} % of the steps"
    return f"{rate}, which {rises}" if rate else f" at a rate that {rises}"


def describe(params: SearchParams) -> str:
    """Name a run's parameters in one line, as figures carry it."""
    optimizer = {"adam": "Adam", "lbfgs": "L-BFGS"}[params.optimizer]
    start = params.init if params.init in STARTS else "a saved latent"
    start += "" if params.label is None else f" of class {params.label}"
    noise = "" if params.noise_maps == "stored" else f", noise maps {params.noise_maps}"
    axes = " along the styles' axes" if params.coordinates == "style" else ""
    refined = f", then {describe_refine(params)}" if params.refine != "none" else ""
    search = f"{describe_loss(params)}, {optimizer}{_describe_rate(params)}, "
    return (
        f"{params.space.upper()}{axes}{noise}, {search if params.steps else ''}from {start}, "
        f"{params.steps} steps{refined}"
    )


def name_run(params: SearchParams) -> str:
    """Name a run by what it is, in a few words: "W+, LPIPS, from an encoder".

    LPIPS without a network is by VGG16.
    """
    starts = {"mean_w": "", "encoder": ", from an encoder", "random": ", from a random latent"}
    start = starts.get(params.init, ", from a saved latent")
    refined = f", then {describe_refine(params)}" if params.refine != "none" else ""
    loss = describe_loss(params).replace("LPIPS-vgg", "LPIPS")
    return f"{params.space.upper()}, {loss}{start}{refined}"


def describe_metrics(values: Mapping[str, float | None]) -> str:
    """Write those metrics that `values` has, in one line."""
    return " · ".join(metric_words(values))


def describe_seconds(seconds: float) -> str:
    """Write a duration in words: 40 s, 5 min, 1 h 20 min."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
