"""Why a request that keeps the document may be refused all the same: what no schema can say.

Every refusal with 400, 412 or 422 of such a request must have its reason here, as narrow as it can be told. Refusals
with 401, 403, 404 and 409 say that something is not there, or not for this caller; the table of authority holds them.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus


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


def _controls(request: Any) -> bool:
    text = unquote_plus(request.url) + (request.body or b"").decode()
    return re.search(r"[\x00-\x1f\x7f-\x9f]|\\u00(0|1|7f|8|9)", text) is not None


REASONS = [
    # A document can say that either credential will do, but not that both at once will not.
    Reason(".*", "", "^two_credentials$", _sends("Authorization", "X-API-Key")),
    # Which revision is present.
    Reason(".*", "", "^revision_mismatch$", _sends("If-Match")),
    # What was sent before with the same key.
    Reason("create_.*", "", "^idempotency_key_reused$", _sends("Idempotency-Key")),
    # A cursor is opaque, and is one only if the server has made it, for these filters.
    Reason("list_.*", "cursor", "^must be the next_cursor of a page of this list with the same filters$"),
    # Which passwords are easily guessed.
    Reason("set_up|accept_invitation", "password", "; choose another, such as four unrelated words$"),
    Reason("change_password", "new_password", "; choose another, such as four unrelated words$"),
    # Whether there is an account, whose password is then as it is, or the password is the first of a new one.
    Reason("accept_invitation", "password", "^must have at least 12 characters, has "),
    # No pattern for it is read alike by every generator of clients.
    Reason(".*", ".*", "^must not contain control characters$", _controls),
    # Which fields of one body exclude each other.
    Reason("update_.*", ".*", "^is both set and cleared; do one of them$"),
    # Which texts are addresses; there is no format for either kind, with a range or without.
    Reason("(create|update)_api_key", r"allowed_ips\[\d+\]", "^must be an address or a range"),
    # What time it is.
    Reason("(create|update)_api_key", "expires_at", "^must lie in the future"),
    # Who is a coach of the club.
    Reason("(create|update)_member", "coach_id", "^must be the id of a coach of this organization$"),
]
