//! The scenes: how each view comes to what its picture shows.

use std::collections::VecDeque;

use astral_admin::{
    App,
    state::{
        Action, Connection, Dialog, Screen, State, View,
        change::Sending,
        club::Plan,
        failure::{Failure, FailureKind},
        form::Field,
        keys::{
            Expiry, Filter, Findings, FoundKey, Key, OtherSecret, Place, PreviousSecret, Revoked, Scope, Search,
            SecretKind,
        },
        listing::Listing,
        members::Role,
        outsider::Outsider,
        secret::Secret,
        sign_in::SetUp,
    },
};
use eframe::egui::Context;
use jiff::ToSpan as _;

/// A picture to be made.
#[derive(Clone)]
pub struct Scene {
    pub name: &'static str,
    pub dark: bool,
    pub size: [f32; 2],
    pub zoom: f32,
}

impl Scene {
    pub fn file_name(&self) -> String {
        format!("{}-{}.png", self.name, if self.dark { "dark" } else { "light" })
    }
}

/// Something done to the console, tried each frame until it says that it is done.
pub type Step = Box<dyn FnMut(&mut App, &Context) -> bool>;

const NORMAL: [f32; 2] = [1200.0, 760.0];

/// Every scene, in both themes.
pub fn all() -> Vec<Scene> {
    let names = [
        ("sign-in", NORMAL, 1.0),
        ("sign-in-failed", NORMAL, 1.0),
        ("set-up", [1200.0, 860.0], 1.0),
        ("outsider", NORMAL, 1.0),
        ("keys", NORMAL, 1.0),
        ("keys-all", NORMAL, 1.0),
        ("keys-expiring", NORMAL, 1.0),
        ("keys-loading", NORMAL, 1.0),
        ("keys-empty", NORMAL, 1.0),
        ("keys-nothing-found", NORMAL, 1.0),
        ("keys-failed", NORMAL, 1.0),
        ("keys-offline", NORMAL, 1.0),
        ("keys-plan", NORMAL, 1.0),
        ("keys-many", NORMAL, 1.0),
        ("keys-scripts", NORMAL, 1.0),
        ("keys-narrow", [800.0, 600.0], 1.0),
        ("keys-small", [1000.0, 600.0], 1.0),
        ("keys-wide", [1600.0, 900.0], 1.0),
        ("keys-large-text", [1600.0, 1200.0], 2.0),
        ("key", [1200.0, 1000.0], 1.0),
        ("key-revoked", [1200.0, 1000.0], 1.0),
        ("key-narrow", [1200.0, 960.0], 1.0),
        ("key-large-text", [1200.0, 800.0], 2.0),
        ("new-key", [1200.0, 900.0], 1.0),
        ("new-key-wrong", [1200.0, 900.0], 1.0),
        ("secret", NORMAL, 1.0),
        ("revoke", NORMAL, 1.0),
        ("rotate", NORMAL, 1.0),
        ("key-rotating", [1200.0, 1000.0], 1.0),
        ("leak", NORMAL, 1.0),
        ("leak-found", [1200.0, 900.0], 1.0),
        ("leak-nothing", NORMAL, 1.0),
        ("leak-failed", NORMAL, 1.0),
        ("leak-narrow", [800.0, 600.0], 1.0),
        ("members", NORMAL, 1.0),
        ("members-marked", NORMAL, 1.0),
        ("members-narrow", [800.0, 600.0], 1.0),
        ("new-member", [1200.0, 860.0], 1.0),
        ("invitation", NORMAL, 1.0),
        ("audit", NORMAL, 1.0),
        ("audit-narrow", [800.0, 600.0], 1.0),
        ("audit-nothing", NORMAL, 1.0),
        ("audit-event", NORMAL, 1.0),
        ("audit-export", NORMAL, 1.0),
        ("club", [1200.0, 960.0], 1.0),
        ("password", NORMAL, 1.0),
        ("hand-over", NORMAL, 1.0),
        ("shortcuts", NORMAL, 1.0),
    ];
    names
        .into_iter()
        .flat_map(|(name, size, zoom)| [false, true].map(|dark| Scene { name, dark, size, zoom }))
        .collect()
}

