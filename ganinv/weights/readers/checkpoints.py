"""Read checkpoints of PyTorch and of NVIDIA's StyleGAN2 without running what they ask for.

Four containers of pickles are known: torch.save's zip, torch.save's older stream, NVIDIA's PyTorch
pickles (whose tensors hold a stream each) and NVIDIA's TensorFlow pickles. All are read by the
unpickler of `pickles`, with an allowlist: tensors, arrays, containers, and inert stand-ins for
NVIDIA's classes. Source code inside a checkpoint is never looked at. `torch.load` would run none
either (weights_only), but it takes a pickle's word for the memory to set aside, and dies of a
key nested deeply enough.
"""

import functools
import io
import mmap
import pickle
import posixpath
import struct
import zipfile
from pathlib import Path
from typing import Any

from ganinv.files import size_of
from ganinv.weights.readers.pickles import (
    ARRAYS,
    ArrayUnpickler,
    PickleError,
    load_plain,
    put_items,
)
from ganinv.weights.readers.stand_ins import DTYPES, Mapping, Record, Scalar, Storage, Tensor, Word

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C  # the first pickle of torch.save's older stream


def _tensor(storage, offset, size, stride, *_):
    return Tensor(storage, offset, size, stride)


def _parameter(tensor, *_):
    if not isinstance(tensor, Tensor):
        raise PickleError("a parameter holds no tensor")
    return tensor


def _persistent(meta):
    """An object of NVIDIA's torch_utils.persistence: its class's name and state, no source."""
    meta = meta.items if isinstance(meta, Mapping) else meta
    if type(meta) is not dict or type(meta.get("class_name")) is not str:
        raise PickleError("an object of torch_utils.persistence has no class name")
    record = Record(meta["class_name"])
    record.__setstate__(meta.get("state"))
    return record


def _embedded_storage(data):
    """The bytes that a storage pickles itself to: a stream with that one storage."""
    if type(data) is not bytes:
        raise PickleError("a storage holds no bytes")
    storage = _read_stream(io.BytesIO(data), _StorageUnpickler)
    if not isinstance(storage, Storage):
        raise PickleError("a storage holds something else")
    return storage


def _latin1(text):
    """Bytes, which the pickle protocol of `torch.save` knows only as text."""
    if type(text) is not str:
        raise PickleError("it encodes something that is no text")
    return text.encode("latin1")


def _once(function):
    """A function that copies, made to copy nothing twice, however often a pickle asks for it."""
    done = {}

    def call(data, encoding="latin1"):
        if encoding != "latin1":
            raise PickleError("it asks for another encoding than latin1; refused")
        if id(data) not in done:
            done[id(data)] = data, function(data)  # kept as well, that its id stays its own
        return done[id(data)][1]

    return call


def _words(*parts):
    if any(type(part) not in (str, int) for part in parts):
        raise PickleError("a path or a device is no text")
    if sum(len(str(part)) for part in parts) > 1000:
        raise PickleError("a path or a device is too long")
    return Word(posixpath.join("", *map(str, parts)))


def _sequence(items=()):
    if type(items) not in (list, tuple):
        raise PickleError("a set or a size is made of something that is no list")
    return items


