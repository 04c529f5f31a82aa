"""Who may do what: Cedar policies, decided with reasons, default deny.

Each room ships `policies.cedar` and `actions.cedarschema`; an instance adds its own `policies/*.cedar`. A
denial that people meet has an explicit `forbid` that explains itself by annotations: `@id` names the rule,
`@because` says why and `@next` what to do; `{person}`, `{action}`, `{resource}` and the names of context keys
and resource attributes in them are filled in.
"""

import hashlib
import json
import re
import string
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib import resources
from typing import TYPE_CHECKING, Any

import cedarpy
import orjson

from handrail.kernel.errors import Invalid, NotAllowed
from handrail.kernel.kept import Kept
from handrail.kernel.people import Caller, Person

if TYPE_CHECKING:
    from handrail.kernel.context import Context

_ID = re.compile(r'@id\("([^"]+)"\)')
_ASK_ADMIN = "Ask an admin which role or group this needs."
_KEPT = 16_384  # decisions: some hundred bytes each
_AS_ASKED = orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_DATETIME  # a day is no text that spells one


@dataclass(frozen=True)
class Resource:
    """What is acted on; `attrs` are what policies look at: strings, booleans, integers, sets of strings."""

    type: str
    id: str
    attrs: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.type.lower()}:{self.id}"


@dataclass(frozen=True)
class Decision:
    """The answer to one question of access, with the rule that gave it and the version of the rules."""

    allowed: bool
    because: str
    next_step: str
    rule: str
    policy_version: str


@dataclass(frozen=True)
class Rule:
    """One rule in words: what it forbids or permits, why and what to do then, and the file it is from."""

    id: str
    effect: str  # "forbid" or "permit"
    actions: tuple[str, ...]  # none: all of them
    because: str
    next_step: str
    origin: str


@dataclass(frozen=True)
class Policies:
    """All rules of an instance, parsed once. `version` names their exact text.

    A decision is a function of the rules and of what is handed to them: the same question is answered from
    memory, under a key that is all of what is handed over. Other rules are another object, with none kept.
    """

    rules: "_Rules"
    annotations: Mapping[str, Mapping[str, str]]
    version: str
    listed: tuple[Rule, ...] = ()
    _decided: Kept[bytes, Decision] = field(default_factory=lambda: Kept(_KEPT), compare=False, repr=False)

    @classmethod
    def load(cls, rooms: Iterable[str], extra: Mapping[str, str]) -> "Policies":
        """Read the rooms' rules and the instance's own (`extra`: file name to text).

        Refuses rules that do not parse or do not fit the schema, naming the rule.
        """
        rooms = tuple(rooms)
        texts, schema = (
            [_shipped("handrail.kernel", "policies.cedar")],
            [_shipped("handrail.kernel", "actions.cedarschema")],
        )
        for room in rooms:
            texts.append(_shipped(room, "policies.cedar"))
            schema.append(_shipped(room, "actions.cedarschema"))
        texts += [extra[name] for name in sorted(extra)]
        text = "\n".join(texts)
        try:
            rules, parsed, checked = _parsed(text, "\n".join(schema))
        except ValueError as error:
            raise Invalid(
                f"The access rules cannot be read: {error}", next_step="Correct the file under policies/."
            ) from None
        annotations = {name: policy.get("annotations") or {} for name, policy in parsed.items()}
        if not checked.validation_passed:
            wrong = "; ".join(
                f"{annotations.get(e.policy_id, {}).get('id', e.policy_id)}: {e.error}"
                for e in checked.errors
            )
            raise Invalid(f"The access rules do not fit: {wrong}.", next_step="Correct the rule named.")
        names = ["handrail.kernel", *rooms, *(f"policies/{name}" for name in sorted(extra))]
        origins = {rule: name for name, one in zip(names, texts, strict=True) for rule in _ID.findall(one)}
        listed = tuple(_in_words(policy, origins) for policy in parsed.values())
        return cls(rules, annotations, hashlib.sha256(text.encode()).hexdigest()[:12], listed)

    def decide(self, caller: Caller, action: str, resource: Resource, context: Mapping[str, Any]) -> Decision:
        """Decide one question. An error in a rule denies: a failed `forbid` must not pass for silence."""
        if caller.scopes is not None and action not in caller.scopes:
            return self._denied(
                "token-scope",
                f"this token may not {action}; it may {', '.join(sorted(caller.scopes)) or 'do nothing'}",
                "Make a token with that scope on your page, under “Tokens”.",
            )
        person = caller.person
        about = (person.id, person.name, person.active, person.roles, person.groups)
        asked = (*about, action, resource.type, resource.id, resource.attrs, context)
        try:
            key = orjson.dumps(asked, default=_members, option=_AS_ASKED)
        except TypeError:  # what no rule looks at, or JSON cannot hold: decided each time
            return self._ruled(person, action, resource, context)
        return self._decided.made(key, lambda: self._ruled(person, action, resource, context))

    def _ruled(self, person: Person, action: str, resource: Resource, context: Mapping[str, Any]) -> Decision:
        uid = {"type": "Person", "id": person.id}
        target = {"type": resource.type, "id": resource.id}
        principal = {"roles": sorted(person.roles), "groups": sorted(person.groups), "active": person.active}
        entities: list[dict[Any, Any]] = [
            {"uid": uid, "attrs": {"id": person.id, **principal}, "parents": []},
            {"uid": target, "attrs": _cedar(resource.attrs), "parents": []},
        ]
        request = {
            "principal": uid,
            "action": {"type": "Action", "id": action},
            "resource": target,
            "context": _cedar(context),
        }
        result = cedarpy.is_authorized(request, self.rules.about(action), entities)
        if result.diagnostics.errors:
            return self._denied("rule-error", "an access rule could not be evaluated", "Tell an admin.")
        named = {"person": person.name, "action": action, "resource": resource.id}
        words = _Words({**resource.attrs, **context, **named})
        rules = [self.annotations.get(name, {}) for name in result.diagnostics.reasons]
        first = min(rules, key=lambda rule: rule.get("id", ""), default={})
        if result.allowed:
            return Decision(True, "", "", first.get("id", "permit"), self.version)
        because = first.get("because") or "no rule lets {person} {action} {resource}"
        return self._denied(
            first.get("id", "default-deny"), words.fill(because), words.fill(first.get("next") or _ASK_ADMIN)
        )

    def _denied(self, rule: str, because: str, next_step: str) -> Decision:
        return Decision(False, because, next_step, rule, self.version)


