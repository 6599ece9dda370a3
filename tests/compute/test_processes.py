"""Processes that work together: parts of a batch, meeting, failing."""

import os
import signal

import pytest
import torch

from ganinv.compute.processes import ALONE, Part, Processes, check_gpus, joined, told_once
from ganinv.errors import ParamsError
from helpers.tensors import doubles
from helpers.together import place, together


@pytest.mark.parametrize(("whole", "count"), [(1, 1), (8, 2), (7, 3), (64, 5), (3, 3)])
def test_parts_are_the_whole_batch_in_its_order_and_weigh_it_as_a_mean(whole, count):
    values = doubles(whole, 4)
    parts = [Part(Processes(rank=rank, count=count), whole) for rank in range(count)]
    assert torch.equal(torch.cat([part.of(values) for part in parts]), values)
    lengths = [len(part) for part in parts]
    assert max(lengths) - min(lengths) <= 1 and min(lengths) >= 1
    means = torch.stack([part.weigh(part.of(values).mean()) for part in parts])
    assert torch.allclose(means.mean(), values.mean())
    for among in range(1, whole + 1):  # also where some processes have none of them
        few = [part.mean(part.first(part.of(values), among), among=among) for part in parts]
        assert torch.allclose(torch.stack(few).mean(), values[:among].mean())


def test_without_torchrun_there_is_one_process_and_nothing_is_joined():
    for environ in ({}, {"WORLD_SIZE": "1", "RANK": "0"}):
        checked = []
        with joined("auto", lambda: checked.append(1), environ=environ) as processes:  # noqa: B023
            assert processes is ALONE and checked == [1]
    assert not torch.distributed.is_initialized()


@pytest.mark.parametrize(
    "change",
    [{"MASTER_ADDR": ""}, {"RANK": "one"}, {"RANK": "2"}, {"LOCAL_RANK": None}, {"RANK": None}],
    ids=str,
)
def test_a_world_without_a_meeting_is_told(change):
    environ = {k: v for k, v in (place(0, 2, 1234) | change).items() if v is not None}
    with (
        pytest.raises(ParamsError, match="WORLD_SIZE is '2'.*torchrun.*or unset WORLD_SIZE"),
        joined("cpu", environ=environ),
    ):
        pass


def test_more_processes_than_images_or_gpus_are_refused():
    Processes(count=4).check_batch(4)
    with pytest.raises(ParamsError, match="2 images cannot be divided among 4 processes"):
        Processes(count=4).check_batch(2)
    check_gpus("cuda", 2, 2)
    with pytest.raises(ParamsError, match="4 processes.*has 2 GPUs.*--nproc-per-node 2.*cpu"):
        check_gpus("cuda", 4, 2)
    with pytest.raises(ParamsError, match="cuda:1 is one GPU.*2 processes"):
        check_gpus("cuda:1", 2, 8)


def test_what_all_find_is_told_by_the_first_of_a_machine():
    def fail(rank):
        with told_once(place(rank, 2, 1234)):
            raise ParamsError("no")

    with pytest.raises(ParamsError):
        fail(0)
    with pytest.raises(SystemExit):
        fail(1)


def work(processes):
    """Everything that processes do with one another."""
    part = processes.part(7)
    row = processes.means({"a": torch.tensor(float(processes.rank))})
    sent = [torch.full((2,), float(processes.rank + 5))]
    processes.send(sent)
    whole = part.gather(part.of(torch.arange(7)))
    own = processes.first_then_others(os.getpid)
    return row, sent, whole, processes.by_first(os.getpid), own


def test_what_the_first_finds_is_everyones_and_batches_are_gathered(tmp_path):
    results, errors = together(tmp_path, 3, work)
    assert errors == ["", "", ""]
    assert all(row == {"a": 1.0} for row, *_ in results)
    assert all(sent[0].tolist() == [5.0, 5.0] for _, sent, *_ in results)
    assert all(whole.tolist() == list(range(7)) for _, _, whole, *_ in results)
    first = results[0][-1]
    assert [by_first for *_, by_first, _ in results] == [first] * 3
    assert len({own for *_, own in results}) == 3


def refuse():
    raise ParamsError("no such thing")


def fail_in_first(processes):
    processes.by_first(refuse)


def differ(processes):
    processes.agree(processes.rank, "number")
    processes.wait()


def die(processes):
    if processes.rank:
        os.kill(os.getpid(), signal.SIGKILL)
    processes.means({"a": torch.zeros(())})


def test_errors_are_told_once_and_a_process_that_dies_leaves_none_waiting(tmp_path):
    _, errors = together(tmp_path / "first", 2, fail_in_first)
    assert errors == ["ParamsError: no such thing", "SystemExit: 1"]
    _, errors = together(tmp_path / "differ", 2, differ)
    assert errors[0].startswith("LostProcessError: process 1 of 2 lost the others")
    assert errors[1].startswith("ParamsError: process 2 of 2 has another number than the first")
    _, errors = together(tmp_path / "die", 2, die)
    assert errors[1] == "killed" and "the same command continues" in errors[0]
