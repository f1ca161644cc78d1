"""Small random problem documents in which every family of constraints occurs, sound by construction and often tight."""

import random

YEARS = ["2026/27", "2027/28", "2028/29"]


def random_problem(seed):
    """A problem document; the same one for the same seed."""
    r = random.Random(seed)
    years = YEARS[: r.choice([1, 2, 2, 3])]
    places = [f"l{i}" for i in range(r.choice([0, 0, 2, 3]))]
    hospitals = [f"H{i}" for i in range(r.choice([0, 1, 2]))]
    pods = ["ae", "ne", "op"][: r.choice([1, 2, 3])]
    d = {
        "id": "r",
        "title": "r",
        "years": years,
        "discount_rate": r.choice([0, 0.035, 0.1]),
        "perspective": r.choice(["commissioner", "system"]),
        "effects": r.choice(["central", "central", "low", "high"]),
        "whole_blocks": r.random() < 0.5,
        "overlap": {"mode": r.choice(["multiplicative", "multiplicative", "strict"]), "pieces": r.choice([2, 4, 8])},
    }
    if places:
        d["localities"] = [{"id": p, "persons": r.choice([100, 250, 400])} for p in places]
    if hospitals:
        d["providers"] = [{"id": h} for h in hospitals]
    _activity(r, d, years, places, hospitals, pods)
    d["solutions"] = [_solution(r, i, years, places, hospitals, pods) for i in range(r.choice([2, 3, 4]))]
    if r.random() < 0.25:
        d["solutions"].append(_kit(r))
        d["staff"] = [{"staff_group": "fitter", "wte": r.choice([2, 7])}]
    _money(r, d, years)
    _people(r, d, years, places, pods)
    _hospitals(r, d, years, hospitals, pods)
    _policy(r, d, years, hospitals, pods)
    return d


def _yearly(r, years, general, changes):
    """A general row, an own row for some year, or both in either order."""
    rows = [general]
    if r.random() < 0.4:
        rows.append({**general, **changes, "year": r.choice(years)})
    if r.random() < 0.15:
        rows = [{**general, "year": y} for y in years[: r.randint(1, len(years))]]
    r.shuffle(rows)
    return rows


def _activity(r, d, years, places, hospitals, pods):
    d["points_of_delivery"] = [
        {"id": pod, "length_of_stay_days": r.choice([0, 2, 5]), "contact_cost_pounds": r.choice([0, 10])}
        for pod in [*pods, "gp"]
    ]
    d["activity"] = []
    for pod in [*pods, "gp"]:
        for place in places or [None]:
            row = {
                "point_of_delivery": pod,
                "units": r.choice([500, 1000, 3000]),
                **({"locality": place} if place else {}),
            }
            d["activity"] += _yearly(r, years, row, {"units": r.choice([300, 1500])})
    if len(hospitals) == 2:
        d["flows"] = [
            {"provider": h, "point_of_delivery": pod, "share": share}
            for pod in [*pods, "gp"]
            for h, share in zip(hospitals, r.choice([(0.5, 0.5), (0.7, 0.3), (1, 0)]), strict=True)
        ]
        if places and r.random() < 0.5:
            own = r.choice([(0.2, 0.8), (0, 1)])
            d["flows"] += [
                {"locality": places[0], "provider": h, "point_of_delivery": pods[0], "share": share}
                for h, share in zip(hospitals, own, strict=True)
            ]
            r.shuffle(d["flows"])
    d["prices"] = []
    for pod in [*pods, "gp"]:
        row = {
            "point_of_delivery": pod,
            "tariff_pounds": r.choice([100, 300, 900]),
            "marginal_pounds": r.choice([60, 200]),
            "variable_cost_pounds": r.choice([0, 30, 150]),
        }
        if hospitals and r.random() < 0.3:
            d["prices"].append({**row, "provider": hospitals[0], "tariff_pounds": 500, "marginal_pounds": 150})
            d["prices"].append(row)
        else:
            d["prices"] += _yearly(r, years, row, {"marginal_pounds": 90})
    if r.random() < 0.3:
        d["cells"] = [
            {"point_of_delivery": pods[0], "id": c, "share": share} for c, share in (("frail", 0.3), ("other", 0.6))
        ]


