//! What the worker says, and what follows from it.

use jiff::SignedDuration;

use super::{
    Connection, Console, Dialog, Pending, Screen, State, View, What,
    change::Sending,
    club::{ClubForm, Membership, SignedIn},
    exchange::{Changed, Command, Effect, Event},
    failure::{Failure, FailureKind},
    keys::{Example, Key, Keys, Revoked, SecretOnce},
    listing::{Heard, Progress},
    members::{Members, Role},
    number::grouped,
    sign_in::Outsider,
};

/// The longest pause between two tries to reach the server, in seconds.
const LONGEST_PAUSE: i64 = 30;
/// How many members are named whose change was refused.
const NAMED: usize = 10;

/// The pause after so many tries in vain.
fn pause(tries: u32) -> SignedDuration {
    SignedDuration::from_secs((1_i64 << tries.min(5)).min(LONGEST_PAUSE))
}

fn members(count: usize) -> String {
    if count == 1 { "1 member".to_owned() } else { format!("{} members", grouped(count)) }
}

impl State {
    /// Takes what the worker says of what was asked in the session of that number.
    pub fn hear(&mut self, era: u64, event: Event) -> Vec<Effect> {
        if let Event::SignedOut(result) = event {
            if let (Err(failure), Screen::SignIn(sign_in)) = (result, &mut self.screen) {
                sign_in.notice = Some(format!(
                    "This computer has forgotten your session, but the server could not be told: {} There it ends by \
                     itself. To be sure, sign in and sign out everywhere, under Club.",
                    failure.title
                ));
            }
            return Vec::new();
        }
        // What the system has does not end with a session.
        if let Event::Keyring(keyring) = event {
            self.keyring = Some(keyring);
            if let Screen::SignIn(sign_in) = &mut self.screen {
                sign_in.keyring = Some(keyring);
            }
            return Vec::new();
        }
        if era != self.era {
            return Vec::new();
        }
        match event {
            Event::Resumed(session) => self.resumed(session),
            Event::SignedIn(Ok(signed_in)) => self.signed_in(signed_in),
            Event::SignedIn(Err(failure)) => {
                if let Screen::SignIn(sign_in) = &mut self.screen {
                    sign_in.sending = None;
                    sign_in.hear(&failure);
                    sign_in.failure = Some(failure);
                }
                Vec::new()
            }
            Event::NotKept(reason) => {
                self.complain(format!("You stay signed in until you close this window: the keyring said \"{reason}\""));
                Vec::new()
            }
            Event::HeadCoaches(found) => {
                if let Screen::Outsider(outsider) = &mut self.screen {
                    for (club, head_coach) in found {
                        if let Some(known) = outsider.clubs.iter_mut().find(|(name, _)| *name == club) {
                            known.1 = head_coach;
                        }
                    }
                }
                Vec::new()
            }
            Event::Reached(signed_in) => self.belongs(signed_in),
            Event::NotReached(failure) => {
                if let Some(Connection::Offline { tries, .. }) =
                    self.console_mut().map(|console| &mut console.connection)
                {
                    *tries += 1;
                }
                self.failed(&failure)
            }
            Event::SignedOut(_) | Event::Keyring(_) => Vec::new(),
            Event::Club(result) => self.hear_club(*result),
            Event::Keys { load, page } => {
                let clock = self.clock.clone();
                let failure = page.as_ref().err().cloned();
                let mut effects = Vec::new();
                if let Some(console) = self.console_mut() {
                    let keys = &mut console.keys;
                    let heard = keys.list.hear(load, clock.now, page);
                    if heard == Heard::Changed {
                        if keys.list.progress == Progress::Complete {
                            keys.has_ended = keys.with_ended;
                        }
                        keys.arrange(&clock);
                        // Whether there never was a key, or all have ended, is told apart by the ended ones.
                        let none = keys.list.items.is_empty() && keys.list.progress == Progress::Complete;
                        if none && !keys.with_ended {
                            keys.with_ended = true;
                            effects = self.load_keys();
                        }
                    } else if heard == Heard::Again {
                        effects = self.load_keys();
                    }
                }
                effects.extend(self.after(failure));
                effects
            }
            Event::Members { load, page } => self.hear_members(load, page),
            Event::Key { organization, id, result } => {
                let clock = self.clock.clone();
                match *result {
                    Ok((key, etag)) => {
                        if let Some(console) = self.console_mut()
                            && console.membership.organization_id == organization
                        {
                            match &mut console.dialog {
                                Some(Dialog::Key(form))
                                    if form.key.as_ref().is_some_and(|known| known.id == id)
                                        && !form.sending.is_on() =>
                                {
                                    form.rebase(key.clone(), etag, &clock);
                                }
                                Some(Dialog::Revoke(form)) if form.key.id == id => form.hear(Some(&key)),
                                _ => {}
                            }
                            if console.keys.list.get(&id).is_some_and(|known| !known.revoking) {
                                console.keys.put(key);
                                console.keys.arrange(&clock);
                            } else if console.view == View::Key(id) {
                                console.keys.open = Some(key);
                            }
                        }
                        self.after(None)
                    }
                    Err(failure) => {
                        if let Some(Console { dialog: Some(Dialog::Revoke(form)), .. }) = self.console_mut()
                            && form.key.id == id
                        {
                            form.hear(None);
                        }
                        self.after(Some(failure))
                    }
                }
            }
            Event::Changed { ticket, result } => self.changed(ticket, *result),
        }
    }

