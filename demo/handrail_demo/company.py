"""The people of Meridian: who does what, in which group, and for which region."""

from handrail.kernel import Person


def _person(
    identifier: str, name: str, roles: tuple[str, ...] = (), groups: tuple[str, ...] = (), region: str = ""
) -> Person:
    return Person(
        identifier,
        name,
        f"{identifier}@meridian.example",
        frozenset(roles),
        frozenset(groups),
        {"region": region} if region else {},
    )


ADMIN = _person("admin", "Ada Admin", ("admin",))
PEOPLE = (
    ADMIN,
    _person("maker.sales", "Mara Sales", ("maker",), ("sales",), "EMEA"),
    _person("maker.ops", "Otto Ops", ("maker",), ("operations",), "EMEA"),
    _person("reviewer.platform", "Rita Review", ("reviewer",)),
    _person("reviewer.privacy", "Paul Privacy", ("reviewer",)),
    _person("steward.sales", "Sven Steward", ("steward",), ("sales",)),
    _person("steward.hr", "Hanna Steward", ("steward",), ("hr",)),
    _person("support.oncall", "Sam Support", ("support",)),
    _person("compliance", "Cora Compliance", ("compliance",)),
    _person("lead", "Lea Lead", ("lead",), ("management",)),
    _person("viewer.emea", "Emil Viewer", (), ("sales",), "EMEA"),
    _person("viewer.apac", "Aiko Viewer", (), ("sales",), "APAC"),
)
