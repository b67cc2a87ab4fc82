"""Separation on Kodak: PSNR of codecs behind the LDPC code and at capacity, over ratios and SNR.

    python -m benchmarks.transmit.separation --kodak PATH [--pictures N] [--codecs NAME ...] [--out JSON]

Every picture is sent for the SNR that the channel has, with a seed a picture. How far the code is from capacity is said
in dB: by how much capacity's SNR could fall until its PSNR, linear between the SNR of the grid, is the code's. Rows are
appended to a file of JSON lines beside the result, and what is there is not measured again. Takes about half an hour on
two cores for all 24 pictures and both codecs; needs sionna-no-rt.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import numpy as np

from benchmarks.manifest import record
from benchmarks.measuring import RESULTS, environment, parser_of, pictures_in, read_picture, write_json
from benchmarks.transmit import rows
from benchmarks.transmit.rows import Row
from sccodec import api
from sccodec.errors import SccodecError
from sccodec.metrics.image import psnr
from sccodec.transmit import link as links
from sccodec.transmit.run import transmit

RATIOS = ("1/48", "1/24", "1/12", "1/6")
SNRS = (1.0, 4.0, 7.0, 10.0, 13.0)
CODES = ("ldpc", "capacity")

KEYS = ("codec", "code", "ratio", "snr_db", "picture")


def measure(path: Path, codec: str, code: str, ratio: str, snr: float, seed: int) -> Row:
    """A row: what arrived of a picture."""
    picture = read_picture(path)
    began = time.perf_counter()
    row: Row = dict(zip(KEYS, (codec, code, ratio, snr, path.stem), strict=True))
    try:
        sent = transmit(picture, links.parse(f"separate:{codec},code={code},ratio={ratio}"), snr, seed=seed)
    except SccodecError as error:
        return row | {"error": str(error)}
    row |= {"psnr": round(psnr(picture, sent.arrived.picture), 4), "failed": sent.arrived.failed[0]}
    row |= {"file_bytes": sent.details["file_bytes"], "quality": sent.details["quality"]}
    row |= {"send_seconds": round(sent.send_seconds, 3), "receive_seconds": round(sent.receive_seconds, 3)}
    return row | {"seconds": round(time.perf_counter() - began, 3)}


def gap(snrs: Sequence[float], bound: Sequence[float], reached: Sequence[float]) -> list[float | None]:
    """How many dB less capacity needs for what the code reaches, by SNR; None where that is below the grid."""
    found: list[float | None] = []
    for snr, value in zip(snrs, reached, strict=True):
        least = float(np.interp(value, bound, snrs))
        found.append(round(snr - least, 2) if value > bound[0] else None)
    return found


def summary(found: Sequence[Row]) -> Row:
    """Of each codec and ratio: mean PSNR of both codes by SNR, the gap in dB, blocks that failed."""
    result: Row = {}
    for codec, ratio in dict.fromkeys((row["codec"], row["ratio"]) for row in found):
        here = [row for row in found if (row["codec"], row["ratio"]) == (codec, ratio)]
        refused = {row["picture"] for row in here if "error" in row}  # a mean is of the same pictures in all cells
        told: Row = {"pictures": len({row["picture"] for row in here} - refused), "snr_db": SNRS}
        if not told["pictures"]:
            result[f"{codec} {ratio}"] = told
            continue
        for code in CODES:
            cells = [[r for r in here if (r["code"], r["snr_db"]) == (code, snr)] for snr in SNRS]
            kept = [[r for r in cell if r["picture"] not in refused] for cell in cells]
            told[f"{code}_psnr"] = [round(statistics.fmean(r["psnr"] for r in cell), 2) for cell in kept]
            told[f"{code}_lost"] = [sum(r["failed"] > 0 for r in cell) for cell in kept]
        told["gap_db"] = gap(SNRS, told["capacity_psnr"], told["ldpc_psnr"])
        result[f"{codec} {ratio}"] = told
    return result


def main(arguments: Sequence[str] | None = None) -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--kodak", type=Path, required=True)
    parser.add_argument("--pictures", type=int, default=24, help="the first of them")
    parser.add_argument("--codecs", nargs="+", default=["hyperprior", "bpg"], metavar="NAME")
    parser.add_argument("--out", type=Path, default=RESULTS / "transmit/separation.json")
    options = parser.parse_args(arguments)
    paths = pictures_in(options.kodak)[: options.pictures]
    plain = options.out.with_suffix(".jsonl")
    done = {tuple(row[key] for key in KEYS): row for row in rows.read(plain)}
    kept = []
    for (seed, path), codec, code, ratio, snr in product(enumerate(paths), options.codecs, CODES, RATIOS, SNRS):
        cell = (codec, code, ratio, snr, path.stem)
        if cell not in done:
            done[cell] = measure(path, codec, code, ratio, snr, seed)
            rows.append(plain, done[cell])
        kept.append(done[cell])
    result = {"what": f"{len(paths)} pictures of Kodak", "environment": environment(), "results": summary(kept)}
    write_json(options.out, result)
    models = [name for name in options.codecs if not api.load(name).native]
    record(options.out, __file__, arguments, models=models, also=[rows.pack(plain, kept)])


if __name__ == "__main__":
    main()
