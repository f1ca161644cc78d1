"""A second optimiser, written from the README of `optimiser/` alone: plain dictionaries in, SciPy's solver, no line shared.

`best(content)` gives the status and the best value of the first goal of a problem document (a mapping). Everything is
written as plainly as the README says it; it is slow, and only for small problems.

Reason for its length: one file, so that the whole second model is read in one place beside the README.
"""

import itertools
import math
from datetime import date

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import lil_array

EVERYWHERE = "ALL"
NO_END = 1000.0  # more than any scale that the problems here leave room for


class Sum(dict):
    """A linear expression: variable to coefficient."""

    def plus(self, other, times=1.0):
        """This and `times` the other."""
        out = Sum(self)
        for name, value in other.items():
            out[name] = out.get(name, 0.0) + times * value
        return out


class Programme:
    """Variables with bounds, and rows between a floor and a ceiling."""

    def __init__(self):
        self.low, self.high, self.whole, self.rows = [], [], [], []

    def variable(self, low=0.0, high=math.inf, *, whole=False):
        """A new variable, as an expression."""
        self.low.append(low)
        self.high.append(high)
        self.whole.append(int(whole))
        return Sum({len(self.low) - 1: 1.0})

    def row(self, expression, low=-math.inf, high=math.inf):
        """low <= expression <= high."""
        self.rows.append((expression, low, high))

    def best(self, goal, sense):
        """Status and best value."""
        count = len(self.low)
        table = lil_array((len(self.rows), count))
        for i, (expression, _, _) in enumerate(self.rows):
            for j, value in expression.items():
                table[i, j] = value
        aim = np.zeros(count)
        for j, value in goal.items():
            aim[j] = value
        sign = -1.0 if sense == "max" else 1.0
        found = milp(
            sign * aim,
            constraints=LinearConstraint(table.tocsr(), [r[1] for r in self.rows], [r[2] for r in self.rows])
            if self.rows
            else (),
            integrality=np.array(self.whole),
            bounds=Bounds(self.low, self.high),
            options={"mip_rel_gap": 0.0},
        )
        status = {0: "optimal", 2: "infeasible", 3: "unbounded", 4: "infeasible or unbounded"}[found.status]
        return status, None if found.x is None else float(aim @ found.x)


