"""A matplotlib figure as SVG that can stand in a page beside others."""

from __future__ import annotations

import io
import re
from xml.etree import ElementTree

from matplotlib.figure import Figure

RC = {"svg.fonttype": "none", "svg.hashsalt": "spmvbench"}
"""Text stays text: it can be selected and searched, and half of the bytes are glyphs otherwise."""

WIDEST = 1.15
"""Pixels of the page to a point of the figure, at most: 11 points of text are 13 pixels."""

_NAMESPACE = re.compile(r"\{[^}]*\}")
_NUMBER = re.compile(r"-?\d+\.\d+")
_REFERENCE = re.compile(r"(url\(|^)#([\w.-]+)(?=\)|$)")
_FONT = re.compile(r"\s*font-family:[^;]*;?")
_NO_TURN = re.compile(r"rotate\(-?0 [^)]*\)")


def inline(figure: Figure, prefix: str, label: str) -> str:
    """An `<svg>` element. Its ids begin with `prefix`; `label` is read out in place of it.

    Its colours are those of matplotlib; `colors.variables` makes them follow the page.
    """
    file = io.StringIO()
    figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    root = ElementTree.fromstring(file.getvalue())
    # The style sheet of the page says the same, and metadata names addresses that nobody needs.
    for parent in list(root.iter()):
        for child in list(parent):
            if _NAMESPACE.sub("", child.tag) in ("metadata", "style"):
                parent.remove(child)
    _rename(root, prefix)
    for element in root.iter():
        _shorten(element)
    _flatten(root)
    size = root.attrib["viewBox"].split()
    width = WIDEST * float(size[2])
    root.attrib = {
        "viewBox": " ".join(size),
        "role": "img",
        "aria-label": label,
        "style": f"max-width: {width:.0f}px",
    }
    return ElementTree.tostring(root, encoding="unicode")


def _rename(root: ElementTree.Element, prefix: str) -> None:
    """Ids that are referred to get a name of this figure alone, the others go."""
    used = {
        found: ""
        for element in root.iter()
        for value in element.attrib.values()
        for _, found in _REFERENCE.findall(value)
    }
    for element in root.iter():
        name = element.attrib.pop("id", None)
        if name in used:
            used[name] = used[name] or f"{prefix}{sum(map(bool, used.values()))}"
            element.attrib["id"] = used[name]
    for element in root.iter():
        for key, value in element.attrib.items():
            element.attrib[key] = _REFERENCE.sub(lambda m: f"{m[1]}#{used[m[2]]}", value)


def _shorten(element: ElementTree.Element) -> None:
    """Names without their namespaces, coordinates to a hundredth, no space that nobody sees."""
    element.tag = _NAMESPACE.sub("", element.tag)
    attributes = {}
    for key, value in element.attrib.items():
        name = _NAMESPACE.sub("", key)
        if name in ("d", "x", "y", "transform"):
            value = " ".join(_NUMBER.sub(lambda m: f"{float(m[0]):.2f}", value).split())
        if name == "style":
            value = _FONT.sub("", value).replace(": ", ":").replace("; ", ";")
        if name == "transform" and not (value := _NO_TURN.sub("", value)):
            continue
        attributes[name] = value
    element.attrib = attributes
    if element.tag != "text":
        element.text = None
    element.tail = None


def _flatten(parent: ElementTree.Element) -> None:
    """Groups that say nothing are replaced by what they hold."""
    children: list[ElementTree.Element] = []
    for child in list(parent):
        _flatten(child)
        children += list(child) if child.tag == "g" and not child.attrib else [child]
    parent[:] = children
