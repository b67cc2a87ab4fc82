"""Record what encoding gives: `python -m tests.golden.make_encodings` (the core alone is enough).

encodings.json holds, for each model file of models/ and of this folder and for each picture at each quality, what a
file of it is: its bytes, those of its sections, and what `info` says in details; `chosen` is the variant that
`conceptual` takes for each picture by itself. tests/test_golden_encodings.py holds encoders to it. Run it only after a
change that is meant to change files, or after a model was added or replaced, and look at the difference.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from PIL import Image

if TYPE_CHECKING:
    from sccodec.bundle import Installed

GOLDEN = Path(__file__).parent
MODELS, PICTURES = GOLDEN.parents[1] / "models", GOLDEN.parent / "pictures"
RECORDED = GOLDEN / "encodings.json"
QUALITIES: tuple[float | None, ...] = (0, 25, None, 75, 100)
NAMES = ("astronaut", "chelsea")
"""A portrait of the faces model's own size, and a larger photograph, which is also the tiny models'."""


def picture(name: str) -> npt.NDArray[np.uint8]:
    return np.asarray(Image.open(PICTURES / f"{name}.png").convert("RGB"))


def quiet(text: str) -> None:
    """Take a notice."""


def encoded(codec: str, variant: str, name: str) -> dict[str, dict[str, object]]:
    """By quality, "default" for the codec's own: what a file of that picture is."""
    from sccodec import api, container
    from sccodec.codec import Options

    job = api.prepare(picture(name), f"{codec}:{variant}", None, quiet, Options())
    encode = job.encoder()
    found: dict[str, dict[str, object]] = {}
    for quality in QUALITIES:
        data = encode(quality)
        info = api.info(data)
        assert container.is_scc(data)
        found["default" if quality is None else f"{quality:g}"] = {
            "bytes": len(data),
            "sections": {section: round(n_bytes, 1) for section, n_bytes in info.sections},
            "details": info.details,
        }
    return found


def chosen(name: str) -> str:
    """The variant that `conceptual` takes, without the tiny models."""
    from sccodec import api

    return api.info(api.encode(picture(name), "conceptual", notice=quiet)).variant


def of_codecs(folder: Path) -> list[Installed]:
    """The model files of a folder that encode: those of segmenters do not."""
    from sccodec import api, bundle

    return [model for model in bundle.list_folder(folder) if model.codec in api.names()]


def main() -> None:
    os.environ.pop("SCCODEC_MODELS", None)
    recorded: dict[str, object] = {"chosen": {name: chosen(name) for name in NAMES}}
    os.environ["SCCODEC_MODELS"] = str(GOLDEN)
    recorded["models"] = {
        model.path.stem: {name: encoded(model.codec, model.variant, name) for name in names}
        for folder, names in ((MODELS, NAMES), (GOLDEN, NAMES[1:]))
        for model in of_codecs(folder)
    }
    RECORDED.write_text(json.dumps(recorded, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
