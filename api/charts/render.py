"""A figure drawn: as SVG that stands by itself for screen readers, and as PNG; drawings are kept by content."""

from __future__ import annotations

import re
from collections import OrderedDict
from html import escape
from threading import Lock
from typing import Any, Protocol


class Drawable(Protocol):
    """What can be drawn: a `Figure`, or anything with its words and its two documents."""

    @property
    def name(self) -> str:
        """Name of the chart."""

    @property
    def title(self) -> str:
        """What it finds."""

    @property
    def alt(self) -> str:
        """What it shows, in words."""

    @property
    def spec(self) -> dict[str, Any]:
        """The picture for a page."""

    @property
    def narrow(self) -> dict[str, Any]:
        """The picture for a narrow screen."""

    @property
    def digest(self) -> str:
        """Checksum of the content."""


MOST_KEPT = 256
"""Drawings that are kept in memory, the latest used ones."""

_kept: OrderedDict[tuple[str, bool], str] = OrderedDict()
_lock = Lock()


def svg(figure: Drawable, *, narrow: bool = False) -> str:
    """The figure as an SVG document with a title and a description; it refers to nothing outside itself.

    Args:
        figure: what is drawn.
        narrow: for a screen as narrow as a phone's.
    """
    key = (figure.digest, narrow)
    with _lock:
        if key in _kept:
            _kept.move_to_end(key)
            return _kept[key]
    made = _drawn(figure, narrow)
    with _lock:
        _kept[key] = made
        while len(_kept) > MOST_KEPT:
            _kept.popitem(last=False)
    return made


def png(figure: Drawable, *, narrow: bool = False, scale: float = 2.0) -> bytes:
    """The figure as a PNG image, twice as fine as the screen unless said otherwise."""
    import vl_convert

    return bytes(vl_convert.svg_to_png(svg(figure, narrow=narrow), scale=scale))


def _drawn(figure: Drawable, narrow: bool) -> str:
    import vl_convert

    text = str(vl_convert.vegalite_to_svg(figure.narrow if narrow else figure.spec, vl_version="6.4"))
    own = f"c{figure.digest[:8]}{'n' if narrow else ''}"
    text = re.sub(r'id="(clip|gradient_)', rf'id="{own}\1', text)
    text = re.sub(r"url\(#(clip|gradient_)", rf"url(#{own}\1", text)
    head = re.match(r"<svg[^>]*>", text)
    if head is None:
        message = f"chart {figure.name}: the drawing does not begin with <svg"
        raise RuntimeError(message)
    sizes = dict(re.findall(r' (width|height|viewBox)="([^"]*)"', head.group()))
    opened = (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-labelledby="{own}t {own}d" '
        f'width="{sizes["width"]}" height="{sizes["height"]}" viewBox="{sizes["viewBox"]}">'
        f'<title id="{own}t">{escape(figure.title)}</title><desc id="{own}d">{escape(figure.alt)}</desc>'
    )
    return opened + text[head.end() :]
