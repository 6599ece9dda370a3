"""A run's parameters and metrics in a line."""

import math


def describe_loss(params):
    """The loss in a few words: L2, LPIPS-vgg, or a weighted sum."""
    names = {"l2": "L2", "lpips": f"LPIPS-{params.lpips_net}"}
    names |= {"lpips_vgg": "LPIPS-vgg", "lpips_alex": "LPIPS-alex", "domain": "in-domain"}
    names |= {"l2_full": "L2 at full size", "vgg": "VGG features"}
    if isinstance(params.loss, str):
        return names[params.loss]
    return " + ".join(f"{weight:g} {names[name]}" for name, weight in params.loss.items())


def describe(params):
    """A run's parameters in one line, as figures carry it."""
    optimizer = {"adam": "Adam", "lbfgs": "L-BFGS"}[params.optimizer]
    start = params.init if params.init in ("mean_w", "random", "encoder") else "a saved latent"
    noise = "" if params.noise_maps == "stored" else f", noise maps {params.noise_maps}"
    axes = " along the styles' axes" if params.coordinates == "style" else ""
    return (
        f"{params.space.upper()}{axes}{noise}, {describe_loss(params)}, {optimizer}, from {start}, "
        f"{params.steps} steps"
    )


def describe_metrics(values):
    """Metrics in one line."""
    psnr = values["psnr"]
    psnr = f"{psnr:.2f} dB" if psnr is not None and math.isfinite(psnr) else "∞"
    return (
        f"PSNR {psnr} · SSIM {values['ssim']:.3f} · LPIPS-alex {values['lpips_alex']:.3f} · "
        f"LPIPS-vgg {values['lpips_vgg']:.3f}"
    )
