"""A paper as one HTML file that refers to nothing outside itself."""

from __future__ import annotations

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from api.charts import svg
from api.papers.model import BoardPaper
from api.papers.words import pieces


@cache
def _template() -> Template:
    made = Environment(
        loader=PackageLoader("api.papers"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["pieces"] = pieces
    return made.get_template("paper.html")


def html(paper: BoardPaper) -> str:
    """The paper as an HTML document with its charts in it."""
    pictures = {section.figure.name: svg(section.figure) for section in paper.sections if section.figure is not None}
    return _template().render(paper=paper, pictures=pictures)
