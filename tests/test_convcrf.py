"""The ConvCRF in torch, against a mean-field step over all pairs of positions, written out."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from sccodec.networks.convcrf import ConvCRF, Refinement, distances, local_sum, offsets  # noqa: E402
from sccodec.networks.seggan import SegDiscriminator, adversarial_loss, discriminator_loss  # noqa: E402

HEIGHT, WIDTH, CLASSES = 9, 8, 3


def random_crf(window: int = 5) -> ConvCRF:
    torch.manual_seed(3)
    crf = ConvCRF(CLASSES, window)
    with torch.no_grad():
        crf.position.copy_(torch.tensor([0.1, 0.6]).log())
        crf.colour.copy_(torch.tensor([9.0]).log())
        crf.weight.copy_(torch.tensor([0.7, 1.3]))
        crf.compatibility.copy_(torch.randn(CLASSES, CLASSES))
    return crf


def dense_step(u: np.ndarray, q: np.ndarray, guide: np.ndarray, crf: ConvCRF) -> np.ndarray:
    """u' of one picture, [classes, h, w]: every pair of positions is visited, and left out where it is too far."""
    place, appearance = crf.position.exp().tolist(), [*crf.colour.exp().tolist(), 0.0]
    weights, compatibility = crf.weight.tolist(), crf.compatibility.detach().numpy()
    result = u.copy()
    positions = [(y, x) for y in range(HEIGHT) for x in range(WIDTH)]
    for y, x in positions:
        message = np.zeros(CLASSES)
        for a, b, weight in zip(place, appearance, weights, strict=True):
            total, norm = np.zeros(CLASSES), 0.0
            for v, w in positions:
                if (v, w) == (y, x) or max(abs(v - y), abs(w - x)) > crf.window // 2:
                    continue
                far = (v - y) ** 2 + (w - x) ** 2
                unlike = float(((guide[:, y, x] - guide[:, v, w]) ** 2).sum())
                k = np.exp(-a * far - b * unlike)
                total += k * q[:, v, w]
                norm += k
            message += weight * total / norm
        result[:, y, x] += compatibility @ message
    return result


@pytest.mark.parametrize("window", [3, 5, 7])
def test_a_step_is_the_mean_field_step_over_all_pairs(window: int) -> None:
    crf = random_crf(window)
    u, guide = torch.randn(2, CLASSES, HEIGHT, WIDTH), torch.rand(2, 3, HEIGHT, WIDTH)
    q = u.softmax(1)
    found = crf(u, q, distances(guide, window)).detach().numpy()
    for i in range(2):
        expected = dense_step(*(t[i].double().numpy() for t in (u, q, guide)), crf)
        np.testing.assert_allclose(found[i], expected, rtol=1e-4, atol=1e-5)


def test_the_gradient_is_that_of_the_sum() -> None:
    q = torch.rand(2, CLASSES, 4, 5, dtype=torch.float64, requires_grad=True)
    weights = torch.rand(2, len(offsets(3)), 4, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda a, b: local_sum(a, b, 3), (q, weights))


def test_every_number_of_a_crf_learns() -> None:
    crf = random_crf()
    u = torch.randn(1, CLASSES, HEIGHT, WIDTH)
    crf(u, u.softmax(1), distances(torch.rand(1, 3, HEIGHT, WIDTH), 5)).square().sum().backward()
    for name, parameter in crf.named_parameters():
        assert parameter.grad is not None and bool((parameter.grad != 0).all()), name


def test_a_map_smaller_than_the_window() -> None:
    crf = ConvCRF(2, 7)
    u = torch.randn(1, 2, 1, 2)
    found = crf(u, u.softmax(1), distances(torch.full((1, 3, 1, 2), 0.5)))
    # The only neighbour of each has all the weight, in both kernels.
    torch.testing.assert_close(found, u + 2 * u.softmax(1).flip(3))
    alone = torch.randn(1, 2, 1, 1)
    torch.testing.assert_close(crf(alone, alone.softmax(1), distances(torch.rand(1, 3, 1, 1))), alone)


def test_refinement_mends_a_speck_within_an_even_region_and_keeps_an_edge_of_the_picture() -> None:
    guide = torch.zeros(1, 3, 16, 16)
    guide[..., 8:] = 1.0
    logits = torch.zeros(1, 2, 16, 16)
    logits[:, 0, :, :8], logits[:, 1, :, 8:] = 1.0, 1.0
    truth = logits.argmax(1)
    logits[0, :, 5, 4] = torch.tensor([0.0, 1.0])
    assert torch.equal(Refinement(2)(logits, guide).argmax(1), truth)


def test_the_discriminator_judges_regions_and_learns_to_tell_maps() -> None:
    torch.manual_seed(0)
    judge = SegDiscriminator(4)
    picture = torch.rand(2, 3, 33, 20)
    found = torch.rand(2, 4, 33, 20).softmax(1).requires_grad_()
    true = torch.nn.functional.one_hot(torch.randint(0, 4, (2, 33, 20)), 4).permute(0, 3, 1, 2).float()
    assert judge(found, picture).shape == (2, 1, 2, 1)
    optimiser = torch.optim.Adam(judge.parameters(), 1e-3)
    first = discriminator_loss(judge(true, picture), judge(found.detach(), picture)).item()
    for _ in range(6):
        loss = discriminator_loss(judge(true, picture), judge(found.detach(), picture))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss.item() < 0.8 * first
    adversarial_loss(judge(found, picture)).backward()
    assert found.grad is not None and bool((found.grad != 0).any())


def test_losses_of_hand_worked_confidences() -> None:
    real, fake = torch.tensor([[[[2.0]]]]), torch.tensor([[[[-1.0]]]])
    probability = 1 / (1 + np.exp([-2.0, 1.0]))  # D of the true map, and of the found one
    expected = -np.log(probability[0]) - np.log(1 - probability[1])
    assert discriminator_loss(real, fake).item() == pytest.approx(expected, abs=1e-6)
    assert adversarial_loss(fake).item() == pytest.approx(-np.log(probability[1]), abs=1e-6)
