"""A paper as slides: a finding a slide with its chart, what drives it beside, and the rest in the notes.

What does not fit a slide is set smaller, down to a size that a room still reads, and then goes on with the next slide.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import Any

from api.charts import png
from api.papers.columns import lines, widths
from api.papers.model import BoardPaper, PaperTable, Section
from api.papers.words import plain

_WIDE, _HIGH = 12.1, 5.3
"""Room for what a slide says below its heading, in inches."""
_LEFT, _TOP = 0.6, 1.6
_SIDE_LEFT, _SIDE_WIDE = 9.0, 3.8
"""Where words stand beside a chart, in inches."""
_CHART_WIDE = 8.2
_SIZES = (18.0, 16.0, 14.0, 13.0, 12.0)
"""Sizes of words in points, the largest that fits first."""
_SMALL = (11.0, 10.0)
"""Further sizes beside a chart."""
_IN_TABLES = (12.0, 11.0, 10.0)
_AFTER = 7
"""Points between two paragraphs."""
_CHARACTER = 0.53
"""Width of an average character, as a part of its size."""
_LINE = 1.22
"""Height of a line, as a part of its size."""
_INSET, _PAD = 0.14, 0.05
"""What a cell of a table leaves at its sides and above and below, both together, in inches."""


def slides(paper: BoardPaper) -> bytes:
    """The paper as a presentation, 16 by 9.

    Raises:
        ModuleNotFoundError: the library that writes it is not installed.
    """
    import datetime as dt

    from pptx import Presentation
    from pptx.util import Inches

    book = Presentation()
    book.slide_width, book.slide_height = Inches(13.333), Inches(7.5)
    about = book.core_properties
    about.title, about.author, about.language, about.keywords = paper.title, "Capitation", "en-GB", paper.tag
    about.created = about.modified = dt.datetime(2000, 1, 1, tzinfo=dt.UTC).replace(tzinfo=None)
    _words(book, paper.title, (paper.purpose, *(f"{name}: {said}" for name, said in paper.facts)), paper.tag)
    asked = tuple(f"{number}. {each}" for number, each in enumerate(paper.decisions, 1))
    _words(book, "Decisions sought from the board", asked, paper.tag)
    for section in paper.sections:
        if section.figure is not None:
            _chart(book, section, paper.tag)
            for table in section.tables:
                if table.is_on_slide:
                    _table(book, table.caption.partition(";")[0], table, (table.caption,), paper.tag)
        elif section.tables and not section.points:
            notes = [*map(plain, section.paragraphs), *_said_of(section)]
            _table(book, section.finding, section.tables[0], notes, paper.tag)
        else:
            said = (*section.paragraphs, *_lacks(section), *section.points)
            _words(book, section.finding, said, paper.tag, "\n".join(_said_of(section)))
    filled = io.BytesIO()
    book.save(filled)
    return filled.getvalue()


def _titled(book: Any, title: str, tag: str) -> Any:  # noqa: ANN401  # the library has no types
    from pptx.dml.color import RGBColor
    from pptx.enum.text import MSO_ANCHOR, PP_ALIGN
    from pptx.util import Inches, Pt

    slide = book.slides.add_slide(book.slide_layouts[5])
    shape = slide.shapes.title
    shape.left, shape.top, shape.width, shape.height = Inches(_LEFT), Inches(0.35), Inches(_WIDE), Inches(1.1)
    frame = shape.text_frame
    frame.word_wrap, frame.vertical_anchor = True, MSO_ANCHOR.MIDDLE
    frame.text = title
    frame.paragraphs[0].alignment = PP_ALIGN.LEFT
    for run in frame.paragraphs[0].runs:
        run.font.size, run.font.bold = Pt(24 if len(title) < 150 else 18), True
        run.font.color.rgb = RGBColor.from_string("003087")  # type: ignore[no-untyped-call]
        run.font.name = "Arial"
    for left, wide, said, side in (
        (_LEFT, 9, tag, PP_ALIGN.LEFT),
        (_LEFT + 9, _WIDE - 9, f"Slide {len(book.slides)}", PP_ALIGN.RIGHT),
    ):
        foot = slide.shapes.add_textbox(Inches(left), Inches(7.0), Inches(wide), Inches(0.35)).text_frame
        foot.word_wrap = True
        foot.text = said
        foot.paragraphs[0].alignment = side
        foot.paragraphs[0].runs[0].font.size, foot.paragraphs[0].runs[0].font.name = Pt(11), "Arial"
    return slide


def _words(book: Any, title: str, said: Sequence[str], tag: str, notes: str = "") -> None:  # noqa: ANN401
    """Slides of words only; the first has the notes."""
    size, parts = _parted(said, _WIDE, _HIGH, _SIZES)
    for number, part in enumerate(parts):
        slide = _titled(book, title if number == 0 else _continued(title), tag)
        _fill(slide, part, size, _LEFT, _WIDE)
        if notes and number == 0:
            slide.notes_slide.notes_text_frame.text = notes


def _chart(book: Any, section: Section, tag: str) -> None:  # noqa: ANN401
    from pptx.util import Inches

    assert section.figure is not None  # the caller asks for sections that have one
    slide = _titled(book, section.finding, tag)
    drawn = slide.shapes.add_picture(io.BytesIO(png(section.figure)), Inches(_LEFT), Inches(_TOP))
    scale = min(Inches(_CHART_WIDE) / drawn.width, Inches(_HIGH) / drawn.height)
    drawn.width, drawn.height = int(drawn.width * scale), int(drawn.height * scale)
    drawn._element._nvXxPr.cNvPr.set("descr", section.figure.alt)
    drawn.name = section.figure.title
    left = min(_SIDE_LEFT, _LEFT + drawn.width / Inches(1) + 0.3)
    wide = _LEFT + _WIDE - left
    size, parts = _parted(
        (section.asked, *section.paragraphs, *_lacks(section)),
        wide,
        _HIGH,
        tuple(s for s in (*_SIZES, *_SMALL) if s < 16),
    )
    _fill(slide, parts[0], size, left, wide, is_asked_first=True)
    notes = [section.figure.alt, section.figure.source, *section.figure.notes]
    slide.notes_slide.notes_text_frame.text = "\n".join([*notes, *_said_of(section)])
    rest = [each for part in parts[1:] for each in part]
    if rest:
        _words(book, _continued(section.finding), rest, tag)


def _table(book: Any, title: str, table: PaperTable, notes: Sequence[str], tag: str) -> None:  # noqa: ANN401
    """Slides of a table, with headings on each; the first has the notes."""
    from pptx.enum.text import PP_ALIGN
    from pptx.util import Inches, Pt

    size, wide, parts = _rows_parted(table)
    for number, rows in enumerate(parts):
        slide = _titled(book, title if number == 0 else _continued(title), tag)
        shape = slide.shapes.add_table(
            len(rows) + 1, len(table.heads), Inches(_LEFT), Inches(_TOP), Inches(_WIDE), Inches(0.1)
        )
        shape.name = table.caption
        shape._element._nvXxPr.cNvPr.set("descr", table.caption)
        for column, each in zip(shape.table.columns, wide, strict=True):
            column.width = Inches(each)
        for y, row in enumerate((table.heads, *rows)):
            shape.table.rows[y].height = Inches(_row_height(row, wide, size))
            for x, words in enumerate(row):
                cell = shape.table.cell(y, x)
                cell.margin_left = cell.margin_right = Inches(_INSET / 2)
                cell.margin_top = cell.margin_bottom = Inches(_PAD / 2)
                cell.text_frame.text = plain(words)
                for paragraph in cell.text_frame.paragraphs:
                    paragraph.alignment = PP_ALIGN.LEFT if x < table.words else PP_ALIGN.RIGHT
                    for run in paragraph.runs:
                        run.font.size, run.font.name = Pt(size), "Arial"
        if number == 0 and notes:
            slide.notes_slide.notes_text_frame.text = "\n".join(notes)


def _fill(
    slide: Any,  # noqa: ANN401
    said: Sequence[str],
    size: float,
    left: float,
    wide: float,
    *,
    is_asked_first: bool = False,
) -> None:
    from pptx.util import Inches, Pt

    box = slide.shapes.add_textbox(Inches(left), Inches(_TOP), Inches(wide), Inches(_HIGH)).text_frame
    box.word_wrap = True
    for number, line in enumerate(said):
        paragraph = box.paragraphs[0] if number == 0 else box.add_paragraph()
        run = paragraph.add_run()
        run.text, run.font.size, run.font.name = plain(line), Pt(size), "Arial"
        run.font.bold, paragraph.space_after = is_asked_first and number == 0, Pt(_AFTER)


def _parted(said: Sequence[str], wide: float, high: float, sizes: Sequence[float]) -> tuple[float, list[list[str]]]:
    """The largest size at which words fit, or the smallest with the words in as many parts as they need."""
    room = wide - 0.2  # a box of words leaves a tenth of an inch at either side
    for size in sizes:
        if sum(_height(each, room, size) for each in said) <= high:
            return size, [list(said)]
    parts: list[list[str]] = [[]]
    used = 0.0
    for each in said:
        tall = _height(each, room, sizes[-1])
        if parts[-1] and used + tall > high:
            parts.append([])
            used = 0.0
        parts[-1].append(each)
        used += tall
    return sizes[-1], parts


def _height(words: str, wide: float, size: float) -> float:
    """Inches that a paragraph takes."""
    return (lines(words, wide, size * _CHARACTER / 72) * size * _LINE + _AFTER) / 72


def _rows_parted(table: PaperTable) -> tuple[float, list[float], list[list[tuple[str, ...]]]]:
    """The largest size at which a table fits a slide, or the smallest with its rows in parts; with the widths of its columns."""
    for size in _IN_TABLES:
        wide = widths(table, _WIDE, size * _CHARACTER / 72, _INSET)
        if sum(_row_height(row, wide, size) for row in (table.heads, *table.rows)) <= _HIGH:
            return size, wide, [list(table.rows)]
    size = _IN_TABLES[1]
    wide = widths(table, _WIDE, size * _CHARACTER / 72, _INSET)
    tall = [_row_height(row, wide, size) for row in table.rows]
    room = _HIGH - _row_height(table.heads, wide, size)
    share = sum(tall) / math.ceil(sum(tall) / (0.9 * room))  # parts of like height
    parts: list[list[tuple[str, ...]]] = [[]]
    used = 0.0
    for row, each in zip(table.rows, tall, strict=True):
        if parts[-1] and (used >= share or used + each > room):
            parts.append([])
            used = 0.0
        parts[-1].append(row)
        used += each
    return size, wide, parts


def _row_height(row: Sequence[str], wide: Sequence[float], size: float) -> float:
    most = max(lines(words, each - _INSET, size * _CHARACTER / 72) for words, each in zip(row, wide, strict=True))
    return most * size * _LINE / 72 + _PAD


def _continued(title: str) -> str:
    return f"{title.rstrip('.').removesuffix(' (continued)')} (continued)"


def _lacks(section: Section) -> tuple[str, ...]:
    return (f"This run lacks {section.lacks}.",) if section.lacks else ()


def _said_of(section: Section) -> list[str]:
    """The tables of a section in words."""
    return [
        line
        for table in section.tables
        for line in (
            table.caption,
            *("; ".join(f"{head}: {cell}" for head, cell in zip(table.heads, row, strict=True)) for row in table.rows),
        )
    ]
