"""Who may do what, and why a guard refused. Rights are also part of every guarded write."""

from __future__ import annotations

from engine.commands import SYSTEM, TIMER, ItemId
from engine.errors import Conflict, NotAllowed
from engine.lookups import Lookups


class Access:
    """The rights of one bureau's people."""

    def __init__(self, lookups: Lookups) -> None:
        self._lookups = lookups

    def require_role(self, actor: str, role: str, organisation: str) -> None:
        if not self._lookups.holds(actor, role, organisation):
            # Neither role nor place: who is accused learns nothing of who looks into it.
            raise NotAllowed("This is for a role that you do not hold. Ask whoever holds it.")

    def require_engine_or_role(self, actor: str, role: str) -> None:
        if actor not in (SYSTEM, TIMER) and not self._lookups.has_role(actor, role):
            raise NotAllowed(f"This act needs the role «{role}», which {actor} does not hold.")

    def explain(self, item: ItemId, actor: str, claimed: bool) -> None:
        """Raise why a guard on a work item did not hold; nothing when it does hold."""
        found = self._lookups.item_guard(item, actor)
        if found is None:
            raise Conflict("The task is finished or was withdrawn. Load the inbox again.")
        if not found["member"]:
            raise NotAllowed("The task is for a role that you do not hold.")
        holder = found["assignee"]
        if holder is not None and holder != actor:
            raise Conflict(f"The task is claimed by {holder}. Choose another one.")
        if claimed and holder is None:
            raise Conflict("The task is not claimed. Claim it first.")
        if not claimed and holder == actor:
            raise Conflict("You have already claimed this task.")