def _solution(r, i, years, places, hospitals, pods):
    s = {"id": f"s{i}", "effects": []}
    for pod in r.sample([*pods, "gp"], r.randint(1, len(pods))):
        central = r.choice([0.2, 0.3, 0.4])
        s["effects"].append(
            {
                "point_of_delivery": pod,
                "eligible": r.choice([0.3, 0.5, 1]),
                "low": central / 2,
                "central": central,
                "high": central * 1.5,
                "evidence": r.choice(["red", "amber"]),
            }
        )
    s["costs"] = [{"kind": "recurrent", "pounds": r.choice([5000, 20000, 60000])}]
    if places and r.random() < 0.6:
        s["rollout"] = "locality"
        if r.random() < 0.3:
            s["localities"] = places[1:]
    shape = r.random()
    if shape < 0.2:
        s["whole"] = True
    elif shape < 0.4:
        s["smallest_scale"] = 0.3
    elif shape < 0.55:
        s["step"] = 0.4
    elif shape < 0.8:
        s["returns"] = [{"scale": 0.5, "effect": r.choice([0.2, 0.7])}, {"scale": 1, "effect": 1}]
        s["smallest_scale"] = r.choice([0, 0.4])
    if r.random() < 0.4:
        s["costs"].append(
            {
                "kind": r.choice(["capital", "non_recurrent"]),
                "pounds": r.choice([5000, 30000]),
                "basis": r.choice(["start", "scale"]),
                "years": r.choice([1, 2, 3]),
            }
        )
    if r.random() < 0.15:
        s["costs"].append({"kind": "recurrent", "pounds": r.choice([-4000, 3000]), "basis": "start"})
    if r.random() < 0.4:
        s["maturity"] = r.choice([[0.5, 1], [0, 0.5, 1]])
    if r.random() < 0.4:
        s["savings"] = [
            {"pounds": r.choice([2000, 15000]), "low_pounds": 1000, "high_pounds": 20000, "evidence": "red"}
        ]
        if hospitals and r.random() < 0.4:
            s["savings"].append({"id": "kept", "pounds": 4000, "falls_to": hospitals[0]})
    if r.random() < 0.6:
        s["workforce"] = [{"staff_group": "nurse", "wte": r.choice([2, 5])}]
    if r.random() < 0.5:
        avoided_at = s["effects"][0]["point_of_delivery"]
        s["receiving"] = [{"avoided_at": avoided_at, "received_at": "gp", "contacts_per_unit": r.choice([0.5, 1.5])}]
    if r.random() < 0.25:
        s["creates"] = [{"point_of_delivery": "gp", "contacts": r.choice([-80, -2000, 60])}]
    if r.random() < 0.2 and len(years) > 1:
        s["earliest_start"] = years[1]
    elif r.random() < 0.1:
        s["latest_start"] = years[0]
    if i and r.random() < 0.2:
        s["requires"] = [{"solution": f"s{i - 1}", "years_before": r.choice([0, 1])}]
    elif i and r.random() < 0.2:
        s["excludes"] = [f"s{i - 1}"]
    return s


def _kit(r):
    """Bought without limit but for its staff, with a cost of starting."""
    return {
        "id": "kits",
        "no_largest_scale": True,
        "savings": [{"pounds": 1000}],
        "costs": [{"kind": "non_recurrent", "pounds": r.choice([3000, 6000]), "basis": "start"}],
        "workforce": [{"staff_group": "fitter", "wte": 1}],
    }


def _money(r, d, years):
    if r.random() < 0.6:
        d["budgets"] = [
            {"kind": kind, "year": y, "pounds": r.choice([30000, 70000]), "carry_forward_pounds": r.choice([0, 10000])}
            for kind in r.choice([["recurrent"], ["recurrent", "capital"], ["non_recurrent"]])
            for y in years[: r.choice([1, 3])]
        ]
    if r.random() < 0.2:
        d["residual_values"] = [{"solution": "s0", "pounds": r.choice([-9000, 12000])}]
    if r.random() < 0.1:
        d["after_horizon"] = {"instalments": "left_out"}


