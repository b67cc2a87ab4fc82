"""Write the golden files of a codec's bitstream version: `python -m tests.golden.make_golden CODEC` (torch, onnx).

Run it only after raising BITSTREAM of sccodec/codecs/CODEC: files of an earlier version stay as they are, because
they must go on decoding. See tests/decode_golden.py for what is recorded.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import sys
from pathlib import Path

GOLDEN = Path(__file__).parent
CASES: dict[str, list[tuple[str, tuple[int, int], float | None]]] = {
    "conceptual": [
        ("tiny_general", (64, 64), None),
        ("tiny_general", (33, 97), 0.0),
        ("tiny_general", (1, 1), 100.0),
        ("tiny_general", (1050, 40), 35.0),
        ("tiny_general", (120, 90), 100.0),
    ],
    "hyperprior": [
        ("tiny", (64, 64), None),
        ("tiny", (33, 97), 0.0),
        ("tiny", (1, 1), 100.0),
        ("tiny", (1050, 40), 35.0),
        ("tiny_meanscale", (50, 70), 60.0),
        ("tiny_scale", (50, 70), 60.0),
        ("tiny_factorized", (50, 70), 60.0),
    ],
}
"""Of the latest bitstream version: variant, height and width, quality."""


def main() -> None:
    os.environ["SCCODEC_MODELS"] = str(GOLDEN)
    import numpy as np
    from PIL import Image

    from sccodec import api
    from tests import tiny_hyperprior, tiny_photographs
    from tests.decode_golden import symbols

    if len(sys.argv) != 2 or sys.argv[1] not in CASES:
        sys.exit(f"usage: python -m tests.golden.make_golden {'|'.join(CASES)}")
    name = sys.argv[1]
    version = importlib.import_module(f"sccodec.codecs.{name}").BITSTREAM
    manifest = GOLDEN / "golden.json"
    known = json.loads(manifest.read_text()) if manifest.exists() else {"files": {}}
    prefix = f"{name}-v{version}-"
    if any(file.startswith(prefix) for file in known["files"]):
        sys.exit(f"there are golden files of bitstream version {version}: raise it first")
    writers = {"conceptual": tiny_photographs.write_model, "hyperprior": tiny_hyperprior.write_model}
    for variant in dict.fromkeys(variant for variant, _, _ in CASES[name]):
        writers[name](GOLDEN, variant)
    for i, (variant, (height, width), quality) in enumerate(CASES[name]):
        data = api.encode(tiny_hyperprior.pictures(1, height, width, seed=i)[0], f"{name}:{variant}", quality)
        (GOLDEN / f"{prefix}{i}.scc").write_bytes(data)
        Image.fromarray(np.asarray(api.decode(data))).save(GOLDEN / f"{prefix}{i}.png", optimize=True)
        known["files"][f"{prefix}{i}.scc"] = {
            "sha256": hashlib.sha256(data).hexdigest(),
            **symbols(data),
            "picture": f"{prefix}{i}.png",
        }
    manifest.write_text(json.dumps(known, indent=1) + "\n")


if __name__ == "__main__":
    main()
