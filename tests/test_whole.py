"""Files that are complete or not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from sccodec.whole import write_whole


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
