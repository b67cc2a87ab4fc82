"""Specs, discovery, and the library's encode and decode."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

import sccodec
from sccodec import api, container
from sccodec.codec import Encoder, Notice, Options, Reading, Spec, Stream
from sccodec.errors import BadInput, BadStream, Corrupt, ModelNotFound, NotScc, TooLarge, UnknownCodec

Picture = npt.NDArray[np.uint8]
WORDS = st.text("abcdefghijklmnopqrstuvwxyz0123456789_.-", min_size=1, max_size=8)


@pytest.mark.parametrize("text", ["fake", "fake:faces", "fake:faces,q=30", "fake:q=30", "fake:a=1,b=x=y"])
def test_specs_round_trip(fake_codec: str, text: str) -> None:
    assert str(api.parse(text)) == text


def test_spec_fields(fake_codec: str) -> None:
    assert api.parse("fake:faces,q=30") == Spec("fake", "faces", (("q", "30"),))
    assert api.parse("fake") == Spec("fake")


def test_any_spec_round_trips(fake_codec: str) -> None:
    @given(st.none() | WORDS, st.dictionaries(WORDS, WORDS, max_size=3))
    def check(variant: str | None, options: dict[str, str]) -> None:
        spec = Spec("fake", variant, tuple(options.items()))
        assert api.parse(str(spec)) == spec

    check()


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("jpeg:q=50.0", "jpeg:q=50"),
        ("jpeg:q=5e1,chroma=444", "jpeg:chroma=444,q=50"),
        ("jpeg:quality=+080,progressive=yes", "jpeg:progressive=yes,quality=80"),
        ("bpg:subsampling=420,qp=-0.0", "bpg:chroma=420,qp=0"),
        ("jpeg:chroma=444,subsampling=420", "jpeg:chroma=444,subsampling=420"),  # which no codec takes
        ("jpeg:q=nan", "jpeg:q=nan"),
        ("jpeg:q=1e999", "jpeg:q=1e999"),
        ("jpeg:program=1.0,q=.50", "jpeg:program=1.0,q=0.5"),  # a file's name is no number
        ("compressai:mbt2018-mean:3,metric=mse", "compressai:mbt2018-mean:3,metric=mse"),
        ("conceptual:faces", "conceptual:faces"),
    ],
)
def test_specs_that_ask_for_the_same_have_one_form(text: str, canonical: str) -> None:
    found = Spec.parse(text).canonical()
    assert str(found) == canonical and found.canonical() == found == Spec.parse(canonical).canonical()


@pytest.mark.parametrize("text", ["fake:", "fake:,", "fake:a,b", "fake:q=", "fake:=3", "fake:q=1,q=2", "fake:a b"])
def test_malformed_specs(fake_codec: str, text: str) -> None:
    with pytest.raises(BadInput):
        api.parse(text)


def test_an_unknown_codec_lists_the_known(fake_codec: str) -> None:
    for text in ("jpeg9000", "", "Fake", "sccodec.codecs"):
        with pytest.raises(UnknownCodec, match="fake"):
            api.parse(text)
    with pytest.raises(UnknownCodec, match="fake"):
        api.load("nothing")


def test_encode_and_decode(fake_codec: str, picture: Picture) -> None:
    data = sccodec.encode(picture, "fake")
    assert np.array_equal(sccodec.decode(data), picture)
    grey = picture[:, :, 0]
    for form in (grey, grey[:, :, None], np.asfortranarray(grey)):
        assert np.array_equal(sccodec.decode(sccodec.encode(form, "fake")), np.dstack([grey] * 3))


def test_quality_by_argument_or_by_spec(fake_codec: str, picture: Picture) -> None:
    assert sccodec.encode(picture, "fake", 30) == sccodec.encode(picture, "fake:q=30")
    bad_calls: list[tuple[str, float | None]] = [
        ("fake:q=30", 30),
        ("fake:q=x", None),
        ("fake:other=1", None),
    ]
    bad_calls += [("fake", bad) for bad in (-1, 101, float("nan"))]
    for spec, quality in bad_calls:
        with pytest.raises(BadInput):
            sccodec.encode(picture, spec, quality)


@pytest.mark.parametrize(
    "bad",
    [
        np.zeros((4, 4)),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros(4, np.uint8),
        np.zeros((2**20 + 1, 1), np.uint8),
    ],
)
def test_arrays_that_are_no_pictures(fake_codec: str, bad: npt.NDArray[np.generic]) -> None:
    with pytest.raises(BadInput):
        sccodec.encode(bad, "fake")


def test_notices_are_warnings_unless_asked_for(fake_codec: str) -> None:
    black = np.zeros((2, 2, 3), np.uint8)
    with pytest.warns(UserWarning, match="black"):
        sccodec.encode(black, "fake")
    heard: list[str] = []
    sccodec.encode(black, "fake", notice=heard.append)
    assert len(heard) == 1


def test_a_limit_on_pixels_of_ones_own(fake_codec: str, picture: Picture) -> None:
    data = sccodec.encode(picture, "fake")
    enough, too_few = Options(max_pixels=32 * 24), Options(max_pixels=32 * 24 - 1)
    assert sccodec.encode(picture, "fake", options=enough) == data
    with pytest.raises(BadInput, match="limit is 767"):
        sccodec.encode(picture, "fake", options=too_few)
    for read in (sccodec.decode, sccodec.info, api.labels):
        read(data, options=enough)
        with pytest.raises(TooLarge, match="limit is 767"):
            read(data, options=too_few)
    large = container.serialise(replace(container.parse(data), width=2**15, height=2**14))
    with pytest.raises(TooLarge):
        sccodec.info(large)
    assert sccodec.info(large, options=Options(max_pixels=2**29)).width == 2**15


def test_devices_reach_the_codecs_that_have_use_for_them(
    fake_codec: str, picture: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A codec without networks for a GPU gets the CPU, with a notice where CUDA was asked for by name."""
    from sccodec import engine
    from sccodec.codecs import fake

    seen: list[str] = []
    heard: list[str] = []

    encoder, read = fake.Fake.encoder, fake.Fake.read

    def seeing_encoder(self: fake.Fake, image: Picture, spec: Spec, notice: Notice, options: Options) -> Encoder:
        seen.append(options.device)
        return encoder(self, image, spec, notice, options)

    def seeing_read(self: fake.Fake, file: Stream, notice: Notice, options: Options) -> Reading:
        seen.append(options.device)
        return read(self, file, notice, options)

    data = sccodec.encode(picture, "fake")
    monkeypatch.setattr(fake.Fake, "encoder", seeing_encoder)
    monkeypatch.setattr(fake.Fake, "read", seeing_read)
    monkeypatch.setattr(engine, "find_device", {"auto": "cuda", "cuda": "cuda"}.__getitem__)

    def devices() -> list[str]:
        seen.clear()
        for asked in ("cpu", "auto", "cuda"):
            sccodec.encode(picture, "fake", options=Options(device=asked), notice=heard.append)
            sccodec.decode(data, options=Options(device=asked), notice=heard.append)
        return seen

    assert devices() == ["cpu"] * 6
    assert heard == ["fake runs on the CPU only: device cuda is left unused"] * 2
    with pytest.warns(UserWarning, match="CPU only"):
        sccodec.decode(data, options=Options(device="cuda"))
    monkeypatch.setattr(fake.Fake, "gpu", True, raising=False)
    assert devices() == ["cpu"] * 2 + ["cuda"] * 4 and len(heard) == 2
    heard.clear()
    sccodec.decode(data, options=Options(checkpoint=Path("weights")), notice=heard.append)
    assert heard == ["fake takes no checkpoint: weights is left unused"]


