"""What people and programs meet: web, REST, the command line, and the socket that is an app's only door."""

from typing import TYPE_CHECKING

from handrail.front_doors import open_when_asked

if TYPE_CHECKING:
    from handrail.faces.socket import AppDoor

__all__ = ["AppDoor"]

open_when_asked(__name__)
