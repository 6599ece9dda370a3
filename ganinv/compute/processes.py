"""Several processes that train together, begun by torchrun; or one alone, as everywhere else.

Each computes its rows of every batch. What is drawn is drawn by each for the whole batch, and cut;
what is a mean over the batch is a mean over the processes, each weighed by its rows: so that N
processes compute what one does, to rounding. Only the first of them says and writes anything.

Gradients are averaged by DistributedDataParallel (Li et al. 2020, arXiv 2006.15704), by gloo on
CPUs and by NCCL on GPUs. Nothing here imports torch before there are processes to be joined.
"""

import contextlib
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar, cast

from ganinv.errors import GaninvError, LostProcessError, ParamsError

if TYPE_CHECKING:
    from torch import Tensor, nn

T = TypeVar("T")
TIMEOUT = timedelta(minutes=10)  # of a step's messages: a process that is stopped, not ended
PATIENCE = timedelta(days=7)  # for what the first does alone: reading a set, a look
PLACE = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")  # as torchrun sets them
MEETING = ("MASTER_ADDR", "MASTER_PORT")
FAILED, INTERRUPTED = 1, 130  # exit statuses


@dataclass(frozen=True, kw_only=True)
class Processes:
    """One process among `count`, from 0; by itself, it is alone.

    `device` is its own, "" where nobody has chosen. `patient` is the group whose messages wait.
    """

    rank: int = 0
    count: int = 1
    device: str = ""
    patient: Any = field(default=None, repr=False)

    @property
    def is_first(self) -> bool:
        """Whether this is the one that says and writes."""
        return not self.rank

    def part(self, whole: int) -> "Part":
        """Give the rows of a batch of `whole` that are this process's."""
        return Part(self, whole)

    def check_batch(self, batch: int) -> None:
        """Raise ParamsError where a batch has no image for one of the processes."""
        if batch < self.count:
            raise ParamsError(
                f"batch: {batch} images cannot be divided among {self.count} processes; ask for a "
                f"batch of {self.count} or more, or for fewer processes"
            )

    def by_first(self, function: Callable[..., T], *args: Any, **options: Any) -> T:
        """Call a function in the first process alone; its result, which is pickled, is everyone's.

        What the function raises ends all of them, and the first tells it.
        """
        if self.count == 1:
            return function(*args, **options)
        import torch.distributed as dist

        answer: list[Any] = [None, False]
        if self.is_first:
            try:
                answer = [function(*args, **options), True]
            except Exception:
                dist.broadcast_object_list(answer, 0, group=self.patient)
                raise
        dist.broadcast_object_list(answer, 0, group=self.patient)
        if not answer[1]:
            raise SystemExit(FAILED)
        return answer[0]

    def agree(self, value: object, name: str) -> None:
        """Raise ParamsError in a process that has another value than the first."""
        if self.by_first(lambda: value) != value:
            raise ParamsError(
                f"process {self.rank + 1} of {self.count} has another {name} than the first; all "
                "of them need the same files, at the same paths"
            )

    def first_then_others(self, function: Callable[..., T], *args: Any, **options: Any) -> T:
        """Call a function in the first, then in the others, who find what it has kept on disk."""
        results: list[T] = []

        def call() -> None:
            results.append(function(*args, **options))

        self.by_first(call)
        return results[0] if results else function(*args, **options)

    @contextlib.contextmanager
    def held_by_first(self, context: contextlib.AbstractContextManager) -> Iterator[None]:
        """Enter a context in the first process alone, before the others go on."""
        with contextlib.ExitStack() as stack:
            self.by_first(stack.enter_context, context)
            yield

    def said_by_first(self, say: Callable[[str], object]) -> Callable[[str], object]:
        """Give `say` in the first process, and what says nothing in the others."""
        return say if self.is_first else lambda text: None

    def wait(self) -> None:
        """Wait until all processes are here, as long as it takes."""
        if self.count > 1:
            import torch.distributed as dist

            dist.barrier(group=self.patient)

    def parallel(self, module: "nn.Module") -> "nn.Module":
        """Make a module whose gradients become the mean of all processes', at each backward pass.

        Its weights become those of the first, and its BatchNorm takes statistics of the whole
        batch; the module itself is changed so, and keeps its parameters. `alone` gives it back.
        """
        if self.count == 1:
            return module
        from torch.nn.parallel import DistributedDataParallel

        from ganinv.compute.batch_norm import take_whole_batches

        take_whole_batches(module)
        with warnings.catch_warnings():
            # torch renames the option; the new name is not in all versions that are supported
            warnings.simplefilter("ignore", FutureWarning)
            # buffers are the same everywhere; sent, they would change between two passes
            return DistributedDataParallel(module, broadcast_buffers=False)

    def alone(self, module: "nn.Module") -> "nn.Module":
        """Give back the module that `parallel` was given: its gradients stay this process's own.

        It is what a pass takes that does not reach the module's weights: there, nothing comes that
        DistributedDataParallel would wait for.
        """
        inside = module if self.count == 1 else module.module
        return cast("nn.Module", inside)

    def send(self, tensors: "Iterable[Tensor]") -> None:
        """Give all processes the first's tensors, in place."""
        self.wait()
        if self.count > 1:
            import torch.distributed as dist

            for tensor in tensors:
                dist.broadcast(tensor, 0)

    def means(self, values: "Mapping[str, Tensor]") -> dict[str, float]:
        """Compute the means over the processes of scalars, by their names: the same everywhere."""
        if self.count == 1:
            return {name: value.item() for name, value in values.items()}
        import torch
        import torch.distributed as dist

        stacked = torch.stack([value.detach().double() for value in values.values()])
        dist.all_reduce(stacked)
        return dict(zip(values, (stacked / self.count).tolist(), strict=True))


