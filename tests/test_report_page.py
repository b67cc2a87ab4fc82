"""The report's page in a real browser: it draws, compares, obeys its own policy, and has nothing to complain about."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from report_rows import PICTURES, curve, row
from test_report import sorted_rows

from sccodec import image
from sccodec.codec import DEFAULT_OPTIONS, Picture
from sccodec.report import bdrate, gallery, page, reference, words
from sccodec.report.curves import groups

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
BROWSER = next(filter(None, map(shutil.which, BROWSERS)), None)
pytestmark = pytest.mark.skipif(BROWSER is None, reason=f"no browser: none of {', '.join(BROWSERS)} is installed")

COMPLAINT = re.compile(r"CONSOLE[:(].*|.*Uncaught.*")


def opened(path: Path, *flags: str) -> tuple[str, list[str]]:
    """The page's elements after its script has run, and what it said on the console."""
    assert BROWSER is not None
    arguments = [
        BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-extensions",
        "--disable-background-networking", "--disable-component-update", f"--user-data-dir={path.parent / 'profile'}",
        "--enable-logging=stderr", "--hide-scrollbars", *flags, path.as_uri(),
    ]  # fmt: skip
    done = subprocess.run(arguments, capture_output=True, text=True, encoding="utf-8", timeout=300, check=True)
    return done.stdout, COMPLAINT.findall(done.stderr)


@pytest.fixture
def report(tmp_path: Path, fake_codec: str, picture: Picture) -> Path:
    """A small report with everything in it: two codecs, a published curve, a failure, a picture."""
    results = sorted_rows(
        *curve("jpeg"),
        *curve("fake", 2.0, PICTURES[:2], tag="1a2b"),
        row("fake:q=1", error="<img src=x onerror=alert(1)>"),
        "{damaged",
    )
    published = reference.parse({"name": "VTM", "source": "there", "points": [{"bpp": 0.1, "psnr": 34}]})
    found = groups(results, [published])
    measure = gallery.gauge(picture, ["psnr"])
    target = gallery.at_size(picture, {"fake": "fake", "no": "jpeg:q=-1"}, 400, measure, print, DEFAULT_OPTIONS)
    entry = gallery.entry("a.png", picture, [target], 10**6)
    path = tmp_path / "report.html"
    head = words.page("A <report>", found, results, "psnr", "")
    path.write_text(page.report(head, found, results, [entry]), encoding="utf-8")
    return path


def test_page_draws_curves_and_slider_and_the_console_is_clean(report: Path) -> None:
    screenshot = report.with_suffix(".png")
    elements, said = opened(report, "--dump-dom", f"--screenshot={screenshot}", "--window-size=1000,1600")
    assert said == []
    assert 'data-ready="yes"' in elements
    chart = elements[elements.index('id="chart"') : elements.index("The values of these curves")]
    assert chart.count('class="curve"') == 2 and chart.count('class="mark"') == 9
    assert "Means over the 2 pictures (of 3)" in elements
    assert 'type="range"' in elements and elements.count('<img src="data:image/') >= 4
    assert "bytes" in elements[elements.index('class="viewer"') :] and "Not coded: no" in elements
    assert "1 measurement failed" in elements and "&lt;img src=x" in elements
    assert "published" in chart and "1 damaged line" in elements
    assert screenshot.is_file(), "the browser kept no screenshot"
    shown = image.load(screenshot, print)
    blue = (np.abs(shown.astype(int) - np.array([0x0A, 0x6E, 0xBD])).max(-1) < 8).sum()
    assert blue > 200  # the first curve, in its colour


