"""Files that are complete or not there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sccodec import whole
from sccodec.whole import write_together, write_whole


def test_a_file_is_replaced_whole_or_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.bin"
    write_whole(path, b"first")
    write_whole(path, b"second")
    assert path.read_bytes() == b"second" and list(tmp_path.iterdir()) == [path]

    def full(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device", str(self))

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError) as caught:
        write_whole(path, b"third")
    assert caught.value.filename == str(path)
    assert path.read_bytes() == b"second" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_files_that_belong_together_are_all_there_or_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n: int
) -> None:
    """Whatever fails: writing one of them, or giving it its name."""
    a, b = tmp_path / "a", tmp_path / "b"
    write_together({a: b"old a", b: b"old b"})
    assert (a.read_bytes(), b.read_bytes()) == (b"old a", b"old b")
    calls: list[Path] = []

    def failing(real: Callable[..., object]) -> Callable[..., object]:
        def call(first: Path, second: object) -> object:
            calls.append(first)
            if len(calls) == n:
                raise OSError(5, "Input/output error", "elsewhere")
            return real(first, second)

        return call

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", failing(Path.write_bytes))
        patch.setattr(whole, "create", failing(whole.create))
        with pytest.raises(OSError) as caught:
            write_together({a: b"new a", b: b"new b"})
    assert caught.value.filename == str((a, b, a, b)[n - 1])
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a": b"old a", "b": b"old b"}


def test_files_that_belong_together_replace_what_may_be_replaced(tmp_path: Path) -> None:
    a, b, folder = tmp_path / "a", tmp_path / "b", tmp_path / "c"
    write_together({a: b"1", b: b"2"})
    a.chmod(0o640)
    write_together({a: b"3", b: b"4"})
    assert (a.read_bytes(), b.read_bytes(), a.stat().st_mode & 0o777) == (b"3", b"4", 0o640)
    b.unlink()
    with pytest.raises(FileExistsError):
        write_together({b: b"5", a: b"6"}, replace=False)
    folder.mkdir()
    with pytest.raises(IsADirectoryError):
        write_together({b: b"5", folder: b"6"})
    assert {path.name for path in tmp_path.iterdir()} == {"a", "c"} and a.read_bytes() == b"3"
