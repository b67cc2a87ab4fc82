"""Write the golden files of this bitstream version: `python -m tests.golden.make_golden` (needs torch and onnx).

Run it only after raising conceptual.BITSTREAM: files of an earlier version stay as they are, because they must go on
decoding. See tests/decode_golden.py for what is recorded.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from pathlib import Path

GOLDEN = Path(__file__).parent


def main() -> None:
    os.environ["SCCODEC_MODELS"] = str(GOLDEN)
    import numpy as np
    from PIL import Image

    from sccodec import codec
    from sccodec.codecs.conceptual import BITSTREAM
    from tests import tiny
    from tests.decode_golden import labels_hash

    manifest = GOLDEN / "golden.json"
    known = json.loads(manifest.read_text()) if manifest.exists() else {"files": {}}
    prefix = f"conceptual-v{BITSTREAM}-"
    if any(name.startswith(prefix) for name in known["files"]):
        sys.exit(f"there are golden files of bitstream version {BITSTREAM}: raise it first")
    tiny.write_model(GOLDEN)
    cases = [((64, 64), None), ((33, 97), 0.0), ((120, 90), 75.0), ((200, 31), 100.0)]
    for i, ((height, width), quality) in enumerate(cases):
        picture = tiny.pictures(1, height, width, seed=i)[0]
        data = codec.encode(picture, "conceptual:tiny", quality)
        name = f"{prefix}{i}"
        (GOLDEN / f"{name}.scc").write_bytes(data)
        Image.fromarray(codec.decode(data)).save(GOLDEN / f"{name}.png", optimize=True)
        labels = codec.labels(data)
        known["files"][f"{name}.scc"] = {
            "sha256": hashlib.sha256(data).hexdigest(),
            "labels": labels_hash(labels.shape, np.ascontiguousarray(labels).tobytes()),
            "picture": f"{name}.png",
        }
    manifest.write_text(json.dumps(known, indent=1) + "\n")


if __name__ == "__main__":
    main()