/// What is done until the picture is taken.
pub fn steps(scene: &Scene, email: &str, password: &str) -> VecDeque<Step> {
    let mut steps: Vec<Step> = vec![wait(|state| matches!(state.screen, Screen::SignIn(_)))];
    match scene.name {
        "sign-in" => {}
        "sign-in-failed" => {
            steps.push(type_sign_in(email, "not the password"));
            steps.push(act(Action::SignIn));
            steps.push(wait(|state| matches!(&state.screen, Screen::SignIn(form) if form.failure.is_some())));
        }
        "set-up" => steps.push(set(|state| {
            if let Screen::SignIn(form) = &mut state.screen {
                form.server = Field::of("astral.summit.example");
                form.set_up = Some(SetUp::default());
            }
        })),
        "outsider" => steps.push(set(|state| {
            state.screen = Screen::Outsider(Outsider {
                name: "Ben Okoro".into(),
                clubs: vec![("Summit Running Club".into(), Some("Ana Ruiz".into()))],
            });
        })),
        _ => {
            steps.push(type_sign_in(email, password));
            steps.push(act(Action::SignIn));
            steps.push(wait(|state| state.console().is_some_and(|console| console.keys.list.loaded_at.is_some())));
            steps.extend(in_console(scene.name));
        }
    }
    steps.into()
}

/// Shows what was found in a text: keys that work and do not, a sign-in and a key of others; or nothing.
fn found(state: &mut State, something: bool) {
    let now = state.clock.now;
    let known: Vec<Key> = console(state).keys.list.items.clone();
    let place = |line, times| Place { file: None, line, times };
    let of_key = |at: usize, line, times| {
        let read = known[at].clone();
        let (hint, last_used_at) = (read.hint.clone(), read.last_used_at);
        FoundKey { read, hint, last_used_at, place: place(line, times), sending: Sending::default() }
    };
    let mut old = of_key(1, 47, 1);
    old.hint = "astral_live_4kT…w0Z".into();
    let previous = PreviousSecret { hint: old.hint.clone(), ends_at: now + 30.hours(), last_used_at: None };
    old.read.previous_secret = Some(previous);
    let mut revoked = of_key(2, 90, 1);
    revoked.read.revoked = Some(Revoked { at: now, by: "Ana Ruiz".into(), reason: None });
    for key in [&old.read, &revoked.read] {
        console(state).keys.put(key.clone());
    }
    let other = |kind, hint: &str, line, reported| OtherSecret {
        kind,
        hint: hint.into(),
        secret: Secret::new(String::new()),
        place: place(line, 1),
        reported,
        sending: Sending::default(),
    };
    let mut findings = Findings {
        searched: "server.log".into(),
        keys: Vec::new(),
        others: Vec::new(),
        unread: Vec::new(),
        asked: true,
    };
    if something {
        findings.keys = vec![of_key(0, 12, 3), old, revoked];
        findings.others = vec![
            other(SecretKind::Session, "astral_session_k2J…9xQ", 13, false),
            other(SecretKind::ApiKey, "astral_live_7Pq…mB0", 102, true),
        ];
    }
    if let Some(Dialog::Leak(form)) = &mut console(state).dialog {
        form.search = Search::Done(findings);
    }
}