def decide(ctx: "Context", action: str, resource: Resource, **context: Any) -> Decision:
    """Ask whether the caller may do `action` to `resource`; nothing is raised and nothing recorded."""
    return ctx.instance.policies.decide(ctx.caller, action, resource, context)


def require(ctx: "Context", action: str, resource: Resource, **context: Any) -> Decision:
    """Refuse unless the caller may do `action` to `resource`; the refusal carries the rule to the trail."""
    decision = decide(ctx, action, resource, **context)
    if not decision.allowed:
        raise denial(decision, action, resource)
    return decision


def require_purpose(ctx: "Context", purpose: str | None, subject: str) -> None:
    """Refuse what serves a purpose that the caller's token is not bound to; a token may be bound to some."""
    to = ctx.caller.purposes
    if to is None or purpose in to:
        return
    raise NotAllowed(
        f"This token may ask for {', '.join(sorted(to))}, and not for {purpose or 'no purpose'}.",
        next_step="Ask for that, or make a token for your purpose on your page, under “Tokens”.",
        subject=subject,
        rule="token-purpose",
    )


def denial(decision: Decision, action: str, resource: Resource) -> NotAllowed:
    """The refusal for a decision that denied."""
    sentence = decision.because[:1].upper() + decision.because[1:]
    return NotAllowed(
        sentence if sentence.endswith(".") else f"{sentence}.",
        next_step=decision.next_step,
        action=action,
        subject=str(resource),
        rule=decision.rule,
        policy_version=decision.policy_version,
    )


class _Rules:
    """Parsed rules, apart by the action that is asked about: a rule about others only takes time."""

    def __init__(self, parsed: Mapping[str, Any]) -> None:
        self._parsed = parsed
        self.about = lru_cache(maxsize=1024)(self._about)

    def _about(self, action: str) -> cedarpy.PolicySet:
        asked = {name: one for name, one in self._parsed["staticPolicies"].items() if _may_say(one, action)}
        return cedarpy.PolicySet.from_json_str(json.dumps({**self._parsed, "staticPolicies": asked}))


def _may_say(policy: Mapping[str, Any], action: str) -> bool:
    about = policy["action"]
    if about["op"] == "==":
        return bool(about["entity"]["id"] == action)
    if about["op"] == "in" and "entities" in about:
        return action in [one["id"] for one in about["entities"]]
    return True


@lru_cache(maxsize=4)
def _parsed(text: str, schema: str) -> tuple[_Rules, dict[str, Any], cedarpy.ValidationResult]:
    """The rules to ask, the rules to read, and whether they fit; mostly the same as the last time."""
    parsed = json.loads(cedarpy.policies_to_json_str(text))
    return _Rules(parsed), parsed["staticPolicies"], cedarpy.validate_policies(text, schema)


def _in_words(policy: Mapping[str, Any], origins: Mapping[str, str]) -> Rule:
    """A parsed policy as a rule to be read."""
    said, about = policy.get("annotations") or {}, policy["action"]
    actions = about.get("entities") or [one for one in (about.get("entity"),) if one]
    return Rule(
        said.get("id", ""),
        policy["effect"],
        tuple(action["id"] for action in actions),
        said.get("because", ""),
        said.get("next", ""),
        origins.get(said.get("id", ""), ""),
    )


@cache
def _shipped(package: str, name: str) -> str:
    file = resources.files(package) / name
    return file.read_text(encoding="utf-8") if file.is_file() else ""


def _members(value: object) -> list[Any]:
    if isinstance(value, set | frozenset):
        return sorted(value)
    raise TypeError


def _cedar(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: sorted(value) if isinstance(value, set | frozenset | tuple | list) else value
        for key, value in values.items()
        if value is not None
    }


class _Words(string.Formatter):
    """Fills a rule's sentence; a name that is not known stays as it is."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def fill(self, text: str) -> str:
        return self.vformat(text, (), self._values)

    def get_value(self, key: int | str, args: Any, kwargs: Any) -> str:
        value = self._values.get(str(key), f"{{{key}}}")
        if isinstance(value, set | frozenset | tuple | list):
            return ", ".join(sorted(map(str, value))) or "nobody"
        return str(value)
