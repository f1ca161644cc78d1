"""A paper as slides: a finding a slide with its chart, what drives it beside, and the rest in the notes."""

from __future__ import annotations

import io
from typing import Any

from api.charts import png
from api.papers.model import BoardPaper, PaperTable, Section

_ROWS = 14
"""Rows of a table that a slide carries; the paper has all."""


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
    _words(book, "Decisions sought from the board", paper.decisions, paper.tag, numbered=True)
    for section in paper.sections:
        if section.figure is not None:
            _chart(book, section, paper.tag)
        elif section.tables and not section.points:
            _table(book, section.finding, section.tables[0], section, paper.tag)
        else:
            lacks = (f"This run lacks {section.lacks}.",) if section.lacks else ()
            _words(book, section.finding, (*section.paragraphs, *lacks, *section.points)[:9], paper.tag)
    held = io.BytesIO()
    book.save(held)
    return held.getvalue()


def _titled(book: Any, title: str, tag: str) -> Any:  # noqa: ANN401  # the library has no types
    from pptx.dml.color import RGBColor
    from pptx.util import Inches, Pt

    slide = book.slides.add_slide(book.slide_layouts[5])
    shape = slide.shapes.title
    shape.left, shape.top, shape.width, shape.height = Inches(0.6), Inches(0.35), Inches(12.1), Inches(1.25)
    frame = shape.text_frame
    frame.word_wrap = True
    frame.text = title
    for run in frame.paragraphs[0].runs:
        run.font.size, run.font.bold = Pt(24 if len(title) < 150 else 18), True
        run.font.color.rgb = RGBColor.from_string("003087")  # type: ignore[no-untyped-call]
        run.font.name = "Arial"
    foot = slide.shapes.add_textbox(Inches(0.6), Inches(7.0), Inches(12), Inches(0.35))
    foot.text_frame.text = tag
    foot.text_frame.paragraphs[0].runs[0].font.size = Pt(11)
    return slide


def _words(book: Any, title: str, lines: tuple[str, ...], tag: str, *, numbered: bool = False) -> None:  # noqa: ANN401
    from pptx.util import Inches, Pt

    slide = _titled(book, title, tag)
    box = slide.shapes.add_textbox(Inches(0.6), Inches(1.7), Inches(12.1), Inches(5.2)).text_frame
    box.word_wrap = True
    for number, line in enumerate(lines):
        paragraph = box.paragraphs[0] if number == 0 else box.add_paragraph()
        run = paragraph.add_run()
        run.text = f"{number + 1}. {line}" if numbered else line
        run.font.size, run.font.name, paragraph.space_after = (
            Pt(16 if sum(map(len, lines)) < 1400 else 13),
            "Arial",
            Pt(8),
        )


def _chart(book: Any, section: Section, tag: str) -> None:  # noqa: ANN401
    from pptx.util import Inches, Pt

    assert section.figure is not None  # the caller asks for sections that have one
    slide = _titled(book, section.finding, tag)
    drawn = slide.shapes.add_picture(io.BytesIO(png(section.figure)), Inches(0.6), Inches(1.7))
    scale = min(Inches(8.2) / drawn.width, Inches(5.2) / drawn.height)
    drawn.width, drawn.height = int(drawn.width * scale), int(drawn.height * scale)
    drawn._element._nvXxPr.cNvPr.set("descr", section.figure.alt)
    drawn.name = section.figure.title
    box = slide.shapes.add_textbox(Inches(9.0), Inches(1.7), Inches(3.8), Inches(5.2)).text_frame
    box.word_wrap = True
    lines = (section.asked, *section.paragraphs, *((f"This run lacks {section.lacks}.",) if section.lacks else ()))
    long = sum(map(len, lines)) > 600
    for number, line in enumerate(lines):
        paragraph = box.paragraphs[0] if number == 0 else box.add_paragraph()
        run = paragraph.add_run()
        run.text, run.font.size, run.font.name = line, Pt(10.5 if long else 14), "Arial"
        run.font.bold, paragraph.space_after = number == 0, Pt(6)
    notes = [section.figure.alt, section.figure.source, *section.figure.notes]
    notes += [line for table in section.tables for line in _said(table)]
    slide.notes_slide.notes_text_frame.text = "\n".join(notes)


def _table(book: Any, title: str, table: PaperTable, section: Section, tag: str) -> None:  # noqa: ANN401
    from pptx.enum.text import PP_ALIGN
    from pptx.util import Inches, Pt

    slide = _titled(book, title, tag)
    rows = table.rows
    if len(rows) > _ROWS:  # the last row is the sum
        left = (f"{len(rows) - _ROWS} more rows in the paper", *[""] * (len(table.heads) - 1))
        rows = (*rows[: _ROWS - 2], left, rows[-1])
    shape = slide.shapes.add_table(
        len(rows) + 1, len(table.heads), Inches(0.6), Inches(1.75), Inches(12.1), Inches(0.3 * (len(rows) + 1))
    )
    shape.name = table.caption
    shape._element._nvXxPr.cNvPr.set("descr", table.caption)
    for y, row in enumerate((table.heads, *rows)):
        for x, cell in enumerate(row):
            frame = shape.table.cell(y, x).text_frame
            frame.text = cell
            for paragraph in frame.paragraphs:
                paragraph.alignment = PP_ALIGN.LEFT if x < table.words else PP_ALIGN.RIGHT
                for run in paragraph.runs:
                    run.font.size, run.font.name = Pt(10.5), "Arial"
    slide.notes_slide.notes_text_frame.text = "\n".join(
        [*section.paragraphs, *(line for each in section.tables for line in _said(each))]
    )


def _said(table: PaperTable) -> list[str]:
    return [
        table.caption,
        *("; ".join(f"{head}: {cell}" for head, cell in zip(table.heads, row, strict=True)) for row in table.rows),
    ]