fn in_console(scene: &str) -> Vec<Step> {
    match scene {
        "keys" | "keys-narrow" | "keys-small" | "keys-wide" | "keys-large-text" => Vec::new(),
        "keys-all" => vec![
            act(Action::FilterKeys(Filter::All)),
            keys_loaded(),
            act(Action::SelectKey(astral_admin::state::selection::Move::By(1))),
        ],
        "keys-expiring" => vec![act(Action::FilterKeys(Filter::Expiring))],
        "keys-loading" => vec![set(|state| {
            let now = state.clock.now;
            console(state).keys.list = Listing::default();
            console(state).keys.list.begin(1, now - 1.second(), false);
        })],
        "keys-empty" => vec![
            set(|state| {
                console(state).keys.has_ended = true;
                console(state).keys.list.items.clear();
            }),
            act(Action::SearchKeys),
        ],
        "keys-nothing-found" => vec![set(|state| console(state).keys.search = "foo".into()), act(Action::SearchKeys)],
        "keys-failed" => vec![set(|state| {
            let now = state.clock.now;
            let failure = Failure::new(
                FailureKind::Broken,
                "A fault of the server.",
                "Nothing was changed. Whoever runs this server finds more in its log, under the request id.",
            );
            let list = &mut console(state).keys.list;
            list.begin(1, now, false);
            list.hear(1, now, Err(failure));
        })],
        "keys-offline" => vec![set(|state| {
            let now = state.clock.now;
            let failure = Failure::new(FailureKind::Unreachable, "Nothing answers at club.example.", "");
            console(state).connection =
                Connection::Offline { failure, tries: 3, retry_at: now + 8.seconds(), trying: false };
        })],
        "keys-plan" => vec![set(|state| {
            if let Some(club) = &mut console(state).club {
                club.plan = Plan::Free;
                club.security_settings = false;
            }
        })],
        "keys-many" => vec![set(|state| many_keys(state, 10_000)), act(Action::SearchKeys)],
        "keys-scripts" => vec![set(scripts), act(Action::SearchKeys)],
        "key" | "key-large-text" => vec![open_first_key(), usage_loaded()],
        "key-revoked" => vec![
            act(Action::FilterKeys(Filter::Revoked)),
            keys_loaded(),
            Box::new(|app, ctx| {
                let keys = &app.state().console().expect("signed in").keys;
                let revoked = keys.rows.iter().map(|&at| &keys.list.items[at]).find(|key| key.revoked.is_some());
                let id = revoked.expect("a revoked key").id.clone();
                app.act(ctx, Action::Show(View::Key(id)));
                true
            }),
            usage_loaded(),
        ],
        "key-narrow" => vec![
            act_on_first_key(Action::EditKey),
            wait(|state| matches!(dialog(state), Some(Dialog::Key(form)) if !form.is_awaited())),
            set(|state| {
                if let Some(Dialog::Key(form)) = &mut console(state).dialog {
                    form.scopes = vec![Scope::MembersRead];
                }
            }),
            act(Action::ChooseScopes),
            wait(|state| {
                matches!(dialog(state), Some(Dialog::Key(form))
                    if form.foretold.as_ref().is_some_and(|foretold| foretold.impact.is_some()))
            }),
        ],
        "new-key" => vec![act(Action::NewKey)],
        "new-key-wrong" => vec![
            act(Action::NewKey),
            set(|state| {
                if let Some(Dialog::Key(form)) = &mut console(state).dialog {
                    form.addresses = Field::of("club.example");
                    form.expiry = Expiry::On;
                    form.day = Field::of("31/12/2026");
                    form.scopes.clear();
                }
            }),
            act(Action::SaveKey),
        ],
        "secret" => vec![
            act(Action::NewKey),
            set(|state| {
                if let Some(Dialog::Key(form)) = &mut console(state).dialog {
                    form.name = Field::of("Results dashboard");
                }
            }),
            act(Action::SaveKey),
            wait(|state| {
                matches!(state.console().and_then(|console| console.dialog.as_ref()), Some(Dialog::Secret(_)))
            }),
            act(Action::CopySecret),
        ],
        "leak" => vec![act(Action::AskLeak)],
        "leak-found" | "leak-narrow" => vec![act(Action::AskLeak), set(|state| found(state, true))],
        "leak-nothing" => vec![act(Action::AskLeak), set(|state| found(state, false))],
        "leak-failed" => vec![
            act(Action::AskLeak),
            set(|state| {
                let title = "server.log is too long: at most 10 MB can be searched at once.";
                let advice =
                    "Take a part of it, or have whoever runs the server search it where it lies: astral-server scan.";
                let failure = Failure::new(FailureKind::Local, title, advice);
                if let Some(Dialog::Leak(form)) = &mut console(state).dialog {
                    form.search = Search::Failed(failure);
                }
            }),
        ],
        "rotate" => vec![
            act_on_first_key(Action::AskRotate),
            wait(|state| matches!(dialog(state), Some(Dialog::Rotate(form)) if form.foretold.impact.is_some())),
        ],
        "key-rotating" => vec![
            act_on_first_key(Action::AskRotate),
            act(Action::Rotate),
            wait(|state| {
                matches!(state.console().and_then(|console| console.dialog.as_ref()), Some(Dialog::Secret(_)))
            }),
            act(Action::Stored),
            usage_loaded(),
        ],
        "revoke" => vec![
            act_on_first_key(Action::AskRevoke),
            wait(|state| matches!(dialog(state), Some(Dialog::Revoke(form)) if form.foretold.impact.is_some())),
        ],
        "members" | "members-narrow" => vec![act(Action::Show(View::Members)), members_loaded()],
        "members-marked" => vec![
            act(Action::Show(View::Members)),
            members_loaded(),
            set(|state| {
                let members = &mut console(state).members;
                members.marked =
                    members.rows.iter().skip(2).take(3).map(|&at| members.list.items[at].id.clone()).collect();
            }),
        ],
        "new-member" => vec![act(Action::Show(View::Members)), members_loaded(), act(Action::NewMember)],
        "invitation" => vec![
            act(Action::Show(View::Members)),
            members_loaded(),
            Box::new(|app, ctx| {
                let members = &app.state().console().expect("signed in").members;
                let one = members.list.items.iter().find(|member| !member.accepted);
                let id = one.expect("somebody to invite").id.clone();
                app.act(ctx, Action::Invite(id));
                true
            }),
            set(|state| {
                if let Some(Dialog::Invitation(once)) = &mut console(state).dialog {
                    once.email = Field::of("amara@summit.example");
                }
            }),
            act(Action::SendInvitation),
            wait(
                |state| matches!(state.console().and_then(|console| console.dialog.as_ref()), Some(Dialog::Invitation(once)) if once.link.is_some()),
            ),
        ],
        "audit" | "audit-narrow" => vec![act(Action::Show(View::Audit)), audit_loaded()],
        "audit-nothing" => vec![
            act(Action::Show(View::Audit)),
            audit_loaded(),
            set(|state| console(state).audit.search = "foo".into()),
            act(Action::SearchAudit),
        ],
        "audit-event" => vec![
            act(Action::Show(View::Audit)),
            audit_loaded(),
            Box::new(|app, ctx| {
                let audit = &app.state().console().expect("signed in").audit;
                let id = audit
                    .list
                    .items
                    .iter()
                    .find(|event| event.action == "api_key.create")
                    .map(|event| event.id.clone());
                app.act(ctx, Action::ShowEvent(id.unwrap_or_else(|| audit.list.items[0].id.clone())));
                true
            }),
        ],
        "audit-export" => vec![
            act(Action::Show(View::Audit)),
            audit_loaded(),
            act(Action::AskExport),
            set(|state| {
                if let Some(Dialog::Export(form)) = &mut console(state).dialog {
                    form.file = Field::of("/home/ana/Documents/audit-2026-11-23.csv");
                }
            }),
        ],
        "club" => vec![act(Action::Show(View::Club)), members_loaded()],
        "password" => vec![act(Action::Show(View::Club)), members_loaded(), act(Action::AskPassword)],
        "hand-over" => vec![act(Action::Show(View::Club)), members_loaded(), act(Action::AskHandOver)],
        "shortcuts" => vec![act(Action::ToggleShortcuts)],
        unknown => panic!("no steps lead to {unknown}"),
    }
}

