"""What belongs to a codec is there: its function and version, tiny models and golden files, the cards of models."""

from __future__ import annotations

import importlib
import json
import re

import pytest

from sccodec import api, bundle
from sccodec.codec import Codec
from sccodec.labels import models as segmenters
from tests.cases import GOLDEN, PEERS, TESTS, is_learned, name_of, specs

MODELS, CODECS_PAGE = TESTS.parent / "models", TESTS.parent / "docs" / "codecs.md"
SEGMENTERS_PAGE = CODECS_PAGE.with_name("segment.md")
LEARNED = [name for name in api.names() if is_learned(name)]
SHIPPED = bundle.list_folder(MODELS)


@pytest.mark.parametrize("name", api.names())
def test_a_codec_says_what_it_is(name: str) -> None:
    found = importlib.import_module(f"sccodec.codecs.{name}").codec()
    assert isinstance(found, Codec) and found.name == name
    assert found.summary and "\n" not in found.summary and len(found.summary) < 110
    assert found.suffix.startswith(".") and (found.suffix == ".scc") != found.native
    assert sum((found.native, found.peer, is_learned(name))) == 1
    assert not found.peer or name in PEERS, "tests/cases.py names a model of it"


@pytest.mark.parametrize("name", api.names())
def test_the_contract_covers_a_codec(name: str) -> None:
    assert name in map(name_of, specs())


@pytest.mark.parametrize("name", LEARNED)
def test_a_codec_with_models_has_tiny_ones_and_golden_files(name: str) -> None:
    """Of every version of its bitstream up to the latest, and of every tiny model's version."""
    latest = importlib.import_module(f"sccodec.codecs.{name}").BITSTREAM
    tiny = [model for model in bundle.list_folder(GOLDEN) if model.codec == name]
    assert tiny, f"no tiny model of {name} in tests/golden: see make_golden.py"
    versions = {bundle.open_model(model).bitstream for model in tiny}
    assert latest in versions and versions <= {*range(1, latest + 1)}
    files = json.loads((GOLDEN / "golden.json").read_text(encoding="utf-8"))["files"]
    stated = {int(match[1]) for file in files if (match := re.fullmatch(rf"{name}-v(\d+)-\d+\.scc", file))}
    assert stated == {*range(1, latest + 1)}
    assert all((GOLDEN / file).is_file() for file in files)
    shipped = [model for model in SHIPPED if model.codec == name]
    assert {bundle.open_model(model).bitstream for model in shipped} <= versions


@pytest.mark.parametrize("model", SHIPPED, ids=lambda model: model.path.stem)
def test_a_shipped_model_has_its_card_and_is_named(model: bundle.Installed) -> None:
    """Its card says which file it is of; the page of codecs names its variant, that of segmenters those."""
    assert model.codec in (*LEARNED, segmenters.CODEC)
    card = model.path.with_suffix(".md").read_text(encoding="utf-8")
    assert card.startswith("#") and model.path.stem in card and re.search(r"licen[cs]e", card, re.IGNORECASE)
    if model.codec == segmenters.CODEC and SEGMENTERS_PAGE.is_file():
        assert re.search(rf"^\| `{model.variant}` \|", SEGMENTERS_PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    elif CODECS_PAGE.is_file():
        row = re.search(rf"^\| `{model.codec}` \|.*", CODECS_PAGE.read_text(encoding="utf-8"), re.MULTILINE)
        assert row and f"`{model.variant}`" in row[0]


def test_every_card_is_of_a_model() -> None:
    assert SHIPPED, "models/ is not beside the tests"
    assert {path.stem for path in MODELS.glob("*.md")} == {model.path.stem for model in SHIPPED}
