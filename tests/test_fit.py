"""Files that fit into a target: the largest that does, whatever the codec, and one line where none does."""

from __future__ import annotations

import contextlib

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

import sccodec
from sccodec import api, codec, fit
from sccodec.codec import Encoder, Notice, Options, Spec
from sccodec.container import Container
from sccodec.errors import BadInput, CodecUnavailable

Picture = npt.NDArray[np.uint8]


@pytest.fixture
def noise() -> Picture:
    """Something whose size depends on the quality in many steps."""
    return np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)


@given(st.lists(st.integers(1, 1000), min_size=1, max_size=401), st.integers(0, 1000))
def test_the_largest_that_fits_is_found_where_sizes_ascend(sizes: list[int], most: int) -> None:
    sizes.sort()
    tried: list[float] = []

    def encoder(quality: float) -> bytes:
        tried.append(quality)
        return bytes(sizes[int(quality)])

    found, smallest = fit.search(encoder, range(len(sizes)), most)
    fitting = [i for i, size in enumerate(sizes) if size <= most]
    if fitting:
        assert found == (bytes(sizes[fitting[-1]]), fitting[-1])
    else:
        assert found is None and smallest == sizes[0]
    assert len(tried) <= 9 and len(set(tried)) == len(tried)


@given(st.lists(st.integers(1, 50), min_size=1, max_size=100), st.integers(0, 60))
def test_what_is_found_fits_where_sizes_do_not_ascend(sizes: list[int], most: int) -> None:
    found, smallest = fit.search(lambda quality: bytes(sizes[int(quality)]), range(len(sizes)), most)
    if found is None:
        assert sizes[0] > most and smallest > most
    else:
        data, quality = found
        assert len(data) == sizes[int(quality)] <= most


def test_a_target_over_a_codec_without_qualities(fake_codec: str, noise: Picture) -> None:
    sizes = {q: len(sccodec.encode(noise, "fake", q)) for q in (0, 50, 80, 100)}
    assert len(set(sizes.values())) == 4
    for most in (sizes[0], sizes[50] + 1, sizes[80] - 1, sizes[100], 10**9):
        data, quality = api.encode_within(noise, "fake", most)
        assert len(data) <= most
        assert data == sccodec.encode(noise, "fake", quality) == sccodec.encode(noise, "fake", target_bytes=most)
        finer = [q for q in codec.QUALITIES if q > quality]
        assert all(len(sccodec.encode(noise, "fake", q)) > most for q in finer[:8:4])


def test_a_target_that_cannot_be_met_states_the_smallest_file(fake_codec: str, noise: Picture) -> None:
    smallest = len(sccodec.encode(noise, "fake", 0))
    with pytest.raises(BadInput, match=rf"smallest file .* has {smallest} bytes \({8 * smallest / 2000:.4g} bpp\)"):
        sccodec.encode(noise, "fake", target_bytes=smallest - 1)
    assert len(sccodec.encode(noise, "fake", target_bytes=smallest)) == smallest


def test_a_target_beside_a_quality_is_refused(fake_codec: str, noise: Picture) -> None:
    with pytest.raises(BadInput, match="one of them"):
        sccodec.encode(noise, "fake", 30, target_bytes=1000)
    with pytest.raises(BadInput, match="one of them"):
        sccodec.encode(noise, "fake:q=30", target_bytes=1000)


def test_a_codec_that_lists_its_qualities_analyses_once(
    fake_codec: str, noise: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sccodec.codecs import fake

    calls: list[object] = []

    original = fake.Fake.encoder

    def encoder(self: fake.Fake, image: Picture, spec: Spec, notice: Notice, options: Options) -> Encoder:
        calls.append((spec, options.max_pixels))
        encode = original(self, image, spec, notice, options)

        def counting(quality: float | None) -> Container | bytes:
            calls.append(quality)
            return encode(quality)

        return counting

    listed = [100 * k / 255 for k in range(256)]
    monkeypatch.setattr(fake.Fake, "qualities", lambda self: listed)
    monkeypatch.setattr(fake.Fake, "encoder", encoder)
    most = len(sccodec.encode(noise, "fake", 70))
    calls.clear()
    data, quality = api.encode_within(noise, "fake:plain", most, options=Options(max_pixels=5000))
    assert len(data) == most and quality in listed
    assert calls[0] == (Spec("fake", "plain"), 5000) and len(calls) - 1 <= 10


def test_a_notice_is_given_once(fake_codec: str) -> None:
    heard: list[str] = []
    api.encode_within(np.zeros((4, 4, 3), np.uint8), "fake", 1000, notice=heard.append)
    assert len(heard) == 1 and "black" in heard[0]


@given(st.floats(1e-4, 100), st.integers(1, 5000), st.integers(1, 5000))
def test_rates_become_bytes(bpp: float, width: int, height: int) -> None:
    n_bytes = fit.bytes_of_bpp(bpp, width, height)
    assert 8 * n_bytes / (width * height) <= bpp < 8 * (n_bytes + 1) / (width * height)


@pytest.mark.parametrize("bpp", [0, -1, float("nan"), float("inf")])
def test_rates_that_are_none(bpp: float) -> None:
    with pytest.raises(BadInput, match="bits per pixel"):
        fit.bytes_of_bpp(bpp, 10, 10)


def test_listed_qualities_ascend_from_0_to_100() -> None:
    for name in api.names():
        with contextlib.suppress(CodecUnavailable):
            listed = api.load(name).qualities()
            assert list(listed) == sorted(set(listed)) and listed[0] == 0 and listed[-1] == 100, name
