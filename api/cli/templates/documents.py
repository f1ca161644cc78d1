"""The documents to begin from, as text with `@ID@` where the id stands."""

CONTRACT = """\
# A contract: a sum for planned volume, and half the price of one for what differs from plan beyond 2%.
# Amounts of inputs are in the unit that `amounts` says; results are whole pence.
id = "@ID@"
version = "1"
title = "Planned volume with a tolerance and a marginal price"
about = "The planned volume is paid as one sum; activity beyond the tolerance is paid, or given back, at a marginal part of the price."
source = "assumption"                       # where the terms are written down
licence = "Own words; no figures carried"
classification = "LAN 3N: volume risk shared without a link to quality"
amounts = "pounds"
key = ["provider", "year"]                  # inputs that name one account: one row of the rows file each
parties = [
    { code = "commissioner", name = "Commissioner", role = "commissioner" },
    { code = "provider", name = "Provider", role = "provider", named_by = "provider" },
]
inputs = [                                  # columns of the rows file
    { name = "provider", about = "Code of the provider", type = "text" },
    { name = "year", about = "Financial year", type = "financial_year" },
    { name = "planned_activity", about = "Activity in the plan", unit = "spells", at_least = 0 },
    { name = "activity", about = "Activity delivered", unit = "spells", at_least = 0 },
    { name = "unit_price", about = "Price of one", unit = "pounds", at_least = 0 },
]
outputs = [                                 # what is paid, by whom to whom, and how it is rounded
    { name = "payment_pence", about = "What the provider is paid", of = "payment", rounded_to = "pence", payer = "commissioner", payee = "provider" },
]

[[parameters]]                              # a figure of the contract; `values` may change by date with from = 2019-04-01
name = "tolerance"
about = "Part of plan by which activity may differ without moving money"
unit = "share"
status = "unverified"                       # "read" once the figure was read in the signed contract
values = [{ value = 0.02, source = "assumption", where = "to be agreed" }]

[[parameters]]
name = "marginal_rate"
about = "Part of the price for activity beyond the tolerance"
unit = "share"
status = "unverified"
values = [{ value = 0.5, source = "assumption", where = "to be agreed" }]

[[terms]]                                   # terms are worked in order; each names the steps or inputs it stands on
step = "plan_value"
term = "share"                              # amount x rates; `capitation contract terms` lists all kinds
amount = "planned_activity"
rates = ["unit_price"]
about = "Planned volume at price"
status = "unverified"

[[terms]]
step = "deviation"
term = "aggregate"
of = ["activity", "planned_activity"]
weights = [1, -1]
about = "Activity above plan"
status = "unverified"

[[terms]]
step = "counted"
term = "bands"
amount = "deviation"
base = "planned_activity"
gains = [{ upto = "tolerance", share = 0 }, { share = "marginal_rate" }]
losses = [{ upto = "tolerance", share = 0 }, { share = "marginal_rate" }]
about = "Activity that counts, after tolerance and marginal rate"
status = "unverified"

[[terms]]
step = "variation"
term = "share"
amount = "counted"
rates = ["unit_price"]
about = "At price"
status = "unverified"

[[terms]]
step = "payment"
term = "aggregate"
of = ["plan_value", "variation"]
about = "Plan and variation"
status = "unverified"

[[cases]]                                   # worked by hand; `capitation contract check` works them again
name = "nothing inside the tolerance, half the price beyond it"
arithmetic = "10,000 x 1,800 = 18.0m; 600 - 200 = 400 x .5 x 1,800 = 0.36m; 150 is inside; -1,000 + 200 = -800 x .5 x 1,800 = -0.72m"
source = "constructed"
rows = [
    { provider = "a", year = "2017/18", planned_activity = 10000, activity = 10600, unit_price = 1800 },
    { provider = "b", year = "2017/18", planned_activity = 10000, activity = 10150, unit_price = 1800 },
    { provider = "c", year = "2017/18", planned_activity = 10000, activity = 9000, unit_price = 1800 },
]
expected = { payment_pence = [1836000000, 1800000000, 1728000000] }
"""

