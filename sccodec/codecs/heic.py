"""HEIC: HEVC intra frames, by x265 and libheif inside pillow-heif.

    option    values
    qp        0 (best) to 51, HEVC's quantisation parameter; -q 0 to 100 is 51 to 8; default 30 (-q 50)
    chroma    444 (default), 420; subsampling is another name for it

x265 runs with a fixed parameter, and without psychovisual tuning and adaptive quantisation, which cost 0.8 to 1 dB at
equal rate on a part of a Kodak picture. The container takes about 450 bytes; what is below 64x64 pixels is padded.
"""

from __future__ import annotations

import io

from sccodec.codec import Notice, Options, Picture, Rate, Spec
from sccodec.formats.codec import Asked, FormatCodec, pillow_heif, pillow_heif_and_x265
from sccodec.image import boxes

WORST_QP, BEST_QP = 51, 8
X265 = {
    "tune": "psnr",
    "x265:psy-rd": "0",
    "x265:psy-rdoq": "0",
    "x265:aq-mode": "0",
    "x265:ipratio": "1.0",  # otherwise an intra frame gets a parameter that is 3 lower than the one asked for
}


class Heic(FormatCodec):
    """The codec; see the module's docstring."""

    name = "heic"
    summary = "HEIC (HEVC intra), 4:4:4 unless chroma=420"
    suffix = ".heic"
    rates = (Rate("qp", 0, 51),)
    max_side = 65528  # of 8x8 blocks; decoders refuse more
    others = ("chroma", "subsampling")

    def write(self, picture: Picture, asked: Asked, notice: Notice) -> bytes:
        qp = asked.whole_scale("qp", lambda q: WORST_QP - (WORST_QP - BEST_QP) * q / 100, 50)
        chroma = asked.chroma("444", "420")
        library = pillow_heif("HEIC")
        height, width = picture.shape[:2]
        buffer = io.BytesIO()
        parameters = X265 | {"x265:qp": str(qp)}
        library.encode(
            "RGB", (width, height), picture.tobytes(), buffer, quality=50, chroma=int(chroma), enc_params=parameters
        )
        return buffer.getvalue()

    def pixels(self, data: bytes, notice: Notice, options: Options) -> Picture:
        pillow_heif("HEIC")
        return super().pixels(data, notice, options)

    def size(self, data: bytes) -> tuple[int, int]:
        pillow_heif("HEIC")
        return super().size(data)

    def overhead(self, data: bytes) -> int:
        """The boxes around the coded data."""
        return boxes.bytes_outside(data, b"mdat")

    def qualities(self) -> list[float]:
        """One for each parameter."""
        steps = WORST_QP - BEST_QP
        return [100 * i / steps for i in range(steps + 1)]

    def made_by(self, spec: Spec) -> str:
        return pillow_heif_and_x265("HEIC")


def codec() -> Heic:
    return Heic()
