"""A search in a thread: a bar, the growing picture once a second, and a button that ends it.

The kernel stays free meanwhile, and an interrupt of the kernel does not reach the search: *Stop*
does, after the step that is under way. So does the end of the kernel, which waits until what is
kept is saved. A page that is closed ends nothing.
"""

import atexit
import threading
import time
from collections.abc import Callable
from typing import Any

import ipywidgets
import torch

from ganinv.errors import GaninvError
from ganinv.inversion.invert import invert
from ganinv.inversion.result import Inversion
from ganinv.inversion.search import REFINE, SearchState
from ganinv.runs.describe import describe_seconds
from ganinv.runs.experiment import run_experiment
from ganinv.runs.params import Params
from ganinv.widgets.shared import Face, Note, keep_generator

LEAVE = 120.0  # seconds that the end of the kernel waits for what is kept to be saved
EVERY = 1.0  # seconds between two pictures
NOTICES = ("notice: ", "warning: ")


class SearchWidget(ipywidgets.VBox):
    """What is seen of a search, and its thread; `done` is called after it with what was found.

    That is the `Inversion`, or None: of a result that was finished earlier, or of none. `free` is
    called when all of it is shown, and another search can begin.
    """

    def __init__(
        self, done: Callable[[Inversion | None], object], free: Callable[[], object]
    ) -> None:
        self.done, self.free = done, free
        self.is_running = False  # until its result is shown
        self.bar = ipywidgets.IntProgress(layout={"width": "auto", "max_width": "32em"})
        self.line, self.message = Note(), Note()
        self.face = Face(384, "the picture of the last step")
        self.stop_button = ipywidgets.Button(description="Stop", icon="stop", disabled=True)
        self.stop_button.on_click(self.stop)
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._told: list[str] = []
        self._found: Inversion | None = None
        self._drawn = 0.0
        super().__init__([])
        atexit.register(self._leave)

    def start(self, params: Params) -> None:
        """Begin a search; one that is under way goes on instead."""
        if self.is_running:
            return
        self._stopping.clear()
        self._told, self._found, self._drawn = [], None, 0.0
        self.message.tell()
        self.line.tell("loading the generator …")
        self.bar.value, self.bar.max = 0, params.all_steps
        self.bar.bar_style = ""
        self.face.value = b""
        self.children = [self.bar, self.line, self.message]
        self.stop_button.disabled = False
        self.is_running = True
        self._thread = threading.Thread(target=self._run, args=(params,), daemon=True)
        self._thread.start()

    def stop(self, _: Any = None) -> None:
        """Ask the search to end after its step; the best latent so far is kept."""
        self._stopping.set()
        self.stop_button.disabled = True
        if self.is_running:
            self.line.tell("stopping after this step …")

    def wait(self, seconds: float | None = None) -> None:
        """Wait until the search has ended and its result is shown, or for so many seconds."""
        if self._thread is not None:
            self._thread.join(seconds)

    def _leave(self) -> None:
        """Stop a search that is under way, and wait until its best is saved."""
        self._stopping.set()
        self.wait(LEAVE)

    def _run(self, params: Params) -> None:
        try:
            run_experiment(
                params,
                set_aside=True,
                keep_interrupted=True,
                say=self._say,
                invert=self._invert,
                while_waiting=self._end_if_stopped,
            )
        except KeyboardInterrupt:  # raised below, where Stop asks for it
            if self._found is None:
                self._tell("stopped before the first step; there is nothing to keep")
        except (GaninvError, OSError, torch.OutOfMemoryError) as error:
            self._tell(str(error))
        except Exception as error:
            self._tell_fault(error)
            raise
        finally:
            self.stop_button.disabled = True
            self.children = [self.message]
            try:
                self.done(self._found)
            except Exception as error:
                self._tell_fault(error)
                raise
            finally:
                self.is_running = False
                self.free()

    def _invert(self, generator: Any, *given: Any, **how: Any) -> Inversion:
        """`invert`, watched."""
        keep_generator(generator)
        self._end_if_stopped()
        self.line.tell("the first step; it takes longest, as what is compiled is compiled now …")
        self._found = invert(generator, *given, callback=self._watch, **how)
        return self._found

    def _watch(self, state: SearchState) -> None:
        """Show a step, once a second; an interrupt ends the search where Stop was pressed."""
        now = time.monotonic()
        if now - self._drawn >= EVERY or state.step == state.steps:
            self._drawn = now
            self.bar.value = state.step
            self.face.show(state.image)
            if not self._stopping.is_set():
                self.line.tell(describe_step(state))
            self.children = [self.bar, self.line, self.face, self.message]
        self._end_if_stopped()

    def _end_if_stopped(self) -> None:
        """Raise the interrupt that ends a search, or a wait for another's, after Stop."""
        if self._stopping.is_set():
            raise KeyboardInterrupt

    def _say(self, text: str) -> None:
        """Keep notices and warnings in sight, and what else is said until the next is."""
        if text.startswith(NOTICES):
            self._tell(text)
        elif not self._stopping.is_set():
            self.line.tell(text)

    def _tell_fault(self, error: Exception) -> None:
        """Tell an error that nobody expected; a thread's would be seen by nobody."""
        self._tell(f"{type(error).__name__}: {error}")

    def _tell(self, text: str) -> None:
        self._told.append(text)
        self.message.tell(*self._told)


def describe_step(state: SearchState) -> str:
    """Say in a line how far a search is, and how long it has to go."""
    left = state.seconds / state.step * (state.steps - state.step)
    doing = "refining, step" if state.phase == REFINE else "step"
    return (
        f"{doing} {state.step} of {state.steps} · loss {state.loss:.4f} · "
        f"about {describe_seconds(left)} left"
    )
