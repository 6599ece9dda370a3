"""Who may import whom: the table of floors in ganinv/README.md, held to every import."""

import ast
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "ganinv"
ENTRANCES = ("", "__main__")  # ganinv itself and `python -m ganinv`, which open every floor


def read_floors(text):
    """The table's rooms: {name: floor}."""
    rows = re.findall(r"^\| (\d+) \| ([^|]+?) +\|", text, re.M)
    return {room: int(floor) for floor, rooms in rows for room in rooms.split(", ")}


def room_of(module):
    """`ganinv.images.pixels` lies in `images`; `ganinv` itself in ""."""
    return (module.split(".") + [""])[1]


def module_of(path):
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(source):
    """Every module of ganinv that a source imports, within functions too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (a.name for a in node.names if a.name.split(".")[0] == "ganinv")
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "ganinv":
            if node.module == "ganinv":
                yield from (f"ganinv.{alias.name}" for alias in node.names)
            else:
                yield node.module
        elif isinstance(node, ast.ImportFrom) and node.level:
            raise AssertionError("imports name their module in full")


def faults(floors, module, source):
    """The imports of a module that the table does not allow, as sentences."""
    room = room_of(module)
    if room in ENTRANCES:
        return []
    if room not in floors:
        return [f"{room} has no floor"]
    targets = {room_of(name) for name in imported(source)} - {room, "__version__", ""}
    return [
        f"{room} (floor {floors[room]}) imports {target} (floor {floors.get(target, 'none')})"
        for target in sorted(targets)
        if floors.get(target, 99) >= floors[room]
    ]


FLOORS = read_floors((PACKAGE / "README.md").read_text(encoding="utf-8"))
MODULES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: module_of(path))
def test_imports_go_down(path):
    assert not faults(FLOORS, module_of(path), path.read_text(encoding="utf-8"))


def test_the_table_names_what_there_is():
    rooms = {room_of(module_of(path)) for path in MODULES} - set(ENTRANCES)
    assert rooms == set(FLOORS)


@pytest.mark.parametrize(
    "source",
    [
        "import ganinv.report.html",
        "import ganinv.report.html as html",
        "from ganinv.report import html",
        "from ganinv import report",
        "def f():\n    import ganinv.report",
        "def f():\n    from ganinv.report.html import table",
        "from ganinv.nowhere import x",
        "from ganinv.weights.store import read_weights",
    ],
)
def test_every_form_of_import_is_seen(source):
    assert faults(FLOORS, "ganinv.images.pixels", source)


def test_a_folder_without_a_floor_fails():
    assert faults(FLOORS, "ganinv.attic.box", "") == ["attic has no floor"]


def cycles(graph):
    """One cycle of a graph {node: nodes}, as a list, or []."""
    done, path = set(), []

    def visit(node):
        if node in path:
            return path[path.index(node) :] + [node]
        if node in done:
            return []
        path.append(node)
        for other in sorted(graph.get(node, ())):
            if found := visit(other):
                return found
        path.pop()
        done.add(node)
        return []

    return next((found for node in sorted(graph) if (found := visit(node))), [])


def test_no_files_import_each_other_in_a_circle():
    names = {module_of(path) for path in MODULES}
    graph = {}
    for path in MODULES:
        module = module_of(path)
        if room_of(module) in ENTRANCES:
            continue
        edges = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                whole = {f"{node.module}.{alias.name}" for alias in node.names}
                edges |= whole & names or {node.module}  # a module, or what is in one
            elif isinstance(node, ast.Import):
                edges |= {alias.name for alias in node.names}
        graph[module] = (edges & names) - {module, "ganinv"}
    assert not cycles(graph)


def test_a_circle_is_found():
    assert cycles({"a": {"b"}, "b": {"c"}, "c": {"a"}}) == ["a", "b", "c", "a"]
