"""The documents keep up: commands, codecs, recipes and variables appear in them, and their code blocks run or parse."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import numpy as np
import pytest

from sccodec import bundle
from sccodec import codecs as package
from sccodec.bench.rows import Row
from sccodec.bench.segment_rows import SegmentRow
from sccodec.bench.transmit_rows import TransmitRow
from sccodec.cli import _recipes, root
from sccodec.transmit import link as links

ROOT = Path(__file__).parents[1]
README, DOCS = ROOT / "README.md", ROOT / "docs"
pytestmark = pytest.mark.skipif(not DOCS.is_dir(), reason="the documents are not beside the tests")
PAGES = [README, ROOT / "CHANGELOG.md", *sorted(DOCS.glob("*.md"))]
README_LINES = 150


def read(name: str) -> str:
    return (DOCS / f"{name}.md").read_text(encoding="utf-8")


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def command_lines() -> list[tuple[str, ...]]:
    """Every `sccodec ...` of the documents' shell blocks, once, without what is before and after it."""
    found: dict[tuple[str, ...], None] = {}
    for page in (page for page in PAGES if page.is_file()):
        for block in blocks(page, "sh"):
            for line in block.replace("\\\n", " ").splitlines():
                for part in re.split(r"&&|\||;|>|#", line):
                    words = shlex.split(part)
                    if words and Path(words[0]).name == "sccodec":
                        found[tuple(words[1:])] = None
    return list(found)


def test_every_command_is_documented() -> None:
    commands = {words[0] for words in command_lines() if words}
    assert set(root.list_commands(click.Context(root))) <= commands


def test_every_codec_has_its_row() -> None:
    """Codecs are found by listing their folder: a file, or a folder, of the codec's name."""
    found = [path for folder in package.__path__ for path in Path(folder).iterdir() if not path.name.startswith("_")]
    names = {path.stem for path in found if path.suffix == ".py" or (path / "__init__.py").is_file()}
    rows = set(re.findall(r"^\| `(\w+)` \|", read("codecs"), re.MULTILINE))
    assert names and names <= rows


def test_every_link_has_its_row() -> None:
    assert set(links.names()) <= set(re.findall(r"^\| `(\w+)` \|", read("transmission"), re.MULTILINE))


def test_every_recipe_has_its_row() -> None:
    assert set(_recipes.names()) <= set(re.findall(r"^\| `([\w-]+)` \|", read("training"), re.MULTILINE))


def test_every_environment_variable_is_documented() -> None:
    sources = (path.read_text(encoding="utf-8") for path in (ROOT / "sccodec").rglob("*.py"))
    used = {name for text in sources for name in re.findall(r"SCCODEC_[A-Z_]+", text)}
    assert used <= set(re.findall(r"^\| `(SCCODEC_\w+)` \|", read("commands"), re.MULTILINE))


def test_every_model_is_in_the_changelog() -> None:
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    for model in (ROOT / "models").glob("*.safetensors"):
        assert model.stem in changes and model.with_suffix(".md").is_file(), model.stem


@pytest.mark.parametrize("words", command_lines(), ids=" ".join)
def test_every_command_line_parses(words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """Options and arguments exist; nothing is run, and files named need not exist."""
    if words[0].startswith("-") or words[0] == "COMMAND":
        return
    context = click.Context(root)
    found = root.get_command(context, words[0])
    assert found is not None
    for parameter in found.params:
        if isinstance(parameter.type, click.Path):
            monkeypatch.setattr(parameter.type, "exists", False)  # until other tests use the command
    found.make_context(words[0], list(words[1:]), parent=context)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_python_blocks_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for block in blocks(page, "python"):
        compiled = compile(block, page.name, "exec")
        if bundle.installed():
            monkeypatch.chdir(ROOT)
            exec(compiled, {"tmp_path": tmp_path, "np": np})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target, part in re.findall(r"\]\(([^)#:]*)(?:#([\w-]+))?\)", text):
        other = page.parent / target if target else page
        assert other.exists(), target
        if part:
            assert part in anchors(other), f"{target}#{part}"


def anchors(page: Path) -> set[str]:
    """Those of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_training_on_a_cpu_is_installed_as_the_checks_install_it() -> None:
    """What keeps pip from replacing a CPU build of torch: the same packages, torch first, compressai for itself."""
    script = ROOT / ".ci" / "run"
    if not script.is_file():
        pytest.skip("the checks are not beside the tests")
    (block,) = [block for block in blocks(DOCS / "training.md", "sh") if "--no-deps" in block]
    lines = [words[2:] for line in block.splitlines() if (words := line.split())[0] == ".venv/bin/pip"]
    ours = [line.split("||")[0].split()[2:] for line in script.read_text().splitlines() if ".venv/bin/pip i" in line]
    assert lines[0] == ["torch==2.13.0"] == ours[0]
    assert lines[1] == ["--no-deps", "compressai"] == ours[1]
    assert set(lines[2]) <= set(ours[2]) <= {*lines[2], "bjontegaard"}  # which is of reports
    assert not {"train", "peers"} & set(re.findall(r"\w+", lines[3][1]))


def test_the_readme_is_short() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) <= README_LINES


def keys_in(section: str) -> list[str]:
    """What the tables of a section of docs/bench.md explain."""
    text = read("bench").partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    return re.findall(r"^\| `([\w.]+)` \|", text, re.MULTILINE)


def test_every_key_of_a_row_is_explained() -> None:
    keys = list(Row(spec="jpeg", picture="a.png").as_dict())
    assert keys_in("Rows") == keys
    own = keys_in("Segmenters")
    of_segmenters = list(SegmentRow(spec="street", picture="a.png").as_dict())
    assert [key for key in of_segmenters if key in own] == own
    assert {key for key in of_segmenters if key not in own} <= set(keys)  # explained above
    own = keys_in("Links")
    of_links = list(TransmitRow(spec="deepjscc:ratio=1/12", picture="a.png").as_dict())
    assert [key for key in of_links if key in own] == own
    assert {key for key in of_links if key not in own} <= set(keys)
