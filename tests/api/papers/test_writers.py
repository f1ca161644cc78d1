"""A paper as PDF, HTML and slides: every word of it is there, marked up so that everybody can read it."""

import io
import re

import polars as pl
import pypdf
import pytest
from pptx import Presentation

from api.charts import charts_of, of_frames
from api.papers import BoardPaper, PaperTable, Section, paper_bytes, write_paper
from api.papers.columns import widths
from api.workbooks.sources import source_in_words
from capitation.errors import SourceError

ODD = 'Costs of "A & B" <b>\\ #let $x$ *not bold* _no_ @here'


@pytest.fixture(scope="module")
def paper():
    frame = pl.DataFrame(
        [("2017/18", "S", "system", k, line, title, pence, total, "made up")
         for k, (line, title, pence, total) in enumerate(
             [("opening", "Opening", 20, False), ("derived_do_nothing", "Do nothing", 20, True), ("left", "What is left", 20, True)])],
        schema=["year", "organisation", "level", "step", "line", "title", "amount_pence", "is_total", "source"], orient="row",
    )  # fmt: skip
    figure = charts_of(of_frames({"bridge": frame}, "made up", "run abc")).figure("bridge")
    table = PaperTable("Money by place", ("Place", "£ million"), ((ODD, "1.5"), ("South", "-2.0")))
    return BoardPaper(
        "A made-up system", "The board is asked to decide.", "abc", (("Run", "abc"),), ("Agree this.", ODD),
        (
            Section("What is left?", "20p is left.", ("Why it is.",), figure, (table,)),
            Section("What of risk?", "Nothing is known of risk.", lacks="a simulation"),
            Section("How?", "Method", points=("A point.",)),
        ),
    )  # fmt: skip


@pytest.fixture(scope="module")
def document(paper):
    return pypdf.PdfReader(io.BytesIO(paper_bytes(paper, ".pdf")))


def parts(node, kind=None):
    """Elements of a structure tree, of one kind where it is given."""
    node = node.get_object() if hasattr(node, "get_object") else node
    if isinstance(node, pypdf.generic.ArrayObject):
        return [found for each in node for found in parts(each, kind)]
    if not isinstance(node, pypdf.generic.DictionaryObject):
        return []
    mine = [node] if node.get("/S") is not None and kind in (None, node["/S"]) else []
    return mine + (parts(node["/K"], kind) if "/K" in node else [])


def test_the_pdf_says_that_it_is_pdf_ua_and_keeps_its_rules(document, paper):
    root = document.trailer["/Root"]
    assert b"<pdfuaid:part>1</pdfuaid:part>" in root["/Metadata"].get_object().get_data()
    assert root["/MarkInfo"]["/Marked"] is True or root["/MarkInfo"]["/Marked"].value is True
    assert root["/Lang"] == "en-GB"
    assert root["/ViewerPreferences"]["/DisplayDocTitle"].value is True
    assert document.metadata.title == paper.title
    assert all(page["/Tabs"] == "/S" for page in document.pages)
    for page in document.pages:
        for font in page["/Resources"].get("/Font", {}).values():
            inner = font.get_object()["/DescendantFonts"][0].get_object()["/FontDescriptor"]
            assert {"/FontFile", "/FontFile2", "/FontFile3"} & set(inner), "a font is not in the file"


def test_the_pdf_is_tagged_with_headings_lists_tables_and_words_for_its_picture(document, paper):
    tree = document.trailer["/Root"]["/StructTreeRoot"]
    kinds = [each["/S"] for each in parts(tree["/K"])]
    assert kinds.count("/H1") == 1
    assert kinds.count("/H2") == 2 + len(paper.sections)
    assert {"/L", "/LI", "/Table", "/TR", "/TH", "/TD", "/Caption"} <= set(kinds)
    pictures = parts(tree["/K"], "/Figure")
    assert pictures
    assert all(each["/Alt"] == paper.sections[0].figure.alt for each in pictures)


def test_every_word_of_the_paper_stands_in_the_pdf(document, paper):
    words = re.sub(r"\s+", "", "".join(page.extract_text() for page in document.pages))
    for said in (
        *paper.decisions,
        "20p is left.",
        "Why it is.",
        "This run lacks a simulation.",
        "A point.",
        "Money by place (run abc)",
        "-2.0",
    ):
        assert re.sub(r"\s+", "", said) in words


def test_the_same_paper_is_the_same_file(paper):
    for kind in (".pdf", ".html", ".typ"):
        assert paper_bytes(paper, kind) == paper_bytes(paper, kind)


