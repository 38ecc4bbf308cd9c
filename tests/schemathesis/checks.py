"""Checks of our own, beside those of schemathesis.

Each is run on every answer and raises what it finds.
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import schemathesis

import stage
import table

#: What is answered to a wrong password or code, whoever sends it.
_WRONG_SECRET = {"wrong_email_or_password", "wrong_setup_code", "invitation_invalid", "password_incorrect"}
#: A credential that was made up, where the table has none.
_NO_CREDENTIAL = {"credential_missing", "credential_invalid"}
#: What the caller is answered, and what it is answered where its credential is left out or replaced.
_CELLS = table.column(stage.COLUMN) if stage.COLUMN else {}
_NOBODYS_CELLS = table.column("nobody")


@dataclass
class Prop:
    """What stands ready for one request."""

    #: Whether the request comes from an address of its own.
    own_address: bool = True
    #: Whether no credential goes with it but one.
    alone: bool = False
    #: The credential that is sent instead of the run's.
    credential: str | None = None
    #: Another session of the same person, which lives now.
    other_session: str | None = None
    #: The code that works no second time when the request has succeeded.
    uses_code: str | None = None
    #: What the head coach was answered for the club's keys after the role was handed over.
    answer_after: Any = None


#: By the id of the case.
props: dict[str, Prop] = {}


def operation_id(case: Any) -> str:
    """The name of the case's operation."""
    return str(case.operation.definition.raw["operationId"])


def _is_of_the_operation(case: Any, response: Any) -> bool:
    """Not so where schemathesis tries a method that the document does not have."""
    return bool(response.request.method.lower() == case.operation.method.lower())


def _goes_with_the_credential(case: Any, request: Any) -> bool:
    own = {stage.CREDENTIAL, props.get(case.id, Prop()).credential} - {None}
    sent = {request.headers.get("Authorization", "").removeprefix("Bearer "), request.headers.get("X-API-Key")}
    return bool(own & sent)


def _code(response: Any) -> str:
    return "" if response.status_code < 400 else response.json()["code"]


def _must_be_refused(credential: str, code: str, what: str) -> None:
    answer = stage.send("GET", "/api/v1/auth/me", credential=credential)
    if (answer.status_code, _code(answer)) != (401, code):
        raise AssertionError(f"{what} was answered with {answer.status_code} {_code(answer)}, not with 401 {code}")


def _must_live(credential: str, what: str) -> None:
    answer = stage.send("GET", "/api/v1/auth/me", credential=credential)
    if not answer.ok:
        raise AssertionError(f"{what} was refused with {_code(answer)}")


@schemathesis.check
def what_was_ended_is_refused_at_once(ctx: Any, response: Any, case: Any) -> None:
    """A revoked key, an ended session, a used invitation and a role that was handed over: the very next request."""
    prop = props.get(case.id, Prop())
    if not _is_of_the_operation(case, response) or not 200 <= response.status_code < 300:
        return
    match operation_id(case):
        case "revoke_api_key":
            # Keys from answers of before the run have no secret that anybody knows.
            if secret := stage.secrets.get(case.path_parameters["key_id"]):
                _must_be_refused(secret, "key_revoked", "the next request with the key after it was revoked")
            stage.revoked.add(case.path_parameters["key_id"])
        case "get_api_key":
            if case.path_parameters["key_id"] in stage.revoked and response.json()["status"] != "revoked":
                raise AssertionError(f"a revoked key is answered as {response.json()['status']}")
        case "logout":
            token = response.request.headers["Authorization"].removeprefix("Bearer ")
            _must_be_refused(token, "session_over", "the next request with the session after signing out")
            if prop.other_session and "everywhere=true" in urlsplit(response.request.url).query:
                _must_be_refused(prop.other_session, "session_over", "the other session after signing out everywhere")
            elif prop.other_session:
                _must_live(prop.other_session, "the other session after signing out")
        case "change_password" if prop.other_session:
            _must_be_refused(prop.other_session, "session_over", "the next request of the other session")
        case "accept_invitation" if prop.uses_code:
            again = {"code": prop.uses_code, "password": "lantern-harbor-quiet-again"}
            answer = stage.send("POST", "/api/v1/invitations/accept", again)
            if _code(answer) != "invitation_invalid":
                raise AssertionError(f"an invitation that was accepted is answered with {answer.status_code} again")
        case "hand_over_head_coach" if prop.answer_after is None or _code(prop.answer_after) != "head_coach_required":
            raise AssertionError("the next request of who was head coach is answered with the club's keys")


@schemathesis.check
def nobody_can_more_than_the_table_says(ctx: Any, response: Any, case: Any) -> None:
    """And nobody less: who may do what stands in tests/it/authority.md, for the club that the run is about."""
    if not _CELLS or not _is_of_the_operation(case, response):
        return
    cells = (_CELLS if _goes_with_the_credential(case, response.request) else _NOBODYS_CELLS)[operation_id(case)]
    codes = {cell.partition(" ")[2] for cell in cells}
    if codes & _NO_CREDENTIAL:
        codes |= _NO_CREDENTIAL
    who = stage.COLUMN if cells is _CELLS[operation_id(case)] else "nobody"
    elsewhere = case.path_parameters.get("org_id", stage.IDS["org_id"]) != stage.IDS["org_id"]
    if response.status_code < 400 and not elsewhere and not any(cell.startswith("2") for cell in cells):
        raise AssertionError(f"{who} was answered with {response.status_code}; the table has {sorted(cells)}")
    if response.status_code in (401, 403) and _code(response) not in codes | _WRONG_SECRET:
        raise AssertionError(f"{who} was refused with {_code(response)}; the table has {sorted(cells)}")


@schemathesis.check
class EveryPowerIsUsed:
    """What the table lets the caller do was done in the run: it has not proved something about refusals alone."""

    def __init__(self) -> None:
        self.tested: set[str] = set()
        self.done: set[str] = set()

    def after_response(self, ctx: Any, response: Any, case: Any) -> None:
        self.tested.add(operation_id(case))
        if _is_of_the_operation(case, response) and 200 <= response.status_code < 300:
            self.done.add(operation_id(case))

    def after_run(self, ctx: Any) -> None:
        powers = {name for name, cells in _CELLS.items() if any(cell.startswith("2") for cell in cells)}
        if not stage.COLUMN:
            powers = {"set_up"}
        if missing := sorted(powers - self.done):
            raise AssertionError(f"never done by {stage.COLUMN or 'nobody'}: {', '.join(missing)}")
        if missing := sorted(set(_CELLS) - self.tested):
            raise AssertionError(f"never tried by {stage.COLUMN}: {', '.join(missing)}")
