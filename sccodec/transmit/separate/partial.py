"""What a file shows whose end is missing: JPEG and hyperprior what came before, all others nothing.

JPEG: what a decoder misses before the end of the file it takes as it stood before, grey in a file that is read from top
to bottom: the end is put there. Hyperprior: latents that are missing equal what those before them predict.
"""

from __future__ import annotations

from sccodec import api, container
from sccodec.codec import Options, Picture, Progressive, Stream
from sccodec.errors import SccodecError
from sccodec.notices import ignore

JPEG, JPEG_END = b"\xff\xd8\xff", b"\xff\xd9"


def shown(start: bytes, options: Options) -> Picture | None:
    """The picture uint8 [H, W, 3] of a file's first bytes, None where it shows none."""
    try:
        if container.is_scc(start):
            return of_stream(start, options)
        if start.startswith(JPEG):
            return api.decode(start + JPEG_END, notice=ignore, options=options)
    except SccodecError:
        pass  # there are too few bytes
    return None


def of_stream(start: bytes, options: Options) -> Picture | None:
    """The same for a .scc file; raises BadStream or ModelError."""
    parsed = container.parse_beginning(start, options.max_pixels)
    name, model = api.named_by(parsed)
    codec = api.load(name)
    if not isinstance(codec, Progressive):
        return None
    return codec.beginning(Stream(parsed, model, len(start)), api.settle(codec, options, ignore))
