"""What the contract is tested with: a spec of every codec, and of every variant that there is a tiny model of.

A new codec is taken up by being listed; one of ours also needs a tiny model among the golden files, which
tests/test_complete.py asks for.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from sccodec import api, bundle

TESTS = Path(__file__).parent
GOLDEN = TESTS / "golden"
PEERS = {"compressai": "compressai:mbt2018-mean-vbr"}
"""Codecs whose models are others': one of those. tests/test_compressai_peers.py tries the rest."""

Picture = npt.NDArray[np.uint8]


def specs() -> list[str]:
    """Those of the codecs that are listed."""
    models = bundle.list_folder(GOLDEN)
    found = []
    for name in api.names():
        variants = [f"{name}:{model.variant}" for model in models if model.codec == name]
        found += variants or [PEERS.get(name, name)]
    return found


def name_of(spec: str) -> str:
    return spec.partition(":")[0]


def is_learned(name: str) -> bool:
    """Whether the codec's files name model files of ours."""
    found = api.load(name)
    return not found.native and not found.peer and name != "fake"


def picture(height: int, width: int, seed: int = 0) -> Picture:
    """Waves of colour with a disc of another and a little noise, uint8 [height, width, 3]."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width] / max(height, width)
    waves = [np.sin(9 * (x * a + y * b) + c) for a, b, c in rng.normal(size=(3, 3))]
    found = 127 + 100 * np.stack(waves, -1) + rng.normal(0, 4, (height, width, 3))
    (top, left), radius = rng.random(2), rng.uniform(0.15, 0.3)
    found[(y - top * y.max()) ** 2 + (x - left * x.max()) ** 2 < radius**2] = rng.random(3) * 255
    return found.clip(0, 255).astype(np.uint8)


def with_option(spec: str, option: str) -> str:
    return f"{spec}{',' if ':' in spec else ':'}{option}"


def quiet(text: str) -> None:
    """Take a notice: that a codec finds no face in waves is no news here."""