_STORAGES: dict[tuple[str, str], Any] = {("torch", f"{name}Storage"): Word(name) for name in DTYPES}
_NAMES: dict[tuple[str, str], Any] = (
    ARRAYS
    | _STORAGES
    | {
        ("numpy.core.multiarray", "scalar"): Scalar,
        ("numpy._core.multiarray", "scalar"): Scalar,
        ("collections", "OrderedDict"): Mapping,
        ("dnnlib.util", "EasyDict"): Mapping,
        ("dnnlib", "EasyDict"): Mapping,
        ("easydict", "EasyDict"): Mapping,
        ("pytorch_lightning.utilities.parsing", "AttributeDict"): Mapping,
        ("lightning.pytorch.utilities.parsing", "AttributeDict"): Mapping,
        ("lightning_fabric.utilities.data", "AttributeDict"): Mapping,
        ("lightning.fabric.utilities.data", "AttributeDict"): Mapping,
        ("builtins", "set"): _sequence,
        ("__builtin__", "set"): _sequence,
        ("torch", "Size"): _sequence,
        ("torch", "device"): _words,
        ("pathlib", "PosixPath"): _words,
        ("pathlib", "WindowsPath"): _words,
        ("pathlib._local", "PosixPath"): _words,
        ("pathlib._local", "WindowsPath"): _words,
        ("argparse", "Namespace"): lambda: Record("Namespace"),
        ("types", "SimpleNamespace"): lambda: Record("Namespace"),
        ("dnnlib.tflib.network", "Network"): lambda: Record("Network"),
        ("torch_utils.persistence", "_reconstruct_persistent_obj"): _persistent,
        ("torch._utils", "_rebuild_tensor"): _tensor,
        ("torch._utils", "_rebuild_tensor_v2"): _tensor,
        ("torch._utils", "_rebuild_parameter"): _parameter,
        ("torch._utils", "_rebuild_parameter_with_state"): _parameter,
        ("torch.nn.parameter", "Parameter"): _parameter,
        ("torch.storage", "_load_from_bytes"): _embedded_storage,
        ("_codecs", "encode"): _latin1,
    }
)
_COPYING = _embedded_storage, _latin1
# modules saved whole, by the names of their classes: forks keep these and move the files
_CLASSES = (
    "Generator MappingNetwork SynthesisNetwork SynthesisBlock SynthesisLayer ToRGBLayer "
    "FullyConnectedLayer Conv2dLayer PixelNorm EqualLinear EqualConv2d ConstantInput StyledConv "
    "ModulatedConv2d NoiseInjection FusedLeakyReLU ScaledLeakyReLU ToRGB Upsample Blur Sequential "
    "ModuleList ModuleDict Module DataParallel"
)
_MODULES = {name: functools.partial(Record, name) for name in _CLASSES.split()}
_NAMES |= {
    ("torch", name): Word(f"torch.{name}") for name in ("float32", "float16", "bfloat16", "int64")
}


class _Unpickler(ArrayUnpickler):
    """The unpickler of arrays, which also knows tensors and stand-ins."""

    allowed = _NAMES
    modules = True  # whether a module may be saved whole in it

    def __init__(self, file, storages=None):
        super().__init__(file)
        self.storages = storages
        copying = {name: _once(f) for name, f in self.allowed.items() if f in _COPYING}
        self.allowed = self.allowed | copying

    def persistent_load(self, pid):
        if self.storages is None or type(pid) is not tuple or len(pid) < 5 or pid[0] != "storage":
            return super().persistent_load(pid)
        _, kind, key, _, numel, *view = pid
        if not any(kind is known for known in _STORAGES.values()) or type(key) is not str:
            raise PickleError("a tensor's storage is of no known type")
        if view and view[0] is not None:
            raise PickleError("views into storages, of PyTorch before 0.4, are not read")
        return self.storages(key, DTYPES[kind.text], numel)

    def find_class(self, module, name):
        if (module, name) not in self.allowed and self.modules and name in _MODULES:
            return _MODULES[name]
        return super().find_class(module, name)

    def load_newobj(self):
        arguments, cls = self.stack.pop(), self.stack.pop()
        known = *self.allowed.values(), *_MODULES.values()
        if arguments != () or not any(cls is one for one in known):
            raise PickleError("it makes an object in a way that is not known; refused")
        self.append(cls())

    def load_empty_set(self):
        self.append([])

    def load_additems(self):
        items = self.pop_mark()
        if type(self.stack[-1]) is not list:
            raise PickleError("it adds to something that is no set")
        self.stack[-1].extend(items)

    def _set(self, keys, values):
        if isinstance(self.stack[-1], Mapping):
            put_items(self.stack[-1].items, keys, values)
        else:
            super()._set(keys, values)

    dispatch = ArrayUnpickler.dispatch | {
        pickle.NEWOBJ[0]: load_newobj,
        pickle.EMPTY_SET[0]: load_empty_set,
        pickle.ADDITEMS[0]: load_additems,
    }


class _StorageUnpickler(_Unpickler):
    """The unpickler for the stream of a single storage, which is short and holds no other."""

    allowed = _STORAGES
    modules = False
    steps = 200


class ListedFile(io.FileIO):
    """A file of which `zipfile` reads no list of contents longer than of some 50,000 tensors."""

    def read(self, size: int | None = -1) -> Any:
        """Read bytes. Raises PickleError where the list of contents would be too long."""
        if size is not None and size > 2**22:
            raise PickleError("the zip archive's list of contents is too long")
        return super().read(size)


