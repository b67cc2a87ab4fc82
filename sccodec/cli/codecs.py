"""`sccodec codecs`: what can be encoded with, here and now."""

from __future__ import annotations

import json

import click

from sccodec.cli import _batch, _streams
from sccodec.errors import CodecUnavailable


@click.command("codecs")
@click.option("--links", is_flag=True, help="List the links of `sccodec transmit` instead.")
@_batch.as_json
def command(links: bool, json_: bool) -> None:
    """List the codecs, and the models that are installed for each."""
    from sccodec import api, bundle
    from sccodec.transmit import link

    with _batch.failing_as_json([], collect_json=json_):
        installed = bundle.installed()
    rows = []
    for name in link.names() if links else api.names():
        try:
            found = link.load(name) if links else api.load(name)
            found.check_available()
            summary, available = found.summary, True
        except CodecUnavailable as error:
            summary, available = str(error), False
        models = [{"variant": m.variant, "tag": m.tag.hex()} for m in installed if m.codec == name]
        rows.append({"name": name, "summary": summary, "available": available, "models": models})
    if json_:
        _streams.say(json.dumps(rows, indent=2))
        return
    for row in rows:
        _streams.say(f"{row['name']}: {row['summary']}")
        for model in [m for m in installed if m.codec == row["name"]]:
            _streams.say(f"  {row['name']}:{model.variant}, model {model.tag.hex()}")
