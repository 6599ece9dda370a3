"""Runs on disk that nobody ran."""

import numpy as np
from PIL import Image

from ganinv.core_yaml import dump_yaml
from ganinv.files import read_json, write_json
from ganinv.runs.params import Params

HOSTILE = '"><img src=x onerror=alert(1)>.png'
USUAL = dict(  # metrics of every image
    psnr=20.0, ssim=0.5, ms_ssim=0.7, lpips_alex=0.3, lpips_vgg=0.4, identity=0.45
)


def fake_run(folder, values, losses=(1.0, 0.25)):
    """A run folder with given metrics: {image: {metric: value}}."""
    images = {}
    for name, metrics in values.items():
        entry = USUAL | dict(seconds=1.0)
        entry |= dict(steps=len(losses), best_step=2, best_loss=losses[-1], title=HOSTILE)
        entry |= dict(evaluations=len(losses)) | metrics
        images[name] = entry
        history = [dict(step=i, loss=x, evaluations=i) for i, x in enumerate(losses, 1)]
        write_json(folder / name / "history.json", history)
        rng = np.random.default_rng(0)
        for picture in ("target", "reconstruction", "difference", "progress_strip"):
            pixels = rng.integers(0, 255, (40, 40, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{picture}.png")
    names = (*USUAL, "seconds")
    measured = {n: [e[n] for e in images.values() if e[n] is not None] for n in names}
    mean = {n: float(np.mean(found)) for n, found in measured.items() if found}
    std = {n: float(np.std(found)) for n, found in measured.items() if found}
    failed = {"bad": f"{HOSTILE}: the file is empty"}
    write_json(folder / "metrics.json", dict(images=images, mean=mean, std=std, failed=failed))
    (folder / "params.yaml").write_text(dump_yaml(Params().model_dump()))
    return folder


def lose_metric(folder, name, images):
    """Make a run older than a metric: the entries of some images lack it."""
    metrics = read_json(folder / "metrics.json")
    for image in images:
        del metrics["images"][image][name]
    write_json(folder / "metrics.json", metrics)
