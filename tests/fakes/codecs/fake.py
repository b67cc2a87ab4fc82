"""A codec without a model, deflated samples that a quality coarsens, to test container and command line alone."""

from __future__ import annotations

import zlib

import numpy as np

from sccodec import bundle
from sccodec.codec import Info, Notice, Options, Picture, Spec
from sccodec.container import Container, overhead_bytes, parse, serialise

TAG = b"fake"


def owner(tag: bytes) -> str:
    """In place of sccodec.api.codec_of_tag."""
    return "fake" if tag == TAG else bundle.find(tag).codec


class Fake:
    name = "fake"
    summary = "deflated samples, for tests"

    def encode(self, image: Picture, spec: Spec, quality: float | None, notice: Notice, options: Options) -> bytes:
        spec.check_options()
        if image.max() == 0:
            notice("the picture is black\nall over")
        params = 50 if quality is None else int(quality)
        if quality is not None:
            step = 1 + int(100 - quality) // 2
            image = image // step * step
        height, width = image.shape[:2]
        return serialise(Container(TAG, width, height, params, zlib.compress(image.tobytes())))

    def decode(self, data: bytes, options: Options) -> Picture:
        c = parse(data, options.max_pixels)
        return np.frombuffer(zlib.decompress(c.payload), np.uint8).reshape(c.height, c.width, 3)

    def info(self, data: bytes, options: Options) -> Info:
        c = parse(data, options.max_pixels)
        overhead = overhead_bytes(c)
        bpp = 8 * len(data) / (c.width * c.height)
        sections = [("samples", float(len(c.payload)))]
        details = {"quality": c.params}
        return Info("fake", "plain", c.tag.hex(), c.width, c.height, len(data), bpp, overhead, sections, details)

    def labels(self, data: bytes, options: Options) -> Picture:
        return self.decode(data, options)[::4, ::4, 0] // 16


def codec() -> Fake:
    return Fake()