ALONE = Processes()


@dataclass(frozen=True)
class Part:
    """The rows of a batch of `whole` that one of the processes computes: as many for each, or one
    more."""

    processes: Processes
    whole: int

    @property
    def rows(self) -> slice:
        """The rows, in their order."""
        rank, count = self.processes.rank, self.processes.count
        return slice(self.whole * rank // count, self.whole * (rank + 1) // count)

    def __len__(self) -> int:
        return self.rows.stop - self.rows.start

    def of(self, batch: "Tensor") -> "Tensor":
        """Cut this process's rows out of what is there for the whole batch, (whole, ...)."""
        return batch[self.rows]

    def first(self, values: "Tensor", count: int) -> "Tensor":
        """Cut out those of this process's rows (N, ...) that are among the first of the batch."""
        return values[: max(count - self.rows.start, 0)]

    def gather(self, values: "Tensor") -> "Tensor":
        """Gather the rows (N, ...) of all processes into the whole batch; without gradients."""
        count = self.processes.count
        if count == 1:
            return values
        import torch
        import torch.distributed as dist

        lengths = [len(Part(Processes(rank=r, count=count), self.whole)) for r in range(count)]
        filled = values.new_zeros(max(lengths), *values.shape[1:])  # they send equally many
        filled[: len(values)] = values
        parts = [torch.empty_like(filled) for _ in lengths]
        dist.all_gather(parts, filled)
        return torch.cat([part[:n] for part, n in zip(parts, lengths, strict=True)])

    def mean(self, values: "Tensor", among: int | None = None) -> "Tensor":
        """Weigh the mean of this process's values (N, ...): its mean over processes is the batch's.

        Where they are only `among` rows of the batch, some processes may have none: N is 0.
        """
        if self.processes.count == 1:
            return values.mean()
        whole = self.whole if among is None else among
        return values.sum() * (self.processes.count / (whole * values[:1].numel() or 1))

    def weigh(self, mean: "Tensor") -> "Tensor":
        """Weigh a mean over this process's rows: its mean over processes is that over the batch."""
        even = len(self) * self.processes.count == self.whole
        return mean if even else mean * (len(self) * self.processes.count / self.whole)


@contextlib.contextmanager
def joined(
    device: str,
    check: Callable[[], object] = lambda: None,
    *,
    environ: Mapping[str, str] = os.environ,
) -> Iterator[Processes]:
    """Join the processes that torchrun began, for a `with` statement; without torchrun, be alone.

    `device` is auto, cpu or cuda: each process takes a GPU of its own. `check()` is called first,
    by the first process. Raises ParamsError where the processes cannot meet or have no device,
    LostProcessError in the others where one ends: whatever it was to tell, it has told.
    """
    place = _read_place(environ)
    if place is None:
        check()
        yield ALONE
        return
    with told_once(environ):
        own = _own_device(device, place)
        processes = _meet(own, place)
    with _told_of_loss(processes), warnings.catch_warnings():
        if place["LOCAL_RANK"]:
            warnings.simplefilter("ignore")  # the machine's first has the same
        processes.by_first(check)
        yield processes
        processes.wait()
    # only after a good end: one that waits for others would hang where there are none
    import torch.distributed as dist

    dist.destroy_process_group()


@contextlib.contextmanager
def told_once(environ: Mapping[str, str] = os.environ) -> Iterator[None]:
    """Let what fails in all processes of a machine alike be told by the first of them alone."""
    try:
        yield
    except GaninvError:
        place = _read_place(environ)
        if place and place["LOCAL_RANK"]:
            raise SystemExit(FAILED) from None
        raise


def _read_place(environ):
    """The numbers of PLACE as torchrun gives them, or None for a process alone.

    Raises ParamsError where some are missing.
    """
    if environ.get("WORLD_SIZE", "1") == "1":
        return None
    try:
        place = {name: int(environ[name]) for name in PLACE}
        meeting = [environ[name] for name in MEETING]
    except (KeyError, ValueError):
        meeting = []
    if not all(meeting) or not meeting or not 0 <= place["RANK"] < place["WORLD_SIZE"]:
        names = ", ".join((*PLACE, *MEETING))
        raise ParamsError(
            f"WORLD_SIZE is {environ['WORLD_SIZE']!r}, but {names} are not all set as torchrun "
            "sets them: begin by torchrun --nproc-per-node N -m ganinv …, or unset WORLD_SIZE"
        )
    return place


def _own_device(device, place):
    import torch

    from ganinv.compute.device import resolve_device

    found = resolve_device(device)
    if found == "cpu":
        return found
    check_gpus(found, place["LOCAL_WORLD_SIZE"], torch.cuda.device_count())
    torch.cuda.set_device(place["LOCAL_RANK"])
    return f"cuda:{place['LOCAL_RANK']}"


def check_gpus(device: str, count: int, gpus: int) -> None:
    """Check that each of a machine's `count` processes can take one of its `gpus`.

    Raises ParamsError, also where the device is a certain one of them.
    """
    if ":" in device:
        raise ParamsError(
            f"device: {device} is one GPU, and there are {count} processes on this machine; ask "
            "for cuda, or auto, and each takes its own"
        )
    if gpus < count:
        raise ParamsError(
            f"there are {count} processes on this machine, which has {gpus} GPUs: begin by "
            f"torchrun --nproc-per-node {gpus}, or ask for device cpu"
        )


def _meet(device, place):
    import torch.distributed as dist

    backend = "gloo" if device == "cpu" else "nccl"
    try:
        dist.init_process_group(backend, timeout=TIMEOUT)
        patient = dist.new_group(backend="gloo", timeout=PATIENCE)
    except (dist.DistError, RuntimeError, ValueError) as error:
        raise ParamsError(
            f"the processes did not meet ({_first_line(error)}): begin by torchrun "
            "--nproc-per-node N -m ganinv …, and look whether another one died"
        ) from None
    return Processes(rank=place["RANK"], count=place["WORLD_SIZE"], device=device, patient=patient)


@contextlib.contextmanager
def _told_of_loss(processes):
    """Make a sentence of what a process finds when another has ended."""
    import torch.distributed as dist

    try:
        yield
    except KeyboardInterrupt:
        if processes.is_first:
            raise
        raise SystemExit(INTERRUPTED) from None
    except RuntimeError as error:
        if isinstance(error, GaninvError):
            raise
        if not isinstance(error, dist.DistError) and "gloo" not in str(error):
            raise
        raise LostProcessError(
            f"process {processes.rank + 1} of {processes.count} lost the others: one has ended, or "
            f"did not answer in {TIMEOUT.seconds // 60} minutes, and its own message or torchrun's "
            "says why; what is saved is whole, and the same command continues"
        ) from error


def _first_line(error):
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
