"""What happens before and after each request of schemathesis.

The document cannot say which ids exist, which password belongs to whom, or that a credential is still alive. So a
request that keeps the document is given what it needs, in most cases and not in all: every third one of an operation
goes out as it was made up. What a request uses up is made for it alone: the session that it ends, the key that it
revokes, the member that it removes, the head coach's successor. So the run's own credential lives to the end, and each
request means something.

A request that breaks the document goes out as it is.
"""

import re
from collections import Counter
from typing import Any, Callable

import requests
import schemathesis
from schemathesis.core.failures import AcceptedNegativeData
from schemathesis.openapi.checks import RejectedPositiveData

import checks
import reasons
import stage
from checks import Prop

_ID = re.compile(r"\b(?:org|mem|key)_[0-7][0-9a-hjkmnp-tv-z]{25}\b")
_RANGES = ["203.0.113.7", "203.0.113.0/24", "2001:db8::1", "2001:db8::/32"]
_times: Counter[str] = Counter()


class Sender(requests.auth.AuthBase):
    """Sends a request as its prop says. It comes from an address of its own, so that wrong passwords slow no other."""

    def __init__(self, prop: Prop) -> None:
        self.prop = prop

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self.prop.own_address:
            number = stage.number()
            request.headers["X-Forwarded-For"] = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
        if self.prop.alone and stage.CREDENTIAL:
            for name in ("Authorization", "X-API-Key"):
                if stage.CREDENTIAL not in request.headers.get(name, stage.CREDENTIAL):
                    del request.headers[name]
        if self.prop.credential and request.headers.get("Authorization") == f"Bearer {stage.CREDENTIAL}":
            request.headers["Authorization"] = f"Bearer {self.prop.credential}"
        return request


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    prop, operation = Prop(), checks.operation_id(case)
    if operation == "logout":
        _logout(prop)
    if case.meta is not None and case.meta.generation.mode.is_positive:
        _mend_headers(case)
        _times[operation] += 1
        if _times[operation] % 3:
            # Schemathesis makes a credential up beside the run's own, and two are refused: it is left out on the way.
            prop.alone = stage.CREDENTIAL is not None
            _fill_paths(case)
            _clear_no_more_than_is_left_out(case)
            if prepare := _PREPARATIONS.get(operation):
                prepare(case, prop)
            _fill_headers(case)
            _fill_cursor(case)
    checks.props[case.id] = prop
    kwargs["auth"] = Sender(prop)


@schemathesis.hook
def after_call(context: Any, case: Any, response: Any) -> None:
    if response.status_code < 300:
        stage.known.update(_ID.findall(response.text))
        operation = checks.operation_id(case)
        if operation in ("create_api_key", "rotate_api_key"):
            created = response.json()
            stage.secrets[created["id"]] = created["secret"]
        if operation == "hand_over_head_coach":
            # Whoever asks for the next request is head coach no more; after that the run needs the role again.
            checks.props[case.id].answer_after = stage.send("GET", f"{stage.club}/api-keys", None, stage.CREDENTIAL)
            stage.take_back_head_coach(case.body["member_id"])


@schemathesis.hook
def filter_failure(context: Any, failure: Any, case: Any, response: Any) -> bool:
    """Drops what schemathesis takes for a failure and is none, for the reasons that stand in reasons.py."""
    if isinstance(failure, RejectedPositiveData):
        return not reasons.explain_refusal(checks.operation_id(case), response)
    if isinstance(failure, AcceptedNegativeData):
        return not reasons.is_valid_when_trimmed(case)
    return True


def _made_up(case: Any, name: str) -> bool:
    """Whether the id of this name is one that the server has never named; others come over links and from answers."""
    return name in case.path_parameters and case.path_parameters[name] not in stage.known


def _fill_paths(case: Any) -> None:
    for name in ("org_id", "member_id", "key_id"):
        if _made_up(case, name) and name in stage.IDS:
            case.path_parameters[name] = stage.IDS[name]


def _clear_no_more_than_is_left_out(case: Any) -> None:
    """No schema can say that a change does not both set and empty a field."""
    if isinstance(case.body, dict) and case.body.get("clear"):
        case.body["clear"] = [name for name in case.body["clear"] if name not in case.body]


