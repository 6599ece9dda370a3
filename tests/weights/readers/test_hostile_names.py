"""Names and opcodes that no checkpoint needs are refused and told; nothing is imported."""

import pickle
import sys

import pytest

from helpers.containers import CONTAINERS, bare, in_every_container, refused
from helpers.hostile_pickles import global_, text, touch

NAMES = """
    torch.load torch.hub.load torch.jit.load torch.jit._load torch.save torch.serialization.load
    torch.package.PackageImporter torch._utils._rebuild_tensor_v3 torch.UntypedStorage
    torch._utils._rebuild_device_tensor_from_numpy torch.Tensor torch.ops.load_library
    torch.storage.TypedStorage torch.storage.UntypedStorage torch.utils.cpp_extension.load
    torch.nn.modules.linear.Linear torch._C._jit_pass_inline torch.FloatStorage.from_file
    numpy.load numpy.fromfile numpy.memmap numpy.f2py.run_main numpy.testing.runstring
    numpy.core.multiarray.fromfile numpy._core.multiarray.frombuffer numpy.ndarray.tofile
    functools.partial operator.attrgetter operator.methodcaller builtins.getattr
    builtins.__import__ builtins.open builtins.compile builtins.breakpoint builtins.bytearray
    builtins.bytes copyreg._reconstructor copy_reg._reconstructor copyreg.__newobj__
    collections.defaultdict io.BytesIO io.open pathlib.Path pathlib.PosixPath.unlink
    shutil.rmtree zipfile.ZipFile importlib.import_module runpy.run_path code.interact pdb.run
    pty.spawn webbrowser.open subprocess.Popen multiprocessing.Process socket.socket ctypes.CDLL
    os.remove os.execv pickle.loads _pickle.loads dill.loads joblib.load _codecs.decode
    codecs.open types.FunctionType argparse.FileType torch_utils.persistence.import_hook
    dnnlib.util.open_url dnnlib.util.get_obj_by_name dnnlib.tflib.network.import_hook
    ganinv.weights.readers.checkpoints.Record
"""


@pytest.mark.parametrize("name", NAMES.split())
def test_every_other_name_is_refused_and_told(name, file):
    module, _, attribute = name.rpartition(".")
    for body in (global_(name), text(module) + text(attribute) + b"\x93"):
        for container in CONTAINERS.values():
            message = refused(container(body), file)
            assert attribute in message and "refused" in message
    first, _, rest = name.partition(".")
    refused(bare(text(first) + text(rest) + b"\x93"), file)


def test_nothing_is_imported_for_a_checkpoint(canary, file, tmp_path, monkeypatch):
    (tmp_path / "ganinv_trap.py").write_text(f"{touch(canary)}\nx = dict\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    for container in CONTAINERS.values():
        refused(container(global_("ganinv_trap.x")), file)
    assert not canary.exists() and "ganinv_trap" not in sys.modules
    pickle.loads(bare(global_("ganinv_trap.x")))
    assert canary.exists()
    del sys.modules["ganinv_trap"]


@in_every_container
@pytest.mark.parametrize(
    "body",
    [
        b"\x82\xf1",
        b"\x83\xf1\0",
        b"\x84\xf1\0\0\0",
        b"}2",
        b"(\x91",
        b"\x96" + bytes(8),
        b"]\x97",
        b"](i__main__\nx\n",
        b"\xff",
        b"\x00",
    ],
    ids=[
        "EXT1",
        "EXT2",
        "EXT4",
        "DUP",
        "FROZENSET",
        "BYTEARRAY8",
        "NEXT_BUFFER",
        "INST",
        "255",
        "0",
    ],
)
def test_opcodes_that_no_checkpoint_needs_are_refused_and_told(body, container, file):
    assert "opcode" in refused(CONTAINERS[container](body), file)