@pytest.mark.parametrize("use", [sccodec.decode, sccodec.info, api.labels])
def test_a_file_that_names_another_codec_is_no_file_of_that(use: Callable[[bytes], object]) -> None:
    """What names the codec is data: of a public format it is damage, of a codec with models it needs the model."""

    def naming(codec: str) -> bytes:
        return container.serialise(container.Container(b"abcd", 32, 32, 0, b"xx", ((1, codec.encode()),)))

    with pytest.raises(Corrupt, match="names jpeg"):
        use(naming("jpeg"))
    for name in ("hyperprior", "conceptual"):
        with pytest.raises((ModelNotFound, BadInput), match=r"61626364 is not installed|no labels"):
            use(naming(name))


def test_info(fake_codec: str, picture: Picture) -> None:
    data = sccodec.encode(picture, "fake", 30)
    found = sccodec.info(data).as_dict()
    assert found["codec"] == "fake" and found["width"] == 32 and found["height"] == 24
    assert found["file_bytes"] == len(data) and found["overhead_bytes"] == 13
    assert found["bpp"] == pytest.approx(8 * len(data) / (32 * 24), abs=1e-5)
    assert found["sections"] == [{"name": "samples", "bytes": len(data) - 13}]


def test_files_that_are_refused(fake_codec: str, picture: Picture) -> None:
    data = sccodec.encode(picture, "fake")
    for bad in (b"", b"PK\x03\x04" + data, b"GIF89a" + data):
        with pytest.raises(NotScc):
            sccodec.decode(bad)
    with pytest.raises(BadStream):
        sccodec.decode(data[:-1])
    other = container.serialise(replace(container.parse(data), tag=b"none"))
    with pytest.raises(ModelNotFound, match=b"none".hex()):
        sccodec.decode(other)
