"""What an integration does in its first hour, with the generated client."""

import os

from astral_client import AuthenticatedClient, Client
from astral_client.api.api_keys import create_api_key, revoke_api_key
from astral_client.api.authentication import login
from astral_client.api.members import create_member, list_members
from astral_client.models import CreatedApiKey, Login, MemberPage, NewApiKey, NewMember, Problem, Scope, Session
from astral_client.types import UNSET, Unset

URL = os.environ["ASTRAL_URL"]
ORGANIZATION = os.environ["ASTRAL_ORGANIZATION"]


def code_of(answer: object, status: int) -> str:
    """The code of the problem with which a call was refused."""
    assert isinstance(answer, Problem), answer
    assert answer.status == status and answer.detail and answer.request_id, answer
    return answer.code


credentials = Login(email=os.environ["ASTRAL_EMAIL"], password=os.environ["ASTRAL_PASSWORD"])
session = login.sync(client=Client(base_url=URL), body=credentials)
assert isinstance(session, Session), session
coach = AuthenticatedClient(base_url=URL, token=session.token)

new_key = NewApiKey(name="Python story", scopes=[Scope.MEMBERS_READ])
key = create_api_key.sync(ORGANIZATION, client=coach, body=new_key)
assert isinstance(key, CreatedApiKey), key
program = AuthenticatedClient(base_url=URL, token=key.secret)

pages = 0
members: set[str] = set()
cursor: str | Unset | None = UNSET
while cursor is not None:
    page = list_members.sync(ORGANIZATION, client=program, limit=3, cursor=cursor)
    assert isinstance(page, MemberPage), page
    pages += 1
    members |= {member.id for member in page.data}
    cursor = page.next_cursor

refused = create_member.sync(ORGANIZATION, client=program, body=NewMember(display_name="Nobody"))
wrong_scope = code_of(refused, 403)

revocation = revoke_api_key.sync_detailed(ORGANIZATION, key.id, client=coach, reason="The story is over")
assert revocation.status_code == 204, revocation

refused_key = code_of(list_members.sync(ORGANIZATION, client=program), 401)

print(
    f"story: signed in, created a key, {pages} pages of {len(members)} members, "
    f"{wrong_scope}, revoked, {refused_key}"
)
