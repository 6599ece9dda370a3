"""Functions run by several processes that meet as under torchrun, and torchrun itself."""

import os
import socket
import subprocess
import sys

import torch

from ganinv.compute.processes import joined
from helpers.forked_trainings import PROCESSES


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def place(rank, count, port):
    """What torchrun tells a process by its environment."""
    numbers = dict(RANK=rank, WORLD_SIZE=count, LOCAL_RANK=rank, LOCAL_WORLD_SIZE=count)
    return {k: str(v) for k, v in numbers.items()} | {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }


def together(folder, count, function, *args):
    """Run function(processes, *args) in `count` processes: what each returned, or None, and how it
    ended: "" or the error. Everything goes through files in `folder`."""
    port = free_port()
    folder.mkdir(parents=True, exist_ok=True)
    started = [
        PROCESSES.Process(target=_run, args=(folder, rank, count, port, function, args))
        for rank in range(count)
    ]
    for process in started:
        process.start()
    for process in started:
        process.join(300)
        process.kill()
    found = [folder / f"{rank}.pt" for rank in range(count)]
    ends = [torch.load(p, weights_only=False) if p.is_file() else (None, "killed") for p in found]
    return [result for result, _ in ends], [error for _, error in ends]


def _run(folder, rank, count, port, function, args):
    torch.set_num_threads(1)
    os.environ |= place(rank, count, port)
    result, error = None, ""
    try:
        with joined("cpu") as processes:
            result = function(processes, *args)
    except (Exception, SystemExit) as raised:
        error = f"{type(raised).__name__}: {raised}"
    torch.save((result, error), folder / f"{rank}.pt")


def torchrun(count, *words):
    """Begin `ganinv` under torchrun; return the process, its output is read as text."""
    program = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", count]
    meeting = ["--master-addr", "127.0.0.1", "--master-port", free_port()]
    command = [*program, *meeting, "-m", "ganinv", *words]
    return subprocess.Popen(
        [str(word) for word in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )


def far(a, b):
    """The largest distance of two tensors of the same name, as a share of their length."""
    assert a.keys() == b.keys()
    pairs = [(a[name].double(), b[name].double()) for name in a]
    return max(((x - y).norm() / x.norm().clamp(min=1e-6)).item() for x, y in pairs)