def test_the_page_escapes_its_words_and_asks_for_nothing_outside(paper):
    text = paper_bytes(paper, ".html").decode()
    assert "A &amp; B" in text
    assert "<b>" not in text
    assert text.count("<h1") == 1
    assert '<html lang="en-GB">' in text
    assert not re.findall(r'(?:src|href)="(?!#)[^"]*"', text)
    assert "This run lacks a simulation." in text


def test_slides_carry_the_findings_and_the_words_of_the_picture(paper):
    deck = Presentation(io.BytesIO(paper_bytes(paper, ".pptx")))
    titles = [slide.shapes.title.text_frame.text for slide in deck.slides]
    assert titles == [paper.title, "Decisions sought from the board", *(section.finding for section in paper.sections)]
    picture = next(shape for shape in deck.slides[2].shapes if shape.shape_type == 13)
    assert picture._element._nvXxPr.cNvPr.get("descr") == paper.sections[0].figure.alt
    assert "South" in deck.slides[2].notes_slide.notes_text_frame.text
    assert "This run lacks a simulation." in "".join(
        s.text_frame.text for s in deck.slides[3].shapes if s.has_text_frame
    )


def test_what_does_not_fit_a_slide_goes_on_with_the_next_and_nothing_is_lost():
    rows = tuple((f"Locality number {k} of a system with very long names of localities", f"{k}.0") for k in range(60))
    long = tuple(
        f"Sentence {k} of a matter that has much to say, since it is about everything at once." for k in range(40)
    )
    deck = Presentation(io.BytesIO(paper_bytes(BoardPaper(
        "Long", "To read.", "abc", (), ("Agree.",),
        (
            Section("What?", "A table.", tables=(PaperTable("All", ("Locality", "£ million"), rows),)),
            Section("Why?", "Run `capitation plan`.", long),
        ),
    ), ".pptx")))  # fmt: skip
    cells, said = [], ""
    for slide in deck.slides:
        for shape in slide.shapes:
            if shape.has_table:
                assert shape.top + sum(row.height for row in shape.table.rows) <= deck.slide_height * 0.94
                cells += [row.cells[0].text for row in list(shape.table.rows)[1:]]
            elif shape.has_text_frame:
                said += shape.text_frame.text
    assert cells == [row[0] for row in rows]
    assert all(each in said for each in long)
    titles = [slide.shapes.title.text_frame.text for slide in deck.slides]
    assert titles.count("A table (continued)") >= 1


def test_commands_are_set_apart_where_that_can_be_and_backticks_are_seen_nowhere():
    made = BoardPaper("T", "P.", "abc", (), ("Agree.",), (Section("Why?", "F.", ("Run `capitation plan` first.",)),))
    assert "<code>capitation plan</code> first." in paper_bytes(made, ".html").decode()
    deck = Presentation(io.BytesIO(paper_bytes(made, ".pptx")))
    for said in (
        "".join(s.text_frame.text for s in deck.slides[2].shapes if s.has_text_frame),
        "".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(paper_bytes(made, ".pdf"))).pages),
    ):
        assert "capitation plan first" in said.replace("\n", " ")
        assert "`" not in said


def test_figures_of_a_table_never_break_and_words_share_what_is_left():
    table = PaperTable("T", ("Name", "About it", "£ million"), (("A", "a long text " * 9, "-1,234,567.8"),), 2)
    name, about, figure = widths(table, 170, 1.72, 3)
    assert name + about + figure == pytest.approx(170)
    assert figure >= len("-1,234,567.8") * 1.72
    assert about > 4 * name


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("blmk-stp-2016: do_nothing, row Recurrent NHS deficit, column 2020/21", "published: Recurrent NHS deficit, 2020/21"),
        ("prices.drugs_inflation", "assumed rate: inflation of drugs"),
        ("prices.nothing_of_the_kind", "prices.nothing_of_the_kind"),
        ("the scenario's streams ccg, primary-medical", "funding streams of the scenario: commissioning groups, primary medical care"),
        ("the sum of the lines above", "the sum of the lines above"),
    ],
)  # fmt: skip
def test_sources_of_a_chain_are_said_without_the_names_of_files(pack, source, said):
    assert source_in_words(source, pack) == said


def test_an_ending_that_is_none_of_them_is_refused_before_anything_is_written(paper, tmp_path):
    with pytest.raises(SourceError, match=r"found the ending '.docx'; expected one of .pdf, .html, .pptx, .typ"):
        write_paper(paper, tmp_path / "paper.docx")
    assert not list(tmp_path.iterdir())


def test_the_charts_that_a_typst_paper_refers_to_stand_beside_it(paper, tmp_path):
    made = write_paper(paper, tmp_path / "paper.typ").read_text(encoding="utf-8")
    asked = set(re.findall(r'image\("([^"]+)"', made))
    assert asked
    assert asked == {path.name for path in tmp_path.glob("*.svg")}
    assert 'fit: "contain"' in made
