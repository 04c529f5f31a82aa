"""An import contract of our own: a room is entered by its front door."""

from typing import Any

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class FrontDoor(Contract):  # type: ignore[misc]
    """Modules outside a room import the room itself, never what lies behind it.

    `rooms` are the packages with a front door; `keys` the modules that may pass it by: the composition root,
    which plugs pages, commands and adapters together.
    """

    rooms = fields.ListField(subfield=fields.StringField())
    keys = fields.ListField(subfield=fields.StringField(), required=False, default=[])

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Find imports that climb in through a window."""
        windows: list[tuple[str, str]] = []
        for room in self.rooms:
            inside = {room, *graph.find_descendants(room)}
            for module in inside - {room}:
                windows += [
                    (importer, module)
                    for importer in graph.find_modules_that_directly_import(module)
                    if importer not in inside and not any(importer.startswith(key) for key in self.keys)
                ]
        return ContractCheck(kept=not windows, metadata={"windows": sorted(windows)})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Name each import and the door it should have taken."""
        windows: list[Any] = check.metadata["windows"]
        for importer, module in windows:
            output.print_error(f"{importer} imports {module}; import the room instead.")
