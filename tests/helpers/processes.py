"""Processes: several at once; and some that are none, where a fresh one would take seconds."""

import contextlib
import multiprocessing
import os
import signal
import sys
from concurrent.futures import Future, ProcessPoolExecutor


def call_here(what, function, *arguments):
    """As `in_a_process`, in this process."""
    return function(*arguments)


class Here:
    """As ProcessPoolExecutor, in this process; a command can be given no other `isolate`."""

    def __init__(self, *arguments, **options):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return False

    def submit(self, function, *arguments):
        done = Future()
        done.set_result(function(*arguments))
        return done


def in_processes(function, jobs):
    """Call `function(*job)` for every job, each in a fresh process, all at once."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(len(jobs), context) as pool:
        futures = [pool.submit(function, *job) for job in jobs]
        return [future.result(timeout=300) for future in futures]


def killed_before(event, ending, function):
    """Call a function in a process that kills itself before it renames or removes such a file."""

    def hook(name, arguments):
        if name == event and str(arguments[1 if name == "os.rename" else 0]).endswith(ending):
            os.kill(os.getpid(), signal.SIGKILL)

    process = os.fork()
    if not process:
        with contextlib.suppress(BaseException):
            sys.addaudithook(hook)
            function()
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == -signal.SIGKILL