    /// What every answer tells beside its content: whether the server answers, and whether the session lives.
    fn after(&mut self, failure: Option<Failure>) -> Vec<Effect> {
        match failure {
            None => self.reached(),
            Some(failure) => self.failed(&failure),
        }
    }

    fn reached(&mut self) -> Vec<Effect> {
        let Some(console) = self.console_mut() else { return Vec::new() };
        if console.connection == Connection::Online {
            return Vec::new();
        }
        console.connection = Connection::Online;
        // What failed meanwhile is read again, and what was seen may be old.
        console.keys.list.stale = true;
        console.members.list.stale = true;
        self.act(super::Action::Refresh)
    }

    /// Where the person belongs now: the head coach's role may have gone to somebody else.
    fn belongs(&mut self, signed_in: SignedIn) -> Vec<Effect> {
        let Some(console) = self.console_mut() else { return Vec::new() };
        let heads = |id: &str| {
            let of = |membership: &&Membership| membership.organization_id == id && membership.role == Role::HeadCoach;
            signed_in.memberships.iter().find(of).is_some()
        };
        if !heads(&console.membership.organization_id) {
            let name = console.membership.organization_name.clone();
            let effects = self.signed_in(signed_in);
            self.complain(format!("You are not the head coach of {name} any more."));
            return effects;
        }
        console.clubs.retain(|club| heads(&club.organization_id));
        self.reached()
    }

    fn failed(&mut self, failure: &Failure) -> Vec<Effect> {
        let now = self.clock.now;
        match &failure.kind {
            FailureKind::SignedOut => self.session_ended(),
            FailureKind::Unreachable | FailureKind::Untrusted => {
                if let Some(console) = self.console_mut() {
                    let tries = match &console.connection {
                        Connection::Offline { tries, .. } => *tries,
                        Connection::Online => 1,
                    };
                    console.connection = Connection::Offline {
                        failure: failure.clone(),
                        tries,
                        retry_at: now + pause(tries),
                        trying: false,
                    };
                }
                Vec::new()
            }
            FailureKind::Refused(code) if code == "head_coach_required" => vec![Effect::ask(Command::Probe)],
            // It answers, if with a refusal.
            FailureKind::Refused(_) => self.reached(),
            FailureKind::Busy(_) | FailureKind::Broken | FailureKind::Incompatible => {
                if let Some(console) = self.console_mut()
                    && let Connection::Offline { tries, retry_at, trying, .. } = &mut console.connection
                {
                    *trying = false;
                    *retry_at = now + pause(*tries);
                }
                Vec::new()
            }
        }
    }

