"""Employees with salaries, and their visits to the company doctor."""

import numpy as np
import pyarrow as pa

from . import vocabulary as words
from .columns import Rng, blank, dates, day, decimals, draw, join, pick, replace


def employees(rng: Rng, count: int) -> pa.Table:
    """`count` employees; managers come first in number, and only the first has none."""
    number = np.arange(1, count + 1)
    job = draw(rng, len(words.JOB_TITLES), count, words.JOB_WEIGHTS)
    manager = (rng.random(count) * np.minimum(number - 1, max(count // 12, 1))).astype(np.int64) + 1
    performance = pa.array(draw(rng, 5, count, (3, 10, 50, 28, 9)) + 1)
    salary = np.asarray(words.JOB_SALARY)[job] * rng.lognormal(0, 0.14, count)
    hired = rng.integers(day("1996-02-01"), day("2026-09-01"), count)
    left = np.minimum(hired + rng.integers(60, 4000, count), day("2026-11-20"))
    last = replace(
        pick(rng, words.LAST_NAMES, count), rng.random(count) < 0.02, pick(rng, words.ODD_LAST_NAMES, count)
    )
    return pa.table(
        {
            "employee_id": number,
            "full_name": join(pick(rng, words.FIRST_NAMES, count), " ", last),
            "email": join("e", number, "@meridian.example"),
            "birth_date": dates(rng.integers(day("1959-01-01"), day("2005-01-01"), count)),
            "gender": blank(pick(rng, ("f", "m", "x"), count, (48, 50, 2)), rng.random(count) < 0.05),
            "department": pick(rng, words.DEPARTMENTS, count, words.DEPARTMENT_WEIGHTS),
            "job_title": pa.array(words.JOB_TITLES).take(pa.array(job)),
            "manager_id": blank(pa.array(manager), number == 1),
            "region": pick(rng, words.REGIONS, count, words.REGION_WEIGHTS),
            "hired_on": dates(hired),
            "left_on": blank(dates(left), rng.random(count) >= 0.11),
            "salary_eur": decimals(np.round(salary, -2).astype(np.int64) * 100, 12, 2),
            "performance": blank(performance, rng.random(count) < 0.08),
        }
    )


def visits(rng: Rng, count: int, employee_count: int) -> pa.Table:
    """`count` visits to occupational health, each of an existing employee."""
    employee = (rng.beta(0.7, 1.6, count) * employee_count).astype(np.int64) + 1
    reason = draw(rng, len(words.VISIT_REASONS), count, (30, 20, 14, 12, 8, 9, 7))
    return pa.table(
        {
            "visit_id": np.arange(1, count + 1),
            "employee_id": employee,
            "visited_on": dates(rng.integers(day("2023-01-01"), day("2026-11-20"), count)),
            "reason": pa.array(words.VISIT_REASONS).take(pa.array(reason)),
            "diagnosis_code": blank(
                pa.array(words.DIAGNOSES).take(pa.array(reason)), rng.random(count) < 0.2
            ),
            "fit_for_work": blank(pa.array(rng.random(count) < 0.86), rng.random(count) < 0.04),
            "days_off": pa.array(np.where(reason >= 2, rng.poisson(2.2, count), 0)),
            "doctor_note": blank(
                pick(rng, ("rest", "controllo tra 2 settimane", "siehe Akte", "???"), count),
                rng.random(count) < 0.7,
            ),
        }
    )
