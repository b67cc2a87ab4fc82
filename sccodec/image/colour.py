"""From what a file says about its colours to sRGB (IEC 61966-2-1): ICC profiles, and code points, primaries and curves.

    samples of 8 bits, profile      -> lcms inside Pillow      -> uint8
    samples of 9 to 16, profile     -> lcms inside imagecodecs -> uint16 -> uint8
    samples, primaries and transfer -> linear light -> BT.709's primaries -> tone map where HDR -> sRGB's curve -> uint8

Rounding to 8 bits comes last. Whether a profile is sRGB is found from what it does to colours, not from its name.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt

from sccodec.errors import BadInput
from sccodec.notices import Notice as Notice

if TYPE_CHECKING:
    from PIL.ImageCms import ImageCmsProfile

Samples = npt.NDArray[Any]
"""uint8, uint16 or float32."""
Floats = npt.NDArray[np.float32]
Picture = npt.NDArray[np.uint8]
Primaries = tuple[float, float, float, float, float, float, float, float]
"""x and y of red, green, blue and white."""

BT709: Primaries = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290)
PRIMARIES: Mapping[int, Primaries] = {
    1: BT709,
    4: (0.67, 0.33, 0.21, 0.71, 0.14, 0.08, 0.310, 0.316),
    5: (0.64, 0.33, 0.29, 0.60, 0.15, 0.06, 0.3127, 0.3290),
    6: (0.63, 0.34, 0.31, 0.595, 0.155, 0.07, 0.3127, 0.3290),
    7: (0.63, 0.34, 0.31, 0.595, 0.155, 0.07, 0.3127, 0.3290),
    8: (0.681, 0.319, 0.243, 0.692, 0.145, 0.049, 0.310, 0.316),
    9: (0.708, 0.292, 0.170, 0.797, 0.131, 0.046, 0.3127, 0.3290),
    11: (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, 0.314, 0.351),
    12: (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, 0.3127, 0.3290),
    22: (0.630, 0.340, 0.295, 0.605, 0.155, 0.077, 0.3127, 0.3290),
}
"""By the code points of ITU-T H.273."""
TRANSFERS: Mapping[int, str | float] = {
    **dict.fromkeys((1, 6, 11, 12, 13, 14, 15), "srgb"),
    4: 2.2,
    5: 2.8,
    8: 1.0,
    16: "pq",
    17: 2.6,
    18: "hlg",
}
"""Likewise: a curve's name, or the exponent by which samples become light. BT.709's camera curve stands for sRGB, as
viewers take it: what is meant is the display, and pictures that state it were seldom made by that curve."""
UNSPECIFIED = 2
SRGB_GAMMA = 0.45455
GAMMA_TOLERANCE = 0.05
"""A PNG's gAMA that is so near sRGB's, relatively, stands for sRGB."""
EXACT = 0x100
"""lcms's flag to evaluate profiles as they are. By itself it makes a coarse table of them, which is wrong by up to 15
of 255 at 16 bits, where colours leave sRGB's gamut, and by up to 10 for grey in linear light; a CMYK profile is a table
anyhow."""
REFERENCE_WHITE, HLG_PEAK, KNEE = 203.0, 1000.0, 0.75
"""cd/m2 of diffuse white in HDR (ITU-R BT.2408), and of HLG's peak; the part of sRGB's range that HDR keeps as is."""


@dataclass(frozen=True)
class Colour:
    """What a file says: a profile, or primaries and a transfer ("srgb", "pq", "hlg", an exponent). sRGB by default."""

    icc: bytes | None = None
    primaries: Primaries = BT709
    transfer: str | float = "srgb"

    @property
    def is_srgb(self) -> bool:
        return self.icc is None and self.transfer == "srgb" and near(self.primaries, BT709)


def near(one: Primaries, other: Primaries) -> bool:
    return max(abs(a - b) for a, b in zip(one, other, strict=True)) < 2e-3


def are_colours(primaries: Primaries) -> bool:
    """Whether primaries that a file states can be meant: within the diagram of x and y, and not on one line."""
    points = [(primaries[i], primaries[i + 1]) for i in range(0, 8, 2)]
    if not all(0 <= x <= 1 and 0 < y <= 1 and x + y < 1.0001 for x, y in points):
        return False
    (rx, ry), (gx, gy), (bx, by) = points[:3]
    return abs((gx - rx) * (by - ry) - (bx - rx) * (gy - ry)) > 1e-3


def of_code_points(primaries: int, transfer: int, notice: Notice) -> Colour:
    """The colours that code points of H.273 stand for; unspecified ones are sRGB's, and unknown ones, with a notice."""
    for number, known, name in ((primaries, PRIMARIES, "primaries"), (transfer, TRANSFERS, "transfer")):
        if number not in known and number != UNSPECIFIED:
            notice(f"the colours have {name} of an unknown kind ({number}): they are taken for sRGB's")
    return Colour(None, PRIMARIES.get(primaries, BT709), TRANSFERS.get(transfer, "srgb"))