    /// The session is over: elsewhere, or by time. What the person was at is kept for when they are back.
    fn session_ended(&mut self) -> Vec<Effect> {
        let notice = "Your session has ended: it was signed out elsewhere, or has expired. Sign in again to go on.";
        let server = self.preferences.server.clone();
        let now = self.clock.now;
        let screen = std::mem::replace(&mut self.screen, Screen::Starting(now));
        if let Screen::Console(mut console) = screen {
            // The last change first, so that what was there before the first is there again.
            for pending in std::mem::take(&mut self.pending).into_values().rev() {
                if pending.organization == console.membership.organization_id {
                    take_back(&mut console, pending.what);
                }
            }
            console.keys.list.interrupt();
            console.members.list.interrupt();
            if let Some(form) = &mut console.club_form {
                form.sending.ticket = None;
            }
            if let Some(sending) = console.sending() {
                sending.ticket = None;
            }
            // A secret is not left behind a sign-in that somebody else may pass.
            if matches!(console.dialog, Some(Dialog::Invitation(_) | Dialog::Password(_) | Dialog::HandOver(_))) {
                console.dialog = None;
            }
            self.interrupted = Some((server, console));
        }
        self.leave(Some(notice.to_owned()));
        vec![Effect::ask(Command::Forget)]
    }

    fn resumed(&mut self, session: Option<Result<SignedIn, Failure>>) -> Vec<Effect> {
        if !matches!(self.screen, Screen::Starting(_)) {
            return Vec::new();
        }
        let mut asking = self.asking(None);
        match session {
            Some(Ok(signed_in)) => return self.signed_in(signed_in),
            Some(Err(failure)) if failure.kind == FailureKind::SignedOut => {
                asking.notice = Some("Your last session is over. Sign in again.".to_owned());
            }
            Some(Err(failure)) => {
                asking.failure = Some(failure);
                asking.resumable = true;
            }
            None => {}
        }
        self.screen = Screen::SignIn(Box::new(asking));
        Vec::new()
    }

    fn signed_in(&mut self, signed_in: SignedIn) -> Vec<Effect> {
        let SignedIn { person, memberships } = signed_in;
        self.preferences.email.clone_from(&person.email);
        if let Some((server, console)) = self.interrupted.take()
            && server == self.preferences.server
            && console.person.id == person.id
            && memberships.iter().any(|membership| {
                membership.organization_id == console.membership.organization_id && membership.role == Role::HeadCoach
            })
        {
            let mut console = console;
            console.connection = Connection::Online;
            self.screen = Screen::Console(console);
            return self.act(super::Action::Refresh);
        }
        let (headed, others): (Vec<Membership>, Vec<Membership>) =
            memberships.into_iter().partition(|membership| membership.role == Role::HeadCoach);
        let remembered = self.preferences.organization_id.clone();
        let wanted = headed.iter().find(|club| Some(&club.organization_id) == remembered.as_ref());
        let Some(membership) = wanted.or(headed.first()).cloned() else {
            let asked: Vec<(String, String)> = others
                .iter()
                .filter(|membership| membership.role == Role::Coach)
                .map(|membership| (membership.organization_id.clone(), membership.organization_name.clone()))
                .collect();
            let clubs = others.into_iter().map(|membership| (membership.organization_name, None)).collect();
            self.screen = Screen::Outsider(Outsider { name: person.name, clubs });
            return if asked.is_empty() { Vec::new() } else { vec![Effect::ask(Command::FindHeadCoaches(asked))] };
        };
        self.screen = Screen::Console(Box::new(Console {
            person,
            clubs: headed,
            membership: membership.clone(),
            club: None,
            club_failure: None,
            keys: Keys::default(),
            members: Members::default(),
            view: View::Keys,
            dialog: None,
            club_form: None,
            connection: Connection::Online,
        }));
        self.open(membership)
    }