SOLUTION = """\
# A solution: one investment that moves care to another setting. Amounts are for the whole system at full scale; what a figure
# rests on stands beside it: a source of the pack with its place there, or an owner and marks of an assumption.
id = "@ID@"
title = "Care at home"
about = "Who it reaches and how it works, in a sentence or two."
owner = "Director of community services"    # who answers for the judgements
quality = "red"                             # how good the evidence is: red, amber or green
impact = "amber"                            # how much it matters
rollout = "system"                          # "locality": started locality by locality
smallest_scale = 0.2                        # it cannot be run smaller than this part of full scale
maturity = [0.6, 0.9, 1]                    # part of the effect in the first, second and later years

[[effects]]                                 # one for each point of delivery at which care is avoided
point_of_delivery = "non_elective"
eligible = 0.10                             # the part of that activity that it can reach
low = 0.05                                  # of which it avoids: low end, best estimate, high end
central = 0.15
high = 0.30
evidence = "red"
owner = "Director of community services"
quality = "red"
impact = "amber"
where = "Judgement, to be replaced by an evaluation"

[[creates]]                                 # activity that it adds of its own
point_of_delivery = "community"
contacts = 5000
owner = "Director of community services"
quality = "red"
impact = "green"
where = "Visits after an earlier discharge: judgement"

[[costs]]                                   # recurrent, non_recurrent or capital
kind = "recurrent"
pounds = 1000000
owner = "Director of community services"
quality = "red"
impact = "amber"
where = "23 posts at about £43,000 a year with on-costs: judgement"
"""

POLICY = """\
# A pace-of-change policy: how fast allocations move towards target. Rates are shares: 0.01 is 1% a year.
# A rate is a figure with its source, or a parameter of the pack: floor_total = { parameter = "pace.floor_growth" }.
id = "@ID@"
title = "A floor for everyone, slow growth far above target"
about = "Every area grows by at least the floor; areas far over target by less; what is left goes to those furthest under target."

[[rules]]
from = "2013/14"                            # first year for which the rules hold; later [[rules]] of the stream replace them
stream = "any"                              # or the code of one stream
method = "water-fill"                       # "pro-rata" shares what is left by what each area lacks
relaxation = ["floors"]                     # what gives way where floors cost more than there is; [] makes that an error
surplus_relaxation = ["over_target_cap"]    # what gives way where limits leave money over
note = "Every figure here is a judgement to be replaced by the policy that was agreed."

[rules.floor_total]                         # least growth of every area
value = 0.01
unit = "growth rate"
source = "assumption"
where = "Judgement"
owner = "Director of finance"
quality = "red"
impact = "amber"

[rules.cap_threshold]                       # above this opening distance from target growth is that of cap_growth
value = 0.05
unit = "share of target"
source = "assumption"
where = "Judgement"
owner = "Director of finance"
quality = "red"
impact = "amber"

[rules.cap_growth]
value = 0.005
unit = "growth rate"
source = "assumption"
where = "Judgement"
owner = "Director of finance"
quality = "red"
impact = "amber"
"""

PROBLEM = """\
# A complete problem in one file. Amounts are in pounds at full scale; activity is per year.
id = "@ID@"
title = "Care at home or reviews"
years = ["2020/21"]
perspective = "system"                      # whose cash counts: the system's, or the commissioner's

activity = [{ point_of_delivery = "admission", units = 3000 }]          # if nothing is bought
prices = [{ point_of_delivery = "admission", tariff_pounds = 2000, variable_cost_pounds = 500 }]
budgets = [{ kind = "recurrent", year = "2020/21", pounds = 400000 }]   # recurrent, non_recurrent or capital

[[solutions]]
id = "care_at_home"
effects = [{ point_of_delivery = "admission", low = 0.2, central = 0.3, high = 0.36 }]   # share avoided at full scale
costs = [{ kind = "recurrent", pounds = 350000 }]

[[solutions]]
id = "reviews"
effects = [{ point_of_delivery = "admission", low = 0.06, central = 0.1, high = 0.13 }]
costs = [{ kind = "recurrent", pounds = 100000 }]

[[futures]]                                 # for `capitation futures` and `capitation cvar`
id = "weak_effects"
effects = "low"

[[futures]]
id = "dear"
cost_factor = 1.15
"""
