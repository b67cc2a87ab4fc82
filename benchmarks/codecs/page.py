"""The page that `sccodec report` makes of the Kodak rows: its size, the time it takes to open, and how it looks.

    python -m benchmarks.codecs.page --kodak PATH [--pictures N|NAMES] [--target-bpp X] [--page HTML] [--untimed]

--kodak is a folder or archive of the pictures, some of which are shown under the slider at a rate. --page measures a
page that is there already. Needs chromium, and, unless --untimed, a machine that does nothing else: encoding the
pictures for the slider takes minutes, opening the page is timed afterwards. Writes results/codecs/page.json and,
reduced, page.jpg and page_phone.jpg.

The time to open is told by the page itself: from the beginning of its navigation until its load event, behind its
script, has had the browser lay everything out. Around it stands the time of the whole browser process, for this page
and for an empty one.
"""

from __future__ import annotations

import argparse
import io
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from benchmarks.manifest import record
from benchmarks.measuring import RESULTS, environment, last_line, parser_of, unpacked, write_json
from sccodec.report import results
from sccodec.report.curves import split

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
TIMES = 5
MOST_PAGE_BYTES = 15_000_000
MOST_SECONDS = 2.0
MOST_BYTES = 200_000
JPEG_QUALITY = 85
# Screenshots: width and height of the window in CSS pixels, width of the file in pixels. Of one height in the document.
DESKTOP = (1280, 2600), 720
PHONE = (390, 1926), 296
PROBE = """<script>
addEventListener("load", () => {
  document.documentElement.getBoundingClientRect();
  const said = document.createElement("meta");
  said.name = "probe";
  said.content = `${performance.now() / 1000} ${document.documentElement.dataset.ready}`;
  document.head.append(said);
});
</script>"""


def browser() -> str:
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        raise SystemExit(f"no browser: none of {', '.join(BROWSERS)} is installed")
    return found


def run_browser(path: Path, profile: Path, *flags: str) -> tuple[str, float]:
    """What a headless browser writes for a page, and the seconds of its process."""
    arguments = [
        browser(), "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-extensions",
        "--disable-background-networking", "--disable-component-update", "--hide-scrollbars",
        f"--user-data-dir={profile}", *flags, path.as_uri(),
    ]  # fmt: skip
    start = time.perf_counter()
    done = subprocess.run(arguments, capture_output=True, text=True, encoding="utf-8", timeout=300, check=False)
    taken = time.perf_counter() - start
    if done.returncode != 0:
        raise SystemExit(f"the browser failed: {last_line(done.stderr)}")
    return done.stdout, taken


def probed(text: str) -> str:
    """The page with a script that says when it was there; its policy, which would not admit that, is left out."""
    without = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", text)
    return without.replace("</head>", PROBE + "</head>", 1)


def drawn(elements: str) -> float:
    """The seconds that the probe noted; SystemExit where the page's own script had not finished by then."""
    found = re.search(r'<meta name="probe" content="([\d.]+) (\w+)"', elements)
    if found is None or found[2] != "yes":
        raise SystemExit("the page was not ready when it had loaded")
    return float(found[1])


def open_page(page: Path, folder: Path) -> dict[str, float]:
    """Medians over TIMES openings, after one that is not counted and fills the browser's profile."""
    copy, blank, profile = folder / "probed.html", folder / "blank.html", folder / "profile"
    copy.write_text(probed(page.read_text(encoding="utf-8")), encoding="utf-8")
    blank.write_text("<!doctype html><title>empty</title>", encoding="utf-8")
    taken: dict[str, list[float]] = {"drawn": [], "process": [], "blank": []}
    for turn in range(TIMES + 1):
        elements, seconds = run_browser(copy, profile, "--dump-dom", "--window-size=1280,900")
        empty = run_browser(blank, profile, "--dump-dom")[1]
        if turn:
            for name, value in (("drawn", drawn(elements)), ("process", seconds), ("blank", empty)):
                taken[name].append(value)
    return {f"{name}_seconds": round(statistics.median(values), 3) for name, values in taken.items()}


