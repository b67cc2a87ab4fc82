"""Pictures over noisy channels: links between a transmitter and a receiver, and the channels between them.

`transmit(picture, "separate:hyperprior,code=capacity,ratio=1/24", snr=10)` sends a picture uint8 [H, W, 3] from one end
to the other, and gives a `Transmission`, whose `arrived.picture` is what the receiver has. `send(picture, spec, snr)`
gives `Sent` (symbols and frame), `Channel.parse(spec).send(symbols, snr, rng)` what is `Received`, and
`receive(received, frame)` what `Arrived`. `recordings` keeps symbols in files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sccodec.transmit.channels import Channel, Received
    from sccodec.transmit.link import Arrived, Frame, Sent
    from sccodec.transmit.run import Transmission, deliver, receive, send, transmit

__all__ = [
    "Arrived",
    "Channel",
    "Frame",
    "Received",
    "Sent",
    "Transmission",
    "deliver",
    "receive",
    "send",
    "transmit",
]
_PLACES = {"Arrived": "link", "Channel": "channels", "Frame": "link", "Received": "channels", "Sent": "link"}


def __getattr__(name: str) -> object:
    # Imported at first use, as the names of sccodec itself: listing links imports no numpy.
    if name in __all__:
        import importlib

        return getattr(importlib.import_module(f"sccodec.transmit.{_PLACES.get(name, 'run')}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
