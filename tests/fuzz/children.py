"""Cases read in a process of their own, which is held to a memory and to a time."""

import contextlib
import io
import os
import random
import resource
import signal
import tempfile
import traceback
import warnings
from pathlib import Path

from fuzz import seeds
from fuzz.mutate import mutate
from fuzz.targets import TARGETS, warm_up

MEMORY = 2**30  # bytes above those at the start
SECONDS = 5.0  # of the processor, for a case
BATCH = 40  # cases in a process


class TooSlow(BaseException):
    """A case that took its time; no reader may catch it."""


def _too_slow(*_):
    raise TooSlow


def make_case(name: str, number: int) -> tuple[str, bytes]:
    """The file of a target's case: (suffix, bytes). Half are damaged, half as they were made."""
    rng = random.Random(f"{name} {number}")
    makers = TARGETS[name].makers
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of files that are odd on purpose
        suffix, data = rng.choice(makers)(rng)
        if rng.random() < 0.5:
            data = mutate(rng, data, rng.choice(makers)(rng)[1])
    return suffix, data


def run_case(name: str, number: int, folder: Path) -> str:
    """Read a case; return "" where all went as documented, else what did not."""
    target = TARGETS[name]
    suffix, data = make_case(name, number)
    path = folder / f"case{suffix}"
    path.write_bytes(data)
    signal.signal(signal.SIGPROF, _too_slow)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            target.call(path)
    except target.raises as error:
        return _complaint(str(error))
    except TooSlow:
        return f"over {SECONDS} s"
    except BaseException as error:
        return f"{type(error).__name__}: {str(error)[:200]}\n{traceback.format_exc()[-1500:]}"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    return ""


def _complaint(message):
    if any(word in message for word in ("MemoryError", "allocate", "bad_alloc")):
        return f"it took all memory: {message[:200]}"
    return "" if message and len(message) < 6000 else f"a message of {len(message)} characters"


def run_batch(name: str, first: int, count: int = BATCH) -> dict[int, str]:
    """Read cases in a fork of this process: {number: what went wrong}.

    A process that dies is a failure of the case it was at, and those after it are not read.
    """
    with tempfile.TemporaryDirectory() as folder:
        reader, writer = os.pipe()
        child = os.fork()
        if not child:
            os.close(reader)
            _serve(name, range(first, first + count), Path(folder), writer)
        os.close(writer)
        with open(reader, encoding="utf-8", errors="replace") as file:
            lines = file.read().split("\0")
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        found = dict(line.split("\t", 1) for line in lines if line)
        wrong = {int(key): said for key, said in found.items() if said}
        if status:
            wrong[first + len(found)] = f"its process ended with {status}"
        return wrong


def _serve(name, numbers, folder, writer):
    """Read cases, write what came of each, and end the process."""
    try:
        os.chdir(folder)
        os.environ["GANINV_HOME"] = str(folder)
        warm_up()
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        signal.alarm(600)  # a hang in code that is not Python's
        for number in numbers:
            said = run_case(name, number, folder)
            if (folder / seeds.CANARY).exists():
                said = "it ran what the file asked for"
            os.write(writer, f"{number}\t{said}\0".encode("utf-8", "replace"))
        os._exit(0)
    finally:
        os._exit(3)
