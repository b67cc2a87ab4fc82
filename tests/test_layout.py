"""The rules of the layout: who may import whom, where torch may stand, how large modules and functions may be.

Imports count wherever they stand: at the top, within functions, under TYPE_CHECKING.
"""

from __future__ import annotations

import ast
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from sccodec.transmit.link import PARTS as LINK_PARTS

ROOT = Path(__file__).parent.parent
GROUPS = (
    ("errors",),
    ("container", "engine", "entropy", "notices", "sessions", "userdata", "whole"),
    ("bundle", "codec", "image", "metadata", "metrics", "labels", "fit", "choice"),
    ("formats", "api", "networks"),
    ("codecs",),
    ("bench", "training", "transmit"),
    ("report", "batch"),
    ("cli", "__init__", "__main__"),
)
"""The parts of the package: each may import its own group and those before it."""
WITH_TORCH = ("sccodec.networks", "sccodec.training", "sccodec.metrics.perceptual", "sccodec.codecs.compressai.zoo")
"""Where torch may be imported at the top of a module, beside the networks of a codec."""
MOST_MODULE_LINES, MOST_FUNCTION_LINES = 400, 60
BARE_ANY = 8
"""Signatures of the package in which an argument or a result is Any, and nothing more: each has its reason there."""


@cache
def modules() -> dict[str, ast.Module]:
    """Every module of the package, by its dotted name."""
    found = {}
    for path in sorted((ROOT / "sccodec").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = ast.parse(path.read_text(encoding="utf-8"), str(path))
    return found


def imported(tree: ast.AST) -> set[str]:
    """The modules of the package that a tree imports, wherever in it."""
    known = modules()
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name in known}
        elif isinstance(node, ast.ImportFrom) and node.module in known:
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name for name in inner if name in known}
            if not inner <= known.keys():
                found.add(node.module)
    return found


def part(name: str) -> str:
    """The part of the package that a module belongs to."""
    return "__init__" if name == "sccodec" else name.split(".")[1]


def rank(name: str) -> int:
    return next(i for i, group in enumerate(GROUPS) if part(name) in group)


@pytest.mark.parametrize("name", modules())
def test_imports_go_down(name: str) -> None:
    for other in imported(modules()[name]) - {"sccodec", "sccodec.codecs"}:  # whose folder is listed, and no more
        assert rank(other) <= rank(name), f"{name} imports {other}, which stands above it"


def test_there_are_no_circles() -> None:
    packages = {name for name in modules() if any(other.startswith(f"{name}.") for other in modules())}
    graph = {name: imported(tree) - {"sccodec"} for name, tree in modules().items() if name not in packages}
    for name in packages - {"sccodec"}:  # what hands on names of its own modules is no circle for those
        graph[name] = set(imported(modules()[name]))
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"a circle of imports: {' -> '.join(error.args[1])}")


def test_parts_of_one_group_import_one_another_one_way() -> None:
    pairs = {
        (part(name), part(other))
        for name, tree in modules().items()
        for other in imported(tree)
        if part(other) != part(name) and rank(other) == rank(name)
    }
    assert not [pair for pair in pairs if pair[::-1] in pairs]


@pytest.mark.parametrize("name", modules())
def test_codecs_are_reached_by_name_alone(name: str) -> None:
    """api loads codecs; a codec may use another's parts, never its `codec`."""
    owner = name.split(".")[2] if name.startswith("sccodec.codecs.") else None
    for other in imported(modules()[name]):
        if owner is not None:
            assert other != "sccodec.api", f"{name} imports api"
        if other.startswith("sccodec.codecs.") and other.split(".")[2] != owner:
            # A folder itself hands on its codec, and the number of its bitstream, which an export writes down.
            whole = other.count(".") == 2 and not name.startswith("sccodec.training.")
            assert other.split(".")[-1] != "codec" and not whole, f"{name} imports the codec {other}"


@pytest.mark.parametrize("name", modules())
def test_links_are_reached_by_name_alone(name: str) -> None:
    """A link may use another's parts, as training may, never its `link`."""
    owner = name.split(".")[2] if name.startswith("sccodec.transmit.") else None
    for other in imported(modules()[name]):
        parts = other.split(".")
        if parts[1:2] != ["transmit"] or len(parts) < 3 or parts[2] in (*LINK_PARTS, owner):
            continue
        whole = len(parts) == 3 and not name.startswith("sccodec.training.")
        assert parts[-1] != "link" and not whole, f"{name} imports the link {other}"


def test_sigmf_is_imported_where_recordings_are_read_and_written() -> None:
    """And at no module's top: it takes a fifth of a second."""
    found = {}
    for name, tree in modules().items():
        for node in ast.walk(tree):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if any(n.split(".")[0] == "sigmf" for n in names):
                found.setdefault(name, []).append(node in tree.body)
    assert found == {"sccodec.transmit.recordings": [False, False]}


@pytest.mark.parametrize("name", modules())
def test_training_is_reached_by_name_alone(name: str) -> None:
    """Recipes are loaded by their names, and import no recipe but that which they vary."""
    others = {other for other in imported(modules()[name]) if other.startswith("sccodec.training")}
    if not name.startswith("sccodec.training"):
        assert not others, f"{name} imports {others}"
    elif not name.startswith("sccodec.training.recipes"):
        assert not {o for o in others if o.startswith("sccodec.training.recipes.")}, f"{name} imports a recipe"
    else:
        for other in others:
            base = other.removeprefix("sccodec.training.recipes.")
            assert base == other or name.rpartition(".")[2].startswith(f"{base}_"), f"{name} imports {other}"


@pytest.mark.parametrize("name", modules())
def test_torch_stands_where_it_may(name: str) -> None:
    if name.startswith(WITH_TORCH) or (name.startswith("sccodec.codecs.") and "networks" in name.split(".")):
        return
    for node in modules()[name].body:
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        assert not [n for n in names if n.split(".")[0] in ("torch", "compressai")], f"{name} imports torch at its top"


@pytest.mark.parametrize("name", modules())
def test_modules_and_functions_can_be_read(name: str) -> None:
    path = ROOT / name.replace(".", "/")
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= MOST_MODULE_LINES, f"{name} has {len(lines)} lines"
    for node in ast.walk(modules()[name]):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            said = "# long:" in lines[node.lineno - 2] or "# long:" in lines[node.lineno - 1]
            assert length <= MOST_FUNCTION_LINES or said, f"{name}.{node.name} has {length} lines, and says not why"


def test_few_signatures_say_nothing() -> None:
    found = []
    for name, tree in modules().items():
        for node in ast.walk(tree):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            arguments += [a for a in (node.args.vararg, node.args.kwarg) if a is not None]
            for annotation in [*(a.annotation for a in arguments), node.returns]:
                if isinstance(annotation, ast.Name) and annotation.id == "Any":
                    found.append(f"{name}.{node.name}")
    assert len(found) <= BARE_ANY, found