def of_gamma(gamma: float | None, primaries: Primaries | None) -> Colour:
    """The colours of PNG's gAMA, the exponent by which light became samples, and cHRM."""
    transfer: str | float = "srgb"
    if gamma is not None and abs(gamma / SRGB_GAMMA - 1) > GAMMA_TOLERANCE:
        transfer = 1 / gamma
    return Colour(None, primaries or BT709, transfer)


class Converter:
    """Makes sRGB of the samples of one picture, strip by strip.

    model: "grey", "rgb", "cmyk" (0 is no ink) or "lab" (of 8 bits, as Pillow has it). white: the sample that is white.
    notice is told once of a profile that cannot be used, and of HDR.
    """

    def __init__(self, model: str, white: float, colour: Colour, notice: Notice) -> None:
        self._model, self._white, self._colour = model, white, colour
        self._profile: ImageCmsProfile | None = None
        if colour.icc is not None or model == "lab":
            self._profile = self._usable_profile(notice)
        if self._profile is None and colour.icc is not None:
            self._colour = Colour()
        if self._colour.transfer in ("pq", "hlg"):
            notice("the picture is of high dynamic range: highlights are compressed into sRGB's range")

    def _usable_profile(self, notice: Notice) -> ImageCmsProfile | None:
        """The profile opened, None where it is sRGB or cannot be used, which a notice says."""
        from PIL import ImageCms

        icc = self._colour.icc
        try:
            if icc is None:
                return ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
            profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
            space = profile.profile.xcolor_space.strip()
            if self._model == "grey" and space == "RGB":
                self._model = "grey as rgb"  # its tone curve still counts
            wanted = {"grey": "GRAY", "lab": "Lab", "cmyk": "CMYK"}.get(self._model, "RGB")
            if space != wanted:
                raise ImageCms.PyCMSError(f"a profile for {space}")
            if self._model != "cmyk" and self._model != "lab" and is_srgb(icc):
                return None
            self._by_lcms(np.zeros((1, 1, {"cmyk": 4, "grey": 1}.get(self._model, 3)), np.uint8), profile)
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            notice("the colour profile cannot be used: colours are taken as they are")
            return None
        return profile

    def convert(self, samples: Samples) -> Picture:
        """uint8 [h, w, 3] of samples [h, w, C] without alpha, C as the model has it."""
        if self._profile is not None:
            given = np.repeat(samples, 3, 2) if self._model == "grey as rgb" else samples
            if self._white == 255 and given.dtype == np.uint8:
                return self._by_lcms(given, self._profile)
            return self._by_lcms_of_16_bits(given)
        if self._model == "cmyk":
            rgb = (self._white - samples[:, :, :3].astype(np.float32)) * (
                (self._white - samples[:, :, 3:].astype(np.float32)) / self._white
            )
            return _rounded(rgb, self._white)
        colours = self._colour
        made = _rounded(samples, self._white) if colours.is_srgb else _encoded(self._light(samples))
        return made if made.shape[2] == 3 else np.repeat(made, 3, 2)

    def _light(self, samples: Samples) -> Floats:
        """Linear light of BT.709's primaries, in 0..1 but for what is out of its gamut."""
        white, transfer = self._white, self._colour.transfer
        if samples.dtype == np.float32:
            light = _linear((samples / np.float32(white)).astype(np.float32), transfer)
        else:
            light = _table(int(white), transfer)[np.minimum(samples, int(white))]
        if light.shape[2] == 3 and not near(self._colour.primaries, BT709):
            light = light @ _matrix(self._colour.primaries).T
        return _tone_mapped(light) if transfer in ("pq", "hlg") else light

    def _by_lcms(self, samples: Picture, profile: ImageCmsProfile) -> Picture:
        from PIL import Image

        mode = {"grey": "L", "cmyk": "CMYK", "lab": "LAB"}.get(self._model, "RGB")
        transform = _transform(profile, mode)
        if mode == "L":
            ramp = Image.fromarray(np.arange(256, dtype=np.uint8)[None])
            return cast(Picture, np.asarray(transform.apply(ramp))[0][samples[:, :, 0]])
        height, width = samples.shape[:2]
        stored = Image.frombytes(mode, (width, height), np.ascontiguousarray(samples).tobytes())
        return np.asarray(transform.apply(stored))

    def _by_lcms_of_16_bits(self, samples: Samples) -> Picture:
        import imagecodecs

        scale = np.float64(65535 / self._white)
        wide = np.floor(np.clip(samples * scale, 0, 65535) + 0.5).astype(np.uint16)
        space = {"grey": "gray", "cmyk": "cmyk"}.get(self._model, "rgb")
        try:
            made: npt.NDArray[np.uint16] = imagecodecs.cms_transform(
                np.ascontiguousarray(wide[:, :, 0] if space == "gray" else wide),
                self._colour.icc or b"",
                srgb_profile(),
                colorspace=space,
                outcolorspace="rgb",
                outdtype="u2",
                intent=0,
                flags=0 if space == "cmyk" else EXACT,
            )
        except Exception as error:  # imagecodecs has errors of its own for each library
            raise BadInput(f"the colour profile cannot be applied to samples of 16 bits: {error}") from None
        return _rounded(made, 65535)