USE = """
const said = {};
const choose = (label, text) => {
  const labels = [...document.querySelectorAll("label")];
  const select = labels.find((l) => l.firstChild.data === label).querySelector("select");
  select.value = [...select.options].find((o) => o.text === text).value;
  select.dispatchEvent(new Event("change"));
};
const note = (name) => { said[name] = document.querySelector("#chart + p").textContent; };
const chip = (name) => [...document.querySelectorAll(".chip")].find((c) => c.textContent.startsWith(name));
chip("fake").click();
note("without fake");
said.curves = document.querySelectorAll("#chart .curve").length;
chip("all").click();
choose("metric", "MS-SSIM");
note("ms-ssim");
choose("rate axis", "linear");
choose("pictures", "c.png");
note("one picture");
choose("pictures", "mean");
choose("metric", "PSNR");
if ([...document.querySelectorAll("label")].some((l) => l.firstChild.data === "anchor")) {
  choose("anchor", "fake");
  said.anchor = document.querySelector("#gains tr.anchor, #gains td + td").textContent;
}
const mark = document.querySelector("#chart .mark").getBoundingClientRect();
const there = { clientX: mark.x + 3, clientY: mark.y + 3 };
document.querySelector("#chart svg").dispatchEvent(new PointerEvent("pointermove", there));
said.tip = document.querySelector(".tip").innerText;
const slider = document.querySelector("input[type=range]");
slider.value = 30;
slider.dispatchEvent(new Event("input"));
said.slider = document.querySelector(".handle").style.left;
document.querySelectorAll(".card")[0].click();
said.right = document.querySelector(".corner.right").textContent;
document.body.append(Object.assign(document.createElement("pre"), { id: "said", textContent: JSON.stringify(said) }));
"""


def test_page_answers(report: Path) -> None:
    """Its controls, used by a script behind its own; the policy, which would not admit that, is left out."""
    text = report.read_text(encoding="utf-8")
    text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", text)
    report.write_text(text.replace("</body>", f"<script>{{{USE}}}</script></body>"), encoding="utf-8")
    elements, complaints = opened(report, "--dump-dom", "--window-size=1000,1600")
    assert complaints == []
    found = re.search(r'<pre id="said">(.*?)</pre>', elements)
    assert found is not None
    said = json.loads(found[1])
    assert ("anchor" in said) == bdrate.available()
    assert "3 pictures (of 3)" in said["without fake"] and said["curves"] == 1
    assert "2 pictures (of 3)" in said["ms-ssim"] and "for want of MS-SSIM: VTM" in said["ms-ssim"]
    assert "One picture: c.png" in said["one picture"] and "fake" in said["one picture"]
    assert said["tip"].split("\n")[:2] == ["jpeg", "q=10"] and "mean of 100 bytes" in said["tip"]
    assert said["slider"] == "30%" and said["right"] == "original"


def test_a_broken_page_is_heard(tmp_path: Path) -> None:
    """What the test above asks would tell."""
    path = tmp_path / "broken.html"
    path.write_text("<!doctype html><script>nothing.there()</script>", encoding="utf-8")
    assert len(opened(path, "--dump-dom")[1]) > 0


def test_page_fits_phones_and_paper(tmp_path: Path) -> None:
    """Nothing is wider than the page: browsers would shrink all of it on paper. 700 pixels are an A4 page's width."""
    encoder = "pillow-heif 1.8.1, libheif 1.23.6, x265 HEVC encoder (4.3+1-e9b8812)"
    codecs = [("bpg", encoder), ("bpg:chroma=420,program=some-program-with-a-name", encoder), ("jpeg", "Pillow 13.0.0")]
    rows = [r for name, by in codecs for r in curve(name, encoder=by)]
    results = sorted_rows(*rows, *({**r, "lpips_alex_v0.1": 0.5} for r in rows[:1]))
    found = groups(results)
    text = page.report(words.page(None, found, results, "psnr", ""), found, results)
    text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", text)
    measure = "const w = document.documentElement; document.title = w.scrollWidth + ' of ' + w.clientWidth;"
    text = text.replace("</body>", f"<script>{{{measure}}}</script></body>")
    path = tmp_path / "report.html"
    for medium, width in (("screen", 390), ("screen", 1200), ("print", 700)):
        shown = text if medium == "screen" else text.replace("@media print {", "@media screen {")
        path.write_text(shown, encoding="utf-8")
        elements, _ = opened(path, "--dump-dom", f"--window-size={width},1000")
        widths = re.search(r"<title>(\d+) of (\d+)</title>", elements)
        assert widths is not None and int(widths[1]) <= int(widths[2]), f"{medium}: {widths and widths[0]}"
        if medium == "print":
            assert int(widths[2]) == width
