"""Builds messy tables: one clean table of each kind, and what people and programs do to it."""

import io

import openpyxl
import polars as pl

CLEAN = {
    "weights": "place,practice,weighted\nA,g1,1000\nA,g2,2000\nB,g3,3000\nB,g4,4500\n",
    "need": (
        "practice_code,practice_name,ccg19_code,registered_2018_19,wp_general_acute,wp_community,wp_mental_health,"
        "wp_maternity,wp_prescribing,wp_avoidable_mortality,mff_index,eaca_index\n"
        "E81001,One,06P,3000,2600,2400,4200,4200,2900,4900,1.03,0.998\n"
        "E81002,Two,06P,9000,9100,9200,8800,8700,9100,8600,1.03,0.998\n"
        "E81003,Three,06F,12000,12100,11800,11900,12300,12200,11500,1.01,0.999\n"
        "E81004,Four,06F,7000,7100,7050,6900,7200,7150,6800,1.01,0.999\n"
    ),
    "lists": (
        "practice_code,registered,lad21_code\nE81001,35000,D1\nE81002,36000,D1\nE81003,12000,D2\nE81004,24000,D2\n"
    ),
    "map": "practice_code,locality_code\nE81001,L1\nE81002,L2\nE81003,L3\nE81004,L3\n",
    "later": "practice_code,registered\nE81001,35100\nE81002,48500\nE81004,24100\n",
    "events": "practice_code,year,change,successor_code,quality,evidence,source\nE81003,2018/19,merged into,E81002,published,a,b\n",
    "accounts": "year,commissioner,provider,block_value\n2017/18,06P,RC9,1000000\n2018/19,06P,RC9,2500000\n",
    "nhs": (
        "EXTRACT_DATE,ORG_CODE,SEX,AGE,NUMBER_OF_PATIENTS\n01OCT2019,E81001,ALL,ALL,90\n"
        "01OCT2019,E81001,MALE,0,30\n01OCT2019,E81001,MALE,95+,10\n01OCT2019,E81001,FEMALE,37,50\n"
    ),
}
"""One clean table of each kind."""


def swapped(old, new):
    """The table with one text in place of another, in UTF-8."""

    def change(text):
        assert old in text, old
        return text.replace(old, new, 1).encode()

    return change


def added(*lines):
    """The table with lines below it."""
    return lambda text: (text + "".join(f"{line}\n" for line in lines)).encode()


def above(*lines):
    """The table with lines above its headings."""
    return lambda text: ("".join(f"{line}\n" for line in lines) + text).encode()


def encoded(encoding):
    """The table in another encoding."""
    return lambda text: text.encode(encoding)


def separated(sign):
    """The table with another sign between cells."""
    return lambda text: text.replace(",", sign).encode()


def line_ends(text):
    """The table with the line ends of Windows, and spaces around cells."""
    return text.replace(",", " , ").replace("\n", "\r\n").encode()


def blank_lines(text):
    """The table with blank lines in it and rows of separators below it, as spreadsheets save them."""
    first, _, rest = text.partition("\n")
    commas = "," * first.count(",")
    return f"{first}\n\n{rest}{commas}\n{commas}\n".encode()


def workbook(text, title=None, sheet="Data", other=False):
    """The table as an Excel workbook, with a title above it or another sheet beside it."""
    book = openpyxl.Workbook()
    if other:
        book.active.append(["notes on this workbook"])
        page = book.create_sheet(sheet)
    else:
        page = book.active
        page.title = sheet
    for line in title or ():
        page.append([line])
    for row in (line.split(",") for line in text.splitlines()):
        page.append([_number(cell) for cell in row])
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def parquet(text):
    """The table as parquet with typed columns."""
    file = io.BytesIO()
    pl.read_csv(io.StringIO(text)).write_parquet(file)
    return file.getvalue()


def _number(cell):
    try:
        return float(cell)
    except ValueError:
        return cell or None
