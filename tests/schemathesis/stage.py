"""The club that stands ready for a run, and the hands that make what a request uses up."""

import functools
import itertools
import json
import os
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import requests

_SET = json.loads(os.environ["ASTRAL_STAGE"])

#: Where the server is.
URL: str = _SET["url"]
#: The name of the caller's column in tests/it/authority.md; empty on a server that is not set up.
COLUMN: str = _SET["column"]
#: The credential with which the run goes, if it has one.
CREDENTIAL: str | None = _SET["credential"]
#: The email and password of the person whose session it is, if it is one.
PERSON: dict[str, str] | None = _SET["person"]
#: The ids of the club, and of what in it requests are about.
IDS: dict[str, str] = _SET["ids"]
#: The setup code of a server that is not set up.
SETUP_CODE: str | None = _SET["setup_code"]
_HEAD_COACH: dict[str, str] | None = _SET["head_coach"]

#: The path of the club.
club = f"/api/v1/organizations/{IDS.get('org_id')}"
_connection = requests.Session()
_numbers = itertools.count(1)

#: The email and password of everybody who can become head coach, by the id of the member.
_accounts: dict[str, tuple[str, str]] = {}
if coach := _SET["coach"]:
    _accounts[IDS["coach_id"]] = coach["email"], coach["password"]
#: The secret of each key that was created in this run, by its id.
secrets: dict[str, str] = {}
#: The ids of those keys that were revoked in this run.
revoked: set[str] = set()
#: Every id that the server has named. What it has never named does not exist.
known: set[str] = set(IDS.values())


@dataclass
class Member:
    """A member who has accepted an invitation, made for one request."""

    member_id: str
    email: str
    password: str
    token: str


def number() -> int:
    """A number that nothing else in this run has."""
    return next(_numbers)


def send(method: str, path: str, body: Any = None, credential: str | None = None) -> requests.Response:
    """A request of the stage's own. It comes from the server's own address, where nobody guesses passwords."""
    headers = {"Authorization": f"Bearer {credential}"} if credential else {}
    return _connection.request(method, f"{URL}{path}", json=body, headers=headers, timeout=30)


def _must(method: str, path: str, body: Any = None, credential: str | None = None) -> Any:
    answer = send(method, path, body, credential or (_HEAD_COACH["token"] if _HEAD_COACH else None))
    if not answer.ok:
        raise RuntimeError(f"the stage's own {method} {path} was answered with {answer.status_code} {answer.text}")
    return answer.json() if answer.content else None


def athlete(**fields: Any) -> str:
    """The id of a new athlete."""
    member_id: str = _must("POST", f"{club}/members", {"display_name": "Tia Target", **fields})["id"]
    known.add(member_id)
    return member_id


def invitation(member_id: str) -> tuple[str, str]:
    """An email, and the code with which its owner becomes this member."""
    email = f"person{number()}@stage.example"
    link = _must("POST", f"{club}/members/{member_id}/invitation", {"email": email})["link"]
    return email, link.split("#")[1]


def person(role: str) -> Member:
    """A new member who has accepted and is signed in."""
    member_id = athlete(role=role)
    email, code = invitation(member_id)
    password = f"lantern-harbor-quiet-{number()}"
    session = _must("POST", "/api/v1/invitations/accept", {"code": code, "password": password})
    _accounts[member_id] = email, password
    return Member(member_id, email, password, session["token"])


@functools.cache
def account() -> dict[str, str]:
    """The email and password of somebody: of the person whose session the run goes with, if it goes with one."""
    if PERSON:
        return PERSON
    someone = person("athlete")
    return {"email": someone.email, "password": someone.password}


def sign_in(email: str, password: str) -> str:
    """The token of a new session."""
    token: str = _must("POST", "/api/v1/auth/login", {"email": email, "password": password})["token"]
    return token


def api_key() -> str:
    """The id of a new key; its secret is in `secrets`."""
    key = _must("POST", f"{club}/api-keys", {"name": "Target"})
    # A key that never worked could not be refused because it was revoked.
    _must("GET", "/api/v1/auth/me", credential=key["secret"])
    key_id: str = key["id"]
    secrets[key_id] = key["secret"]
    known.add(key_id)
    return key_id


def etag(path: str) -> str | None:
    """The present revision of what is at this path, for who may see it."""
    return send("GET", path, credential=_HEAD_COACH["token"] if _HEAD_COACH else None).headers.get("ETag")


def next_cursor(path: str, query: dict[str, Any]) -> str | None:
    """A cursor of this list with these filters, if it has a second page."""
    filters = {name: value for name, value in query.items() if name not in ("cursor", "limit")}
    answer = send("GET", f"{path}?{urlencode({**filters, 'limit': 1})}", credential=CREDENTIAL)
    return answer.json()["next_cursor"] if answer.ok else None


def take_back_head_coach(member_id: str) -> None:
    """Undoes a hand-over: the new head coach hands the role back."""
    email, password = _accounts[member_id]
    back = {"member_id": IDS["own_member_id"], "password": password}
    _must("POST", f"{club}/head-coach", back, sign_in(email, password))
