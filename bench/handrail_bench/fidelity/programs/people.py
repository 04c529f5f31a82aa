"""For the personnel office."""

import json
import math
import statistics
from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from handrail_bench.fidelity.bank import Query, program


@program("people", held_out=True)
def headcount(query: Query) -> None:
    """Headcount by department; nobody is forgotten and no department is missing."""
    people = query("SELECT employee_id, department_id FROM employees")
    departments = query("SELECT department_id, department FROM departments")
    table = people.merge(departments, on="department_id").groupby("department").size()
    assert table.sum() == len(people), "somebody is in no department"
    assert len(table) == len(departments), "a department is missing"


@program("people")
def payroll(query: Query) -> None:
    """Total of salaries per grade, with plain Python."""
    totals: dict[str, float] = {}
    for row in query("SELECT grade, salary FROM employees").itertuples():
        totals[row.grade] = totals.get(row.grade, 0) + row.salary
    assert all(math.isfinite(total) for total in totals.values()), "a total is no number"


@program("people", held_out=True)
def median_salary(query: Query) -> None:
    """Median salary with the standard library."""
    salaries = query("SELECT salary FROM employees")["salary"].tolist()
    assert statistics.median(salaries) > 0
    assert all(s == s for s in salaries), "a salary is missing"


@program("people")
def grade_order(query: Query) -> None:
    """Sort grades by their number."""
    grades = query("SELECT DISTINCT grade FROM employees")["grade"]
    numbers = sorted(int(grade[1:]) for grade in grades)
    assert numbers


@program("people")
def sorted_by_grade(query: Query) -> None:
    """Employees sorted by grade and then by number, with plain Python."""
    rows = list(query("SELECT grade, employee_id FROM employees").itertuples(index=False, name=None))
    assert sorted(rows)


@program("people")
def skills_matrix(query: Query) -> None:
    """Who can do what: a column per skill."""
    df = query("SELECT employee_id, skills FROM employees")
    table = df["skills"].str.get_dummies(sep=";")
    assert all(column == column.strip() and column for column in table.columns), "a skill is in two columns"


@program("people")
def shift_minutes(query: Query) -> None:
    """At which minute of the day does each shift begin?"""
    df = query("SELECT shift_start FROM employees")
    minutes = [int(s.split(":")[0]) * 60 + int(s.split(":")[1]) for s in df["shift_start"]]
    assert max(minutes) < 1440


@program("people")
def shift_parse(query: Query) -> None:
    """The earliest shift."""
    df = query("SELECT shift_start FROM employees WHERE shift_start IS NOT NULL")
    times = [datetime.strptime(s, "%H:%M").time() for s in df["shift_start"]]  # noqa: DTZ007
    assert min(times) <= max(times)


@program("people")
def years_until_pension(query: Query) -> None:
    """Add a year to each day of hiring for the anniversary list."""
    df = query("SELECT hired_on FROM employees")
    days = [d.replace(year=d.year + 1) for d in df["hired_on"]]
    assert len(days) == len(df)


@program("people")
def still_here(query: Query) -> None:
    """Who is still here? Those who have not left by today."""
    df = query("SELECT employee_id, left_on FROM employees")
    active = df[df["left_on"].isna()]
    really = df[df["left_on"].isna() | (df["left_on"] > pd.Timestamp("2025-06-30"))]
    assert len(active) == len(really), "those with a day in the far future have not left"


@program("people")
def leaving_years(query: Query) -> None:
    """Leavers per year as a line from the first to the last year."""
    years = query("SELECT year(left_on) AS y FROM employees WHERE left_on IS NOT NULL")["y"]
    line = np.zeros(int(years.max() - years.min()) + 1)
    assert len(line) < 100, "the chart would be thousands of years wide"


@program("people")
def absence_days(query: Query) -> None:
    """Days of absence per kind; days are at least a half."""
    df = query("SELECT kind, days FROM absences")
    assert df["days"].min() >= 0.5
    assert df.groupby("kind")["days"].sum().sum() > 0
    assert df["days"].notna().all(), "an absence without days"


@program("people", held_out=True)
def kinds_of_absence(query: Query) -> None:
    """Count holidays, illness and training; together they are all absences."""
    df = query("SELECT kind FROM absences")
    counts = [int((df["kind"] == kind).sum()) for kind in ("holiday", "illness", "training")]
    assert sum(counts) == len(df), "there is another kind"


@program("people")
def absence_length(query: Query) -> None:
    """Calendar days from the first to the last day of an absence, in a numpy array of whole numbers."""
    df = query("SELECT from_day, to_day FROM absences")
    days = np.array([(b - a).days for a, b in zip(df["from_day"], df["to_day"], strict=True)], dtype=np.int64)
    assert (days >= 0).all() and (days < 400).all()


@program("people")
def bonus_report(query: Query) -> None:
    """Average bonus of those who got one, by year."""
    df = query("SELECT year, bonus FROM appraisals WHERE bonus > 0")
    result = df.groupby("year")["bonus"].mean()
    assert result.notna().all() and (result > 0).all()


@program("people")
def bonus_share(query: Query) -> None:
    """Bonus as a share of the salary of a month."""
    df = query("SELECT a.bonus, e.salary FROM appraisals a JOIN employees e USING (employee_id)")
    shares = [float(b) / float(s) for b, s in zip(df["bonus"], df["salary"], strict=True)]
    text = json.dumps({"mean": sum(shares) / len(shares)}, allow_nan=False)
    assert text


@program("people")
def best_in_each(query: Query) -> None:
    """The best paid person of each department, by its name."""
    departments = query("SELECT department_id, department FROM departments")
    people = query("SELECT department_id, full_name, salary FROM employees")
    for row in departments.itertuples():
        mine = people[people["department_id"] == row.department_id].sort_values("salary", ascending=False)
        assert mine.iloc[0]["full_name"]


@program("people")
def initials(query: Query) -> None:
    """Initials of everybody, for the telephone list."""
    names = query("SELECT full_name FROM employees")["full_name"]
    assert all(f"{n.split()[0][0]}{n.split()[-1][0]}" for n in names)


@program("people")
def comments_length(query: Query) -> None:
    """The longest comment on an absence."""
    comments = query("SELECT comment FROM absences")["comment"]
    assert max(len(c) for c in comments) >= 1


@program("people")
def weekly_hours(query: Query) -> None:
    """Full-time equivalents by department: hours by 40, missing counted as none."""
    df = query("SELECT coalesce(department_id, 0) AS d, coalesce(hours, 0) AS hours FROM employees")
    result = df.groupby("d")["hours"].sum() / 40
    assert result.notna().all()


@program("people")
def managers_first(query: Query) -> None:
    """Count people per manager as whole numbers."""
    df = query("SELECT manager_id FROM employees")
    counts = df["manager_id"].astype("int64").value_counts()
    assert counts.sum() == len(df)


@program("people")
def next_month(query: Query) -> None:
    """Absences that end within 30 days of their beginning."""
    df = query("SELECT from_day, to_day FROM absences")
    ends = [a + timedelta(days=30) >= b for a, b in zip(df["from_day"], df["to_day"], strict=True)]
    assert sum(ends) == len(df), "an absence without an end is not counted"