    fn hear_club(&mut self, result: Result<super::club::Club, Failure>) -> Vec<Effect> {
        let Some(console) = self.console_mut() else { return Vec::new() };
        match result {
            Ok(club) => {
                if club.id != console.membership.organization_id {
                    return Vec::new();
                }
                let first = console.club.is_none();
                let gained = !console.club.as_ref().is_some_and(|known| known.security_settings);
                console.membership.organization_name.clone_from(&club.name);
                for known in &mut console.clubs {
                    if known.organization_id == club.id {
                        known.organization_name.clone_from(&club.name);
                    }
                }
                match &mut console.club_form {
                    Some(form) if !form.sending.is_on() => form.rebase(&club),
                    Some(_) => {}
                    None if console.view == View::Club => console.club_form = Some(ClubForm::of(&club)),
                    None => {}
                }
                console.club = Some(club);
                console.club_failure = None;
                let mut effects = if first || gained { self.load_keys() } else { Vec::new() };
                effects.extend(self.after(None));
                effects
            }
            Err(failure) => {
                console.club_failure = Some(failure.clone());
                self.after(Some(failure))
            }
        }
    }

    fn hear_members(
        &mut self,
        load: u64,
        page: Result<super::listing::Page<super::members::Member>, Failure>,
    ) -> Vec<Effect> {
        let now = self.clock.now;
        let failure = page.as_ref().err().cloned();
        let mut effects = Vec::new();
        if let Some(console) = self.console_mut() {
            let members = &mut console.members;
            match members.list.hear(load, now, page) {
                Heard::Nothing => {}
                Heard::Changed => {
                    // Sorting after each of five hundred pages would be noticed; after each tenth more of them it is not.
                    let grown = members.list.items.len() > members.rows_of + members.rows_of / 10;
                    members.unarranged |= grown || !members.list.is_loading();
                }
                Heard::Again => effects = self.load_members(false),
            }
        }
        effects.extend(self.after(failure));
        effects
    }

    fn changed(&mut self, ticket: u64, result: Result<Changed, Failure>) -> Vec<Effect> {
        let Some(Pending { organization, what, .. }) = self.pending.remove(&ticket) else { return Vec::new() };
        if self.console().is_some_and(|console| console.membership.organization_id != organization) {
            // Another club is open: what that one shows is read when it is opened.
            if let Err(failure) = result {
                self.complain(format!("{}: {}", what.name(), failure.text()));
            }
            return Vec::new();
        }
        match result {
            Ok(changed) => {
                let mut effects = self.done(ticket, what, changed);
                effects.extend(self.after(None));
                effects
            }
            Err(failure) => self.refused(ticket, what, failure),
        }
    }

