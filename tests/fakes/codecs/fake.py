"""A codec without a model, deflated samples that a quality coarsens, to test container and command line alone."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np

from sccodec import api
from sccodec.bundle import Installed
from sccodec.codec import Codec, Encoder, Info, Labelled, Notice, Options, Picture, Reading, Spec, Stream
from sccodec.container import Container
from sccodec.errors import BadInput, Corrupt

TAG = b"fake"
owner_of_others = api.named_by


def named_by(file: Container) -> tuple[str, Installed | None]:
    """In place of sccodec.api.named_by: the fake codec has a tag, and no model file."""
    return ("fake", None) if file.tag == TAG else owner_of_others(file)


def inflate(file: Container) -> Picture:
    """The samples of a file; raises Corrupt for any bytes but those of so many samples."""
    inflater = zlib.decompressobj()
    try:
        samples = inflater.decompress(file.payload, file.height * file.width * 3 + 1)
    except zlib.error as error:
        raise Corrupt(f"the file is damaged: {error}") from None
    if not inflater.eof or inflater.unused_data or len(samples) != file.height * file.width * 3:
        raise Corrupt("the file is damaged: it does not hold its samples, and nothing else")
    return np.frombuffer(samples, np.uint8).reshape(file.height, file.width, 3)


@dataclass(frozen=True)
class FakeReading(Reading):
    stream: Stream

    def picture(self) -> Picture:
        return inflate(self.stream.container)

    def info(self) -> Info:
        c, n = self.stream.container, self.stream.file_bytes
        sections = [("samples", float(len(c.payload)))]
        bpp, overhead = 8 * n / (c.width * c.height), n - len(c.payload)
        return Info("fake", "plain", c.tag.hex(), c.width, c.height, n, bpp, overhead, sections, {"quality": c.params})


class Fake(Codec[Stream], Labelled):
    name = "fake"
    summary = "deflated samples, for tests"

    def encoder(self, picture: Picture, spec: Spec, notice: Notice, options: Options) -> Encoder:
        self.check(spec)
        if spec.variant not in (None, "plain", "faces"):
            raise BadInput(f"fake has no variant {spec.variant!r}")
        height, width = picture.shape[:2]

        def encode(quality: float | None) -> Container:
            if picture.max() == 0:
                notice("the picture is black\nall over")
            step = 1 if quality is None else 1 + int(100 - quality) // 2
            params = 50 if quality is None else int(quality)
            return Container(TAG, width, height, params, zlib.compress((picture // step * step).tobytes()))

        return encode

    def read(self, file: Stream, notice: Notice, options: Options) -> FakeReading:
        return FakeReading(file)

    def labels(self, file: Stream, options: Options) -> Picture:
        return inflate(file.container)[::4, ::4, 0] // 16


def codec() -> Fake:
    return Fake()
