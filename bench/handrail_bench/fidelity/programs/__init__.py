"""Small programs as assistants write them for business users, each for a database of `messes` or Northwind.

A program asks `query(sql)` for a pandas frame, as `handrail_sdk.query` gives it, and does what its first line
says. It fails by an exception or by an assertion at its end that its purpose implies: totals that must add up,
shares that must make 1, a number that must be one. Most of them are careless, as such programs are; some are not.

A third is held out: the module `held_out`, written first, and others drawn by lot before anything was measured.
Nothing in the product was changed for the sake of those, and their figures are told apart.
"""
