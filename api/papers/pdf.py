"""A paper set by Typst: PDF/UA-1, tagged, with title, language, alternative texts and its own fonts; the same paper, the same bytes."""

from __future__ import annotations

import re
import tempfile
from importlib.resources import as_file, files
from pathlib import Path

from api.charts import svg
from api.papers.columns import widths
from api.papers.model import BoardPaper, PaperTable, Section
from api.papers.words import pieces

FONT = "Liberation Sans"

_WIDTH_MM = 170
"""Width of what is printed on a page."""
_CHARACTER_MM, _INSET_MM = 1.72, 3.0
"""Width of a character of a table's cells, and what a cell leaves at its sides."""
_TALLEST_MM = 128
"""Most that a picture takes of a page's height."""

_HEAD = """\
#set document(title: {title}, author: "Capitation", description: {purpose}, keywords: ("run {run}",), date: none)
#set text(font: "Liberation Sans", size: 11pt, lang: "en", region: "GB")
#set page(paper: "a4", margin: (x: 20mm, top: 18mm, bottom: 20mm), footer: context [
  #set text(size: 9pt, fill: rgb("#4c6272"))
  #{footer}
  #h(1fr)
  Page #counter(page).display("1 of 1", both: true)
])
#set par(leading: 0.62em, spacing: 0.9em)
#set heading(numbering: none)
#show heading.where(level: 1): set text(size: 20pt, fill: rgb("#003087"))
#show heading.where(level: 2): it => block(above: 1.4em, below: 0.8em, text(size: 14pt, fill: rgb("#003087"), it.body))
#show figure.caption: set text(size: 9.5pt)
#show figure.where(kind: table): set figure.caption(position: top)
#show figure.where(kind: table): set block(breakable: true)
#show figure.where(kind: table): it => {{ show figure.caption: c => block(sticky: true, width: 100%, above: 1em, below: 0.6em, align(left, strong(c))); it }}
#show raw: set text(font: "Liberation Sans", style: "normal", fill: rgb("#3d4d58"), size: 1.2em)
#set figure(numbering: none)
#set table(stroke: (x, y) => if y == 0 {{ (bottom: 0.8pt + rgb("#003087")) }} else {{ (bottom: 0.3pt + rgb("#aeb7bd")) }}, inset: (x: 4pt, y: 3.5pt))
#show table: set text(size: 9pt)
#set table.cell(breakable: false)
#show table.cell.where(y: 0): set text(weight: "bold")
"""
_ASKED = '#block(above: 0pt, below: 0.6em, text(size: 10pt, fill: rgb("#4c6272"), {asked}))'


def source(paper: BoardPaper) -> str:
    """The paper as a Typst document; its charts are files `chart-NAME.svg` beside it."""
    lines = [
        _HEAD.format(title=_text(paper.title), purpose=_text(paper.purpose), run=paper.run_id, footer=_text(paper.tag)),
        f"= #{_text(paper.title)}",
        f"#text(size: 13pt, {_text(paper.purpose)})",
        "#table(columns: (auto, 1fr), stroke: none, inset: (x: 0pt, y: 2.5pt), column-gutter: 12pt, "
        f"table.header([Filed under], []), {', '.join(f'[#strong({_text(name)})], [#{_text(said)}]' for name, said in paper.facts)})",
        '== #"Decisions sought from the board"',
        *(f"+ #{_text(each)}" for each in paper.decisions),
        '== #"The answers in brief"',
        *(f"- #strong({_text(section.asked)}) #{_text(section.finding)}" for section in paper.sections[:-1]),
    ]
    for number, section in enumerate(paper.sections, 1):
        lines += _section(number, section, paper)
    return "\n\n".join(lines) + "\n"


def pictures(paper: BoardPaper) -> dict[str, str]:
    """The charts that the Typst document refers to, as SVG by file name."""
    return {_picture(each): _own_fonts(svg(each.figure)) for each in paper.sections if each.figure is not None}