def read_checkpoint(path: str | Path) -> Any:
    """Read a checkpoint file: nested dicts and lists of tensors, arrays, numbers and `Record`s.

    Tensors may share the file's memory and are not to be written to. Raises PickleError for a
    file of another kind, a damaged one, and one that asks for anything not on the allowlist.
    """
    size = size_of(path)
    with ListedFile(path) as file:
        if not size:
            raise PickleError("the file is empty")
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)  # private, written by nobody
        if data[:4] == b"PK\3\4":
            return load_plain(lambda: _read_zip(file, data))
    if data[:1] == b"\x80":
        return _read_pickles(data)
    kind = "a web page" if data[:512].lstrip()[:1] == b"<" else "no checkpoint"
    raise PickleError(f"the file is {kind}: it begins with {bytes(data[:16])!r}")


def _read_pickles(data):
    """One pickle after another: torch.save's older stream, or a single one of NVIDIA's."""
    value = load_plain(_Unpickler(data).load)
    if type(value) is int and value == LEGACY_MAGIC:
        data.seek(0)
        return load_plain(lambda: _read_stream(data, _Unpickler))
    return value


def _read_stream(file, unpickler):
    """torch.save's older format: four pickles, a fifth with the storages' keys, their bytes."""
    storages = {}

    def storage(key, dtype, numel):
        return storages.setdefault(key, Storage(dtype, numel)).agree(dtype, numel)

    magic, version, system = (unpickler(file).load() for _ in range(3))
    if magic != LEGACY_MAGIC or version != 1001 or type(system) is not dict:
        raise PickleError("the file is of another version of PyTorch's format")
    if system.get("little_endian") is not True:
        raise PickleError("the file was written on a big-endian machine")
    value = unpickler(file, storages=storage).load()
    keys = unpickler(file).load()
    if type(keys) is not list or any(type(key) is not str for key in keys):
        raise PickleError("the list of storages is damaged")
    if sorted(keys) != sorted(storages):
        raise PickleError("the file's storages are not those that its tensors refer to")
    for key in keys:
        count, known = int.from_bytes(file.read(8), "little"), storages[key]
        if count != known.numel:
            raise PickleError("a tensor's storage is not as long as announced")
        known.data = bytearray(file.read(count * known.dtype.itemsize))
        known.check()
    return value


def _read_zip(file, data):
    """torch.save's zip: data.pkl, and each storage as a file, stored and not compressed."""
    try:
        archive = zipfile.ZipFile(file)
    except PickleError:
        raise
    except Exception as error:  # a damaged archive, too, fails in many ways
        raise PickleError(f"the file is not a whole zip archive ({error})") from None
    with archive:
        entries = archive.infolist()
        if len({entry.filename for entry in entries}) < len(entries):
            raise PickleError("the zip archive holds two files of one name")
        if sum(entry.file_size for entry in entries) > len(data):
            raise PickleError("the zip archive's files are larger than itself, or overlap")
        pickles = [name for name in archive.namelist() if name.count("/") == 1]
        pickles = [name for name in pickles if name.endswith("/data.pkl")]
        if len(pickles) != 1:
            raise PickleError("the zip archive holds no checkpoint of PyTorch")
        root = pickles[0].removesuffix("data.pkl")
        order = f"{root}byteorder"  # absent from older files
        if order in archive.namelist() and _member(archive, data, order) != b"little":
            raise PickleError("the file was written on a big-endian machine")

        def storage(key, dtype, numel):
            if key not in storages:
                storages[key] = Storage(dtype, numel, _member(archive, data, f"{root}data/{key}"))
            return storages[key].agree(dtype, numel)

        storages = {}
        unpickler = _Unpickler(io.BytesIO(_member(archive, data, pickles[0])), storages=storage)
        return unpickler.load()


def _member(archive, data, name):
    """The bytes of a stored file, as a view of the archive's."""
    try:
        entry = archive.getinfo(name)
    except KeyError:
        raise PickleError(f"the archive lacks {name}") from None
    if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 1:
        raise PickleError(f"{name} is compressed, as PyTorch never leaves it")
    offset = entry.header_offset
    head = data[offset : offset + 30] if offset >= 0 else b""
    if len(head) < 30 or head[:4] != b"PK\3\4":
        raise PickleError(f"the archive is damaged at {name}")
    name_length, extra_length = struct.unpack("<HH", head[26:])
    start = offset + 30 + name_length + extra_length
    if start + entry.file_size > len(data):
        raise PickleError(f"the archive is cut short at {name}")
    view = memoryview(data)[start : start + entry.file_size]
    return bytearray(view) if start % 8 else view  # PyTorch aligns its tensors, other tools do not
