"""The catalogue's indices: every need component and cost index, the formulas that use it, and the published columns that hold it.

A component is a weighted population; a cost index multiplies need. The years of an index are those for which a formula uses
it or the published columns are known to hold it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Literal

from pydantic import Field

from api.service.describe.catalogue_schemas import schema_href
from api.service.records.api_models import ApiModel
from api.service.records.examples import example_of
from api.service.records.pack import Pack
from capitation.pack.sources import DataPack
from capitation.weighting.formula import (
    Block,
    Component,
    CostIndex,
    DatedFigure,
    FormulaDocument,
    NeedCatalogue,
    Trust,
    Vintage,
    WeightedComponent,
    need_catalogue,
)

IndexKind = Literal["service", "inequality", "published overall", "cost index"]
"""The kinds of components, and cost indices."""

How = Literal["component", "inequality component", "index of the input", "index by area", "inside the inputs"]
"""The ways in which a formula uses an index."""

WEIGHTED_PERSONS = "weighted persons"
"""Unit of a need component."""

RATIO = "ratio to England"
"""Unit of a cost index."""

_COMMUNITY = {
    "id": "community",
    "title": "Community",
    "about": "Persons weighted for the need of community services: age, sex and deprivation.",
    "kind": "service",
    "column": "wp_community",
}


class IndexHead(ApiModel):
    """A need component or cost index, in a sentence."""

    id: str = Field(examples=["community"])
    """Its name."""
    title: str = Field(examples=["Community"])
    """Its title for people."""
    meaning: str = Field(examples=["Persons weighted for the need of community services: age, sex and deprivation."])
    """What is weighted, or what cost it stands for."""
    kind: IndexKind = Field(examples=["service"])
    """A service, an inequality adjustment, an overall published to compare with, or a cost index."""
    unit: str = Field(examples=[WEIGHTED_PERSONS])
    """What one of it is."""
    href: str = Field(examples=["/v1/catalogue/indices/community"])
    """Where the index stands with the formulas that use it."""


class IndexList(ApiModel):
    """A page of indices."""

    items: list[IndexHead]
    """Need components and cost indices by name."""
    next: str | None = Field(examples=[None])
    """Cursor of the next page; none on the last one."""


class IndexFigure(ApiModel):
    """A dated number of a formula and where it comes from."""

    since: str = Field(examples=["2018/19"])
    """First financial year for which the number holds."""
    value: str = Field(examples=["0.0641386621499336"])
    """The number with all its digits."""
    source: str = Field(examples=["nhs-england-ccg-target-workbook-2018-19"])
    """Id of the source, or "assumption"."""
    where: str = Field(examples=["regression of the workbook's targets on its components and indices"])
    """File, column, page or arithmetic by which a reader finds the number again."""
    trust: Trust = Field(examples=["R"])
    """P published, R recovered from published data and checked, D a design of ours, U unverified."""


class IndexUse(ApiModel):
    """One use of an index by a formula."""

    formula: str = Field(examples=["ccg-core-2018-19"])
    """Id of the formula."""
    formula_href: str = Field(examples=["/v1/formulas/ccg-core-2018-19"])
    """Where the formula stands."""
    block: str | None = Field(examples=["hchs"])
    """The block of the formula; none where the formula as a whole expects inputs that hold the index."""
    how: How = Field(examples=["component"])
    """As what it is used."""
    years: list[str] = Field(examples=[["2018/19"]])
    """Financial years that the formula was made for."""
    weights: list[IndexFigure]
    """Its weight in the block by year; empty where it is the only component, or an index."""
    unit: str = Field(examples=["£ per weighted head"])
    """Unit of the coefficients."""
    coefficients: list[IndexFigure] = Field(examples=[[{**example_of(IndexFigure), "value": "1110.7014304204923"}]])
    """The coefficient of the block by year."""


class IndexVintage(ApiModel):
    """What the published columns of a year hold of an index."""

    year: str = Field(examples=["2022/23"])
    """Allocation year of the columns."""
    title: str = Field(examples=["Place-based tool, 2022/23"])
    """Their name for people."""
    contains: list[str] = Field(examples=[["mff"]])
    """For a component: ids of the cost indices that its column holds already."""
    contained_in: list[str] = Field(examples=[[]])
    """For a cost index: ids of the components whose columns hold it already."""
    source: str = Field(examples=["nhs-england-place-based-tool"])
    """Id of the source of the columns."""
    where: str = Field(examples=["data/wp_data_2022LAD.csv (commit a988526)"])
    """File of the source."""
    trust: Trust = Field(examples=["R"])
    """How far the statement can be trusted."""


class IndexSource(ApiModel):
    """A publication that figures of an index were taken from."""

    id: str = Field(examples=["nhs-england-place-based-tool"])
    """Id of the source."""
    title: str = Field(examples=["Place-based allocation tool"])
    """Title of the publication."""
    publisher: str = Field(examples=["NHS England"])
    """Who published it."""
    licence: str = Field(examples=["Open Government Licence v3.0"])
    """Licence or terms under which the figures are carried."""


class IndexView(IndexHead):
    """A need component or cost index with the formulas and published columns that hold it."""

    years: list[str] = Field(examples=[["2018/19", "2022/23"]])
    """Financial years for which a formula uses it or published columns are known to hold it; empty for what is only compared with."""
    uses: list[IndexUse]
    """The formulas that use it, block by block."""
    vintages: list[IndexVintage]
    """The published columns of its years."""
    sources: list[IndexSource]
    """The publications behind its weights, coefficients and columns; what is assumed is marked at the figure."""
    document: dict[str, Any] = Field(examples=[_COMMUNITY])
    """The whole document, which fits its JSON Schema."""
    schema_href: str = Field(examples=["/v1/catalogue/schemas/need-component"])
    """Where the JSON Schema of the document stands."""


def index_views(pack: Pack) -> Mapping[str, IndexView]:
    """Every need component and cost index of a pack, by name.

    Raises:
        DocumentError: a file of the pack breaks its model; all faults together.
    """
    return _views(pack, pack.digest)


def index_heads(pack: Pack) -> Mapping[str, IndexHead]:
    """Every need component and cost index of a pack in a sentence, by name."""
    kept = set(IndexHead.model_fields)
    return {name: IndexHead(**view.model_dump(include=kept)) for name, view in index_views(pack).items()}


@lru_cache(maxsize=4)
def _views(pack: Pack, _content: str) -> Mapping[str, IndexView]:
    """The indices of a pack with this content, read once a process."""
    opened = pack.opened()
    catalogue = need_catalogue(opened)
    documents: list[Component | CostIndex] = [*catalogue.components.values(), *catalogue.indices.values()]
    return {document.id: _view(document, catalogue, opened) for document in documents}


def _view(document: Component | CostIndex, catalogue: NeedCatalogue, opened: DataPack) -> IndexView:
    is_component = isinstance(document, Component)
    uses = [use for formula in catalogue.documents.values() for use in _uses(document.id, formula)]
    read = {year for use in uses for year in use.years}
    vintages = [
        _vintage(document.id, vintage)
        for year, vintage in sorted(catalogue.vintages.items())
        if year in read or document.id in (*vintage.contains, *vintage.contained_in)
    ]
    named = {figure.source for use in uses for figure in (*use.weights, *use.coefficients)}
    named |= {vintage.source for vintage in vintages}
    return IndexView(
        id=document.id,
        title=document.title,
        meaning=document.about,
        kind=document.kind if isinstance(document, Component) else "cost index",
        unit=WEIGHTED_PERSONS if is_component else RATIO,
        href=f"/v1/catalogue/indices/{document.id}",
        years=sorted(read | {vintage.year for vintage in vintages}),
        uses=uses,
        vintages=vintages,
        sources=[_source(name, opened) for name in sorted(named & set(opened.sources))],
        document=document.model_dump(by_alias=True),
        schema_href=schema_href("need-component" if is_component else "cost-index"),
    )


def _uses(name: str, formula: FormulaDocument) -> Iterator[IndexUse]:
    """Each use of an index by a formula, in the order of its blocks."""
    for block in formula.blocks:
        for part in block.components:
            if part.component == name:
                yield _use(formula, "component", block, part)
        if block.inequality is not None and block.inequality.component == name:
            yield _use(formula, "inequality component", block, block.inequality)
        if name in block.indices:
            yield _use(formula, "index of the input", block)
        if name in block.adjusts_for:
            yield _use(formula, "index by area", block)
    if name in formula.inputs_contain:
        yield _use(formula, "inside the inputs")


def _use(
    formula: FormulaDocument, how: How, block: Block | None = None, part: WeightedComponent | None = None
) -> IndexUse:
    return IndexUse(
        formula=formula.id,
        formula_href=f"/v1/formulas/{formula.id}",
        block=None if block is None else block.id,
        how=how,
        years=list(formula.years),
        weights=[] if part is None else [_figure(figure) for figure in part.weight],
        unit=formula.unit,
        coefficients=[] if block is None else [_figure(figure) for figure in block.coefficient],
    )


def _figure(figure: DatedFigure) -> IndexFigure:
    return IndexFigure(
        since=figure.since,
        value=f"{figure.value:f}",
        source=figure.source,
        where=figure.where,
        trust=figure.trust,
    )


def _vintage(name: str, vintage: Vintage) -> IndexVintage:
    return IndexVintage(
        year=vintage.year,
        title=vintage.title,
        contains=list(vintage.contains) if name in vintage.contained_in else [],
        contained_in=list(vintage.contained_in) if name in vintage.contains else [],
        source=vintage.source,
        where=vintage.where,
        trust=vintage.trust,
    )


def _source(name: str, opened: DataPack) -> IndexSource:
    source = opened.source(name)
    return IndexSource(id=source.id, title=source.title, publisher=source.publisher, licence=source.licence)
