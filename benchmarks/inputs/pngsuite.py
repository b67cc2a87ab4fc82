"""The 175 PngSuite files through this loader and through ImageMagick, and pictures with profiles through libvips.

    python -m benchmarks.inputs.pngsuite [--suite DIR] [--magick PROGRAM] [--vips PROGRAM] [--out JSON]

--suite: a folder with the files as their author publishes them; without it they are made anew (made.py). Both programs
lay pictures on white; samples of 8 bits are compared. ImageMagick leaves a gAMA of 0.45 as it is, which is sRGB's, and
most others too: for those it is told to raise samples to the power, and to take them for linear light. Files whose
names begin with x are broken, and must be refused.

Takes a minute; writes results/inputs/pngsuite.json.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.inputs.made import GAMMAS, files
from benchmarks.manifest import record
from benchmarks.measuring import RESULTS, environment, parser_of, write_json
from sccodec import image
from sccodec.errors import BadInput

PROFILED = ("p3src.png", "skia_p3.png", "gimp_linear.png", "linear16.png")
INPUTS = Path(__file__).parents[2] / "tests" / "inputs"
WHITE = ["-background", "white", "-alpha", "remove", "-alpha", "off"]
TAKEN_BY_ITSELF = ("g04",)


def by_magick(program: str, path: Path, shape: tuple[int, ...]) -> image.Picture:
    """What ImageMagick makes of a file."""
    gamma = GAMMAS.get(path.name[:3])
    colours: list[str] = []
    if gamma is not None and path.name[:3] not in TAKEN_BY_ITSELF:
        power = ["-set", "colorspace", "sRGB", "-evaluate", "Pow", str(100000 / gamma)]
        colours = [*power, "-set", "colorspace", "RGB", "-colorspace", "sRGB"]
    command = [program, str(path), *WHITE, *colours, "-depth", "8", "rgb:-"]
    done = subprocess.run(command, capture_output=True, check=True)
    return np.frombuffer(done.stdout, np.uint8).reshape(shape)


def by_vips(program: str, path: Path) -> image.Picture:
    """What libvips makes of a picture with a profile."""
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder, "made.png")
        subprocess.run(
            [program, "icc_transform", str(path), str(made), "srgb", "--embedded", "--depth", "8"], check=True
        )
        return image.load(made, lambda text: None)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--suite", type=Path)
    parser.add_argument("--magick", default="convert")
    parser.add_argument("--vips", default="vips")
    parser.add_argument("--out", type=Path, default=RESULTS / "inputs" / "pngsuite.json")
    options = parser.parse_args(arguments)
    differences: dict[str, int] = {}
    refused, accepted = [], []
    with tempfile.TemporaryDirectory() as folder:
        if options.suite is None:
            for name, data in files().items():
                Path(folder, f"{name}.png").write_bytes(data)
        names = r"[a-z0-9]{8}\.png"
        paths = sorted(p for p in (options.suite or Path(folder)).glob("*.png") if re.fullmatch(names, p.name.lower()))
        for path in paths:
            try:
                picture = image.load(path, lambda text: None)
            except BadInput:
                refused.append(path.stem)
                continue
            if path.name.startswith("x"):
                accepted.append(path.stem)
                continue
            other = by_magick(options.magick, path, picture.shape)
            differences[path.stem] = int(np.abs(picture.astype(int) - other).max())
    profiled = {
        name: int(
            np.abs(image.load(INPUTS / name, lambda t: None).astype(int) - by_vips(options.vips, INPUTS / name)).max()
        )
        for name in PROFILED
    }
    version = subprocess.run([options.magick, "-version"], capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )[0]
    vips = subprocess.run([options.vips, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    write_json(
        options.out,
        {
            "what": "largest difference of a sample of 8 bits, on white",
            "files": len(paths),
            "made_anew": options.suite is None,
            "compared": len(differences),
            "largest_difference": max(differences.values()),
            "equal": sum(value == 0 for value in differences.values()),
            "beyond_1": {name: value for name, value in differences.items() if value > 1},
            "broken_refused": len([name for name in refused if name.startswith("x")]),
            "broken_accepted": accepted,
            "good_refused": [name for name in refused if not name.startswith("x")],
            "profiled_against_vips": profiled,
            "magick": " ".join(version.split()[:3]),
            "vips": vips,
            "environment": environment("tifffile"),
        },
    )
    record(options.out, __file__, [])  # where programs lie is this machine's affair


if __name__ == "__main__":
    main()
