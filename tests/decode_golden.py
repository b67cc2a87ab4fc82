"""Decode the golden files with whatever libraries are installed: `python tests/decode_golden.py`.

tests/golden/ holds, for each version of a codec's bitstream, files that a tiny model wrote, that model itself, and
golden.json: `files` maps each file's name to

    sha256   of the file
    labels   SHA-256 of its semantic map, where it has one: shape as "HxW:" in ASCII, then the samples
    latents  SHA-256 of its decoded latents, where the codec gives them: shape as "HxWxC:", then int16, little-endian
    picture  name of a PNG beside it with the picture as it was decoded first

Symbols must be the same everywhere: decoding checks them all against the coded check symbol, and labels and latents
are compared exactly. Pixels come out of a float network, so rounding may move a sample by TOLERANCE. Needs no
pytest: it also runs where only the core is installed.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import sys
from pathlib import Path

GOLDEN = Path(__file__).parent / "golden"
TOLERANCE = 1


def main() -> int:
    """Print one line a file; gives the exit code."""
    os.environ["SCCODEC_MODELS"] = str(GOLDEN)
    import numpy as np

    from sccodec import api, image

    print(", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("numpy", "onnxruntime", "constriction")))
    manifest = GOLDEN / "golden.json"
    if not manifest.is_file():
        if not api.names():
            print("no codec yet, so no golden files yet")
            return 0
        print(f"{manifest.name} is missing: there are codecs, so there must be golden files", file=sys.stderr)
        return 1
    expected = json.loads(manifest.read_text(encoding="utf-8"))["files"]
    present = {path.name for path in GOLDEN.glob("*.scc")}
    failures = [f"{name}: listed, but missing" for name in expected.keys() - present]
    failures += [f"{name}: not listed" for name in present - expected.keys()]
    if not expected:
        failures.append("no golden files are listed")
    for name in sorted(expected.keys() & present):
        want, data = expected[name], (GOLDEN / name).read_bytes()
        if hashlib.sha256(data).hexdigest() != want["sha256"]:
            failures.append(f"{name}: the file itself was changed")
            continue
        for kind, digest in symbols(data).items():
            if digest != want.get(kind):
                failures.append(f"{name}: its {kind} are others")
        picture = api.decode(data)
        recorded = image.load(GOLDEN / want["picture"], print)
        if recorded.shape != picture.shape:
            failures.append(f"{name}: decodes to {picture.shape}, not {recorded.shape}")
            continue
        difference = int(np.abs(recorded.astype(int) - picture).max())
        if difference > TOLERANCE:
            failures.append(f"{name}: a sample differs by {difference}")
        print(f"{name}: {len(data)} bytes, largest difference {difference}")
    for failure in failures:
        print(failure, file=sys.stderr)
    return int(bool(failures))


def symbols(data: bytes) -> dict[str, str]:
    """How golden.json records what a file decodes to without floats: hashes of its labels or latents."""
    from sccodec import api
    from sccodec.codecs.hyperprior.codec import HyperpriorReading

    reading = api.read(data)
    if isinstance(reading, HyperpriorReading):
        latents = reading.y_hat
        return {"latents": hash_of(latents.shape, latents.astype("<i2").tobytes())}
    labels = api.labels(data)
    return {"labels": hash_of(labels.shape, labels.tobytes())}


def hash_of(shape: tuple[int, ...], samples: bytes) -> str:
    return hashlib.sha256(f"{'x'.join(map(str, shape))}:".encode() + samples).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
