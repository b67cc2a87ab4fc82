"""Label maps chosen by rate: regions that do not pay go, others stay, and more strength leaves fewer."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sccodec.entropy.coder import Writer
from sccodec.errors import BadInput
from sccodec.labels import choice
from sccodec.labels.choice import cell_evidence, choose, connected, sample_bits, strength_of
from sccodec.labels.coding import LabelModel, code

CLASSES = 5


def evidence_of(labels: np.ndarray, bits: float) -> np.ndarray:
    """Log-probabilities that give each sample's class so many bits more than all others."""
    logits = np.where(np.arange(CLASSES)[:, None, None] == labels, bits * math.log(2), 0.0)
    return (logits - np.log(np.exp(logits).sum(0))).astype(np.float32)


def halves() -> np.ndarray:
    labels = np.zeros((16, 24), np.uint8)
    labels[:, 12:] = 1
    return labels


@pytest.fixture(scope="module")
def model() -> LabelModel:
    return LabelModel.random(CLASSES, np.random.default_rng(0))


def test_clear_maps_stay() -> None:
    labels = halves()
    labels[4:9, 3:9] = 3
    labels[10:15, 15:22] = 2
    np.testing.assert_array_equal(choose(evidence_of(labels, 12.0), None), labels)


def test_specks_join_what_surrounds_them() -> None:
    labels = halves()
    noisy = labels.copy()
    noisy[3, 4], noisy[8, 20], noisy[15, 0] = 1, 0, 2
    np.testing.assert_array_equal(choose(evidence_of(noisy, 3.0), None), labels)


def test_a_class_that_does_not_pay_for_its_texture_is_given_up() -> None:
    labels = halves()
    labels[:3, :8] = 4  # 24 samples of 3 bits, 11 edges
    evidence = evidence_of(labels, 3.0)
    assert 4 in choose(evidence, None, price=20.0)
    assert 4 not in choose(evidence, None, price=90.0)
    labels[13:, 1:9] = 4  # two such regions share one texture
    assert 4 in choose(evidence_of(labels, 3.0), None, price=90.0)
    assert 4 not in choose(evidence_of(labels, 3.0), None, price=180.0)


@pytest.mark.parametrize(("bits", "stays"), [(24.0, False), (30.5, True)])
def test_a_region_is_worth_its_edges_and_itself(bits: float, stays: bool) -> None:  # noqa: FBT001
    """4x4 samples have 16 edges of 1.2 bits, and a region takes 9: 28.2 bits of evidence pay for it."""
    labels = np.zeros((12, 16), np.uint8)
    labels[4:8, 6:10] = 3
    evidence = np.where(np.arange(CLASSES)[:, None, None] == labels, 0.0, -20.0 * math.log(2)).astype(np.float32)
    evidence[0][labels == 3] = -bits / 16 * math.log(2)
    assert (3 in choose(evidence, None, price=0.0)) == stays
    assert 3 not in choose(evidence, None, price=bits)
    assert (3 in choose(evidence, None, strength=28.2 / 24, price=0.0)) == (bits > 28.2**2 / 24)


def test_more_strength_leaves_fewer_regions() -> None:
    rng = np.random.default_rng(1)
    smooth = rng.normal(size=(CLASSES, 6, 8)).repeat(4, 1).repeat(4, 2) * 3 + rng.normal(size=(CLASSES, 24, 32))
    evidence = (smooth - np.log(np.exp(smooth).sum(0))).astype(np.float32)
    counts = [int(connected(choose(evidence, None, s).astype(np.intp)).max()) + 1 for s in (0.25, 1.0, 4.0, 1000.0)]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > counts[2] > counts[3] == 1


def test_strength_falls_with_quality() -> None:
    strengths = [strength_of(q) for q in (0, 10, 30, 50, 100)]
    assert strengths == sorted(strengths, reverse=True)
    assert strengths[0] == 1.0
    assert strengths[-2:] == [0.5, 0.5]


def test_the_label_model_has_the_last_word(model: LabelModel) -> None:
    rng = np.random.default_rng(2)
    for strength in (0.2, 1.0, 3.0):
        logits = rng.normal(size=(CLASSES, 5, 7)).repeat(3, 1).repeat(3, 2) * 4
        evidence = (logits - np.log(np.exp(logits).sum(0))).astype(np.float32)
        found = choose(evidence, model, strength)
        costs = {}
        for name, labels in {"found": found, "guessed": choose(evidence, None, strength)}.items():
            writer = Writer()
            code(writer, "labels", labels, labels.shape, model)
            given_up = evidence.max(0) - np.take_along_axis(evidence, labels[None].astype(int), 0)[0]
            price = choice.PRICE * np.unique(labels).size
            costs[name] = given_up.sum() / math.log(2) + strength * (writer.bits["labels"] + price)
        assert costs["found"] <= costs["guessed"] + 1e-3


def test_bits_of_samples_are_those_of_the_stream(model: LabelModel) -> None:
    labels = np.random.default_rng(3).integers(0, CLASSES, (9, 14)).astype(np.uint8)
    writer = Writer()
    code(writer, "labels", labels, labels.shape, model)
    bits = sample_bits(labels, model)
    assert bits.shape == labels.shape
    assert bits.sum() == pytest.approx(writer.bits["labels"], rel=1e-9)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (7, 1), (2, 2)])
def test_small_maps(shape: tuple[int, int], model: LabelModel) -> None:
    logits = np.random.default_rng(4).normal(size=(CLASSES, *shape)).astype(np.float32)
    for given in (None, model):
        labels = choose(logits, given)
        assert labels.shape == shape
        assert labels.dtype == np.uint8


def test_connected_regions() -> None:
    labels = np.array([[0, 0, 1, 0], [1, 0, 1, 0], [1, 0, 0, 0], [1, 1, 1, 2]], np.intp)
    index = connected(labels)
    assert int(index.max()) + 1 == 4
    assert index[0, 0] == index[0, 3]
    assert index[0, 2] != index[1, 0]


def test_evidence_of_cells_is_a_distribution() -> None:
    logits = np.random.default_rng(5).normal(size=(CLASSES, 8, 12)).astype(np.float32) * 5
    evidence = cell_evidence(logits)
    assert evidence.shape == (CLASSES, 2, 3)
    np.testing.assert_allclose(np.exp(evidence).sum(0), 1, rtol=1e-5)
    assert evidence[:, 0, 0].argmax() == logits[:, :4, :4].mean((1, 2)).argmax()


def test_evidence_that_cannot_be_used_is_refused(model: LabelModel) -> None:
    with pytest.raises(BadInput, match="whole cells"):
        cell_evidence(np.zeros((CLASSES, 6, 8), np.float32))
    for bad in (np.zeros((4, 4)), np.zeros((CLASSES, 0, 4)), np.full((CLASSES, 2, 2), np.nan)):
        with pytest.raises(BadInput, match="log-probabilities"):
            choose(bad.astype(np.float32), model)
