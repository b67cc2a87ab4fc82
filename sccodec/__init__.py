"""Image codecs from trained networks behind real bitstreams.

`encode(picture)` turns uint8 [H, W, 3] or [H, W] into the bytes of a .scc file; `decode(data)` turns them
back. `edit(data, texture_from, labels)` gives a file other textures. `segment(picture)` gives the class of each pixel.
`transmit.transmit(picture, link, snr)` sends a picture over a noisy channel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sccodec import transmit
    from sccodec.api import decode, edit, encode, info
    from sccodec.codec import Info, Options
    from sccodec.labels.segmenters import Segmenter, segment, segmenter

__version__ = "0.1.0"
__all__ = [
    "Info",
    "Options",
    "Segmenter",
    "__version__",
    "decode",
    "edit",
    "encode",
    "info",
    "segment",
    "segmenter",
    "transmit",
]
_SEGMENTERS = ("Segmenter", "segment", "segmenter")


def __getattr__(name: str) -> object:
    # Imported at first use: `import sccodec` stays free of numpy, and of what encode and decode need.
    if name in _SEGMENTERS:
        from sccodec.labels import segmenters

        return getattr(segmenters, name)
    if name == "transmit":
        import importlib

        return importlib.import_module("sccodec.transmit")
    if name in __all__:
        from sccodec import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