fn console(state: &mut State) -> &mut astral_admin::state::Console {
    match &mut state.screen {
        Screen::Console(console) => console,
        _ => panic!("nobody is signed in"),
    }
}

fn act(action: Action) -> Step {
    Box::new(move |app, ctx| {
        app.act(ctx, action.clone());
        true
    })
}

fn set(change: impl Fn(&mut State) + 'static) -> Step {
    Box::new(move |app, _| {
        change(app.state_mut());
        true
    })
}

fn wait(until: impl Fn(&State) -> bool + 'static) -> Step {
    Box::new(move |app, _| until(app.state()))
}

fn keys_loaded() -> Step {
    wait(|state| state.console().is_some_and(|console| !console.keys.list.is_loading()))
}

fn audit_loaded() -> Step {
    wait(|state| state.console().is_some_and(|console| console.audit.list.loaded_at.is_some()))
}

fn usage_loaded() -> Step {
    wait(|state| state.console().is_some_and(|console| console.keys.usage.is_some()))
}

fn dialog(state: &State) -> Option<&Dialog> {
    state.console()?.dialog.as_ref()
}

fn members_loaded() -> Step {
    wait(|state| state.console().is_some_and(|console| console.members.list.loaded_at.is_some()))
}

fn type_sign_in(email: &str, password: &str) -> Step {
    let (email, password) = (email.to_owned(), password.to_owned());
    set(move |state| {
        if let Screen::SignIn(form) = &mut state.screen {
            form.email = Field::of(&email);
            form.password.clear();
            form.password.text_mut().push_str(&password);
        }
    })
}

fn act_on_first_key(action: fn(String) -> Action) -> Step {
    Box::new(move |app, ctx| {
        let state = app.state();
        let keys = &state.console().expect("signed in").keys;
        let used = keys.rows.iter().map(|&at| &keys.list.items[at]).find(|key| key.in_use(&state.clock));
        let id = used.expect("a key in use").id.clone();
        app.act(ctx, action(id));
        true
    })
}

fn open_first_key() -> Step {
    act_on_first_key(|id| Action::Show(View::Key(id)))
}

fn many_keys(state: &mut State, count: usize) {
    let keys = &mut console(state).keys;
    let known = keys.list.items.clone();
    keys.list.items = (0..count)
        .map(|n| {
            let key = &known[n % known.len()];
            Key { id: format!("key_{n:026}"), name: format!("{} {n}", key.name), ..key.clone() }
        })
        .collect();
}

/// Names as people have them: long, from right to left, in other scripts.
fn scripts(state: &mut State) {
    let names = [
        "A key with a name that is as long as a name may be, so that it fits nowhere and must be cut some",
        "مزامنة قائمة الرياضيين",
        "סנכרון רשימת הספורטאים",
        "選手名簿の同期スクリプト",
        "Синхронизация состава",
        "รายชื่อนักกีฬา",
        "Ročník – přehled závodů 🏃",
    ];
    let keys = &mut console(state).keys;
    for (key, name) in keys.list.items.iter_mut().zip(names) {
        key.name = name.to_owned();
    }
    let _ = Role::ALL;
}