class Problem:
    """One problem document, and the programme that the README makes of it."""

    def __init__(self, content):
        self.doc = content
        self.years = content["years"]
        self.rate = float(content.get("discount_rate") or 0)
        self.p = Programme()
        people = [(x["id"], float(x["persons"])) for x in content.get("localities", [])] or [(EVERYWHERE, 1.0)]
        self.persons = dict(people)
        self.localities = [name for name, _ in people]
        self.providers = [h["id"] for h in content.get("providers", [])] or [EVERYWHERE]
        self.kinds = {k["id"]: k for k in content.get("points_of_delivery", [])}
        self.solutions = content["solutions"]
        self.pods = sorted({a["point_of_delivery"] for a in content.get("activity", [])})
        self.scale()
        self.avoid()
        self.flow()
        self.receive()
        self.blocks()
        self.income()
        self.hire()
        self.spend()
        self.support()
        self.limit()

    def rows(self, key):
        return self.doc.get(key, [])

    def special(self, key, year=None, *, generals=(), **about):
        """The row that holds: own year and place before the general ones."""
        found = []
        for row in self.rows(key):
            fits, rank = True, 0
            for name, value in about.items():
                said = row.get(name, EVERYWHERE)
                if said == value:
                    rank += name in generals
                elif not (name in generals and said == EVERYWHERE):
                    fits = False
            if year is not None and row.get("year") is not None:
                fits, rank = fits and row["year"] == year, rank + 1
            if fits:
                found.append((rank, row))
        return max(found, key=lambda pair: pair[0])[1] if found else None

    # solutions ------------------------------------------------------------------------------------------------

    def places(self, s):
        """Places where a solution starts, with their part of its amounts."""
        if s.get("rollout", "system") == "system" or not self.doc.get("localities"):
            return [(EVERYWHERE, 1.0)]
        return self.reached(s)

    def reached(self, s):
        """Localities that a solution reaches, with their part."""
        chosen = [place for place in self.localities if not s.get("localities") or place in s["localities"]]
        whole = sum(self.persons[place] for place in chosen)
        return [(place, self.persons[place] / whole) for place in chosen]

    def parts(self, s, place):
        """Localities that one place of a solution reaches, with the part of the solution's amounts that falls there."""
        if place == EVERYWHERE and self.doc.get("localities"):
            return self.reached(s)
        return [(place, dict(self.places(s))[place])]

    @staticmethod
    def ceiling(s):
        if s.get("no_largest_scale"):
            return math.inf
        return float(s.get("largest_scale", 1))

    def curve(self, s):
        """Segments of returns: width and slope."""
        points = [(0.0, 0.0), *((float(r["scale"]), float(r["effect"])) for r in s.get("returns", []))]
        if len(points) == 1:
            return [(self.ceiling(s), 1.0)]
        return [(b[0] - a[0], (b[1] - a[1]) / (b[0] - a[0])) for a, b in itertools.pairwise(points)]

    def scale(self):
        p, count = self.p, len(self.years)
        self.start, self.launch, self.on, self.in_place, self.effective = {}, {}, {}, {}, {}
        for s in self.solutions:
            first = self.years.index(s["earliest_start"]) if s.get("earliest_start") else 0
            last = self.years.index(s["latest_start"]) if s.get("latest_start") else count - 1
            top = self.ceiling(s)
            floor = top if s.get("whole") else float(s.get("smallest_scale", 0))
            curve, step = self.curve(s), float(s.get("step", math.inf))
            maturity = [float(m) for m in s.get("maturity", [1])]
            for place, _ in self.places(s):
                key = (s["id"], place)
                starts = {t: p.variable(0, 1, whole=True) for t in range(first, last + 1)}
                p.row(self.total(starts.values()), high=1)
                launch = {(t, k): p.variable() for t in range(first, last + 1) for k in range(len(curve))}
                self.start[key], self.launch[key] = starts, launch
                for k, (width, _) in enumerate(curve):
                    if math.isfinite(width):
                        p.row(self.total(x for (_, j), x in launch.items() if j == k), high=width)
                for t in range(count):
                    on = self.total(x for tau, x in starts.items() if tau <= t)
                    so_far = {
                        k: self.total(x for (tau, j), x in launch.items() if j == k and tau <= t)
                        for k in range(len(curve))
                    }
                    here = self.total(so_far.values())
                    self.on[(*key, t)], self.in_place[(*key, t)] = on, here
                    p.row(here.plus(on, -min(top, NO_END)), high=0)
                    p.row(here.plus(on, -floor), low=0)
                    if math.isfinite(step):
                        p.row(self.total(x for (tau, _), x in launch.items() if tau == t), high=step)
                    for k in range(1, len(curve)):  # in every year a segment is used only when the one before is full
                        opened = p.variable(0, 1, whole=True)
                        p.row(so_far[k - 1].plus(opened, -curve[k - 1][0]), low=0)
                        p.row(so_far[k].plus(opened, -curve[k][0]), high=0)
                    effect = Sum()
                    for (tau, k), x in launch.items():
                        if tau <= t:
                            effect = effect.plus(x, maturity[min(t - tau, len(maturity) - 1)] * curve[k][1])
                    self.effective[(*key, t)] = effect

    @staticmethod
    def total(parts):
        out = Sum()
        for part in parts:
            out = out.plus(part)
        return out

    # activity -------------------------------------------------------------------------------------------------

    def activity(self, place, pod, t):
        row = self.special("activity", self.years[t], locality=place, point_of_delivery=pod)
        return float(row["units"]) if row else 0.0

    def avoid(self):
        p = self.p
        level = self.doc.get("effects", "central")
        shares = {(c["point_of_delivery"], c["id"]): float(c["share"]) for c in self.rows("cells")}
        pieces = int(self.doc.get("overlap", {}).get("pieces", 8))
        strict = self.doc.get("overlap", {}).get("mode") == "strict"
        self.credit, self.avoided = {}, {}
        for place, pod, t in itertools.product(self.localities, self.pods, range(len(self.years))):
            units, cells = self.activity(place, pod, t), {}
            for s in self.solutions:
                for e in s.get("effects", []):
                    value = float(e.get(level, e["central"])) * float(e.get("eligible", 1))
                    if e["point_of_delivery"] != pod or value <= 0:
                        continue
                    for where, _ in self.places(s):
                        if place in dict(self.parts(s, where)) and (t >= min(self.start[s["id"], where], default=99)):
                            cells.setdefault(e.get("cell", "all"), []).append(
                                (s, where, value, e.get("evidence", "amber"))
                            )
            cells = cells if units > 0 else {}
            if not cells:
                continue
            reach = 0.0
            all_credit = Sum()
            for cell, acting in cells.items():
                eligible = units * shares.get((pod, cell), 1.0)
                reach += eligible
                amounts = self.cell(acting, eligible, t, pieces, strict=strict)
                for (s, where, _, evidence), credit in zip(acting, amounts, strict=True):
                    self.credit[s["id"], where, place, pod, cell, t] = (credit, evidence)
                    all_credit = all_credit.plus(credit)
            self.avoided[place, pod, t] = all_credit
            p.row(all_credit, high=min(reach, units))

    def cell(self, acting, eligible, t, pieces, *, strict):
        """The credit of each solution that acts on a cell."""
        p = self.p
        scales = [self.effective[s["id"], where, t] for s, where, _, _ in acting]
        if len(acting) == 1:
            return [Sum().plus(scales[0], eligible * acting[0][2])]
        amounts = [p.variable() for _ in acting]
        tops = [sum(w * slope for w, slope in self.curve(s)) for s, _, _, _ in acting]
        full = [value * top for (_, _, value, _), top in zip(acting, tops, strict=True)]
        beta = [
            value if strict else -math.log(1 - f) / top
            for (_, _, value, _), f, top in zip(acting, full, tops, strict=True)
        ]
        hazard, together = Sum(), self.total(amounts)
        for b, scale in zip(beta, scales, strict=True):
            hazard = hazard.plus(scale, b)
        sizes = [b * top for b, top in zip(beta, tops, strict=True)]
        most = sum(sizes)
        if 2 ** len(sizes) - 1 <= pieces:
            points = sorted({sum(c) for n in range(len(sizes) + 1) for c in itertools.combinations(sizes, n)})
        else:
            points = [-2 * math.log(x) for x in np.linspace(1, math.exp(-most / 2), pieces + 1)]
        for a, b in itertools.pairwise(points):
            if b - a > 1e-9:
                gamma = (math.exp(-a) - math.exp(-b)) / (b - a)
                p.row(together.plus(hazard, -eligible * gamma), high=eligible * (1 - math.exp(-a) - gamma * a))
        p.row(together.plus(hazard, -eligible * (1 - math.exp(-most)) / most), low=0)
        for i, (credit, scale) in enumerate(zip(amounts, scales, strict=True)):
            value = acting[i][2]
            p.row(credit.plus(scale, -eligible * value), high=0)
            last = 0.0 if strict else math.prod(1 - f for j, f in enumerate(full) if j != i)
            p.row(credit.plus(scale, -eligible * value * last), low=0)
        return amounts

    def share(self, place, provider, pod):
        row = self.special("flows", generals=("locality",), locality=place, provider=provider, point_of_delivery=pod)
        if row is not None:
            return float(row["share"])
        return 1.0 if len(self.providers) == 1 else 0.0

    def flow(self):
        self.donated = {}
        for (place, pod, t), avoided in self.avoided.items():
            for h in self.providers:
                share = self.share(place, h, pod)
                if share > 0:
                    self.donated[h, pod, t] = self.donated.get((h, pod, t), Sum()).plus(avoided, share)

    def receive(self):
        p = self.p
        self.received, self.added = {}, {}
        rates = {
            (s["id"], r["avoided_at"], r["received_at"]): float(r["contacts_per_unit"])
            for s in self.solutions
            for r in s.get("receiving", [])
        }
        for (name, _, place, pod, _, t), (credit, _) in self.credit.items():
            for (other, avoided_at, received_at), rate in rates.items():
                if (other, avoided_at) == (name, pod):
                    key = (place, received_at, t)
                    self.received[key] = self.received.get(key, Sum()).plus(credit, rate)
        for s in self.solutions:
            for c in s.get("creates", []):
                for where, _ in self.places(s):
                    for place, part in self.parts(s, where):
                        for t in range(len(self.years)):
                            key = (place, c["point_of_delivery"], t)
                            now = self.effective[s["id"], where, t]
                            self.received[key] = self.received.get(key, Sum()).plus(now, float(c["contacts"]) * part)
        taken = {
            c["point_of_delivery"] for s in self.solutions for c in s.get("creates", []) if float(c["contacts"]) < 0
        }
        for (place, pod, t), contacts in self.received.items():
            if pod in taken and self.special("activity", self.years[t], locality=place, point_of_delivery=pod):
                left = contacts.plus(self.avoided.get((place, pod, t), Sum()), -1)
                p.row(left, low=-self.activity(place, pod, t))
        rooms = sorted(
            {(r.get("locality", EVERYWHERE), r["point_of_delivery"]) for r in self.rows("receiving_capacity")}
        )
        for where, pod in rooms:
            inside = self.localities if where == EVERYWHERE else [where]
            for t, year in enumerate(self.years):
                row = self.special("receiving_capacity", year, locality=where, point_of_delivery=pod)
                if row is None:
                    continue
                if row.get("expansion_most"):
                    self.added[where, pod, t] = (p.variable(0, float(row["expansion_most"])), row)
                used = Sum()
                for place in inside:
                    used = used.plus(self.received.get((place, pod, t), Sum()))
                    used = used.plus(self.avoided.get((place, pod, t), Sum()), -1)
                for (w, q, tau), (extra, _) in self.added.items():
                    if (w, q) == (where, pod) and tau <= t:
                        used = used.plus(extra, -1)
                p.row(used, high=float(row["units"]) - sum(self.activity(place, pod, t) for place in inside))

    # providers ------------------------------------------------------------------------------------------------

    def blocks(self):
        p, self.closed = self.p, {}
        gone = {}
        for b in self.rows("blocks"):
            before = None
            for t in range(len(self.years)):
                now = p.variable(0, float(b.get("most", 1)), whole=self.doc["whole_blocks"])
                if before is not None:
                    p.row(now.plus(before, -1), low=0)
                before = self.closed[b["provider"], b["id"], t] = now
                key = (b["provider"], b["point_of_delivery"], t, int(b.get("lag_years", 0)))
                gone[key] = gone.get(key, Sum()).plus(now, float(b["units"]))
        for (h, pod, t, lag), used in gone.items():
            p.row(used.plus(self.donated.get((h, pod, t - lag), Sum()), -1), high=0)
        for h, pod in {(h, pod) for h, pod, _, _ in gone}:
            same = [b for b in self.rows("blocks") if (b["provider"], b["point_of_delivery"]) == (h, pod)]
            if len({int(b.get("lag_years", 0)) for b in same}) < 2:
                continue
            last = len(self.years) - 1
            for t in range(len(self.years)):  # blocks with different lags never close on the same activity
                shared = Sum()
                for b in same:
                    when = min(t + int(b.get("lag_years", 0)), last)
                    shared = shared.plus(self.closed[h, b["id"], when], float(b["units"]))
                p.row(shared.plus(self.donated.get((h, pod, t), Sum()), -1), high=0)

    def price(self, h, pod, t):
        """Tariff, marginal and variable pounds of a unit; None where there is no price."""
        row = self.special("prices", self.years[t], generals=("provider",), provider=h, point_of_delivery=pod)
        if row is None:
            return None
        tariff = float(row["tariff_pounds"])
        return tariff, float(row.get("marginal_pounds", tariff)), float(row.get("variable_cost_pounds", 0))

    def income(self):
        p = self.p
        self.lost, self.variable_saved, self.stranded = {}, {}, {}
        worth, most = {}, {}
        for (h, pod, t), gone in self.donated.items():
            prices = self.price(h, pod, t)
            if prices is None:
                continue
            tariff, marginal, variable = prices
            own = [
                n
                for n, term in enumerate(self.rows("payment_terms"))
                if term["provider"] == h and pod in term.get("points_of_delivery", [])
            ]
            every = [
                n
                for n, term in enumerate(self.rows("payment_terms"))
                if term["provider"] == h and not term.get("points_of_delivery")
            ]
            terms = (own + every)[:1]
            self.lost.setdefault((h, t), Sum())
            if terms:
                worth[h, terms[0], t] = worth.get((h, terms[0], t), Sum()).plus(gone, tariff)
                seen = sum(self.activity(place, pod, t) * self.share(place, h, pod) for place in self.localities)
                most[h, terms[0], t] = most.get((h, terms[0], t), 0.0) + seen * tariff
            else:
                self.lost[h, t] = self.lost[h, t].plus(gone, marginal)
            self.variable_saved[h, t] = self.variable_saved.get((h, t), Sum()).plus(gone, variable)
        for (h, number, t), value in worth.items():
            pieces = [
                (float(q["from_pounds"]), float(q["slope"])) for q in self.rows("payment_terms")[number]["pieces"]
            ]
            ends = [begin for begin, _ in pieces[1:]] + [math.inf]
            used = []
            for i, ((begin, slope), end) in enumerate(zip(pieces, ends, strict=True)):
                amount = p.variable(0, end - begin)
                if i:
                    reached = p.variable(0, 1, whole=True)
                    p.row(amount.plus(reached, -most[h, number, t]), high=0)
                    p.row(used[-1].plus(reached, -(begin - pieces[i - 1][0])), low=0)
                used.append(amount)
                self.lost[h, t] = self.lost[h, t].plus(amount, slope)
            p.row(self.total(used).plus(value, -1), 0, 0)
        savings = {(b["provider"], b["id"]): float(b["saving_pounds"]) for b in self.rows("blocks")}
        for (h, t), lost in self.lost.items():
            stranded = lost.plus(self.variable_saved[h, t], -1)
            for (provider, block, when), closed in self.closed.items():
                if (provider, when) == (h, t):
                    stranded = stranded.plus(closed, -savings[provider, block])
            self.stranded[h, t] = stranded

    def support(self):
        p, self.supported = self.p, {}
        for fund in self.rows("transition_funds"):
            t = self.years.index(fund["year"])
            paid = {(h, t): p.variable() for (h, when) in self.stranded if when == t}
            self.supported |= paid
            p.row(self.total(paid.values()), high=float(fund["pounds"]))

    # staff and money ------------------------------------------------------------------------------------------

    def hire(self):
        p, self.taken = self.p, {}
        for group in sorted({r["staff_group"] for r in self.rows("staff")}):
            stated = [self.special("staff", year, staff_group=group) for year in self.years]
            before = Sum()
            for t, row in enumerate(stated):
                if row is None:
                    before = Sum()
                    continue
                need = Sum()
                for s in self.solutions:
                    for w in s.get("workforce", []):
                        if w["staff_group"] == group:
                            for place, part in self.places(s):
                                need = need.plus(self.in_place[s["id"], place, t], float(w["wte"]) * part)
                for r in self.rows("receiving_staff"):
                    if r["staff_group"] == group:
                        for (_, pod, when), contacts in self.received.items():
                            if (pod, when) == (r["point_of_delivery"], t):
                                need = need.plus(contacts, 1 / float(r["contacts_per_wte"]))
                for b in self.rows("blocks"):
                    if b.get("staff_group") == group:
                        need = need.plus(self.closed[b["provider"], b["id"], t], -float(b.get("staff_wte", 0)))
                taken = p.variable(0, float(row.get("pipeline_wte", 0)))
                self.taken[group, t] = (taken, float(row.get("hire_pounds_per_wte", 0)))
                hired = p.variable()
                p.row(hired.plus(taken, -1).plus(before, float(row.get("leavers_share", 0)) - 1), high=0)
                before = hired
                p.row(need.plus(hired, -1), high=float(row["wte"]) * (1 - float(row.get("vacancy_share", 0))))

    def spend(self):
        count = len(self.years)
        self.spent = {(kind, t): Sum() for kind in ("recurrent", "non_recurrent", "capital") for t in range(count)}
        self.owed = {}
        for s in self.solutions:
            for c in s.get("costs", []):
                for place, part in self.places(s):
                    pounds = float(c["pounds"]) * part
                    begun = self.start[s["id"], place] if c.get("basis") == "start" else {}
                    if c.get("basis") != "start":
                        for (tau, _), x in self.launch[s["id"], place].items():
                            begun[tau] = begun.get(tau, Sum()).plus(x)
                    for tau, x in begun.items():
                        if c["kind"] == "recurrent":
                            for t in range(tau, count):
                                self.pay("recurrent", t, x, pounds)
                        else:
                            spread = int(c.get("years", 1))
                            for t in range(tau, tau + spread):
                                self.pay(c["kind"], t, x, pounds / spread)
        for (_, pod, t), contacts in self.received.items():
            self.pay("recurrent", t, contacts, float(self.kinds.get(pod, {}).get("contact_cost_pounds", 0)))
        for (_, _, tau), (extra, row) in self.added.items():
            self.pay("capital", tau, extra, float(row.get("expansion_capital_pounds", 0)))
            for t in range(tau, count):
                self.pay("recurrent", t, extra, float(row.get("expansion_recurrent_pounds", 0)))
        for (_, t), (taken, pounds) in self.taken.items():
            self.pay("non_recurrent", t, taken, pounds)

    def pay(self, kind, t, what, pounds):
        """Pounds of a purse in a year; after the last year they are owed."""
        if t < len(self.years):
            self.spent[kind, t] = self.spent[kind, t].plus(what, pounds)
        else:
            self.owed[t] = self.owed.get(t, Sum()).plus(what, pounds)

    def saving(self, v):
        """Pounds a year of a saving, at the end of its range that is planned with."""
        end = {"low": "low_pounds", "high": "high_pounds"}.get(self.doc.get("effects", "central"), "pounds")
        return float(v.get(end, v["pounds"]))

    def savings(self, t, scope):
        out = Sum()
        for s in self.solutions:
            for v in s.get("savings", []):
                if scope == "system" or v.get("falls_to", "commissioner") == scope:
                    for place, part in self.places(s):
                        out = out.plus(self.effective[s["id"], place, t], self.saving(v) * part)
        return out

    def cash(self, scope, t, *, capital=True):
        out = self.savings(t, scope)
        if scope in ("system", "commissioner"):
            for kind in ("recurrent", "non_recurrent", *(("capital",) if capital else ())):
                out = out.plus(self.spent[kind, t], -1)
        if scope == "system":
            for (_, when), saved in self.variable_saved.items():
                out = out.plus(saved) if when == t else out
            for b in self.rows("blocks"):
                out = out.plus(self.closed[b["provider"], b["id"], t], float(b["saving_pounds"]))
        elif scope == "commissioner":
            for (_, when), lost in self.lost.items():
                out = out.plus(lost) if when == t else out
            for (_, when), paid in self.supported.items():
                out = out.plus(paid, -1) if when == t else out
        else:
            out = out.plus(self.stranded.get((scope, t), Sum()), -1).plus(self.supported.get((scope, t), Sum()))
        return out

    # limits and goals -----------------------------------------------------------------------------------------

    def limit(self):
        p = self.p
        self.money_limits()
        self.position_limits()
        self.link()
        for t, year in enumerate(self.years):
            row = self.special("start_limits", year)
            if row is not None:
                p.row(
                    self.total(x for starts in self.start.values() for tau, x in starts.items() if tau == t),
                    high=float(row["most"]),
                )
        for limit in self.rows("limits"):
            measure = self.measure(limit["measure"])[0]
            p.row(measure, float(limit.get("at_least", -math.inf)), float(limit.get("at_most", math.inf)))

    def money_limits(self):
        p = self.p
        carried = {}
        for b in self.rows("budgets"):
            t = self.years.index(b["year"])
            carried[b["kind"], t] = p.variable(0, float(b.get("carry_forward_pounds", 0)))
        for b in self.rows("budgets"):
            t = self.years.index(b["year"])
            used = self.spent[b["kind"], t].plus(carried[b["kind"], t])
            p.row(used.plus(carried.get((b["kind"], t - 1), Sum()), -1), high=float(b["pounds"]))
        for (h, t), stranded in self.stranded.items():
            row = self.special("stranded_limits", self.years[t], provider=h)
            if row is not None:
                p.row(stranded.plus(self.supported.get((h, t), Sum()), -1), high=float(row["pounds"]))
        guard = self.doc.get("evidence_guard")
        if guard:
            weak = Sum()
            for (_, _, place, pod, _, t), (credit, grade) in self.credit.items():
                weight = float(grade in guard.get("grades", ["red"])) - float(guard["most"])
                weak = weak.plus(credit, self.unit_value(place, pod, t) * weight)
            for s in self.solutions:
                for v in s.get("savings", []):
                    weight = float(v.get("evidence", "amber") in guard.get("grades", ["red"])) - float(guard["most"])
                    for place, part in self.places(s):
                        for t in range(len(self.years)):
                            weak = weak.plus(self.effective[s["id"], place, t], self.saving(v) * part * weight)
            p.row(weak, high=0)

    def unit_value(self, place, pod, t):
        """The marginal price that a locality's flows meet."""
        return sum(self.share(place, h, pod) * (self.price(h, pod, t) or (0, 0, 0))[1] for h in self.providers)

    def position_limits(self):
        p = self.p
        self.short = {}
        for c in self.rows("control_totals"):
            t = self.years.index(c["year"])
            position = self.cash(c["organisation"], t, capital=False)
            if any(goal["measure"] == "shortfall" for goal in self.rows("goals")):
                self.short[c["organisation"], t] = p.variable()
                position = position.plus(self.short[c["organisation"], t])
            p.row(position, low=float(c["target_pounds"]) - float(c["baseline_pounds"]))
        equity = self.doc.get("equity")
        if equity and len(self.localities) > 1 and self.avoided:
            benefit = {place: Sum() for place in self.localities}
            for (place, pod, t), avoided in self.avoided.items():
                benefit[place] = benefit[place].plus(
                    avoided, self.unit_value(place, pod, t) if self.rows("prices") else 1.0
                )
            system = Sum().plus(self.total(benefit.values()), 1 / sum(self.persons.values()))
            for place in self.localities:
                p.row(Sum().plus(benefit[place], 1 / self.persons[place]).plus(system, -float(equity["floor"])), low=0)
        for h in self.providers:
            for t, year in enumerate(self.years):
                row = self.special("beds", year, provider=h)
                if row is None:
                    continue
                first = int(year[:4])
                days = (date(first + 1, 4, 1) - date(first, 4, 1)).days
                full, fewer = 0.0, Sum()
                for pod, kind in self.kinds.items():
                    stay = float(kind.get("length_of_stay_days") or 0)
                    for place in self.localities:
                        full += self.activity(place, pod, t) * self.share(place, h, pod) * stay / days
                    fewer = fewer.plus(self.donated.get((h, pod, t), Sum()), -stay / days)
                p.row(fewer, high=float(row["beds"]) * float(row["occupancy_most"]) - full)

    def link(self):
        p, count = self.p, len(self.years)
        by_name = {s["id"]: s for s in self.solutions}

        def meeting(a, b):
            for one, _ in self.places(a):
                for other, _ in self.places(b):
                    if {x for x, _ in self.parts(a, one)} & {x for x, _ in self.parts(b, other)}:
                        yield one, other

        for s in self.solutions:
            for name in s.get("excludes", []):
                for one, other in meeting(s, by_name[name]):
                    p.row(self.on[s["id"], one, count - 1].plus(self.on[name, other, count - 1]), high=1)
            for need in s.get("requires", []):
                other, before = by_name[need["solution"]], int(need.get("years_before", 0))
                for place, _ in self.places(s):
                    for reached, _ in self.parts(s, place):
                        having = [w for w, _ in self.places(other) if reached in dict(self.parts(other, w))]
                        for t in range(count):
                            there = self.on[other["id"], having[0], t - before] if having and t >= before else Sum()
                            p.row(self.on[s["id"], place, t].plus(there, -1), high=0)

    def measure(self, name):
        """A measure as an expression (pounds or its own unit), and whether more of it is better."""
        count = len(self.years)
        if name.endswith("npv"):
            whose = self.doc.get("perspective", "commissioner") if name == "npv" else name.removesuffix("_npv")
            out = Sum()
            for t in range(count):
                out = out.plus(self.cash(whose, t), (1 + self.rate) ** -t)
            if self.doc.get("after_horizon", {}).get("instalments", "counted") == "counted":
                for t, owed in self.owed.items():
                    out = out.plus(owed, -((1 + self.rate) ** -t))
            for row in self.rows("residual_values"):
                s = next(s for s in self.solutions if s["id"] == row["solution"])
                for place, part in self.places(s):
                    worth = float(row["pounds"]) * part * (1 + self.rate) ** -count
                    out = out.plus(self.in_place[s["id"], place, count - 1], worth)
            return out, "max"
        if name == "avoided" or name.startswith("avoided_"):
            pod = name.removeprefix("avoided").removeprefix("_")
            return self.total(x for (_, p, _), x in self.avoided.items() if pod in ("", p)), "max"
        if name == "investment":
            return self.total(self.spent.values()), "min"
        if name == "shortfall":
            return self.total(self.short.values()), "min"
        if name == "starts":
            return self.total(x for starts in self.start.values() for x in starts.values()), "min"
        if name == "peak_deficit":
            worst = self.p.variable()
            for t in range(count):
                self.p.row(worst.plus(self.cash(self.doc.get("perspective", "commissioner"), t)), low=0)
            return worst, "min"
        if name == "bed_days":
            stays = {pod: float(kind.get("length_of_stay_days") or 0) for pod, kind in self.kinds.items()}
            out = Sum()
            for (_, pod, _), avoided in self.avoided.items():
                out = out.plus(avoided, stays.get(pod, 0.0))
            return out, "max"
        raise KeyError(name)


def best(content):
    """Status and best value of the first goal."""
    problem = Problem(content)
    goal, sense = problem.measure((content.get("goals") or [{"measure": "npv"}])[0]["measure"])
    return problem.p.best(goal, sense)