def _transform(profile: ImageCmsProfile, mode: str) -> Any:
    from PIL import ImageCms

    flags = ImageCms.Flags(EXACT if mode == "L" else 0)
    return ImageCms.buildTransform(profile, _srgb(), mode, "RGB", ImageCms.Intent.PERCEPTUAL, flags)


@functools.lru_cache(maxsize=1)
def _srgb() -> ImageCmsProfile:
    from PIL import ImageCms

    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


@functools.lru_cache(maxsize=1)
def srgb_profile() -> bytes:
    """lcms's own profile of sRGB."""
    return _srgb().tobytes()


@functools.lru_cache(maxsize=16)
def is_srgb(icc: bytes) -> bool:
    """Whether a profile for RGB or for grey leaves colours as they are, within 1, on a grid and on the greys.

    Raises what lcms raises through Pillow.
    """
    from PIL import Image, ImageCms

    profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
    ramp = np.arange(256, dtype=np.uint8)
    if profile.profile.xcolor_space.strip() == "GRAY":
        given, mode = ramp[None], "L"
    else:
        steps = np.linspace(0, 255, 9).astype(np.uint8)
        grid = np.stack(np.meshgrid(steps, steps, steps), -1).reshape(1, -1, 3)
        given, mode = np.concatenate([np.repeat(ramp[None, :, None], 3, 2), grid], 1), "RGB"
    got = np.asarray(_transform(profile, mode).apply(Image.fromarray(given)))
    expected = given if mode == "RGB" else given[:, :, None]
    return bool(np.abs(got.astype(int) - expected).max() <= 1)


