#!/usr/bin/env python3
"""Brings the athletes of a club in Astral in line with a CSV file.

    python roster_sync.py athletes.csv            shows what it would change, and changes nothing
    python roster_sync.py athletes.csv --apply    does it

ASTRAL_API_KEY holds the API key, with the scopes members:read and members:write; ASTRAL_URL the server's address.
Exit status: 0 done, or the plan was shown; 1 some of it could not be done; 2 nothing was begun.
"""

from __future__ import annotations

import argparse
import csv
import io
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
from astral_client import AuthenticatedClient
from astral_client.api.authentication import get_caller
from astral_client.api.members import create_member, get_member, list_members, update_member
from astral_client.models import Caller, Member, MemberChange, MemberPage, MemberStatus, NewMember, Problem, Role, Scope
from astral_client.types import UNSET, Response
from patience import GaveUp, Patient

COLUMNS = ["external_id", "name", "email", "labels", "coach"]
CALLED = {"display_name": "name", "coach_id": "coach"}

T = TypeVar("T")
# Fields of a member under their names in the API; None and [] are empty.
Fields = dict[str, str | list[str] | None]


class Stop(Exception):
    """Why the sync cannot go on, for the person who runs it."""


class Refused(Exception):
    """The server understood a request, and said no; perhaps because of another member."""

    def __init__(self, problem: Problem, other: Member | None = None) -> None:
        # Where fields are wrong, `detail` repeats the first of `errors`.
        what = "; ".join(f"{error.field}: {error.message}" for error in problem.errors) or problem.detail
        if other:
            what = f"{other.display_name} has it."
        ids = ", ".join(filter(None, (problem.code, problem.resource_id, problem.request_id)))
        super().__init__(f"{problem.title}. {what} ({ids})")
        self.problem = problem


def expect(kind: type[T], response: Response[Any]) -> T:
    """What a call answered, if it went through."""
    if isinstance(response.parsed, kind):
        return response.parsed
    if isinstance(response.parsed, Problem):
        raise Refused(response.parsed)
    raise Stop(f"unexpected answer {response.status_code.value}; does ASTRAL_URL name an Astral server?")


@dataclass(frozen=True)
class Row:
    """A line of the file; the coach is still a word."""

    line: int
    external_id: str
    coach: str
    fields: Fields


