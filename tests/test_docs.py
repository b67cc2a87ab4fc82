"""The README keeps up: every command and codec appears in it, and its code blocks run or parse."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import numpy as np
import pytest

from sccodec import api, bundle
from sccodec.cli import root

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
pytestmark = pytest.mark.skipif(not README.is_file(), reason="the README is not beside the tests")


def readme() -> str:
    return README.read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", readme(), re.DOTALL | re.MULTILINE)


def command_lines() -> list[list[str]]:
    """Every `sccodec ...` of the README's shell blocks, without what is before and after it."""
    found = []
    for block in blocks("sh"):
        for line in block.replace("\\\n", " ").splitlines():
            for part in re.split(r"&&|\||;|>|#", line):
                words = shlex.split(part)
                if words and Path(words[0]).name == "sccodec":
                    found.append(words[1:])
    return found


def test_every_command_and_codec_is_documented() -> None:
    commands = {words[0] for words in command_lines() if words}
    assert set(root.list_commands(click.Context(root))) <= commands
    for name in api.names():
        assert re.search(rf"`{re.escape(name)}[:`]", readme()), name


@pytest.mark.parametrize("words", command_lines(), ids=" ".join)
def test_every_command_line_parses(words: list[str]) -> None:
    """Options and arguments exist; nothing is run, and files named need not exist."""
    if words[0].startswith("-"):
        return
    context = click.Context(root)
    found = root.get_command(context, words[0])
    assert found is not None
    for parameter in found.params:
        if isinstance(parameter.type, click.Path):
            parameter.type.exists = False
    found.make_context(words[0], words[1:], parent=context)


def test_python_blocks_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for block in blocks("python"):
        compiled = compile(block, "README.md", "exec")
        if bundle.installed():
            monkeypatch.chdir(ROOT)
            exec(compiled, {"tmp_path": tmp_path, "np": np})


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", readme()):
        assert (ROOT / target).exists(), target
