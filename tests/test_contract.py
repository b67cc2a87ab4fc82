"""What every codec owes its callers: over the tiny model of each, over those of public formats, and the fake codec."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

import sccodec
from sccodec import api, bundle
from sccodec.errors import BadInput, BadStream, CodecUnavailable

Picture = npt.NDArray[np.uint8]
NAMES = [*api.names(), "fake"]
LEAST_SIDE = 64
"""Pictures of so many pixels a side are taken by every codec; of smaller ones it may say what its least size is."""


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest, fake_codec: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each codec that is available here, with the tiny model that made the golden files where it needs one."""
    monkeypatch.setenv("SCCODEC_MODELS", str(Path(__file__).parent / "golden"))
    found: str = request.param
    try:
        api.load(found).check_available()
    except CodecUnavailable as error:
        pytest.skip(str(error))
    if found != fake_codec and not is_native(found) and not any(m.codec == found for m in bundle.installed()):
        pytest.skip(f"{found} has no model among the golden files")
    return found


def is_native(name: str) -> bool:
    """Whether the codec's files are of a public format, and not of ours."""
    return api.load(name).native


def portrait(height: int, width: int) -> Picture:
    """Something smooth with an oval in it, uint8 [height, width, 3]."""
    y, x = np.mgrid[:height, :width]
    oval = ((y / height - 0.5) / 0.4) ** 2 + ((x / width - 0.5) / 0.3) ** 2 < 1
    planes = [np.where(oval, 200, 60), np.where(oval, 160, 90) + 20 * y // height, np.where(oval, 140, 120)]
    return np.stack(planes, -1).astype(np.uint8)


def quiet(text: str) -> None:
    """Take a notice; that a codec finds no face in an oval is no news here."""


@pytest.mark.parametrize("shape", [(1, 1), (17, 33), (64, 96), (300, 200)])
def test_shape_dtype_and_repeatability(name: str, shape: tuple[int, int]) -> None:
    picture = portrait(*shape)
    try:
        data = sccodec.encode(picture, name, notice=quiet)
    except (BadInput, CodecUnavailable) as error:
        assert min(shape) < LEAST_SIDE and re.search(r"\d", str(error)), "neither encoded nor told the least size"
        pytest.skip(f"{name}: {error}")
    assert sccodec.encode(picture.copy(), name, notice=quiet) == data
    decoded = sccodec.decode(data)
    assert decoded.dtype == np.uint8 and decoded.shape == picture.shape
    assert np.array_equal(sccodec.decode(data), decoded)


def test_info_adds_up(name: str) -> None:
    data = sccodec.encode(portrait(256, 256), name, notice=quiet)
    found = sccodec.info(data)
    assert found.codec == name and (found.width, found.height) == (256, 256)
    assert found.file_bytes == len(data) and found.bpp == pytest.approx(8 * len(data) / 256**2)
    assert is_native(name) or found.overhead_bytes <= 14
    coded = found.overhead_bytes + sum(n_bytes for _, n_bytes in found.sections)
    assert abs(coded - len(data)) <= 2, found  # a range coder's last bits fill a byte, or two


def test_labels_without_the_picture(name: str) -> None:
    data = sccodec.encode(portrait(64, 96), name, notice=quiet)
    try:
        labels = api.labels(data)
    except BadInput:
        return
    assert labels.dtype == np.uint8 and labels.ndim == 2
    assert np.array_equal(api.labels(data), labels)


def test_quality_moves_the_rate(name: str) -> None:
    sizes = [len(sccodec.encode(portrait(256, 256), name, q, notice=quiet)) for q in (0, 50, 100)]
    assert sizes == sorted(sizes)
    for q in (0.0, 33.3, 100.0):
        assert sccodec.decode(sccodec.encode(portrait(64, 64), name, q, notice=quiet)).shape == (64, 64, 3)


def test_damaged_files_are_refused(name: str) -> None:
    """Of public formats only those that were cut short are: a changed byte may be another picture's."""
    data = sccodec.encode(portrait(64, 64), name, notice=quiet)
    rng = np.random.default_rng(3)
    step = 1 + len(data) // (60 if is_native(name) else 400)
    for n in range(0, len(data), step):
        with pytest.raises(BadStream):
            sccodec.decode(data[:n])
    for at in range(0, len(data), step):
        changed = data[:at] + bytes([data[at] ^ int(rng.integers(1, 256))]) + data[at + 1 :]
        try:
            decoded = sccodec.decode(changed)
        except BadStream as error:
            assert "\n" not in str(error)
        else:
            assert is_native(name) and decoded.dtype == np.uint8 and decoded.shape[2:] == (3,)


def test_damage_behind_a_right_checksum_is_refused_or_decodes(name: str) -> None:
    """Whoever makes the checksum fit meets the entropy coder's check: BadStream, never anything else."""
    from dataclasses import replace

    from sccodec import container

    if name == "fake" or is_native(name):
        return
    file = container.parse(sccodec.encode(portrait(64, 64), name, notice=quiet))
    rng = np.random.default_rng(4)
    refused = 0
    for _ in range(60):
        payload = bytearray(file.payload)
        payload[int(rng.integers(len(payload)))] ^= int(rng.integers(1, 256))
        try:
            sccodec.decode(container.serialise(replace(file, payload=bytes(payload))))
        except BadStream:
            refused += 1
    assert refused >= 50