    fn done(&mut self, ticket: u64, what: What, changed: Changed) -> Vec<Effect> {
        let clock = self.clock.clone();
        let server = self.preferences.server.clone();
        let batch = what.batch();
        if let Some(batch) = batch {
            self.batch_mut(batch).done += 1;
        }
        match (what, changed) {
            (What::CreateKey, Changed::Created(key, secret)) => {
                if let Some(console) = self.console_mut() {
                    console.close(ticket);
                    console.keys.put(key.clone());
                    console.keys.choose(key.id.clone());
                    console.keys.arrange(&clock);
                    let organization_id = console.membership.organization_id.clone();
                    console.dialog = Some(Dialog::Secret(Box::new(SecretOnce {
                        key,
                        organization_id,
                        secret,
                        copied_at: None,
                        example_copied_at: None,
                        insisted: false,
                        example: Example::Curl,
                        server,
                    })));
                }
            }
            (What::UpdateKey { .. }, Changed::Key(key)) => {
                let text = format!("Saved \"{}\"", key.name);
                if let Some(console) = self.console_mut() {
                    console.keys.put(key);
                    console.keys.arrange(&clock);
                    console.close(ticket);
                }
                self.say(text);
            }
            (What::RevokeKey { before }, _) => {
                if let Some(console) = self.console_mut() {
                    let by = console.person.name.clone();
                    let shown = console.keys.get(&before.id).unwrap_or(&before).clone();
                    let revoked = shown.revoked.clone().unwrap_or(Revoked { at: clock.now, by, reason: None });
                    console.keys.put(Key { revoked: Some(revoked), revoking: false, ..shown });
                    console.keys.arrange(&clock);
                }
                self.say(format!("Revoked \"{}\". Whatever used it is refused now.", before.name));
            }
            (What::CreateMember, Changed::Member(member)) => {
                let text = format!("Added {}", member.name);
                if let Some(console) = self.console_mut() {
                    console.members.choose(member.id.clone());
                    console.members.put(member);
                    console.close(ticket);
                }
                self.say(text);
            }
            (What::UpdateMember { batch, .. }, Changed::Member(member)) => {
                let text = format!("Saved {}", member.name);
                if let Some(console) = self.console_mut() {
                    // It may have been removed here meanwhile.
                    if console.members.get(&member.id).is_some() {
                        console.members.put(member);
                    }
                    console.close(ticket);
                }
                if batch.is_none() {
                    self.say(text);
                }
            }
            (What::RemoveMember { before, batch: None, .. }, _) => self.say(format!("Removed {}", before.name)),
            (What::Invite, Changed::Invited { link, expires_at }) => {
                if let Some(Console { dialog: Some(Dialog::Invitation(once)), .. }) = self.console_mut()
                    && once.sending.is(ticket)
                {
                    once.link = Some((link, expires_at));
                    once.sending.ticket = None;
                }
            }
            (What::UpdateClub { .. }, Changed::Club(club)) => {
                if let Some(form) = self.console_mut().and_then(|console| console.club_form.as_mut()) {
                    *form = ClubForm::of(&club);
                }
                let effects = self.hear_club(Ok(club));
                self.say("Saved");
                return effects;
            }
            (What::HandOver, _) => return self.handed_over(),
            (What::ChangePassword, _) => {
                if let Some(console) = self.console_mut() {
                    console.close(ticket);
                }
                self.say("The password is changed. Your other sessions have ended.");
            }
            (What::SignOutEverywhere, _) => {
                self.interrupted = None;
                self.leave(Some("You are signed out everywhere.".to_owned()));
            }
            _ => {}
        }
        if let Some(batch) = batch {
            self.finish(batch);
        }
        Vec::new()
    }

    /// The person heads one club fewer.
    fn handed_over(&mut self) -> Vec<Effect> {
        let Some(console) = self.console_mut() else { return Vec::new() };
        let club = console.membership.organization_id.clone();
        console.dialog = None;
        console.clubs.retain(|known| known.organization_id != club);
        let name = console.membership.organization_name.clone();
        match console.clubs.first().cloned() {
            Some(next) => {
                self.say(format!("You have handed {name} over."));
                self.open(next)
            }
            None => {
                let person = console.person.name.clone();
                self.screen = Screen::Outsider(Outsider { name: person, clubs: vec![(name.clone(), None)] });
                vec![Effect::ask(Command::FindHeadCoaches(vec![(club, name)]))]
            }
        }
    }