def pdf(paper: BoardPaper) -> bytes:
    """The paper as PDF/UA-1.

    Raises:
        ModuleNotFoundError: the library that sets it is not installed.
    """
    import typst

    with tempfile.TemporaryDirectory() as folder, as_file(files("api.papers") / "fonts") as fonts:
        main = Path(folder) / "paper.typ"
        main.write_text(source(paper), encoding="utf-8")
        for name, picture in pictures(paper).items():
            (Path(folder) / name).write_text(picture, encoding="utf-8")
        made = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(fonts)])
        return bytes(typst.compile(str(main), format="pdf", pdf_standards="ua-1", font_paths=made, timestamp=0))


def _section(number: int, section: Section, paper: BoardPaper) -> list[str]:
    lines = ["#pagebreak(weak: true)"] if number == 1 else []
    lines += [f"== #{_text(f'{number}. {section.finding}')}", _ASKED.format(asked=_text(section.asked))]
    lines += [_words(each) for each in section.paragraphs]
    if section.lacks:
        lines.append(_words(f"This run lacks {section.lacks}."))
    lines += [_table(table, paper) for table in section.tables if table.is_before_chart]
    if section.figure is not None:
        figure = section.figure
        notes = " ".join([*figure.notes, f"Chart from {paper.tag}."])
        lines.append(
            f'#figure(image("{_picture(section)}", width: 100%, height: {_height(section)}, fit: "contain", alt: {_text(figure.alt)}), kind: image, supplement: none, alt: {_text(figure.alt)}, '
            f"caption: [#{_text(notes)}])"
        )
    lines += [_table(table, paper) for table in section.tables if not table.is_before_chart]
    lines += [f"- {_words(point)}" for point in section.points]
    return lines


def _table(table: PaperTable, paper: BoardPaper) -> str:
    align = ", ".join("left" if k < table.words else "right" for k in range(len(table.heads)))
    wide = ", ".join(f"{each:.1f}mm" for each in widths(table, _WIDTH_MM, _CHARACTER_MM, _INSET_MM))
    heads = ", ".join(f"[#{_text(head)}]" for head in table.heads)
    rows = ",\n  ".join(", ".join(_cell(cell) for cell in row) for row in table.rows)
    return (
        f"#figure(kind: table, supplement: none, caption: [#{_text(f'{table.caption} ({paper.tag})')}], "
        f"table(columns: ({wide},), align: ({align},), table.header({heads}),\n  {rows}))"
    )


def _cell(words: str) -> str:
    """A cell; one figure stays on one line, its minus with it."""
    return f"[#{_text(words)}]" if " " in words or len(words) > 12 else f"[#box({_text(words)})]"


def _picture(section: Section) -> str:
    assert section.figure is not None  # the caller asks for sections that have one
    return f"chart-{section.figure.name}.svg"


def _height(section: Section) -> str:
    """Room for a picture: its own height at the width of the page, and at most what leaves room for words beside it."""
    assert section.figure is not None  # the caller asks for sections that have one
    found = re.search(r'width="([\d.]+)" height="([\d.]+)"', svg(section.figure))
    wide, high = (float(size) for size in found.groups()) if found else (1.0, 1.0)
    return f"{min(_WIDTH_MM * high / wide, _TALLEST_MM):.1f}mm"


def _own_fonts(picture: str) -> str:
    """A picture whose words are set in the paper's own font."""
    return re.sub(r'font-family="[^"]*"', f'font-family="{FONT}"', picture)


def _words(words: str) -> str:
    """Words as Typst content, with commands set apart."""
    return "".join(f"#raw({_text(piece)})" if is_code else f"#{_text(piece)}" for piece, is_code in pieces(words))


def _text(words: str) -> str:
    """Words as a Typst string: nothing in them is markup."""
    return '"' + words.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ") + '"'
