"""JPEG (ITU-T T.81), by libjpeg-turbo inside Pillow, or by a program with the options of `cjpeg`.

    option             values
    quality            1 to 100, libjpeg's scale: -q is the same number, 1 for 0; default 75
    chroma             420 (default), 444; subsampling is another name for it
    optimise           yes (default): Huffman tables of the picture's own; no: the standard's, as published curves have
    progressive        no (default), yes
    program            cjpeg, or a path: a program that takes cjpeg's options, a PPM file on its standard input

The standard's tables cost 3 to 30 % of the bytes, more at lower rates. Decoding is always Pillow's.
"""

from __future__ import annotations

from sccodec import image
from sccodec.codec import Notice, Picture, Rate, Spec
from sccodec.errors import CodecUnavailable, SccodecError
from sccodec.formats import files
from sccodec.formats.codec import Asked, FormatCodec, by_pillow, pillow_and
from sccodec.formats.program import check_size, first_line, run


class Jpeg(FormatCodec):
    """The codec; see the module's docstring."""

    name = "jpeg"
    summary = "JPEG, 4:2:0 unless chroma=444"
    suffix = ".jpg"
    rates = (Rate("quality", 1, 100),)
    others = ("chroma", "subsampling", "optimise", "progressive", "program")
    max_side = 65500

    def write(self, picture: Picture, asked: Asked, notice: Notice) -> bytes:
        quality = asked.whole_scale("quality", lambda q: max(1, q), 75)
        is_420 = asked.chroma("420", "444") == "420"
        optimise = asked.word("optimise", "yes", "no") == "yes"
        progressive = asked.word("progressive", "no", "yes") == "yes"
        program = asked.options.get("program")
        if program is None:
            return by_pillow(
                picture,
                "JPEG",
                quality=quality,
                subsampling=2 if is_420 else 0,
                optimize=optimise,
                progressive=progressive,
            )
        arguments = ["-quality", str(quality), "-sample", "2x2" if is_420 else "1x1"]
        arguments += ["-optimize"] * optimise + ["-progressive"] * progressive
        data = run(program, arguments, by_pillow(picture, "PPM"))
        if not data.startswith(b"\xff\xd8\xff"):
            raise CodecUnavailable(f"{program} wrote no JPEG file: it takes no PPM, or is another program")
        try:
            files.check_whole(data)
            width, height = image.size(data)
        except SccodecError as error:
            raise CodecUnavailable(f"{program} wrote a JPEG file that cannot be read: {error}") from None
        check_size(program, picture, width, height)
        return data

    def qualities(self) -> list[float]:
        return [0.0, *(float(q) for q in range(2, 101))]

    def made_by(self, spec: Spec) -> str:
        program = dict(spec.options).get("program")
        if program is None:
            return pillow_and("libjpeg_turbo", "libjpeg-turbo")
        return f"{program}, {first_line(program, '-version')}"


def codec() -> Jpeg:
    return Jpeg()
