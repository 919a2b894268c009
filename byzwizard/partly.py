"""A node of which only services fail: the mesh, phones and names work, and people are told so."""

from typing import Any

SERVICE = "service-"  # begins the checks of `status` that complain of a service


def failing(status: dict[str, Any]) -> list[str]:
    """The titles of the services that fail, in the shape of `status --json`; empty where all works, or more fails."""
    if status["working"]:
        return []
    failed = [check["id"] for check in status["checks"] if not check["ok"]]
    if not all(check.startswith(SERVICE) for check in failed):
        return []
    titles = {SERVICE + one["name"]: one["title"] for one in status["services"] if one["node"] is None}
    return [titles.get(check, check.removeprefix(SERVICE)) for check in failed]
