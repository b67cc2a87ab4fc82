"""Textures of one file in another: the library function and the command."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import sccodec
from sccodec import api, bundle, container
from sccodec.cli import main
from sccodec.codecs.conceptual import portrait
from sccodec.codecs.conceptual.codec import model_of
from sccodec.errors import BadInput, BadStream, Corrupt
from tests.decode_golden import GOLDEN
from tests.test_conceptual_faces import picture

SPEC = "conceptual:tiny"


@pytest.fixture(autouse=True)
def toy_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCCODEC_MODELS", str(GOLDEN))


@pytest.fixture
def two() -> tuple[bytes, bytes]:
    """Two files of other pictures and qualities."""
    return sccodec.encode(picture(64, 64, seed=1), SPEC, 80), sccodec.encode(picture(50, 90, seed=4), SPEC, 30)


def textures(data: bytes) -> dict[int, np.ndarray]:
    file = container.parse(data)
    return {n: each.t for n, each in model_of(bundle.find(file.tag)).read(file).textures.items()}


def test_one_texture_is_the_other_files_and_the_rest_stays(two: tuple[bytes, bytes]) -> None:
    mine, theirs = textures(two[0]), textures(two[1])
    label = next(n for n in mine if n in theirs and n != 1)  # 1 is what others are predicted from
    edited = sccodec.edit(*two, [label])
    assert edited != two[0]
    got = textures(edited)
    step = 0.5 * 1.11 ** (-0.2 * 30)
    assert np.abs(got[label] - theirs[label]).max() <= step + 2 / 16 < np.abs(mine[label] - theirs[label]).max()
    for n in mine.keys() - {label}:
        assert np.abs(got[n] - mine[n]).max() <= step + 2 / 16
    assert np.array_equal(api.labels(edited), api.labels(two[0]))
    before, after = sccodec.info(two[0]), sccodec.info(edited)
    assert (before.width, before.height, before.tag) == (after.width, after.height, after.tag)
    assert sccodec.decode(edited).shape == (64, 64, 3)


def test_a_files_own_textures_change_nothing(two: tuple[bytes, bytes]) -> None:
    labels = sccodec.info(two[0]).details["labels_present"]
    assert sccodec.edit(two[0], two[0], labels) == two[0]


def test_labels_may_differ_between_the_files(two: tuple[bytes, bytes]) -> None:
    here = sorted(textures(two[0]))
    there = max(textures(two[1]))
    one = sccodec.edit(*two, [here[0]], [there])
    assert sccodec.edit(*two, [str(here[0])], [str(there)]) == one
    both = sccodec.edit(*two, here[:2], [there])
    assert sccodec.edit(*two, here[:2], [there, there]) == both != one


def test_names_are_those_of_the_19_classes(monkeypatch: pytest.MonkeyPatch, two: tuple[bytes, bytes]) -> None:
    assert len(portrait.LABELS) == 19 and len(set(portrait.LABELS)) == 19
    label = max(textures(two[0]).keys() & textures(two[1]).keys())
    expected = sccodec.edit(*two, [label])
    monkeypatch.setattr(portrait, "LABELS", ("background", "skin", "left_eye", "hair", "cloth"))
    assert sccodec.edit(*two, [portrait.LABELS[label].replace("_", "-")]) == expected
    assert sccodec.info(two[0]).details["labels_named"][0] in portrait.LABELS
    with pytest.raises(BadInput, match="no label is named 'beard'; labels are background, skin, left_eye, hair, cloth"):
        sccodec.edit(*two, ["beard"])


def test_what_cannot_be_edited_is_refused(two: tuple[bytes, bytes]) -> None:
    with pytest.raises(BadInput, match="the file has no region 200; it has: "):
        sccodec.edit(*two, [200], [sorted(textures(two[1]))[0]])
    with pytest.raises(BadInput, match="the file that textures come from has no region 200"):
        sccodec.edit(*two, [sorted(textures(two[0]))[0]], [200])
    with pytest.raises(BadInput, match="no label is named 'hair'; labels of this model are numbers"):
        sccodec.edit(*two, ["hair"])
    with pytest.raises(BadInput, match="twice"):
        sccodec.edit(two[0], two[0], [sorted(textures(two[0]))[0]] * 2)
    with pytest.raises(BadInput, match="as many others"):
        sccodec.edit(*two, [1], [1, 2])
    with pytest.raises(BadInput, match="as many others"):
        sccodec.edit(*two, [])
    for other in (sccodec.encode(picture(64, 64), "hyperprior"), sccodec.encode(picture(64, 64), "jpeg")):
        for pair in ((two[0], other), (other, two[0])):
            with pytest.raises(BadInput, match=r"a file of the (hyperprior|jpeg) codec holds no textures of regions"):
                sccodec.edit(*pair, [1])
    file = container.parse(two[1])
    damaged = container.serialise(container.Container(file.tag, 50, 90, file.params, file.payload[:-2] + b"ab"))
    with pytest.raises(BadStream, match=r"^the file that textures come from: "):
        sccodec.edit(two[0], damaged, [1])
    with pytest.raises(Corrupt):
        sccodec.edit(two[0][:9] + b"\0" + two[0][10:], two[1], [1])


def shell(capfd: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    capfd.readouterr()
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert isinstance(stopped.value.code, int)
    return (stopped.value.code, *capfd.readouterr())


def test_the_command(
    two: tuple[bytes, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, data in zip("ab", two, strict=True):
        Path(f"{name}.scc").write_bytes(data)
    label = str(next(n for n in textures(two[0]) if n in textures(two[1])))
    words = ("edit", "a.scc", "--texture-from", "b.scc", "--label", label)
    code, out, err = shell(capfd, *words)
    edited = sccodec.edit(*two, [label])
    assert (code, err) == (0, "") and Path("a.edited.scc").read_bytes() == edited
    assert out == f"a.scc -> a.edited.scc: {len(edited)} bytes, {len(two[0])} before\n"
    code, out, err = shell(capfd, *words)
    assert (code, out) == (1, "") and "--force" in err and err.count("\n") == 1
    assert shell(capfd, *words, "--force")[0] == 0
    for target in ("a.scc", "b.scc"):
        code, _, err = shell(capfd, *words, "-o", target, "--force")
        assert code == 1 and "is an input" in err and err.count("\n") == 1
    assert [Path(f"{n}.scc").read_bytes() for n in "ab"] == list(two)
    for wrong in (["-o", "c.scc", "--label", "beard"], ["-o", "c.scc", "--label", "200"]):
        code, out, err = shell(capfd, *words[:4], *wrong)
        assert (code, out) == (1, "") and err.startswith("sccodec: error: a.scc: ") and err.count("\n") == 1
    Path("text.scc").write_text("no file of ours")
    code, _, err = shell(capfd, "edit", "a.scc", "--texture-from", "text.scc", "--label", label, "-o", "c.scc")
    assert code == 1 and "text.scc: not a .scc file" in err and err.count("\n") == 1
    code, _, err = shell(capfd, "edit", "a.scc", "--texture-from", "none.scc", "--label", label, "-o", "c.scc")
    assert code == 1 and "none.scc: No such file" in err and err.count("\n") == 1
    assert not Path("c.scc").exists()
    assert shell(capfd, *words, "--label-from", "1", "--label-from", "2")[0] == 2
    assert shell(capfd, "edit", "-", "--texture-from", "-", "--label", label, "-o", "c.scc")[0] == 2
