"""What every page of a report has: one HTML file that opens from disk, and loads nothing from elsewhere.

Its Content-Security-Policy admits its own style and script by their SHA-256, and pictures from ``data:`` URLs.
"""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Sequence
from importlib import resources
from string import Template

from sccodec import __version__


def page(title: str, lead: str, body: str, footer: str, end: str = "", script: str = "") -> str:
    """The page. title, lead: texts; body, footer: HTML; end: HTML behind everything; script: runs last, or ""."""
    style = asset("page.css")
    scripts = f"; script-src '{digest(script)}'" if script else ""
    return Template(asset("page.html")).substitute(
        policy=f"default-src 'none'; img-src data:; style-src '{digest(style)}'{scripts}; "
        "base-uri 'none'; form-action 'none'",
        generator=f"sccodec {__version__}",
        title=html.escape(title),
        lead=html.escape(lead),
        footer=footer,
        style=style,
        body=body,
        end=f"{end}\n<script>{script}</script>" if script else end,
    )


def asset(name: str) -> str:
    return (resources.files("sccodec.report") / "assets" / name).read_text(encoding="utf-8")


def digest(text: str) -> str:
    """A source expression of a Content-Security-Policy."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")


def damaged(names: Sequence[str]) -> str:
    """Lines that were skipped, by their names."""
    if not names:
        return ""
    said = f"{len(names):,} damaged line{'s' * (len(names) > 1)} skipped"
    return f"<details><summary>{said}</summary>{table(['line'], [[name] for name in names])}</details>"


def table(
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    numbers: Sequence[int] | None = None,
    wraps: Sequence[int] = (),
) -> str:
    """A table. numbers: columns that hold no texts, all but the first where none are named; wraps: long texts."""

    def mark(i: int) -> str:
        if i == 0 or numbers is None or i in numbers:
            return ""
        return ' class="text wrap"' if i in wraps else ' class="text"'

    titles = "".join(f"<th{mark(i)}>{html.escape(text)}</th>" for i, text in enumerate(head))
    body = "".join(
        "<tr>" + "".join(f"<td{mark(i)}>{html.escape(text)}</td>" for i, text in enumerate(row)) + "</tr>"
        for row in rows
    )
    return f'<div class="scroll"><table><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table></div>'