def read_csv(path: Path) -> list[Row]:
    """The rows of the file. All that is wrong with it is said at once."""
    try:
        data = path.read_bytes()
        table = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
        lines = [(table.line_num, [cell.strip() for cell in cells]) for cells in table if any(map(str.strip, cells))]
    except OSError as error:
        raise Stop(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Stop(f"line {line}: not UTF-8; save the file as 'CSV UTF-8'") from error
    except csv.Error as error:
        raise Stop(f"line {table.line_num}: not CSV: {error}") from error
    header = lines[0][1] if lines else []
    if len(header) == 1 and any(sign in header[0] for sign in ";\t"):
        raise Stop("line 1: the columns are not separated by commas; save the file with commas")
    wrong = [f"line 1: no column '{column}'" for column in COLUMNS if column not in header]
    wrong += [f"line 1: unknown column '{column}'" for column in header if column not in [*COLUMNS, "status"]]
    if wrong or len(set(header)) < len(header):
        raise Stop("\n".join(wrong or ["line 1: a column occurs twice"]))
    rows: list[Row] = []
    seen: dict[tuple[str, str], int] = {}
    for line, cells in lines[1:]:
        if len(cells) != len(header):
            wrong.append(f"line {line}: {len(cells)} fields, but {len(header)} columns")
            continue
        cell = dict(zip(header, cells, strict=True))
        wrong += [f"line {line}: no {column}" for column in ("external_id", "name") if not cell[column]]
        for key in [("external_id", cell["external_id"]), ("email", cell["email"].lower())]:
            if key[1] and seen.setdefault(key, line) != line:
                wrong.append(f"line {line}: {key[0]} '{key[1]}' is in line {seen[key]} too")
        labels = sorted({label.strip() for label in cell["labels"].split(";")} - {""})
        fields: Fields = {"display_name": cell["name"], "email": cell["email"] or None, "labels": labels}
        # Only where the file names one: whom the club has suspended in Astral stays so.
        if status := cell.get("status"):
            fields["status"] = status
            if status not in list(MemberStatus):
                wrong.append(f"line {line}: status '{status}' is none of {', '.join(MemberStatus)}")
        rows.append(Row(line, cell["external_id"], cell["coach"], fields))
    if wrong or not rows:
        raise Stop("\n".join(wrong or ["the file has no athletes in it"]))
    return rows


@dataclass(frozen=True)
class Step:
    """One change to the roster: of `member`, or a new one."""

    text: str
    line: int | None
    member: Member | None
    fields: Fields


def difference(member: Member, fields: Fields) -> Fields:
    """Those of `fields` that the member has otherwise."""
    return {field: value for field, value in fields.items() if getattr(member, field) != value}


def plan(rows: list[Row], members: list[Member], deactivate_missing: bool) -> Iterator[Step]:
    """What is to be done, so that the roster is as the file says."""
    known = {member.external_id: member for member in members if member.external_id}
    coaches = [member for member in members if member.role is not Role.ATHLETE]
    by_word = {word.lower(): coach for coach in coaches for word in (coach.external_id, coach.email) if word}
    names = {coach.id: coach.display_name for coach in coaches}

    def show(value: object) -> str:
        return ", ".join(value) if isinstance(value, list) and value else names.get(str(value), str(value or "none"))

    wrong = []
    for row in rows:
        coach, member = by_word.get(row.coach.lower()), known.get(row.external_id)
        if row.coach and not coach:
            wrong.append(f"line {row.line}: no coach of the club has the email or external_id '{row.coach}'")
        if member and member.role is not Role.ATHLETE:
            wrong.append(f"line {row.line}: '{row.external_id}' is {member.display_name}, who is not an athlete")
        fields = {**row.fields, "coach_id": coach.id if coach else None}
        if not member:
            shown = [f"    {CALLED.get(field, field)}: {show(value)}" for field, value in fields.items() if value]
            text = "\n".join([f"+ {row.external_id} {row.fields['display_name']}", *shown[1:]])
            yield Step(text, row.line, None, {**fields, "external_id": row.external_id})
        elif changes := difference(member, fields):
            shown = [
                f"    {CALLED.get(field, field)}: {show(getattr(member, field))} → {show(new)}"
                for field, new in changes.items()
            ]
            yield Step("\n".join([f"~ {row.external_id} {member.display_name}", *shown]), row.line, member, changes)
    if wrong:
        raise Stop("\n".join(wrong))
    listed = {row.external_id for row in rows}
    for external_id, member in known.items() if deactivate_missing else ():
        if external_id not in listed and member.role is Role.ATHLETE and member.status is MemberStatus.ACTIVE:
            text = f"- {external_id} {member.display_name}\n    status: active → inactive"
            yield Step(text, None, member, {"status": "inactive"})


class Roster:
    """The members of the key's club."""

    def __init__(self, client: AuthenticatedClient) -> None:
        self.client = client
        key = expect(Caller, get_caller.sync_detailed(client=client)).api_key
        if not key:
            raise Stop("ASTRAL_API_KEY must hold an API key, not a session token")
        self.id = key.organization_id
        self.may_change = Scope.MEMBERS_WRITE in key.scopes

    def members(self) -> Iterator[Member]:
        """All of them. A page can be short or empty, and still have a next one."""
        cursor: str | None = ""
        while cursor is not None:
            answer = list_members.sync_detailed(self.id, client=self.client, limit=200, cursor=cursor or UNSET)
            page = expect(MemberPage, answer)
            yield from page.data
            cursor = page.next_cursor

    def apply(self, step: Step) -> None:
        """Makes one change."""
        try:
            self.send(step)
        except Refused as refused:
            if not refused.problem.resource_id:
                raise
            answer = get_member.sync_detailed(self.id, refused.problem.resource_id, client=self.client)
            other = expect(Member, answer)
            # If what is in the way is the very athlete, an earlier try or another run has added them.
            if step.member or difference(other, step.fields):
                raise Refused(refused.problem, other) from refused

    def send(self, step: Step) -> None:
        """Sends one change."""
        if step.member:
            # Only what differs is sent, so what others change in the same athlete meanwhile stays. That spares an
            # If-Match, for whose ETag each athlete would have to be read alone: a list has none.
            filled: dict[str, Any] = {field: value for field, value in step.fields.items() if value}
            emptied = [field for field in step.fields if field not in filled]
            change = MemberChange.from_dict({**filled, "clear": emptied} if emptied else filled)
            expect(Member, update_member.sync_detailed(self.id, step.member.id, client=self.client, body=change))
        else:
            new = NewMember.from_dict(step.fields)
            expect(Member, create_member.sync_detailed(self.id, client=self.client, body=new))


def is_address(url: str) -> bool:
    """Whether requests can be sent there."""
    try:
        address = httpx.URL(url)
    except httpx.InvalidURL:
        return False
    return address.scheme in ("http", "https") and address.host != "" and not address.userinfo


def prepare(path: Path, deactivate_missing: bool) -> tuple[Roster, list[Step]]:
    """The roster, and what is to be done with it. Changes nothing."""
    rows = read_csv(path)
    # A secret that was pasted or read from a file often has the end of its line with it.
    key, url = os.environ.get("ASTRAL_API_KEY", "").strip(), os.environ.get("ASTRAL_URL", "").strip().rstrip("/")
    if not key or not is_address(url):
        raise Stop("set ASTRAL_API_KEY to an API key and ASTRAL_URL to the server, such as https://astral.club.example")
    if not re.fullmatch("[0-9A-Za-z_]+", key):
        # Not sent: the error of a header that cannot be sent would quote it.
        raise Stop("ASTRAL_API_KEY has characters in it that no API key has; was it copied whole, and nothing else?")
    client = AuthenticatedClient(url, token=key, timeout=httpx.Timeout(30), httpx_args={"transport": Patient()})
    try:
        roster = Roster(client)
        return roster, list(plan(rows, list(roster.members()), deactivate_missing))
    except (Refused, GaveUp) as error:
        raise Stop(str(error)) from error
    except (KeyError, TypeError, ValueError) as error:
        raise Stop("this is no answer of Astral; does ASTRAL_URL name an Astral server?") from error


def main() -> int:
    """Runs the command line, and answers the exit status."""
    parser = argparse.ArgumentParser(description="Brings the athletes of a club in Astral in line with a CSV file.")
    parser.add_argument("file", type=Path, help=f"CSV with the columns {', '.join(COLUMNS)} and, if you like, status")
    parser.add_argument("--apply", action="store_true", help="do it; without this it is only shown")
    parser.add_argument(
        "--deactivate-missing",
        action="store_true",
        help="sets inactive every athlete with an external id who is not in the file, also those whom another tool "
        "gave one",
    )
    options = parser.parse_args()
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal that cannot show a name must not stop the sync.
        sys.stdout.reconfigure(errors="replace")
    try:
        roster, steps = prepare(options.file, options.deactivate_missing)
    except Stop as stop:
        print(stop, file=sys.stderr)
        return 2
    print("\n".join(step.text for step in steps) or "Nothing to do.")
    if not options.apply and steps:
        print(f"{len(steps)} to do. Nothing was changed; run it again with --apply.")
    if steps and not roster.may_change:
        print("the key lacks the scope members:write; ask the head coach to add it before --apply", file=sys.stderr)
        return 2 if options.apply else 0
    if not options.apply or not steps:
        return 0
    done, advice = 0, "Mend the lines named above, then run it again."
    for step in steps:
        try:
            roster.apply(step)
            done += 1
        except (Refused, GaveUp, Stop) as error:
            where = f"line {step.line}" if step.line else step.text.partition("\n")[0]
            print(f"{where}: {error}", file=sys.stderr)
            # What is wrong with the key or the server is wrong for every row.
            if not isinstance(error, Refused) or error.problem.status in (401, 403):
                advice = "Run it again for the rest."
                break
    print(f"{done} of {len(steps)} done." + (f" {advice}" if done < len(steps) else ""))
    return 0 if done == len(steps) else 1


if __name__ == "__main__":
    sys.exit(main())
