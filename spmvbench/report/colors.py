"""Colours of the figures as variables of the page, each with another value on a dark screen."""

from __future__ import annotations

import colorsys
import re
from collections.abc import Iterable

PAPER = 0.09
"""Lightness of the dark page; white becomes that."""

LEAST = 0.42
"""Lightness of a grey line or letter on it, at least."""

CONTRAST = 4.5
"""Of a colour against the dark page, at least: what WCAG asks of text."""

GREY, SURFACE = 0.05, 0.8
"""Saturation below which a colour is a grey; lightness above which a grey is no ink but paper."""

_COLOR = re.compile(r"#([0-9a-f]{6})\b")
_USED = re.compile(r"var\(--c([0-9a-f]{6})\)")


def variables(style: str) -> str:
    """A style with `var(--c0072b2)` in place of `#0072b2`."""
    return _COLOR.sub(r"var(--c\1)", style)


def palette(texts: Iterable[str]) -> str:
    """The style sheet that gives every variable of the texts its value, light and dark."""
    used = sorted({found for text in texts for found in _USED.findall(text)})
    light = "".join(f"--c{color}:#{color};" for color in used)
    dark = "".join(f"--c{color}:{on_dark(color)};" for color in used)
    return f":root{{{light}}}\n@media (prefers-color-scheme: dark){{:root{{{dark}}}}}"


def on_dark(color: str) -> str:
    """What `rrggbb` is on the dark page: greys turn round, hues stay and get light enough."""
    red, green, blue = (int(color[i : i + 2], 16) / 255 for i in (0, 2, 4))
    hue, light, saturation = colorsys.rgb_to_hls(red, green, blue)
    if saturation < GREY:
        turned = 1 - (1 - PAPER) * light
        return _hex(hue, turned if light > SURFACE else max(turned, LEAST), 0.0)
    while _contrast(hue, light, saturation) < CONTRAST:
        light += 0.01
    return _hex(hue, light, saturation)


def _contrast(hue: float, light: float, saturation: float) -> float:
    """Of a colour against the dark page, as WCAG defines it."""
    above = _luminance(colorsys.hls_to_rgb(hue, light, saturation))
    return (above + 0.05) / (_luminance((PAPER, PAPER, PAPER)) + 0.05)


def _luminance(rgb: tuple[float, float, float]) -> float:
    weights = (0.2126, 0.7152, 0.0722)
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb]
    return sum(weight * value for weight, value in zip(weights, linear, strict=True))


def _hex(hue: float, light: float, saturation: float) -> str:
    values = colorsys.hls_to_rgb(hue, light, saturation)
    return "#" + "".join(f"{round(255 * value):02x}" for value in values)