def _rounded(samples: npt.NDArray[Any], white: float) -> Picture:
    """Samples from 0 to white as uint8."""
    if samples.dtype == np.uint8 and white == 255:
        return cast(Picture, samples)
    if samples.dtype.kind == "u" and white <= 65535:
        table = np.floor(np.arange(int(white) + 1) * (255 / white) + 0.5).astype(np.uint8)
        return cast(Picture, table[np.minimum(samples, int(white))])
    return np.floor(np.clip(samples * (255 / white), 0, 255) + 0.5).astype(np.uint8)


@functools.lru_cache(maxsize=8)
def _table(white: int, transfer: str | float) -> Floats:
    """Linear light of every sample from 0 to white."""
    return _linear((np.arange(white + 1) / white).astype(np.float32), transfer)


def _linear(samples: Floats, transfer: str | float) -> Floats:
    """Light of samples from 0 to 1; of HDR, in units of its reference white."""
    values = np.clip(samples, 0, 1).astype(np.float64)
    if transfer == "srgb":
        light = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    elif transfer == "pq":  # SMPTE ST 2084
        m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
        power = values ** (1 / m2)
        light = (np.maximum(power - c1, 0) / (c2 - c3 * power)) ** (1 / m1) * (10000 / REFERENCE_WHITE)
    elif transfer == "hlg":  # ITU-R BT.2100, its system gamma applied to each channel
        a, b, c = 0.17883277, 0.28466892, 0.55991073
        scene = np.where(values <= 0.5, values**2 / 3, (np.exp((values - c) / a) + b) / 12)
        light = scene**1.2 * (HLG_PEAK / REFERENCE_WHITE)
    else:
        light = values ** float(transfer)
    return light.astype(np.float32)


def _tone_mapped(light: Floats) -> Floats:
    """Light in units of diffuse white into 0..1: unchanged up to KNEE, rolled off above it, colours keep their hue."""
    most = np.maximum(light.max(2, keepdims=True), np.float32(1e-6))
    above = most - np.float32(KNEE)
    rolled = KNEE + (1 - KNEE) * above / (above + np.float32(1 - KNEE))
    return cast(Floats, np.where(above > 0, light * (rolled / most), light))


@functools.lru_cache(maxsize=1)
def _srgb_table() -> Picture:
    """sRGB's samples of 8 bits for light in 2^16 steps."""
    light = np.arange(65536) / 65535
    return np.floor(np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055) * 255 + 0.5).astype(
        np.uint8
    )


def _encoded(light: Floats) -> Picture:
    """uint8 of linear light, clipped to 0..1."""
    return cast(Picture, _srgb_table()[np.floor(np.clip(light, 0, 1) * 65535 + 0.5).astype(np.uint16)])


@functools.lru_cache(maxsize=8)
def _matrix(primaries: Primaries) -> Floats:
    """From linear light of some primaries to that of BT.709's, white to white after Bradford; raises BadInput."""
    try:
        return (np.linalg.inv(_to_xyz(BT709)) @ _to_xyz(primaries)).astype(np.float32)
    except (np.linalg.LinAlgError, ZeroDivisionError):
        raise BadInput("the file's primaries are no colours") from None


def _to_xyz(primaries: Primaries) -> npt.NDArray[np.float64]:
    """From linear light to XYZ under D50, as ICC profiles have it."""
    points = np.array(primaries).reshape(4, 2)
    xyz = np.column_stack([points[:, 0], points[:, 1], 1 - points.sum(1)]).T / points[:, 1]
    colours, white = xyz[:, :3], xyz[:, 3]
    matrix = colours * np.linalg.solve(colours, white)
    cone = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
    ratio = (cone @ np.array([0.9642, 1.0, 0.8249])) / (cone @ white)
    found: npt.NDArray[np.float64] = np.linalg.inv(cone) @ np.diag(ratio) @ cone @ matrix
    return found
