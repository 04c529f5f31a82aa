"""What Meridian's stewards write into the drafted contracts before they certify them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

HASHED = ("email", "iban")
HIDDEN = ("phone", "birth_date", "street", "note")
CUSTOMERS_A_DAY = 500  # that one viewer may see, over all queries and apps
EVERYTHING, OWN_REGION = "TRUE", "region = viewer.region"


@dataclass(frozen=True)
class Completion:
    """One contract: who completes it, what they write, and which second steward looks at it."""

    dataset: str
    proposer: str
    certifier: str
    changes: Mapping[str, Any]


def _sales(dataset: str, description: str, purposes: list[str], **more: Any) -> Completion:
    changes = {
        "owner": "steward.sales",
        "deputy": "lead",
        "description": description,
        "purposes": purposes,
        "readers": ["sales", "operations", "management"],
        **more,
    }
    return Completion(dataset, "steward.sales", "steward.hr", changes)


BY_REGION = [{"sql": EVERYTHING, "groups": ["management"]}, {"sql": OWN_REGION}]

# clinic_visits is missing on purpose: the company doctor has not decided, so it stays a draft.
COMPLETIONS = (
    _sales(
        "products",
        "Everything Meridian sells, with list price, cost and stock as of the last count.",
        ["sales-reporting", "sales-operations", "inventory-planning"],
    ),
    _sales(
        "customers",
        "Consumers, clubs, schools and retailers who ordered at least once or asked to be sent things.",
        ["customer-care", "sales-reporting"],
        entity_key="customer_id",
        subject="customer",
        budget=CUSTOMERS_A_DAY,
        row_filters=BY_REGION,
        masks={
            **dict.fromkeys(HASHED, "hash"),
            **dict.fromkeys(HIDDEN, "null"),
            "last_name": {"kind": "partial", "unless_groups": ["management"]},
        },
        classifications=dict.fromkeys(
            ("first_name", "last_name", "street", "birth_date", *HASHED, "phone"), "personal"
        ),
    ),
    _sales(
        "sales_orders",
        "One row per order, by the day of the order. Amounts are in the order's currency; "
        "eur_rate converts them at the booked rate; returned_amount is what came back.",
        ["sales-reporting", "sales-operations", "inventory-planning", "customer-care", "financial-control"],
        entity_key="customer_id",
        subject="customer",
        budget=CUSTOMERS_A_DAY,
        row_filters=BY_REGION,
        masks={"note": "null"},
    ),
    _sales(
        "order_lines",
        "The lines of each order; their amounts sum to the order's net_amount.",
        ["sales-reporting", "sales-operations", "inventory-planning"],
    ),
    _sales(
        "finance_control_totals",
        "Revenue per closed quarter as the board saw it, rounded to 100 EUR.",
        ["financial-control", "sales-reporting"],
    ),
    Completion(
        "hr_employees",
        "steward.hr",
        "steward.sales",
        {
            "owner": "steward.hr",
            "deputy": "lead",
            "description": "Everybody who works or worked at Meridian, with their salary.",
            "purposes": ["workforce-planning"],
            "readers": ["hr"],
            "entity_key": "employee_id",
            "subject": "employee",
            "masks": {"salary_eur": "null", "birth_date": "null", "performance": "null", "email": "hash"},
            "classifications": {
                "salary_eur": "sensitive",
                "performance": "sensitive",
                "full_name": "personal",
                "email": "personal",
                "birth_date": "personal",
            },
        },
    ),
)
