"""What holds every file: type hints on what is public, sizes of files and functions."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = sorted((ROOT / "ganinv").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
LONGEST_FILE, LONGEST_FUNCTION = 400, 60  # lines


def name_of(path):
    return path.relative_to(ROOT).as_posix()


def public_functions(tree):
    """Functions of a module, and methods of its classes, whose names begin without underscore."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            yield node, False
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            for method in node.body:
                own = isinstance(method, ast.FunctionDef) and not method.name.startswith("_")
                if own or getattr(method, "name", "") == "__init__":
                    yield method, True


def lacks_hints(function, is_method):
    """Whether a parameter, or the result, has no type hint."""
    taken = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    static = any(getattr(d, "id", "") == "staticmethod" for d in function.decorator_list)
    taken = taken[1:] if is_method and not static else taken
    taken += [a for a in (function.args.vararg, function.args.kwarg) if a]
    result = function.returns is not None or function.name == "__init__"
    return not result or any(a.annotation is None for a in taken)


@pytest.mark.parametrize("path", PACKAGE, ids=name_of)
def test_what_is_public_has_hints(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert not [f.name for f, method in public_functions(tree) if lacks_hints(f, method)]


@pytest.mark.parametrize("path", [*PACKAGE, *TESTS], ids=name_of)
def test_no_file_is_too_long(path):
    assert path.read_text(encoding="utf-8").count("\n") <= LONGEST_FILE


@pytest.mark.parametrize("path", PACKAGE, ids=name_of)
def test_no_function_is_too_long(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)]
    long = [f.name for f in functions if f.end_lineno - f.lineno >= LONGEST_FUNCTION]
    assert not long
