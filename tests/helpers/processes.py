"""Processes: several at once; and some that are none, where a fresh one would take seconds."""

import multiprocessing
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
        return [future.result(timeout=120) for future in futures]
