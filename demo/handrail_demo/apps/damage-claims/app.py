"""Opens a ticket for each order that arrived damaged.

The carrier sends a list every morning: the order and what is broken. Each line
becomes a ticket at the service desk; an order that has one keeps it.
"""

import csv

import handrail_sdk as h


def claims() -> list[dict[str, str]]:
    """The lines of the carrier's list that name an order."""
    lines = list(csv.DictReader(h.input("claims").text().splitlines()))
    named = [line for line in lines if line["order"].strip()]
    if len(named) < len(lines):
        h.text(f"{len(lines) - len(named)} lines name no order and are left out.")
    return named


def main() -> None:
    desk = h.connector("service-desk")
    for claim in claims():
        desk.post("/tickets", json={"order": claim["order"], "text": claim["damage"]}).expect()
    tickets = desk.get("/tickets").expect().json()["tickets"]
    waiting = [one for one in tickets if one["state"] == "open"]
    h.text(f"{len(waiting)} of {len(tickets)} tickets are open.")
    h.show(waiting, title="Open tickets")


if __name__ == "__main__":
    main()
