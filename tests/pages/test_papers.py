"""The paper and the workbook of a run leave by one click, for those who see all of it."""

import io

import openpyxl
import pypdf


def test_a_run_leaves_as_paper_page_slides_and_workbook(site):
    page = site.analyst.get(f"/runs/{site.run_id}").text
    for name, begins in (
        ("paper.pdf", b"%PDF-"),
        ("paper.html", b"<!doctype html>"),
        ("paper.pptx", b"PK"),
        ("workbook.xlsx", b"PK"),
    ):
        assert f'href="/runs/{site.run_id}/{name}"' in page
        answer = site.analyst.get(f"/runs/{site.run_id}/{name}")
        assert answer.status_code == 200, answer.text[:500]
        assert answer.content.startswith(begins)
        assert "attachment" in answer.headers["content-disposition"]
        if name == "paper.pdf":
            assert site.run_id in pypdf.PdfReader(io.BytesIO(answer.content)).pages[0].extract_text()
        if name == "workbook.xlsx":
            assert openpyxl.load_workbook(io.BytesIO(answer.content), read_only=True).sheetnames[0] == "Contents"
    full = site.analyst.get(f"/runs/{site.run_id}/workbook.xlsx?sheets=all")
    names = openpyxl.load_workbook(io.BytesIO(full.content), read_only=True).sheetnames
    assert names[:3] == ["cover", "manifest", "data dictionary"]
    assert f'href="/runs/{site.run_id}/workbook.xlsx?sheets=all"' in page
    assert site.analyst.get(f"/runs/{site.run_id}/paper.docx").status_code == 404


def test_a_partner_gets_neither(site):
    partner = site.signed_in("partner", subject="pat", organisation="L-U35004")
    for name in ("paper.pdf", "workbook.xlsx"):
        assert partner.get(f"/runs/{site.run_id}/{name}").status_code == 403
    assert "paper.pdf" not in partner.get(f"/runs/{site.run_id}").text
