"""What the core installs reads everything: the tests of decoding once more, where no torch and onnx are to be found."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.cases import PEERS, TESTS, specs

DECODING = "encodings or golden or come_back or adds_up or no_network or 1_trailing"
"""Of the tests below, those that are run again."""
FILES = ("test_golden.py", "test_golden_encodings.py", "test_contract.py")


def core_environment() -> dict[str, str]:
    """Without the extras, and without what pytest tells the processes that it starts."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    path = [str(TESTS / "core_only"), str(TESTS.parent), *kept.get("PYTHONPATH", "").split(os.pathsep)]
    return kept | {"PYTHONPATH": os.pathsep.join(filter(None, path))}


@pytest.mark.parametrize("package", ["torch", "onnx", "onnxscript", "compressai"])
def test_the_extras_are_not_to_be_found(package: str) -> None:
    """Otherwise the test below would show nothing."""
    code = f"import importlib.util as u; assert u.find_spec({package!r}) is None; import {package}"
    done = subprocess.run([sys.executable, "-c", code], env=core_environment(), capture_output=True, text=True)
    assert done.returncode == 1 and f"No module named '{package}'" in done.stderr


def test_the_core_reads_everything(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-o",
        "addopts=",
        "-q",
        "-p",
        "no:cacheprovider",
        f"--junit-xml={report}",
    ]
    done = subprocess.run(
        [*command, "-k", DECODING, *(str(TESTS / file) for file in FILES)],
        cwd=TESTS.parent,
        env=core_environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    cases = list(ElementTree.parse(report).iter("testcase"))
    skipped = {case.get("name", "") for case in cases if case.find("skipped") is not None}
    assert all(any(peer in name for peer in PEERS.values()) for name in skipped), skipped
    passed = {case.get("name", "") for case in cases} - skipped
    for spec in {*specs(), "fake"} - {*PEERS.values()}:
        assert sum(f"[{spec}" in name for name in passed) >= 10, spec
    assert "test_golden_files_decode" in passed
    assert sum(name.startswith("test_encodings_are_what_they_were") for name in passed) >= 9
