"""The menu: rooms say which page they have and for whom; the shell shows it in order."""

from collections.abc import Iterable
from dataclasses import dataclass

from handrail.kernel import Caller


@dataclass(frozen=True)
class NavItem:
    """One line of the menu; `roles` empty means everybody signed in."""

    label: str
    href: str
    icon: str
    order: int = 50
    roles: frozenset[str] = frozenset()


_items: dict[str, NavItem] = {}


def nav(label: str, href: str, icon: str, order: int = 50, roles: Iterable[str] = ()) -> None:
    """Put a page into the menu, at import in `pages.py`; a second call with the same address replaces."""
    _items[href] = NavItem(label, href, icon, order, frozenset(roles))


def menu(caller: Caller | None) -> tuple[NavItem, ...]:
    """What this caller's menu shows; nothing when nobody is signed in."""
    if caller is None:
        return ()
    roles = caller.person.roles
    shown = (item for item in _items.values() if not item.roles or item.roles & roles)
    return tuple(sorted(shown, key=lambda item: (item.order, item.label)))
