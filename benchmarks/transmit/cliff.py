"""What becomes of links on Kodak where the channel is another than the transmitter assumed: sent for 10 dB.

    python -m benchmarks.transmit.cliff --kodak PATH [--links SPEC ...] [--jobs N] [--out JSON]

PATH is Kodak as a folder or an archive. Every link that is there sends each picture once, at k/n = 1/12, for an SNR of
10 dB, over channels of -2 to 16 dB, as `sccodec bench` does it with `assumed=10`; the receiver knows the channel's SNR.
What is interrupted goes on where it was. `--pictures N` tries it with the first N.

Takes about ten minutes a link on two cores; writes results/transmit/cliff.json, its rows beside it as JSON lines
(cliff.jsonl.gz), and cliff.png.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.manifest import record
from benchmarks.measuring import RESULTS, environment, parser_of, write_json
from benchmarks.transmit import grid

RATIO, ASSUMED = "1/12", 10
SNRS = range(-2, 17)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--kodak", type=Path, required=True)
    parser.add_argument("--links", nargs="+", default=[], metavar="SPEC", help="instead of all that are there")
    parser.add_argument("--pictures", type=int, metavar="N", help="only the first N")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--out", type=Path, default=RESULTS / "transmit/cliff.json")
    options = parser.parse_args(arguments)
    wanted = f"ratio={RATIO},snr={','.join(map(str, SNRS))},assumed={ASSUMED}"
    asked = grid.asked_of(options.links, wanted)
    plain = options.out.with_suffix(".jsonl")
    measured = grid.measure(grid.pictures(options.kodak, options.pictures), asked, plain, options.jobs)
    models = grid.models_of(asked)
    write_json(options.out, {
        "what": f"{measured.what}, sent for {ASSUMED} dB at k/n = {RATIO}",
        "models": models,
        "environment": environment(),
        "results": grid.told(measured),
    })  # fmt: skip
    figures = [figure for figure in grid.figures_of(measured.group, []) if figure.is_over_snr]
    also = grid.draw(f"Links on Kodak, sent for {ASSUMED} dB", figures, options.out.with_suffix(".png"))
    also.append(grid.pack(plain, measured.rows))
    record(options.out, __file__, arguments, models=models, also=also)


if __name__ == "__main__":
    main()
