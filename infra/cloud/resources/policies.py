"""Who may do what: IAM policies of things that are ours alone, and roles in the project."""

from collections.abc import Mapping, Sequence
from typing import Any

from infra.cloud.resources.change import GcloudCommand, ResourceChange, gcloud, verb_for

Bindings = Mapping[str, Sequence[str]]
"""Role -> members."""


def bindings_of(policy: Mapping[str, Any] | None) -> dict[str, list[str]]:
    """The members of each role, with what makes a binding conditional left out of it."""
    return {
        binding["role"]: sorted(binding.get("members", []))
        for binding in (policy or {}).get("bindings", [])
        if not binding.get("condition")
    }


def policy_change(
    what: str, command: Sequence[str], policy: Mapping[str, Any] | None, wanted: Bindings
) -> list[ResourceChange]:
    """The change that makes a policy exactly this one: who was let in besides is let in no more.

    `command` sets the policy from the file policy.json.
    """
    conditional = [it for it in (policy or {}).get("bindings", []) if it.get("condition")]
    existing, want = bindings_of(policy), {role: sorted(who) for role, who in wanted.items() if who}
    if existing == want and not conditional:
        return []
    bindings = [{"role": role, "members": who} for role, who in sorted(want.items())]
    content: dict[str, Any] = {"bindings": bindings}
    if policy and policy.get("etag"):
        content["etag"] = policy["etag"]
    files = {"policy.json": content}
    verb = verb_for(existing)
    why = [
        _difference(role, existing.get(role, []), want.get(role, []))
        for role in {**existing, **want}
    ]
    return [
        ResourceChange(verb, what, [GcloudCommand(command, files)], [line for line in why if line])
    ]


def _difference(role: str, existing: Sequence[str], want: Sequence[str]) -> str:
    more = [f"+{member}" for member in want if member not in existing]
    less = [f"-{member}" for member in existing if member not in want]
    return f"{role}: {' '.join(more + less)}" if more or less else ""


def project_roles(
    project: str, policy: Mapping[str, Any] | None, wanted: Sequence[tuple[str, str]]
) -> list[ResourceChange]:
    """The roles, (member, role), that are not granted in the project yet.

    The project's policy is everybody's: what is there besides stays.
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
    """Every role in the project that one of these members has."""
    return [
        ResourceChange(
            "delete",
            f"project role {role} of {member.partition(':')[2]}",
            [_binding("remove", project, member, role)],
        )
        for role, who in bindings_of(policy).items()
        for member in who
        if member in members
    ]


def _binding(verb: str, project: str, member: str, role: str) -> GcloudCommand:
    return gcloud(
        *("projects", f"{verb}-iam-policy-binding", project),
        *(f"--member={member}", f"--role={role}", "--condition=None"),
    )