def _mend_headers(case: Any) -> None:
    """Where a pattern is too much for schemathesis, it writes `0` and counts it as valid."""
    if case.headers.get("If-Match") == "0":
        case.headers["If-Match"] = "*"


def _fill_headers(case: Any) -> None:
    """Revisions that are present, and keys of repeated requests that are new."""
    for name in ("If-Match", "If-None-Match"):
        if name in case.headers:
            present = stage.etag(case.formatted_path)
            case.headers[name] = present if present and stage.number() % 2 else "*"
    if "Idempotency-Key" in case.headers:
        case.headers["Idempotency-Key"] = f"request-{stage.number()}"


def _fill_cursor(case: Any) -> None:
    if "cursor" in (case.query or {}):
        cursor = stage.next_cursor(case.formatted_path, case.query)
        if cursor is None:
            del case.query["cursor"]
        else:
            case.query["cursor"] = cursor


def _logout(prop: Prop) -> None:
    """Whatever is sent, it is somebody else's sessions that end: with `everywhere` the run's own would end too."""
    if stage.PERSON:
        someone = stage.person("athlete")
        prop.credential = someone.token
        prop.other_session = stage.sign_in(someone.email, someone.password)


def _login(case: Any, prop: Prop) -> None:
    case.body.update(stage.account())
    prop.own_address = False


def _change_password(case: Any, prop: Prop) -> None:
    if stage.PERSON:
        someone = stage.person("athlete")
        prop.credential = someone.token
        prop.other_session = stage.sign_in(someone.email, someone.password)
        case.body["current_password"] = someone.password


def _hand_over(case: Any, prop: Prop) -> None:
    # Whoever else asks is refused before the body's member is looked for.
    if stage.PERSON and stage.COLUMN == "head coach":
        prop.own_address = False
        case.body.update(member_id=stage.person("coach").member_id, password=stage.PERSON["password"])


def _member(case: Any, prop: Prop) -> None:
    """A body that names a coach names one of the club; whoever is changed or removed is changed or removed alone."""
    if isinstance(case.body, dict) and case.body.get("coach_id"):
        case.body["coach_id"] = stage.IDS["coach_id"]
    if case.path_parameters.get("member_id") == stage.IDS["member_id"]:
        case.path_parameters["member_id"] = stage.athlete()


def _invite(case: Any, prop: Prop) -> None:
    if case.path_parameters.get("member_id") == stage.IDS["member_id"]:
        case.path_parameters["member_id"] = stage.athlete(email=f"contact{stage.number()}@stage.example")


def _accept(case: Any, prop: Prop) -> None:
    prop.uses_code = case.body["code"] = stage.invitation(stage.athlete())[1]


def _key_body(case: Any, prop: Prop) -> None:
    """A key that does not expire before it is created, for addresses that are some."""
    if (case.body.get("expires_at") or "9") < "2027":
        case.body["expires_at"] = "2031-07-01T12:00:00Z"
    if case.body.get("allowed_ips"):
        case.body["allowed_ips"] = _RANGES[: len(case.body["allowed_ips"])]


def _change_key(case: Any, prop: Prop) -> None:
    _key_body(case, prop)
    _revoke(case, prop)


def _revoke(case: Any, prop: Prop) -> None:
    """Never the key that the run itself goes by."""
    if case.path_parameters.get("key_id") == stage.IDS["key_id"]:
        case.path_parameters["key_id"] = stage.api_key()


def _set_up(case: Any, prop: Prop) -> None:
    if stage.SETUP_CODE:
        case.body["setup_code"] = stage.SETUP_CODE


_PREPARATIONS: dict[str, Callable[[Any, Prop], None]] = {
    "set_up": _set_up,
    "login": _login,
    "change_password": _change_password,
    "hand_over_head_coach": _hand_over,
    "create_member": _member,
    "update_member": _member,
    "delete_member": _member,
    "create_invitation": _invite,
    "accept_invitation": _accept,
    "create_api_key": _key_body,
    "update_api_key": _change_key,
    "revoke_api_key": _revoke,
    "rotate_api_key": _revoke,
    "end_previous_secret": _revoke,
}
