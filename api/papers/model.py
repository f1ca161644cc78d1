"""What a paper says, before it is set on pages or slides: sections with a finding as their heading, words, a chart and a table."""

from __future__ import annotations

from dataclasses import dataclass

from api.charts import Figure


@dataclass(frozen=True)
class PaperTable:
    """A table of a paper."""

    caption: str
    """What it shows, with years and units."""
    heads: tuple[str, ...]
    """Headings of its columns; the first names the rows."""
    rows: tuple[tuple[str, ...], ...]
    """Cells as they are printed."""
    words: int = 1
    """How many of the first columns are words, set to the left; the others are figures, set to the right."""
    is_before_chart: bool = False
    """Whether it stands before its section's chart, which explains it."""
    is_on_slide: bool = False
    """Whether it has a slide of its own although a chart stands for its section."""


@dataclass(frozen=True)
class Section:
    """One matter of the paper."""

    asked: str
    """The question it answers, or what it is for."""
    finding: str
    """Its heading: the answer in a sentence made from the numbers."""
    paragraphs: tuple[str, ...] = ()
    """What drives the answer, a sentence or two each."""
    figure: Figure | None = None
    """Its main chart."""
    tables: tuple[PaperTable, ...] = ()
    """Its tables."""
    points: tuple[str, ...] = ()
    """A list, an item each."""
    lacks: str = ""
    """What the run lacks for it and how to make it; empty where nothing is lacking."""


@dataclass(frozen=True)
class BoardPaper:
    """A board paper."""

    title: str
    """What it is of."""
    purpose: str
    """What the board is asked to do with it, in one sentence."""
    run_id: str
    """The run that every figure of it comes from."""
    facts: tuple[tuple[str, str], ...]
    """What a secretary files it under: run, system, years, data, code; name and content."""
    decisions: tuple[str, ...]
    """What the board is asked to decide, an item each."""
    sections: tuple[Section, ...]
    """The matters, the money first and the method last."""

    @property
    def tag(self) -> str:
        """What stands under every figure and table: where its numbers come from."""
        return f"run {self.run_id}"

    @property
    def lacking(self) -> tuple[tuple[str, str], ...]:
        """Matters that the run lacks a stage for: what is asked, and what is lacking."""
        return tuple((section.asked, section.lacks) for section in self.sections if section.lacks)