def screenshot(page: Path, folder: Path, window: tuple[int, int], width: int) -> bytes:
    """The top of the page as a JPEG of that width.

    A frame holds the page, because a browser's window is never as narrow as a phone's.
    """
    frame, shot = folder / "frame.html", folder / "shot.png"
    frame.write_text(
        f'<!doctype html><body style="margin:0"><iframe src="{page.as_uri()}" '
        f'style="border:0;width:{window[0]}px;height:{window[1]}px"></iframe>',
        encoding="utf-8",
    )
    size = f"--window-size={max(window[0], 800)},{window[1]}"
    run_browser(frame, folder / "profile", f"--screenshot={shot}", size, "--virtual-time-budget=8000")
    with Image.open(shot) as image:
        cut = image.convert("RGB").crop((0, 0, *window))
    small = cut.resize((width, round(window[1] * width / window[0])), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=JPEG_QUALITY, subsampling=0, optimize=True)
    return buffer.getvalue()


def make_page(rows_file: Path, options: argparse.Namespace, page: Path) -> None:
    command = [sys.executable, "-m", "sccodec", "report", str(rows_file), "-o", str(page)]
    command += ["--images", str(options.kodak), "--pictures", options.pictures]
    command += ["--target-bpp", str(options.target_bpp)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"sccodec report failed: {last_line(done.stderr)}")


def counts(rows_file: Path) -> dict[str, Any]:
    found = results.read([rows_file]).rows
    return {
        "rows": len(found),
        "pictures": len({row.sha256 for row in found}),
        "codecs": len({split(row.spec)[0] for row in found}),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--kodak", type=Path)
    parser.add_argument("--pictures", default="kodim04.png,kodim23.png")
    parser.add_argument("--target-bpp", type=float, default=0.3)
    parser.add_argument("--page", type=Path)
    parser.add_argument("--untimed", action="store_true")
    parser.add_argument("--rows", type=Path, default=RESULTS / "codecs/rows_kodak.jsonl.gz")
    parser.add_argument("--out", type=Path, default=RESULTS / "codecs", help="a folder")
    options = parser.parse_args(arguments)
    if (options.page is None) == (options.kodak is None):
        parser.error("either --kodak, to make the page, or --page, which is one")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:  # the browser may still write there
        folder = Path(name)
        page = folder / "kodak.html" if options.page is None else options.page.resolve()
        rows = unpacked(options.rows, folder)
        if options.page is None:
            make_page(rows, options, page)
        n_bytes = page.stat().st_size
        shown = len(set(re.findall(r'id="gallery-\d+"', page.read_text(encoding="utf-8"))))
        result = counts(rows) | {"page_bytes": n_bytes, "shown": shown, "environment": environment()}
        if not options.untimed:
            result |= open_page(page, folder)
        for file, (window, width) in (("page.jpg", DESKTOP), ("page_phone.jpg", PHONE)):
            data = screenshot(page, folder, window, width)
            if len(data) > MOST_BYTES:
                raise SystemExit(f"{file} has {len(data)} bytes, a document takes at most {MOST_BYTES}")
            (options.out / file).write_bytes(data)
    out = options.out / "page.json"
    write_json(out, result)
    shots = [options.out / file for file in ("page.jpg", "page_phone.jpg")]
    record(out, __file__, arguments, sources=[options.rows], also=shots, versions=result["environment"]["versions"])
    print({key: value for key, value in result.items() if key != "environment"})
    if n_bytes > MOST_PAGE_BYTES or result.get("drawn_seconds", 0) > MOST_SECONDS:
        raise SystemExit(f"the page is to have at most {MOST_PAGE_BYTES} bytes, and to open in {MOST_SECONDS:g} s")


if __name__ == "__main__":
    main()
