"""The rule that makes localities of 30,000 to 50,000 registered persons out of practices, one place at a time.

    1 cut       a network that lies in two places is cut at the border, so that the tree is strict
    2 divide    a group large enough for two or more parts inside the band is divided by straight lines, each part on
                its own side: across the longer of its two extents, else across the other
    3 take      a group under the band, smallest first, takes the nearest practices of a group over the band, if that
                brings it into the band and leaves the giver inside
    4 merge     a group still under the band, smallest first, joins the nearest group of its place (centres weighted by
                persons) with which it stays within the band's upper end
    5 hand over a group over the band, largest first, hands practices to groups with room, the shortest distance first,
                as long as it does not fall under the band
    6 report    whatever is still outside the band is listed with the reason

The rule is this product's own choice: networks did not exist in 2016 and the plan says only "30-50,000". Distance is
along the surface of the earth (haversine); ties are broken by code, so the order of rows never matters. A practice whose
coordinates are not published stands at the mean of the located practices with which it shares most of its postcode.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import polars as pl

from capitation.errors import Faults, FrameError
from capitation.money.rounding import MICRO, micro
from capitation.places.membership import Locality, Membership, ResolvedPractice
from capitation.records.columns import LOCALITY, PRACTICE
from capitation.records.frames import Column, Frame, Schema

Start = Literal["networks", "places"]

_EARTH_KM = 6371.0088
_COMPASS = {("latitude", 0): "south", ("latitude", 1): "north", ("longitude", 0): "west", ("longitude", 1): "east"}


class LocalityStep(Schema):
    """One step the rule took, in order."""

    order = Column(pl.Int64, "number", "Order of the step", key=True, ge=1)
    step = Column(pl.String, "step", "Which part of the rule", one_of=("cut", "divide", "take", "merge", "hand over"))
    locality_code = LOCALITY.but(about="Group the step made, joined or reached", key=False)
    practice_code = PRACTICE.but(about="Practice that moved, where one did", key=False, nullable=True)
    distance_km = Column(pl.Float64, "kilometres", "Distance bridged, where one was", nullable=True, ge=0)
    detail = Column(pl.String, "text", "What happened, in words")


@dataclass(frozen=True)
class LocalityPlan:
    """What the rule makes: the map, the localities with how each came about, and the steps in order."""

    membership: Frame[Membership]
    localities: Frame[Locality]
    steps: Frame[LocalityStep]


@dataclass(frozen=True)
class _Practice:
    code: str
    commissioner: str
    micro: int
    latitude: float
    longitude: float


@dataclass
class _Group:
    code: str
    name: str
    place: str
    place_name: str
    members: dict[str, _Practice]
    origin: list[str] = field(default_factory=list)

    @property
    def micro(self) -> int:
        return sum(p.micro for p in self.members.values())

    @property
    def persons(self) -> str:
        return f"{self.micro / MICRO:,.0f}"


def build_localities(
    practices: Frame[ResolvedPractice],
    *,
    year: str,
    low: int,
    high: int,
    start: Start = "networks",
    number: int | None = None,
) -> LocalityPlan:
    """The localities that the rule makes of `practices`, with the map and the steps taken.

    Args:
        practices: practices with their place; networks are needed only where `start` is "networks".
        year: the year the lists are of, kept in the map.
        low: fewest registered persons of the band.
        high: most registered persons of the band.
        start: "networks" starts from the primary care networks; "places" starts from whole places, for tables that
            have no networks, and divides each by lines into parts as even as its practices allow, as many as bring
            the average nearest to the middle of the band.
        number: how many localities there shall be, with `start` "places": each place is divided into its part of them by
            persons, at least one; none means as the band says.

    Returns:
        LocalityPlan: every practice in exactly one locality, every locality in one place.

    Raises:
        FrameError: the band is not a band, a practice has no network, or no coordinates and no postcode that places
            it; all reported together.

    Rule: the docstring of this file.
    """
    faults = Faults()
    if not 0 < low <= high:
        faults.add("band", f"{low:,} to {high:,}", "a lowest size above 0 and not above the highest")
    if start == "networks":
        for code in practices.filter(pl.col("network_code").is_null()).get_column("practice_code"):
            faults.add(
                f"practice {code}", "no network", "one network", "Answer it in the resolutions, or start from places."
            )
    located = _located(practices, faults)
    _check_number(practices, start, number, faults)
    faults.raise_if_any(FrameError, "localities cannot be built")
    work = _Rule(low * MICRO, high * MICRO)
    work.begin(located, start)
    if number is not None:
        work.divide_into(number)
        return work.plan(year)
    work.divide(whole_places=start == "places")
    work.take()
    work.merge()
    work.hand_over()
    return work.plan(year)


def _check_number(practices: pl.DataFrame, start: Start, number: int | None, faults: Faults) -> None:
    """Add a fault where a number of localities was asked for that the places cannot be divided into."""
    if number is None:
        return
    if start != "places":
        faults.add(
            "number of localities",
            f"{number} with the rule that keeps networks",
            "the rule that divides places by distance",
        )
        return
    places = practices.group_by("place_code").len()
    if not places.height <= number <= practices.height:
        faults.add(
            "number of localities",
            f"{number}",
            f"{places.height} (one a place) to {practices.height} (one a practice)",
            "Localities that may cross districts need fewer.",
        )


def distance_km(latitude: float, longitude: float, other_latitude: float, other_longitude: float) -> float:
    """Kilometres between two points along the surface of the earth (haversine, mean radius 6,371.0088 km).

    Example:
        One degree of latitude, from (52, 0) to (53, 0), is 111.195 km.
    """
    first, second = math.radians(latitude), math.radians(other_latitude)
    across = math.radians(other_longitude - longitude)
    a = math.sin((second - first) / 2) ** 2 + math.cos(first) * math.cos(second) * math.sin(across / 2) ** 2
    return 2 * _EARTH_KM * math.asin(math.sqrt(a))


def _located(practices: pl.DataFrame, faults: Faults) -> pl.DataFrame:
    """The practices with coordinates for each: published, or the mean over the same postcode, sector or district."""
    outward = pl.col("postcode").str.split(" ").list.first()
    work = practices.sort("practice_code").with_columns(
        sector=pl.col("postcode").str.slice(0, pl.col("postcode").str.len_chars() - 2), outward=outward
    )
    found = work.filter(pl.col("latitude").is_not_null() & pl.col("longitude").is_not_null())
    for level in ("postcode", "sector", "outward"):
        # Whole millionths of a degree are added, so that the mean does not depend on the order of the rows.
        means = (
            found.filter(pl.col(level).is_not_null())
            .group_by(level)
            .agg(
                (pl.col(axis) * MICRO).round().cast(pl.Int64).sum().alias(f"{axis}_sum")
                for axis in ("latitude", "longitude")
            )
            .join(found.group_by(level).agg(pl.len().alias("n")), on=level)
            .select(
                level,
                *(
                    (pl.col(f"{axis}_sum") / (pl.col("n") * MICRO)).alias(f"{axis}_near")
                    for axis in ("latitude", "longitude")
                ),
            )
        )
        work = (
            work.join(means, on=level, how="left", validate="m:1")
            .with_columns(pl.coalesce("latitude", "latitude_near").alias("latitude"))
            .with_columns(pl.coalesce("longitude", "longitude_near").alias("longitude"))
            .drop("latitude_near", "longitude_near")
        )
    for row in work.filter(pl.col("latitude").is_null() | pl.col("longitude").is_null()).iter_rows(named=True):
        faults.add(
            f"practice {row['practice_code']}", f"no coordinates, and postcode {row['postcode']!r} near no located practice",
            "coordinates, or a postcode that a located practice shares", "Give latitude and longitude.",
        )  # fmt: skip
    return work.sort("practice_code")


class _Rule:
    """The groups while the rule works on them; each method is one part of it. Sizes are whole millionths of a person."""

    def __init__(self, low: int, high: int) -> None:
        self.low, self.high = low, high
        self.groups: dict[str, _Group] = {}
        self.steps: list[tuple[str, str, str | None, float | None, str]] = []

    def begin(self, practices: pl.DataFrame, start: Start) -> None:
        """Part 1: one group a network and place, or one a place."""
        rows = list(practices.with_columns(micro(pl.col("registered_persons")).alias("micro")).iter_rows(named=True))
        spread: dict[str, set[str]] = {}
        for row in rows:
            spread.setdefault(row["network_code"], set()).add(row["place_code"])
        for row in rows:
            network, place = row["network_code"], row["place_code"]
            if start == "places":
                code, name, origin = place, row["place_name"], f"place {row['place_name']}"
            elif len(spread[network]) > 1:
                code, name = f"{network}-{place}", f"{row['network_name'] or network} ({row['place_name']})"
                origin = f"network {network} cut at the border of {row['place_name']}"
            else:
                code, name, origin = network, row["network_name"] or network, f"network {network}"
            if code not in self.groups:
                self.groups[code] = _Group(code, name, place, row["place_name"], {}, [origin])
                if "cut" in origin:
                    self.steps.append(("cut", code, None, None, origin))
            self.groups[code].members[row["practice_code"]] = _Practice(
                row["practice_code"],
                row["commissioner_code"] or "SYSTEM",
                row["micro"],
                row["latitude"],
                row["longitude"],
            )

    def divide_into(self, number: int) -> None:
        """Part 2 where the number is given: one locality a place, and the others one by one to the place with the most persons a part."""
        parts = dict.fromkeys(self.groups, 1)
        for _ in range(number - len(parts)):
            wanting = [c for c in parts if parts[c] < len(self.groups[c].members)]
            code = min(wanting, key=lambda c: (-self.groups[c].micro / parts[c], c))
            parts[code] += 1
        for code, wanted in parts.items():
            if wanted > 1:
                members = sorted(self.groups[code].members.values(), key=lambda p: p.code)
                self._cut(self.groups[code], _divided(members, wanted, 0, self.groups[code].micro))

    def divide(self, *, whole_places: bool) -> None:
        """Part 2: groups large enough for two or more parts are divided by straight lines."""
        for code in sorted(self.groups):
            group = self.groups[code]
            members = sorted(group.members.values(), key=lambda p: p.code)
            parts = -(-group.micro // self.high)
            if whole_places:
                band = self.low + self.high
                parts = min(max(1, parts, (4 * group.micro + band) // (2 * band)), len(members))
                cells = _divided(members, parts, 0, group.micro)
            elif parts > 1 and group.micro >= parts * self.low:
                cells = _divided(members, parts, self.low, self.high)
                if cells is None:
                    group.origin.append(f"no straight line divides its {group.persons} persons inside the band")
            else:
                cells = None
            self._cut(group, cells)

    def _cut(self, group: _Group, cells: list[tuple[str, list[_Practice]]] | None) -> None:
        """A group made into one for each of its cells; left as it is where there are not two."""
        if cells is None or len(cells) < 2:
            return
        del self.groups[group.code]
        for number, (side, members) in enumerate(cells, start=1):
            name = f"{group.name} {side}" if len(cells) == 2 else f"{group.name} {number}"
            code, inside = f"{group.code}-{number}", {p.code: p for p in members}
            made = _Group(code, name, group.place, group.place_name, inside, list(group.origin))
            made.origin.append(f"part {number} of {len(cells)}")
            self.groups[made.code] = made
            detail = f"{len(members)} practices with {made.persons} of the {group.persons} persons of {group.name}"
            self.steps.append(("divide", made.code, None, None, detail))

    def take(self) -> None:
        """Part 3: groups under the band take the nearest practices of groups over it, all or nothing."""
        for code in [g.code for g in self._under()]:
            taker = self.groups[code]
            left = {g.code: dict(g.members) for g in self._neighbours(taker) if g.micro > self.high}
            gained: list[tuple[float, _Practice, str]] = []
            size = taker.micro
            while size < self.low:
                inside = [*taker.members.values(), *(p for _, p, _ in gained)]
                choices = [
                    (_nearest_km(p, inside), p.code, giver)
                    for giver, members in left.items()
                    for p in members.values()
                    if sum(q.micro for q in members.values()) - p.micro >= self.low and size + p.micro <= self.high
                ]
                if not choices:
                    break
                far, practice_code, giver = min(choices)
                practice = left[giver].pop(practice_code)
                gained.append((far, practice, giver))
                size += practice.micro
            if size < self.low:
                continue
            for far, practice, giver in gained:
                self._move("take", practice, self.groups[giver], taker, far)

    def merge(self) -> None:
        """Part 4: groups under the band join the nearest group of their place that has room for them."""
        while True:
            for small in self._under():
                choices = [
                    (_centre_km(small, g), g.code)
                    for g in self._neighbours(small)
                    if g.micro + small.micro <= self.high
                ]
                if choices:
                    far, code = min(choices)
                    self._join(small, self.groups[code], far)
                    break
            else:
                return

    def hand_over(self) -> None:
        """Part 5: groups over the band hand border practices to groups with room."""
        for code in [
            g.code for g in sorted(self.groups.values(), key=lambda g: (-g.micro, g.code)) if g.micro > self.high
        ]:
            giver = self.groups[code]
            while giver.micro > self.high:
                choices = [
                    (_nearest_km(p, list(g.members.values())), p.code, g.code)
                    for g in self._neighbours(giver)
                    for p in giver.members.values()
                    if g.micro + p.micro <= self.high and giver.micro - p.micro >= self.low
                ]
                if not choices:
                    break
                far, practice_code, receiver = min(choices)
                self._move("hand over", giver.members[practice_code], giver, self.groups[receiver], far)

    def plan(self, year: str) -> LocalityPlan:
        """Part 6: the map, the localities, and why any of them is outside the band."""
        rows = [
            (p.code, f"L-{g.code}", g.place, p.commissioner, year)
            for g in self.groups.values()
            for p in g.members.values()
        ]
        places = [
            (
                f"L-{g.code}",
                g.name,
                g.place,
                g.place_name,
                len(g.members),
                g.micro / MICRO,
                self._why_outside(g),
                "; ".join(g.origin),
            )
            for g in self.groups.values()
        ]
        steps = [
            (i, step, f"L-{code}", practice, far, text)
            for i, (step, code, practice, far, text) in enumerate(self.steps, 1)
        ]
        return LocalityPlan(
            Membership.validate(pl.DataFrame(rows, schema=Membership.dtypes(), orient="row")),
            Locality.validate(pl.DataFrame(places, schema=Locality.dtypes(), orient="row")),
            LocalityStep.validate(pl.DataFrame(steps, schema=LocalityStep.dtypes(), orient="row")),
        )

    def _under(self) -> list[_Group]:
        return sorted((g for g in self.groups.values() if g.micro < self.low), key=lambda g: (g.micro, g.code))

    def _neighbours(self, group: _Group) -> list[_Group]:
        return [g for g in self.groups.values() if g.place == group.place and g.code != group.code]

    def _move(self, step: str, practice: _Practice, giver: _Group, receiver: _Group, far: float) -> None:
        receiver.members[practice.code] = giver.members.pop(practice.code)
        giver.origin.append(f"{practice.code} to {receiver.name}")
        receiver.origin.append(f"{practice.code} from {giver.name}")
        detail = f"{practice.code} from {giver.name} (now {giver.persons}) to {receiver.name} (now {receiver.persons})"
        self.steps.append((step, receiver.code, practice.code, round(far, 3), detail))

    def _join(self, small: _Group, other: _Group, far: float) -> None:
        larger, lesser = (other, small) if (other.micro, small.code) >= (small.micro, other.code) else (small, other)
        larger.members.update(lesser.members)
        larger.name = f"{larger.name} and {lesser.name}"
        larger.origin.append(f"merged with {lesser.name} ({'; '.join(lesser.origin)})")
        del self.groups[lesser.code]
        detail = f"{lesser.name} ({lesser.persons}) joins to make {larger.persons} persons"
        self.steps.append(("merge", larger.code, None, round(far, 3), detail))

    def _why_outside(self, group: _Group) -> str | None:
        size = group.micro
        if self.low <= size <= self.high:
            return None
        if size > self.high and len(group.members) == 1:
            return f"{group.persons} persons in one practice, which cannot be divided"
        if not self._neighbours(group):
            return f"{group.persons} persons in all of {group.place_name}, with no neighbour in the same place"
        if size < self.low:
            return f"{group.persons} persons; every neighbour in {group.place_name} would go over the band or has none to give"
        return f"{group.persons} persons; no practice of it fits a neighbour in {group.place_name} without leaving the band"


def _nearest_km(practice: _Practice, others: Sequence[_Practice]) -> float:
    return min(distance_km(practice.latitude, practice.longitude, o.latitude, o.longitude) for o in others)


def _centre_km(first: _Group, second: _Group) -> float:
    return distance_km(*_centre(first), *_centre(second))


def _centre(group: _Group) -> tuple[float, float]:
    """Mean latitude and longitude, weighted by persons; by practices where none has persons. Added exactly."""
    members = sorted(group.members.values(), key=lambda p: p.code)
    weights = [p.micro for p in members] if group.micro else [1 for _ in members]
    whole = sum(weights)
    return (
        math.fsum(p.latitude * w for p, w in zip(members, weights, strict=True)) / whole,
        math.fsum(p.longitude * w for p, w in zip(members, weights, strict=True)) / whole,
    )


def _divided(members: list[_Practice], parts: int, low: int, high: int) -> list[tuple[str, list[_Practice]]] | None:
    """`members` in `parts` cells by straight lines, each between `low` and `high`; nothing where no lines do it."""
    if parts == 1:
        return [("", members)] if low <= sum(p.micro for p in members) <= high else None
    if len(members) < parts:
        return None
    lats, lons = [p.latitude for p in members], [p.longitude for p in members]
    tall = distance_km(min(lats), lons[0], max(lats), lons[0])
    wide = distance_km(lats[0], min(lons), lats[0], max(lons))
    whole, first_parts = sum(p.micro for p in members), parts // 2
    for axis in ("latitude", "longitude") if tall >= wide else ("longitude", "latitude"):
        ordered = sorted(members, key=lambda p: (getattr(p, axis), p.code))
        wanted = whole * first_parts // parts
        cuts = []
        running = 0
        for place in range(1, len(ordered)):
            running += ordered[place - 1].micro
            cuts.append((abs(running - wanted), place))
        for _, place in sorted(cuts):
            one = _divided(ordered[:place], first_parts, low, high)
            two = _divided(ordered[place:], parts - first_parts, low, high) if one else None
            if one and two:
                return [
                    *((_COMPASS[axis, 0] if first_parts == 1 else side, m) for side, m in one),
                    *((_COMPASS[axis, 1] if parts - first_parts == 1 else side, m) for side, m in two),
                ]
    return None
