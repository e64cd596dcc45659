"""Access: IAM policies of our own resources, and roles in the project."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from infra.cloud.resources.change import (
    ChangeCommand,
    GcloudCommand,
    ResourceChange,
    gcloud,
    verb_for,
)

Bindings = Mapping[str, Sequence[str]]
"""Role -> members."""


EVERYBODY = frozenset({"allUsers", "allAuthenticatedUsers"})
"""Members that stand for everybody."""

WITH_ADDRESS = ("user", "serviceAccount", "group", "domain")
"""Kinds of members that are named by an address."""


def canonical(member: str) -> str:
    """Return a member with its address in small letters, as Google compares addresses.

    An address beyond ASCII stays as it is: a Kelvin sign in small letters would be a `k`.
    """
    kind, _, address = member.partition(":")
    known = next((one for one in WITH_ADDRESS if one.lower() == kind.lower()), None)
    small = address.lower() if address.isascii() else address
    return f"{known}:{small}" if known else member


def bindings_of(policy: Mapping[str, Any] | None) -> dict[str, list[str]]:
    """Return the members of each role, without conditional bindings."""
    return {
        binding["role"]: sorted({canonical(one) for one in binding.get("members", [])})
        for binding in (policy or {}).get("bindings", [])
        if not binding.get("condition")
    }


def policy_change(
    what: str, command: Sequence[str], policy: Mapping[str, Any] | None, wanted: Bindings
) -> list[ResourceChange]:
    """Return the change that makes a policy exactly `wanted`, and so withdraws all other access.

    `command` sets the policy from the file policy.json.
    """

    def set_policy(content: dict[str, Any]) -> ChangeCommand:
        return GcloudCommand(command, {"policy.json": content})

    return exact_policy(what, set_policy, policy, wanted)


def exact_policy(
    what: str,
    set_policy: Callable[[dict[str, Any]], ChangeCommand],
    policy: Mapping[str, Any] | None,
    wanted: Bindings,
) -> list[ResourceChange]:
    """Return the change that makes a policy exactly `wanted`; `set_policy` returns its command."""
    conditional = [it for it in (policy or {}).get("bindings", []) if it.get("condition")]
    existing = bindings_of(policy)
    want = {role: sorted(members) for role, members in wanted.items() if members}
    if existing == want and not conditional:
        return []
    bindings = [{"role": role, "members": members} for role, members in sorted(want.items())]
    content: dict[str, Any] = {"bindings": bindings}
    if policy and policy.get("etag"):
        content["etag"] = policy["etag"]
    verb = verb_for(existing)
    why = [
        _difference(role, existing.get(role, []), want.get(role, []))
        for role in {**existing, **want}
    ]
    return [ResourceChange(verb, what, [set_policy(content)], [line for line in why if line])]


def _difference(role: str, existing: Sequence[str], want: Sequence[str]) -> str:
    added = [f"+{member}" for member in want if member not in existing]
    removed = [f"-{member}" for member in existing if member not in want]
    return f"{role}: {' '.join(added + removed)}" if added or removed else ""


def project_roles(
    project: str, policy: Mapping[str, Any] | None, wanted: Sequence[tuple[str, str]]
) -> list[ResourceChange]:
    """Return the changes that grant the missing roles, (member, role), in the project.

    The project's policy is shared: its other bindings are left as they are.
    """
    existing = bindings_of(policy)
    return [
        ResourceChange(
            "create",
            f"project role {role} of {member.partition(':')[2]}",
            [_binding("add", project, member, role)],
        )
        for member, role in wanted
        if member not in existing.get(role, [])
    ]


def roles_to_withdraw(
    project: str, policy: Mapping[str, Any] | None, members: Sequence[str]
) -> list[ResourceChange]:
    """Return the changes that withdraw every project role of these members."""
    return [
        ResourceChange(
            "delete",
            f"project role {role} of {member.partition(':')[2]}",
            [_binding("remove", project, member, role)],
        )
        for role, granted in bindings_of(policy).items()
        for member in granted
        if member in members
    ]


def _binding(verb: str, project: str, member: str, role: str) -> GcloudCommand:
    return gcloud(
        *("projects", f"{verb}-iam-policy-binding", project),
        *(f"--member={member}", f"--role={role}", "--condition=None"),
    )
