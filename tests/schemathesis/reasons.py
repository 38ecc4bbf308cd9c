"""Why a request that keeps the document may be refused all the same: what no schema can say.

Every refusal with 400, 412 or 422 of such a request must have its reason here, as narrow as it can be told. Refusals
with 401, 403, 404 and 409 say that something is not there, or not for this caller; the table of authority holds them.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from schemathesis.core.jsonschema import make_validator


@dataclass(frozen=True)
class Reason:
    """One reason: for which operations, about which field, in what words, and only if the request bears it out."""

    operations: str
    field: str
    message: str
    borne_out: Callable[[Any], bool] = lambda request: True

    def covers(self, operation: str, fault: dict[str, str], request: Any) -> bool:
        """Whether this is the reason of a fault that the server has named."""
        return (
            re.fullmatch(self.operations, operation) is not None
            and re.fullmatch(self.field, fault["field"]) is not None
            and re.search(self.message, fault["message"]) is not None
            and self.borne_out(request)
        )


def _sends(*names: str) -> Callable[[Any], bool]:
    return lambda request: all(name in request.headers for name in names)


def _texts(request: Any) -> Iterator[str]:
    """Every text that a request sends, in its query and its body."""
    yield from (value for _, value in parse_qsl(urlsplit(request.url).query, keep_blank_values=True))
    values = [json.loads(request.body)] if request.body else []
    while values:
        match values.pop():
            case str(text):
                yield text
            case list(several):
                values.extend(several)
            case dict(fields):
                values.extend(fields.values())


def _says(pattern: str) -> Callable[[Any], bool]:
    return lambda request: any(re.search(pattern, text) for text in _texts(request))


def _asks(pattern: str) -> Callable[[Any], bool]:
    return lambda request: re.search(pattern, urlsplit(request.url).query) is not None


REASONS = [
    # A document can say that either credential will do, but not that both at once will not.
    Reason(".*", "", "^two_credentials$", _sends("Authorization", "X-API-Key")),
    # Which revision is present.
    Reason(".*", "", "^revision_mismatch$", _sends("If-Match")),
    # What was sent before with the same key.
    Reason("create_.*|rotate_.*", "", "^idempotency_key_reused$", _sends("Idempotency-Key")),
    # A cursor is opaque, and is one only if the server has made it, for these filters.
    Reason("list_.*", "cursor", "^must be the next_cursor of a page of this list( with the same filters)?$"),
    # Which passwords are easily guessed.
    Reason("set_up|accept_invitation", "password", "; choose another, such as four unrelated words$"),
    Reason("change_password", "new_password", "; choose another, such as four unrelated words$"),
    # Whether there is an account, whose password is then as it is, or the password is the first of a new one.
    Reason("accept_invitation", "password", "^must have at least 12 characters, has "),
    # What a text may be made of stands in the document in words: no pattern for it is read alike by every generator
    # of clients.
    Reason(".*", ".*", "^must not contain control characters$", _says(r"[\x00-\x1f\x7f-\x9f]")),
    Reason(".*", ".*", "^must not contain characters that change the direction", _says("[\u202a-\u202e\u2066-\u2069]")),
    Reason(".*", ".*", "^must not be empty$", _says(r"^[\s\u200b-\u200f\u2060-\u2064\ufeff\xad]*$")),
    Reason("list_members", "q", "^must contain a letter or a digit$", _says(r"^[\W_]*$")),
    # Which parameters belong together.
    Reason("report_leaked_secret", "secret", "^must be a secret of Astral's", _says("^astral_")),
    Reason("get_api_key_impact", "scopes", "^is needed with the action narrow", _asks("action=narrow")),
    Reason("get_api_key_impact", "scopes", "^goes with the action narrow alone$", _asks("action=(revoke|rotate)")),
    Reason("list_audit_events", "since|until", "^must lie in the years 1970 to 9999"),
    Reason("list_audit_events", "until", "^must be later than since$", _asks("since=.*until=|until=.*since=")),
    # Whether the member has an email of its own.
    Reason("create_invitation", "email", "^is needed, since the member has no email of its own$"),
    # Which fields of one body exclude each other.
    Reason("update_.*", ".*", "^is both set and cleared; do one of them$"),
    # Which texts are addresses; there is no format for either kind, with a range or without.
    Reason("(create|update)_api_key", r"allowed_ips\[\d+\]", "^must be an address or a range"),
    # What time it is; and which of the times that RFC 3339 can write the server can keep.
    Reason("(create|update)_api_key", "expires_at", "^must lie in the (future|years 1970 to 9999)"),
    # How long the club lets its keys last.
    Reason("(create|update)_api_key", "expires_at", r"^must be at most \d+ days ahead"),
    Reason("update_organization", "usual_key_days", r"^must be at most longest_key_days, which is \d+$"),
    # Who is a coach of the club, and that a coach has none.
    Reason("(create|update)_member", "coach_id", "^must be the id of a coach of this organization$"),
    Reason("(create|update)_member", "coach_id", "^only an athlete is assigned to a coach$"),
]


def explain_refusal(operation: str, response: Any) -> bool:
    """Whether there is a reason for each fault that a refusal names."""
    if response.status_code not in (400, 412, 422):
        return False
    problem = response.json()
    faults = problem["errors"] or [{"field": "", "message": problem["code"]}]
    return all(any(reason.covers(operation, fault, response.request) for reason in REASONS) for fault in faults)


def is_valid_when_trimmed(case: Any) -> bool:
    """Whether nothing is wrong with a body but blanks around a text, which do not count towards its length."""
    others = [place for place, made in case.meta.components.items() if place.value != "body" and made.mode.is_negative]
    media = case.operation.get_body_for_media_type(case.media_type)
    if others or media is None or not isinstance(case.body, dict):
        return False
    body = {name: value.strip() if isinstance(value, str) else value for name, value in case.body.items()}
    validator = make_validator(media.optimized_schema, case.operation.schema.adapter.jsonschema_validator_cls)
    return body != case.body and validator.is_valid(body)
