"""Bytes made small and back again: deflated, against earlier bytes of the same kind where they have much in common.

Tables of parquet keep each column in a piece of its own, so a table in which one column changed shares the other pieces with the
table before it. Deflate looks back 32 kB: larger bytes share less, and the same ones are kept once whatever their size.
"""

from __future__ import annotations

import zlib

_LEVEL = 9
_WINDOW = 1 << 15
_WORTH_IT = 0.8
"""By how much smaller a difference must be than the whole; else the whole is kept, and later bytes are compared with it."""


def deflated(content: bytes) -> bytes:
    """The bytes, made small by themselves."""
    return zlib.compress(content, _LEVEL)


def against(content: bytes, base: bytes, whole: bytes) -> bytes | None:
    """What the bytes differ in from `base`; None where that is hardly smaller than `whole`, the bytes deflated by themselves."""
    if len(content) > 2 * _WINDOW:
        return None
    packer = zlib.compressobj(_LEVEL, zdict=base)
    difference = packer.compress(content) + packer.flush()
    return difference if len(difference) < _WORTH_IT * len(whole) else None


def inflated(packed: bytes, base: bytes | None = None) -> bytes:
    """The bytes as they were.

    Raises:
        zlib.error: they are damaged, or were made small against another base.
    """
    opener = zlib.decompressobj() if base is None else zlib.decompressobj(zdict=base)
    return opener.decompress(packed) + opener.flush()
