"""The library: what may stand for the bytes of a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

import sccodec
from sccodec import api
from sccodec.errors import BadInput, NotScc

Picture = npt.NDArray[np.uint8]


@pytest.mark.parametrize("spec", ["fake", "jpeg", "png", "webp", "heic", "avif", "jpeg2000", "jpegxl"])
@pytest.mark.parametrize("given", [bytearray, memoryview, lambda data: memoryview(data + data)[: len(data)]])
def test_bytes_of_any_type(fake_codec: str, picture: Picture, spec: str, given: Callable[[bytes], api.Data]) -> None:
    data = sccodec.encode(picture, spec)
    decoded = sccodec.decode(data)
    assert np.array_equal(sccodec.decode(given(data)), decoded)
    assert np.array_equal(api.read(given(data)).picture(), decoded)
    assert sccodec.info(given(data)) == sccodec.info(data)
    if spec == "fake":
        assert np.array_equal(api.labels(given(data)), api.labels(data))


@pytest.mark.parametrize("given", ["face.scc", Path("face.scc"), None, 3, [1, 2], np.zeros((4, 4, 3), np.uint8)])
def test_what_are_no_bytes_is_the_callers_mistake(given: object) -> None:
    uses: list[Callable[[api.Data], object]] = [sccodec.decode, sccodec.info, api.labels, api.read]
    uses.append(lambda data: sccodec.edit(data, data, ["hair"]))
    for use in uses:
        with pytest.raises(BadInput, match=f"as its bytes, and not as {type(given).__name__}"):
            use(given)  # type: ignore[arg-type]


def test_bytes_of_nothing_known_are_the_files_fault() -> None:
    for data in (bytearray(b"hello"), memoryview(b"hello")):
        with pytest.raises(NotScc):
            sccodec.decode(data)
