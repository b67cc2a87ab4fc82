"""Links over AWGN on Kodak: four ratios, five SNRs, the transmitter told the truth.

    python -m benchmarks.transmit.kodak --kodak PATH [--links SPEC ...] [--reference JSON ...] [--jobs N] [--out JSON]

PATH is Kodak as a folder or an archive. Every link that is there is measured at k/n of 1/48, 1/24, 1/12 and 1/6, and
SNRs of 1, 4, 7, 10 and 13 dB, as `sccodec bench` does it: everything that is sent is charged, metrics are of the uint8
pictures, means over all of them. What is interrupted goes on where it was. References are published figures, which are
drawn as such. `--pictures N` tries it with the first N.

Takes up to half an hour a link on two cores; writes results/transmit/kodak.json, its rows beside it as JSON lines
(kodak.jsonl.gz), and kodak.png.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.manifest import record
from benchmarks.measuring import RESULTS, environment, parser_of, write_json
from benchmarks.transmit import grid

RATIOS = ("1/48", "1/24", "1/12", "1/6")
SNRS = (1, 4, 7, 10, 13)
DRAWN_AT = 10
"""The SNR at which quality is drawn over the ratio."""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--kodak", type=Path, required=True)
    parser.add_argument("--links", nargs="+", default=[], metavar="SPEC", help="instead of all that are there")
    parser.add_argument("--reference", nargs="+", type=Path, default=[], metavar="JSON", help="published figures")
    parser.add_argument("--pictures", type=int, metavar="N", help="only the first N")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--out", type=Path, default=RESULTS / "transmit/kodak.json")
    options = parser.parse_args(arguments)
    asked = grid.asked_of(options.links, f"ratio={','.join(RATIOS)},snr={','.join(map(str, SNRS))}")
    plain = options.out.with_suffix(".jsonl")
    measured = grid.measure(grid.pictures(options.kodak, options.pictures), asked, plain, options.jobs)
    models = grid.models_of(asked)
    write_json(options.out, {
        "what": measured.what,
        "models": models,
        "environment": environment(),
        "results": grid.told(measured),
    })  # fmt: skip
    figures = [f for f in grid.figures_of(measured.group, options.reference) if f.is_over_snr or f.snr == DRAWN_AT]
    also = grid.draw("Links over AWGN on Kodak", figures, options.out.with_suffix(".png"))
    also.append(grid.pack(plain, measured.rows))
    record(options.out, __file__, arguments, models=models, also=also)


if __name__ == "__main__":
    main()