def _people(r, d, years, places, pods):
    if r.random() < 0.6:
        row = {
            "staff_group": "nurse",
            "wte": r.choice([3, 6]),
            "vacancy_share": r.choice([0, 0.25]),
            "pipeline_wte": r.choice([0, 1]),
            "leavers_share": 0.2,
            "hire_pounds_per_wte": 500,
        }
        d["staff"] = [*d.get("staff", []), *_yearly(r, years, row, {"wte": 2})]
    if r.random() < 0.3:
        d["receiving_staff"] = [{"point_of_delivery": "gp", "staff_group": "nurse", "contacts_per_wte": 400}]
    most = max(
        sum(a["units"] for a in d["activity"] if a["point_of_delivery"] == "gp" and a.get("year") in (None, y))
        for y in years
    )
    if r.random() < 0.4:
        row = {
            "point_of_delivery": "gp",
            "units": most + r.choice([-40, 100, 300]),
            "expansion_most": 50,
            "expansion_recurrent_pounds": 5,
            "expansion_capital_pounds": 10,
        }
        d["receiving_capacity"] = _yearly(r, years, row, {"units": most + 30})
        if places and r.random() < 0.5:
            d["receiving_capacity"].append({"locality": places[0], "point_of_delivery": "gp", "units": 3100})


def _hospitals(r, d, years, hospitals, pods):
    if not hospitals:
        return
    h = hospitals[0]
    if r.random() < 0.5:
        d["stranded_limits"] = _yearly(r, years, {"provider": h, "pounds": r.choice([10000, 30000])}, {"pounds": 5000})
        d["transition_funds"] = [{"year": years[0], "pounds": 5000}]
    if r.random() < 0.5:
        d["blocks"] = [
            {
                "id": f"w{i}",
                "provider": hospitals[i % len(hospitals)],
                "point_of_delivery": pods[i % len(pods)],
                "units": 50,
                "saving_pounds": 8000,
                "lag_years": lag,
                "most": 3,
                "staff_group": "nurse",
                "staff_wte": r.choice([0, 1]),
            }
            for i, lag in enumerate(r.choice([[0], [1], [0, 1]]))
        ]
    if r.random() < 0.4:
        bend = r.choice([(0.8, 0.3), (0.2, 0.9)])
        pieces = [{"from_pounds": 0, "slope": bend[0]}, {"from_pounds": 40000, "slope": bend[1]}]
        d["payment_terms"] = [{"provider": h, "pieces": pieces}]
        if len(pods) > 1 and r.random() < 0.5:
            d["payment_terms"].insert(
                r.choice([0, 1]),
                {
                    "provider": h,
                    "points_of_delivery": [pods[1]],
                    "pieces": [{"from_pounds": 0, "slope": 0.5}, *pieces[1:]],
                },
            )
    if r.random() < 0.3:
        d["beds"] = _yearly(r, years, {"provider": h, "beds": r.choice([12, 30]), "occupancy_most": 0.92}, {"beds": 9})


def _policy(r, d, years, hospitals, pods):
    if d.get("localities") and r.random() < 0.4:
        d["equity"] = {"floor": 0.6}
    if r.random() < 0.25:
        d["evidence_guard"] = {"most": r.choice([0.3, 0.6])}
    if r.random() < 0.3:
        organisation = r.choice(["system", "commissioner", *hospitals])
        d["control_totals"] = [
            {
                "organisation": organisation,
                "year": years[-1],
                "baseline_pounds": 0,
                "target_pounds": r.choice([-20000, 2000, 500000]),
            }
        ]
    if r.random() < 0.2:
        d["start_limits"] = _yearly(r, years, {"most": r.choice([1, 2])}, {"most": 3})
    goals = ["npv"]
    if r.random() < 0.3:
        goals = [r.choice(["avoided", "investment", "peak_deficit", "system_npv", "bed_days", "starts"])]
        if d.get("control_totals") and r.random() < 0.5:
            goals = ["shortfall"]
    if goals[0] == "bed_days":
        d["points_of_delivery"][0]["length_of_stay_days"] = 2
        d["solutions"][0]["effects"][0]["point_of_delivery"] = pods[0]
        d["solutions"][0].pop("receiving", None)
        d["solutions"][0]["effects"] = d["solutions"][0]["effects"][:1]
    d["goals"] = [{"measure": goal} for goal in goals]
    if r.random() < 0.3:
        d["limits"] = [r.choice([{"measure": "avoided", "at_least": 30}, {"measure": "investment", "at_most": 90000}])]