    fn refused(&mut self, ticket: u64, what: What, mut failure: Failure) -> Vec<Effect> {
        let clock = self.clock.clone();
        if failure.kind == FailureKind::SignedOut {
            let organization = self.console().map(|console| console.membership.organization_id.clone());
            let organization = organization.unwrap_or_default();
            self.pending.insert(ticket, Pending { organization, what, sent_at: clock.now });
            return self.session_ended();
        }
        let unknown = failure.kind == FailureKind::Unreachable;
        let batch = what.batch();
        let name = what.name();
        let mut effects = Vec::new();
        if let Some(console) = self.console_mut() {
            // The server's words name the API's ways, which are not the coach's.
            if failure.is("already_created") {
                failure.title = "The key was created, but the answer with its secret was lost on the way.".to_owned();
                failure.advice =
                    "Nobody can show the secret again: close this, revoke the key, and create another.".to_owned();
            } else if failure.is("revision_mismatch") {
                failure.title = "Somebody else has changed this meanwhile.".to_owned();
                failure.advice =
                    "What you have not touched shows how it is now. Save again if yours is to stand.".to_owned();
            }
            if unknown && !matches!(what, What::ChangePassword | What::HandOver) {
                failure
                    .advice
                    .push_str(" Whether it was done is not known: what you see is read again once the server answers.");
            }
            match &mut console.dialog {
                Some(Dialog::Key(form)) if form.sending.is(ticket) => form.hear(&failure),
                Some(Dialog::Member(form)) if form.sending.is(ticket) => form.hear(&failure),
                Some(Dialog::Invitation(form)) if form.sending.is(ticket) => form.email.hear("email", &failure),
                _ => {}
            }
            if let Some(form) = &mut console.club_form
                && form.sending.is(ticket)
            {
                form.name.hear("name", &failure);
                form.description.hear("description", &failure);
                form.sending = Sending { ticket: None, failure: Some(failure.clone()) };
            }
            let in_dialog = match console.sending() {
                Some(sending) if sending.is(ticket) => {
                    *sending = Sending { ticket: None, failure: Some(failure.clone()) };
                    true
                }
                _ => matches!(what, What::UpdateClub { .. }),
            };
            take_back(console, what);
            console.keys.arrange(&clock);
            if failure.is("already_created") || failure.is("revision_mismatch") || failure.is("key_not_active") {
                effects.push(console.load_club());
                if let Some(Dialog::Key(form)) = &console.dialog
                    && let Some(key) = &form.key
                {
                    let organization = console.membership.organization_id.clone();
                    effects.push(Effect::ask(Command::LoadKey { organization, key: key.id.clone() }));
                }
                effects.extend(self.load_keys());
            }
            if let Some(batch) = batch {
                let batch = self.batch_mut(batch);
                batch.refused.push(name);
                batch.why = Some(failure.text());
            } else if !in_dialog {
                self.complain(format!("{name}: {}", failure.text()));
            }
        }
        if let Some(batch) = batch {
            self.finish(batch);
        }
        effects.extend(self.failed(&failure));
        effects
    }

    fn batch_mut(&mut self, batch: u64) -> &mut super::Batch {
        self.batches.entry(batch).or_default()
    }

    /// Says what came of several changes, once the last is answered.
    fn finish(&mut self, batch: u64) {
        if self.pending.values().any(|pending| pending.what.batch() == Some(batch)) {
            return;
        }
        let Some(super::Batch { done, refused, why }) = self.batches.remove(&batch) else { return };
        if refused.is_empty() {
            self.say(format!("Done for {}", members(done)));
        } else {
            let names = refused.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
            let more = refused.len().saturating_sub(NAMED);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let why = why.unwrap_or_default();
            self.complain(format!("Done for {}, not for {names}{more}. {why}", members(done)));
        }
    }
}

impl What {
    fn batch(&self) -> Option<u64> {
        match self {
            Self::UpdateMember { batch, .. } | Self::RemoveMember { batch, .. } => *batch,
            _ => None,
        }
    }

    /// What it was about, for a message.
    fn name(&self) -> String {
        match self {
            Self::UpdateKey { before } | Self::RevokeKey { before } => format!("\"{}\"", before.name),
            Self::UpdateMember { before, .. } => before.name.clone(),
            Self::RemoveMember { before, .. } => before.name.clone(),
            Self::CreateKey => "The key".to_owned(),
            Self::CreateMember => "The member".to_owned(),
            Self::Invite => "The invitation".to_owned(),
            Self::UpdateClub { .. } => "The club".to_owned(),
            Self::HandOver => "The role".to_owned(),
            Self::ChangePassword => "The password".to_owned(),
            Self::SignOutEverywhere => "Signing out".to_owned(),
        }
    }
}

/// Puts back what a change that was not done had shown already.
fn take_back(console: &mut Console, what: What) {
    match what {
        What::UpdateKey { before } | What::RevokeKey { before } => console.keys.put(before),
        What::UpdateMember { before, .. } => console.members.put(before),
        What::RemoveMember { at, before, .. } => console.members.insert(at, *before),
        What::UpdateClub { before } => console.club = Some(*before),
        What::CreateKey
        | What::CreateMember
        | What::Invite
        | What::HandOver
        | What::ChangePassword
        | What::SignOutEverywhere => {}
    }
}
