"""What was looked at before a twin was published, as lines of its manifest and its page."""

from __future__ import annotations

from handrail.twins.life import Gate
from handrail.twins.models import TableReport


def gates(table: TableReport, k: int) -> tuple[Gate, ...]:
    """Each gate that this table's twin had to pass, with what was measured and what would have stopped it.

    `k` is the build's; a table may have a greater one.
    """
    privacy, attack = table.privacy, table.attack
    orphans = sum(link.orphans for link in table.links)
    rare = Gate(
        "Nothing rare in the sketch", privacy.passed, "looked up again", f"fewer than {table.k or k} share it"
    )
    copies = Gate(
        "Rows equal to a real row",
        privacy.copies <= privacy.limit,
        f"{privacy.copies:.2%}{', on purpose' if privacy.real else ''}",
        f"above {privacy.limit:.2%}",
    )
    nowhere = Gate("Keys that lead nowhere", not orphans, f"{orphans:,}", "any")
    found = [copies, nowhere] if table.verbatim else [rare, copies, nowhere]
    found += [
        Gate(f"Invented values of {column} that are real", share <= most, f"{share:.2%}", f"above {most:.2%}")
        for column, share, most in privacy.reused
    ]
    if attack is not None:
        above = f"above {attack.limit:.1%}"
        found += [
            Gate(
                "Nearer to the rows it was made from",
                attack.closer_to_train <= attack.limit,
                f"{attack.closer_to_train:.1%}",
                above,
            ),
            Gate(
                "Who was in it can be told",
                attack.membership_auc <= attack.limit,
                f"{attack.membership_auc:.1%}",
                above,
            ),
            Gate("A planted row came back", not attack.canaries, "yes" if attack.canaries else "no", "any"),
        ]
    return tuple(found)
