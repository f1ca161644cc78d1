"""The paper that a board takes away: one run as PDF/UA, HTML or slides, all from one model.

paper = board_paper(run, pack)              what it says: decisions, six answers, options, risks, assumptions, method
write_paper(paper, Path("paper.pdf"))       by the ending: .pdf, .html, .pptx, or .typ (what the PDF is set from)
"""

from __future__ import annotations

from api.papers.board_paper import board_paper
from api.papers.model import BoardPaper, PaperTable, Section
from api.papers.write import KINDS, paper_bytes, write_paper, write_papers

__all__ = ["KINDS", "BoardPaper", "PaperTable", "Section", "board_paper", "paper_bytes", "write_paper", "write_papers"]
