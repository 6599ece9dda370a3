"""The loop that every training here runs: steps, looks, checkpoints, and what is said of them."""

import time
from pathlib import Path

import numpy as np

from ganinv.seeds import image_rng
from ganinv.training import checkpoint


class Loop:
    """What moves with the steps of a training, whatever it trains.

    A subclass has `_one()`, a step, which returns a row of numbers; `look()`, which sets `figures`;
    `save()`; and says which numbers have to stay finite, of rows (`FINITE`, () for all) and of
    looks (`FINITE_FIGURES`), which parameters to lower where one does not (`RATES`), and which to
    print (`SHOWN`, with `DIGITS`).
    """

    FINITE, FINITE_FIGURES, RATES = (), (), "lr"
    SHOWN, DIGITS = (), 3

    def __init__(self, params, say):
        self.params, self.say, self.out = params, say, Path(params.out)
        self.step, self.seconds, self.history, self.figures = 0, 0.0, [], {}

    def rng(self, *names):
        return image_rng(self.params.seed, "/".join(map(str, names)))

    def run(self):
        params, started, before = self.params, time.perf_counter(), self.seconds
        while self.step < params.steps:
            row = self._one()
            self.step += 1
            self.seconds = before + time.perf_counter() - started
            checkpoint.check_finite(row, self.FINITE or row, self.step, self.out, self.RATES)
            self.history.append({"step": self.step, "seconds": self.seconds} | row)
            if params.log_every and self.step % params.log_every == 0:
                self._say_progress()
            if self.step % params.save_every == 0 or self.step == params.steps:
                self.look()
                figures = self.FINITE_FIGURES
                checkpoint.check_finite(self.figures, figures, self.step, self.out, self.RATES)
                self.save()

    def _say_progress(self):
        rows = self.history[-self.params.log_every :]
        shown = [name for name in self.SHOWN if name in rows[-1]]
        means = [(name, np.mean([row[name] for row in rows if name in row])) for name in shown]
        text = " ".join(f"{name} {value:.{self.DIGITS}f}" for name, value in means)
        self.say(f"step {self.step}/{self.params.steps}  {self.seconds:.0f} s  {text}")
