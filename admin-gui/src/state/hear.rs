//! What the worker says, and what follows from it.

use jiff::SignedDuration;

use super::{
    Connection, Console, Dialog, Example, Pending, Screen, SecretOnce, State, View, What,
    club::{Membership, SignedIn},
    exchange::{Changed, Command, Effect, Event},
    failure::{Failure, FailureKind},
    forms::ClubForm,
    keys::Keys,
    members::{Members, Role},
    sign_in::Outsider,
};

/// The longest pause between two tries to reach the server.
const LONGEST_PAUSE: i64 = 30;

impl State {
    /// Takes what the worker says.
    pub fn hear(&mut self, event: Event) -> Vec<Effect> {
        match event {
            Event::Resumed { keyring, session } => self.resumed(keyring, session),
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
            Event::NotCopied(reason) => {
                self.complain(format!("It could not be copied ({reason}). Mark the text and copy it by hand."));
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
            Event::Reached => self.reached(),
            Event::NotReached(failure) => self.failed(&failure),
            Event::Club(result) => self.hear_club(*result),
            Event::Keys { load, page } => {
                let clock = self.clock.clone();
                let failure = page.as_ref().err().cloned();
                if let Some(console) = self.console_mut()
                    && console.keys.list.hear(load, clock.now, None, page)
                {
                    console.keys.arrange(&clock);
                }
                self.after(failure)
            }
            Event::Members { load, cursor, page } => self.hear_members(load, cursor, page),
            Event::Key { id, result } => {
                let clock = self.clock.clone();
                match *result {
                    Ok((key, etag)) => {
                        if let Some(console) = self.console_mut() {
                            if let Some(Dialog::Key(form)) = &mut console.dialog
                                && form.key.as_ref().is_some_and(|known| known.id == id)
                                && !form.sending.is_on()
                            {
                                form.etag = etag;
                            }
                            console.keys.put(key);
                            console.keys.arrange(&clock);
                        }
                        self.after(None)
                    }
                    Err(failure) => self.after(Some(failure)),
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
        self.act(super::Action::Refresh)
    }

    fn failed(&mut self, failure: &Failure) -> Vec<Effect> {
        let now = self.clock.now;
        match &failure.kind {
            FailureKind::SignedOut => self.session_ended(),
            FailureKind::Unreachable | FailureKind::Untrusted => {
                if let Some(console) = self.console_mut() {
                    let tries = match &console.connection {
                        Connection::Offline { tries, .. } => tries + 1,
                        Connection::Online => 1,
                    };
                    let pause = (1_i64 << tries.min(5)).min(LONGEST_PAUSE);
                    console.connection = Connection::Offline {
                        failure: failure.clone(),
                        tries,
                        retry_at: now + SignedDuration::from_secs(pause),
                        trying: false,
                    };
                }
                Vec::new()
            }
            // It answers, if with a refusal.
            _ => {
                if let Some(console) = self.console_mut()
                    && console.connection != Connection::Online
                {
                    console.connection = Connection::Online;
                }
                Vec::new()
            }
        }
    }

    /// The session is over: elsewhere, or by time. What the person was at is kept for when they are back.
    fn session_ended(&mut self) -> Vec<Effect> {
        let notice = "Your session has ended: it was signed out elsewhere, or has expired. Sign in again to go on.";
        let server = self.preferences.server.clone();
        let screen = std::mem::replace(&mut self.screen, Screen::Starting);
        if let Screen::Console(mut console) = screen {
            for pending in std::mem::take(&mut self.pending).into_values() {
                take_back(&mut console, pending.what);
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

    fn resumed(&mut self, keyring: bool, session: Option<Result<SignedIn, Failure>>) -> Vec<Effect> {
        if !matches!(self.screen, Screen::Starting) {
            return Vec::new();
        }
        let mut asking = self.asking(Some(keyring), None);
        match session {
            Some(Ok(signed_in)) => return self.signed_in(signed_in),
            Some(Err(failure)) if failure.kind == FailureKind::SignedOut => {
                asking.notice = Some("Your last session is over. Sign in again.".to_owned());
            }
            Some(Err(failure)) => asking.failure = Some(failure),
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
        let clock = self.clock.clone();
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
                let untouched = match (&console.club_form, &console.club) {
                    (Some(form), Some(known)) => {
                        form.name.text == known.name
                            && form.description.text == known.description.clone().unwrap_or_default()
                    }
                    (None, _) => true,
                    (Some(_), None) => false,
                };
                if untouched && (console.view == View::Club || console.club_form.is_some()) {
                    console.club_form = Some(ClubForm::of(&club));
                }
                console.club = Some(club);
                console.club_failure = None;
                let mut effects = if first || gained { console.load_keys(&clock) } else { Vec::new() };
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
        cursor: Option<String>,
        page: Result<super::listing::Page<super::members::Member>, Failure>,
    ) -> Vec<Effect> {
        let now = self.clock.now;
        let failure = page.as_ref().err().cloned();
        if let Some(console) = self.console_mut() {
            let members = &mut console.members;
            if load == members.list.load() {
                members.cursor = match &page {
                    Ok(page) => page.next.clone(),
                    Err(_) => cursor.clone(),
                };
            }
            let shown_before = members.rows_of;
            if members.list.hear(load, now, cursor, page) {
                // Sorting after each of five hundred pages would be noticed; after each tenth more of them it is not.
                let grown = members.list.items.len() > shown_before + shown_before / 10;
                if grown || !members.list.is_loading() {
                    members.gather();
                    members.arrange();
                }
            }
        }
        self.after(failure)
    }

    fn changed(&mut self, ticket: u64, result: Result<Changed, Failure>) -> Vec<Effect> {
        let Some(Pending { what, .. }) = self.pending.remove(&ticket) else { return Vec::new() };
        match result {
            Ok(changed) => {
                let mut effects = self.done(what, changed);
                effects.extend(self.after(None));
                effects
            }
            Err(failure) => self.refused(ticket, what, failure),
        }
    }

    fn done(&mut self, what: What, changed: Changed) -> Vec<Effect> {
        let clock = self.clock.clone();
        let server = self.preferences.server.clone();
        let batch = what.batch();
        if let Some(batch) = batch {
            self.batch_mut(batch).done += 1;
        }
        match (what, changed) {
            (What::CreateKey, Changed::Created(key, secret)) => {
                if let Some(console) = self.console_mut() {
                    console.keys.put(key.clone());
                    console.keys.choose(key.id.clone());
                    console.keys.arrange(&clock);
                    let organization_id = console.membership.organization_id.clone();
                    console.dialog = Some(Dialog::Secret(Box::new(SecretOnce {
                        key,
                        organization_id,
                        secret,
                        copied_at: None,
                        insisted: false,
                        example: Example::Curl,
                        server,
                    })));
                }
            }
            (What::UpdateKey { .. }, Changed::Key(key, _)) => {
                let text = format!("Saved \"{}\"", key.name);
                if let Some(console) = self.console_mut() {
                    console.keys.put(key);
                    console.keys.arrange(&clock);
                    console.dialog = None;
                }
                self.say(text);
            }
            (What::RevokeKey { before }, _) => {
                if let Some(console) = self.console_mut() {
                    if let Some(key) = console.keys.list.items.iter_mut().find(|key| key.id == before.id) {
                        key.revoking = false;
                    }
                    console.keys.arrange(&clock);
                }
                self.say(format!("Revoked \"{}\". Whatever used it is refused now.", before.name));
            }
            (What::CreateMember, Changed::Member(member)) => {
                let text = format!("Added {}", member.name);
                if let Some(console) = self.console_mut() {
                    console.members.choose(member.id.clone());
                    console.dialog = None;
                }
                self.put_member(member);
                self.say(text);
            }
            (What::UpdateMember { batch, .. }, Changed::Member(member)) => {
                let text = format!("Saved {}", member.name);
                if let Some(console) = self.console_mut()
                    && batch.is_none()
                {
                    console.dialog = None;
                }
                self.put_member(member);
                if batch.is_none() {
                    self.say(text);
                }
            }
            (What::RemoveMember { before, batch: None, .. }, _) => self.say(format!("Removed {}", before.name)),
            (What::Invite, Changed::Invited { link, expires_at }) => {
                if let Some(Console { dialog: Some(Dialog::Invitation(once)), .. }) = self.console_mut() {
                    once.link = Some((link, expires_at));
                    once.sending.ticket = None;
                }
            }
            (What::UpdateClub { .. }, Changed::Club(club)) => {
                if let Some(console) = self.console_mut() {
                    console.club_form = Some(ClubForm::of(&club));
                }
                let effects = self.hear_club(Ok(club));
                self.say("Saved");
                return effects;
            }
            (What::HandOver, _) => return self.handed_over(),
            (What::ChangePassword, _) => {
                if let Some(console) = self.console_mut() {
                    console.dialog = None;
                }
                self.say("The password is changed. Your other sessions have ended.");
            }
            (What::SignOut { everywhere: true }, _) => {
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
            self.pending.insert(ticket, Pending { what, sent_at: clock.now });
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
                    "Close this to see how it is now, and change it again if it still needs it.".to_owned();
            }
            if unknown && !matches!(what, What::ChangePassword | What::HandOver) {
                failure
                    .advice
                    .push_str(" Whether it was done is not known: what you see is read again once the server answers.");
            }
            match &mut console.dialog {
                Some(Dialog::Key(form)) if form.sending.is(ticket) => form.hear(&failure),
                Some(Dialog::Member(form)) if form.sending.is(ticket) => form.hear(&failure),
                _ => {}
            }
            if let Some(form) = &mut console.club_form
                && form.sending.is(ticket)
            {
                form.name.hear("name", &failure);
                form.description.hear("description", &failure);
                form.sending = super::Sending { ticket: None, failure: Some(failure.clone()) };
            }
            let in_dialog = match console.sending() {
                Some(sending) if sending.is(ticket) => {
                    *sending = super::Sending { ticket: None, failure: Some(failure.clone()) };
                    true
                }
                _ => matches!(what, What::UpdateClub { .. }),
            };
            take_back(console, what);
            console.keys.arrange(&clock);
            if failure.is("already_created") || failure.is("revision_mismatch") || failure.is("key_not_active") {
                effects.extend(console.load_keys(&clock));
                effects.push(console.load_club());
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
            self.say(format!("Done for {done} members"));
        } else {
            let names = refused.join(", ");
            let why = why.unwrap_or_default();
            self.complain(format!("Done for {done} members, not for {}: {names}. {why}", refused.len()));
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
            Self::SignOut { .. } => "Signing out".to_owned(),
        }
    }
}

/// Puts back what a change that was not done had shown already.
fn take_back(console: &mut Console, what: What) {
    match what {
        What::UpdateKey { before } | What::RevokeKey { before } => console.keys.put(before),
        What::UpdateMember { before, .. } => {
            console.members.put(before);
            console.members.gather();
            console.members.arrange();
        }
        What::RemoveMember { at, before, .. } => {
            let at = at.min(console.members.list.items.len());
            console.members.list.items.insert(at, *before);
            console.members.gather();
            console.members.arrange();
        }
        What::UpdateClub { before } => console.club = Some(*before),
        What::CreateKey
        | What::CreateMember
        | What::Invite
        | What::HandOver
        | What::ChangePassword
        | What::SignOut { .. } => {}
    }
}
