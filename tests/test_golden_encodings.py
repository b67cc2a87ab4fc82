"""Encoders write what they wrote: of the shipped and the tiny models, sizes within 2 %, and the details of `info`.

Golden files pin decoding; this is the other half. See tests/golden/make_encodings.py, which records it.
"""

from __future__ import annotations

import json

import pytest

from tests.golden import make_encodings
from tests.golden.make_encodings import GOLDEN, MODELS, NAMES, QUALITIES, RECORDED

AGAIN = "where that is meant: python -m tests.golden.make_encodings"
recorded = json.loads(RECORDED.read_text(encoding="utf-8"))
models = {model.path.stem: model for folder in (MODELS, GOLDEN) for model in make_encodings.of_codecs(folder)}


def close(found: float, wanted: float, least: float) -> bool:
    """Within 2 %, or so many bytes: floats of another machine may move a value by a step."""
    return abs(found - wanted) <= max(0.02 * wanted, least)


def test_every_model_is_recorded() -> None:
    assert recorded["models"].keys() == models.keys(), AGAIN
    qualities = ["default" if q is None else f"{q:g}" for q in QUALITIES]
    for stem, pictures in recorded["models"].items():
        assert list(pictures) == list(NAMES if models[stem].path.parent == MODELS else NAMES[1:]), stem
        assert all(list(by_quality) == qualities for by_quality in pictures.values()), stem


@pytest.mark.parametrize(
    ("stem", "name"), [(stem, name) for stem, names in recorded["models"].items() for name in names]
)
def test_encodings_are_what_they_were(stem: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = models[stem]
    monkeypatch.setenv("SCCODEC_MODELS", str(GOLDEN))
    wanted = recorded["models"][stem][name]
    found = make_encodings.encoded(model.codec, model.variant, name)
    assert found.keys() == wanted.keys()
    for quality, file in found.items():
        where = f"{stem}, {name} at {quality}: {file}; {AGAIN}"
        was = wanted[quality]
        assert file["details"] == was["details"], where
        assert close(file["bytes"], was["bytes"], 1), where
        assert file["sections"].keys() == was["sections"].keys(), where
        for section, n_bytes in file["sections"].items():
            assert close(n_bytes, was["sections"][section], 1), (section, where)


@pytest.mark.parametrize("name", NAMES)
def test_the_picture_chooses_the_variant_that_it_chose(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SCCODEC_MODELS", raising=False)
    assert make_encodings.chosen(name) == recorded["chosen"][name]


def test_a_change_of_size_would_be_seen() -> None:
    assert close(1000, 1019, 1) and not close(1000, 1025, 1)
    assert close(3.0, 3.9, 1) and not close(1.8, 3.0, 1)
