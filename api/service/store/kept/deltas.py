"""Bytes made small and back again: deflated, against earlier bytes of the same kind where they have much in common.

Tables of parquet keep each column in a piece of its own, so a table in which one column changed shares the other pieces with the
table before it. Deflate looks back 32 kB: bytes that differ from longer ones are deflated piece by piece, each against the stretch of
the earlier bytes in which it stood; the same bytes are kept once whatever their size.
"""

from __future__ import annotations

import zlib

_LEVEL = 9
_WINDOW = 1 << 15
_PIECE = 1 << 13
_DICTIONARY = slice(2, 6)
"""Where deflated bytes say, by its checksum, what they were deflated against (RFC 1950)."""
_LONGEST = 4 * _WINDOW
"""Longer bytes are kept whole."""
_WORTH_IT = 0.8
"""By how much smaller a difference must be than the whole; else the whole is kept, and later bytes are compared with it."""


def deflated(content: bytes) -> bytes:
    """The bytes, made small by themselves."""
    return zlib.compress(content, _LEVEL)


def against(content: bytes, base: bytes, whole: bytes) -> bytes | None:
    """What the bytes differ in from `base`; None where that is hardly smaller than `whole`, the bytes deflated by themselves."""
    if len(content) > _LONGEST:
        return None
    if len(base) <= _WINDOW:
        difference = _deflated_after(content, base)
    else:
        pieces = range(0, len(content), _PIECE)
        difference = b"".join(_deflated_after(content[at : at + _PIECE], _stretch(base, at)) for at in pieces)
    return difference if len(difference) < _WORTH_IT * len(whole) else None


def inflated(packed: bytes, base: bytes | None = None) -> bytes:
    """The bytes as they were.

    Raises:
        zlib.error: they are damaged, or were made small against another base.
    """
    if base is None:
        return zlib.decompress(packed)
    if packed[_DICTIONARY] == zlib.adler32(base).to_bytes(4):
        opener = zlib.decompressobj(zdict=base)
        return opener.decompress(packed) + opener.flush()
    pieces = list[bytes]()
    while packed:
        opener = zlib.decompressobj(zdict=_stretch(base, len(pieces) * _PIECE))
        pieces.append(opener.decompress(packed) + opener.flush())
        if not opener.eof:
            message = "the last piece ends early"
            raise zlib.error(message)
        packed = opener.unused_data
    return b"".join(pieces)


def _stretch(base: bytes, at: int) -> bytes:
    """The part of the earlier bytes around a place: the piece itself, one before it and one after it, well within what deflate looks back."""
    end = min(at + 2 * _PIECE, len(base))
    return base[max(0, min(at, end) - _PIECE) : end]


def _deflated_after(content: bytes, base: bytes) -> bytes:
    packer = zlib.compressobj(_LEVEL, zdict=base)
    return packer.compress(content) + packer.flush()
