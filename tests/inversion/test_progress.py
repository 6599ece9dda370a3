"""Lines and bars of progress."""

import io

from ganinv.inversion.progress import progress
from helpers.searches import search


def test_progress_comes_in_plain_lines_where_there_is_no_terminal(toy, toy_images, capsys):
    run = search(toy, toy_images[0][0], steps=5, log_every=2, image_id="[b]me[/b]")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    for line, step in zip(lines, (1, 2, 4, 5), strict=True):
        assert f"[b]me[/b]  step {step}/5" in line
        assert f"loss {run.history[step - 1]['loss']:.4f}" in line
        assert "lr " in line and "s/step" in line and "left" in line
    assert "0m00s left" in lines[-1]


def test_lines_of_a_refinement_say_so(toy, toy_images, capsys):
    refined = dict(refine="features", refine_resolution=16, refine_steps=2, refine_loss="l2")
    search(toy, toy_images[0][0], steps=2, log_every=1, **refined)
    said = ["refining" in line for line in capsys.readouterr().out.splitlines()]
    assert said == [False, False, True, True]


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_progress_is_a_bar_on_a_terminal():
    terminal = Terminal()
    with progress("[b]me[/b]", 5, 2, terminal) as report:
        for step in range(1, 6):
            phase = "refine" if step > 3 else "code"
            report(dict(step=step, loss=1 / step, lr=0.1, phase=phase))
    out = terminal.getvalue()
    assert "[b]me[/b]" in out  # a name is no markup
    assert "5/5  refining  loss" in out and "s/step" in out  # the bar is drawn anew at the end


def test_steps_of_an_earlier_process_do_not_shorten_the_time_that_is_left():
    seconds, lines = iter(range(100)), io.StringIO()
    with progress("me", 160, 25, lines, clock=lambda: next(seconds)) as report:  # at 0 s
        for step in range(61, 76):
            report(dict(step=step, loss=1.0, lr=0.1, phase="refine"))  # the line at 1 s
    assert "step 75/160  refining  loss 1.0000  lr 0.1000  0.07 s/step  0m06s left" in (
        lines.getvalue()
    )


def test_progress_can_be_silent(toy, toy_images, capsys):
    search(toy, toy_images[0][0])
    assert capsys.readouterr().out == ""
