//! What is on screen. A view reads the state, lets the person fill in the forms, searches and filters that stand in it
//! and choose a row, and says what they did; it never asks the server, and changes nothing else.

mod audit;
mod club;
mod club_dialogs;
mod key;
mod key_form;
mod keys;
mod leaks;
mod member_dialogs;
mod member_form;
mod members;
mod navigation;
mod notices;
mod outsider;
mod revoke;
mod rotate;
mod secret;
mod shortcuts;
mod sign_in;
mod usage;

use eframe::egui::{Align, CentralPanel, Frame, Key, Layout, Margin, Modifiers, Panel, Popup, Rect, Sense, Ui, vec2};

use crate::{
    state::{
        Action, Connection, Console, Dialog, SHOW_WAIT, Screen, State, View,
        failure::{Failure, FailureKind},
        time::Clock,
    },
    theme::{Icon, colors, moves, size, space},
    widgets::{Banner, Button, banner, body, give_back, heading, muted, spinner},
};

/// What lives only as long as the window: where the keyboard should go, what should be seen.
#[derive(Debug, Default)]
pub struct Look {
    /// The keyboard goes into the search.
    pub search: bool,
    /// The selected row is scrolled to.
    pub reveal: bool,
    /// Whether a dialog was open in the last frame.
    dialog: bool,
    /// Whether the keyboard goes back to where it was before the dialog.
    gives_back: bool,
    /// Whether the view that asks who is there was on screen in the last frame.
    signing_in: bool,
}

/// What a view needs beside its own part of the state.
pub struct Draw<'a> {
    /// When and where the coach is.
    pub clock: &'a Clock,
    /// What lives only as long as the window.
    pub look: &'a mut Look,
    /// Whether keys that mean something in a view are meant for it: no dialog, no menu, no text has the keyboard.
    pub keys_free: bool,
    /// How far changes of several members are: how many are answered, of how many.
    pub several: Option<(usize, usize)>,
    /// What the person did.
    pub acts: &'a mut Vec<Action>,
}

/// Draws all of it; what the person did.
pub fn show(ui: &mut Ui, state: &mut State, look: &mut Look) -> Vec<Action> {
    let mut acts = Vec::new();
    let clock = state.clock.clone();
    let colors = colors(ui);
    let waiting = state.is_waiting();
    let open = state.shortcuts || state.console().is_some_and(|console| console.dialog.is_some());
    let keys_free = !open && !Popup::is_any_open(ui.ctx()) && !ui.ctx().text_edit_focused();
    let several = state.progress_of_several();
    let takes_files = state.takes_files();
    let mut draw = Draw { clock: &clock, look, keys_free, several, acts: &mut acts };
    let signing_in = matches!(state.screen, Screen::SignIn(_));
    match &mut state.screen {
        Screen::Starting(since) => {
            let slow = clock.now.duration_since(*since) >= SHOW_WAIT;
            CentralPanel::default().frame(Frame::new().fill(colors.background)).show(ui, |ui| {
                ui.add_space(ui.available_height() * 0.4);
                ui.vertical_centered(|ui| {
                    heading(ui, "Astral");
                    if slow {
                        spinner(ui, 20.0, "Signing in");
                        muted(ui, "Trying your last session");
                        if Button::quiet("Sign in with a password").show(ui).clicked() {
                            draw.acts.push(Action::SkipResume);
                        }
                    }
                });
            });
        }
        Screen::SignIn(form) => sign_in::show(ui, form, &mut draw),
        Screen::Outsider(outsider) => outsider::show(ui, outsider, &mut draw),
        Screen::Console(console) => {
            // A frame after the dialog: in the one that follows it, egui lets nothing beneath it have the keyboard.
            if std::mem::take(&mut draw.look.gives_back) && !open {
                give_back(ui.ctx());
            }
            if draw.look.dialog && !open {
                draw.look.gives_back = true;
                ui.ctx().request_repaint();
            }
            draw.look.dialog = open;
            keys_of_console(ui, console, state.shortcuts, &mut draw);
            console_frame(ui, console, waiting, &mut draw);
            dialog(ui, console, &mut draw);
            if takes_files {
                leaks::take_files(ui.ctx(), draw.acts);
            }
        }
    }
    draw.look.signing_in = signing_in;
    if state.shortcuts {
        shortcuts::show(ui, &mut acts);
    }
    // Over a dialog they would lie on its buttons; what is bad news waits until it is closed.
    if !open {
        notices::show(ui, &state.notices, &mut acts);
    }
    acts
}

/// Keys that mean the same wherever the keyboard is in the console.
fn keys_of_console(ui: &Ui, console: &Console, shortcuts: bool, draw: &mut Draw<'_>) {
    if console.dialog.is_some() || shortcuts {
        return;
    }
    let typing = ui.ctx().text_edit_focused();
    ui.input_mut(|input| {
        if input.consume_key(Modifiers::COMMAND, Key::N) {
            draw.acts.push(if console.view == View::Members { Action::NewMember } else { Action::NewKey });
        }
        if input.consume_key(Modifiers::COMMAND, Key::L) {
            draw.acts.push(Action::AskLeak);
        }
        if input.consume_key(Modifiers::NONE, Key::F5) || input.consume_key(Modifiers::COMMAND, Key::R) {
            draw.acts.push(Action::Refresh);
        }
        let views =
            [(Key::Num1, View::Keys), (Key::Num2, View::Members), (Key::Num3, View::Audit), (Key::Num4, View::Club)];
        for (key, view) in views.clone() {
            if input.consume_key(Modifiers::COMMAND, key) {
                draw.acts.push(Action::Show(view));
            }
        }
        let at = views.iter().position(|(_, view)| match (&console.view, view) {
            (View::Key(_), View::Keys) => true,
            (open, view) => open == view,
        });
        for (key, step) in [(Key::PageDown, 1), (Key::PageUp, views.len() - 1)] {
            if input.consume_key(Modifiers::COMMAND, key)
                && let Some(at) = at
            {
                draw.acts.push(Action::Show(views[(at + step) % views.len()].1.clone()));
            }
        }
        if !typing {
            if input.consume_key(Modifiers::NONE, Key::Slash) {
                input.events.retain(|event| !matches!(event, eframe::egui::Event::Text(text) if text == "/"));
                draw.look.search = true;
            }
            let asks = input.events.iter().any(|event| matches!(event, eframe::egui::Event::Text(text) if text == "?"));
            if asks {
                draw.acts.push(Action::ToggleShortcuts);
            }
            if draw.keys_free && matches!(console.view, View::Key(_)) && input.consume_key(Modifiers::NONE, Key::Escape)
            {
                draw.acts.push(Action::Show(View::Keys));
            }
        }
    });
}

fn console_frame(ui: &mut Ui, console: &mut Console, waiting: bool, draw: &mut Draw<'_>) {
    let colors = colors(ui);
    let narrow = ui.available_width() < size::NARROW;
    let width = if narrow { size::NAVIGATION_NARROW } else { size::NAVIGATION };
    Panel::left("navigation")
        .exact_size(width)
        .resizable(false)
        .show_separator_line(false)
        .frame(Frame::new().fill(colors.background).inner_margin(Margin::symmetric(if narrow { 8 } else { 12 }, 16)))
        .show(ui, |ui| navigation::show(ui, console, narrow, draw));
    let frame = Frame::new().fill(colors.surface);
    CentralPanel::default().frame(frame).show(ui, |ui| {
        waiting_bar(ui, console, waiting, draw.clock);
        Frame::new().inner_margin(Margin { left: 24, right: 24, top: 20, bottom: 12 }).show(ui, |ui| {
            connection(ui, console, draw);
            match console.view.clone() {
                View::Keys => keys::show(ui, console, draw),
                View::Key(id) => key::show(ui, console, &id, draw),
                View::Members => members::show(ui, console, draw),
                View::Audit => audit::show(ui, console, draw),
                View::Club => club::show(ui, console, draw),
            }
        });
    });
}

/// A thin line along the top while what is on screen is read again or a change is on its way.
fn waiting_bar(ui: &mut Ui, console: &Console, waiting: bool, clock: &Clock) {
    let since = match console.view {
        View::Keys | View::Key(_) => console.keys.list.refreshing_since(),
        View::Members => console.members.list.refreshing_since(),
        View::Audit => console.audit.list.refreshing_since(),
        View::Club => None,
    };
    let slow = since.is_some_and(|since| clock.now.duration_since(since) >= SHOW_WAIT);
    if !(waiting || slow) {
        return;
    }
    let rect = Rect::from_min_size(ui.max_rect().min, vec2(ui.max_rect().width(), 2.0));
    let mut bar = rect;
    if moves(ui) {
        let time = ui.input(|input| input.time) as f32;
        let at = (time * 0.8).fract();
        let width = rect.width() * 0.3;
        let left = rect.left() + (rect.width() + width) * at - width;
        bar = Rect::from_min_size(eframe::egui::pos2(left, rect.top()), vec2(width, 2.0)).intersect(rect);
        ui.ctx().request_repaint_after_secs(1.0 / 30.0);
    }
    ui.painter().rect_filled(bar, 0.0, colors(ui).accent.color);
}

/// A quiet banner while the server does not answer.
fn connection(ui: &mut Ui, console: &Console, draw: &mut Draw<'_>) {
    let Connection::Offline { failure, retry_at, trying, .. } = &console.connection else { return };
    let seconds = (retry_at.as_second() - draw.clock.now.as_second()).max(0);
    let again =
        if *trying || seconds == 0 { "Trying again now.".to_owned() } else { format!("Trying again in {seconds} s.") };
    let loaded = match console.view {
        View::Keys | View::Key(_) => console.keys.list.loaded_at,
        View::Members => console.members.list.loaded_at,
        View::Audit => console.audit.list.loaded_at,
        View::Club => None,
    };
    let seen = loaded.map_or_else(String::new, |at| format!(" What you see is from {}.", draw.clock.time(at)));
    let said = Banner {
        tone: colors(ui).warn,
        icon: Icon::WifiOff,
        title: "Not connected to the server.",
        text: &format!("{again}{seen}"),
        detail: Some(&failure.title),
        act: Some("Try now"),
    };
    if banner(ui, &said) {
        draw.acts.push(Action::Retry);
    }
    ui.add_space(space::M);
}

fn dialog(ui: &mut Ui, console: &mut Console, draw: &mut Draw<'_>) {
    let ctx = ui.ctx().clone();
    let Console { dialog, members, person, club, keys, .. } = console;
    match dialog {
        Some(Dialog::Key(form)) => key_form::show(&ctx, form, draw),
        Some(Dialog::Secret(once)) => secret::show(&ctx, once, keys.activation.as_ref(), draw),
        Some(Dialog::Revoke(form)) => revoke::show(&ctx, form, draw),
        Some(Dialog::Leak(form)) => leaks::show(&ctx, form, keys, draw),
        Some(Dialog::Rotate(form)) => rotate::rotate(&ctx, form, draw),
        Some(Dialog::EndPreviousSecret(form)) => {
            let usage = keys.usage.as_ref().filter(|(id, _)| *id == form.key.id);
            let usage = usage.and_then(|(_, usage)| usage.as_ref().ok());
            rotate::end_previous_secret(&ctx, form, usage, draw);
        }
        Some(Dialog::Member(form)) => member_form::show(&ctx, form, members, draw),
        Some(Dialog::Remove(form)) => member_dialogs::remove(&ctx, form, draw),
        Some(Dialog::Label(form)) => member_dialogs::label(&ctx, form, members, draw),
        Some(Dialog::Coach(form)) => member_dialogs::coach(&ctx, form, members, draw),
        Some(Dialog::Invitation(once)) => member_dialogs::invitation(&ctx, once, draw),
        Some(Dialog::Password(form)) => club_dialogs::password(&ctx, form, draw),
        Some(Dialog::HandOver(form)) => club_dialogs::hand_over(&ctx, form, members, club.as_ref(), draw),
        Some(Dialog::Event(event)) => audit::event(&ctx, event, draw),
        Some(Dialog::Export(form)) => audit::export(&ctx, form, draw),
        Some(Dialog::SignOutEverywhere(sending)) => club_dialogs::sign_out_everywhere(&ctx, sending, person, draw),
        None => {}
    }
}

/// Says in a dialog or form why what was sent was not done.
pub(crate) fn failed(ui: &mut Ui, failure: &Failure) {
    let detail = failure.request_id.as_ref().filter(|_| failure.kind == FailureKind::Broken);
    let detail = detail.map(|id| format!("Request {id}"));
    banner(
        ui,
        &Banner {
            tone: colors(ui).danger,
            icon: Icon::CircleAlert,
            title: &failure.title,
            text: &failure.advice,
            detail: detail.as_deref(),
            act: None,
        },
    );
}

/// In place of a list that never came: why, and what to do.
pub(crate) fn list_failed(ui: &mut Ui, failure: &Failure, draw: &mut Draw<'_>) {
    let said = Banner {
        tone: colors(ui).danger,
        icon: Icon::CircleAlert,
        title: &failure.title,
        text: &failure.advice,
        detail: None,
        act: Some("Try again"),
    };
    if banner(ui, &said) {
        draw.acts.push(Action::Refresh);
    }
}

/// Rows that are not there yet: the same height as those that will come, so that nothing jumps.
pub(crate) fn skeleton(ui: &mut Ui, row_height: f32, since: Option<jiff::Timestamp>, clock: &Clock) {
    let colors = colors(ui);
    let rect = ui.available_rect_before_wrap();
    let rows = ((rect.height() - 36.0) / row_height).clamp(0.0, 8.0) as usize;
    for row in 0..rows {
        let top = rect.top() + 36.0 + row as f32 * row_height;
        let at = Rect::from_min_size(
            eframe::egui::pos2(rect.left() + space::L, top + row_height / 2.0 - 6.0),
            vec2(0.0, 12.0),
        );
        for (left, width) in [(0.0, 0.22), (0.32, 0.12), (0.55, 0.1), (0.75, 0.14)] {
            let bar = Rect::from_min_size(
                at.min + vec2(left * rect.width(), 0.0),
                vec2(width * rect.width() * (1.0 - 0.1 * (row % 3) as f32), 12.0),
            );
            ui.painter().rect_filled(bar, 6.0, colors.hover);
        }
    }
    if since.is_some_and(|since| clock.now.duration_since(since) >= SHOW_WAIT) {
        let middle = Rect::from_center_size(rect.center_top() + vec2(0.0, 18.0), vec2(20.0, 20.0));
        let mut place = ui.new_child(eframe::egui::UiBuilder::new().max_rect(middle));
        spinner(&mut place, 18.0, "Loading");
    }
    ui.allocate_rect(rect, Sense::hover());
}

/// In the middle of a view: what it would show, and what to do.
pub(crate) fn empty(ui: &mut Ui, icon: Icon, title: &str, text: &str, act: impl FnOnce(&mut Ui)) {
    let colors = colors(ui);
    ui.add_space((ui.available_height() * 0.18).min(96.0));
    ui.vertical_centered(|ui| {
        ui.set_max_width(440.0);
        ui.label(icon.text(32.0, colors.muted));
        ui.add_space(space::S);
        heading(ui, title);
        body(ui, text);
        ui.add_space(space::M);
        act(ui);
    });
}

/// Whether Enter was pressed in one of the fields that were just drawn.
pub(crate) fn sent(ui: &Ui, fields: &[&eframe::egui::Response]) -> bool {
    let entered = fields.iter().find(|field| field.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter)));
    if let Some(field) = entered {
        // Enter takes the keyboard from a field; if what is sent is refused, one goes on typing there.
        field.request_focus();
    }
    entered.is_some()
}

/// Buttons at the right end of a line.
pub(crate) fn at_the_right(ui: &mut Ui, content: impl FnOnce(&mut Ui)) {
    ui.with_layout(Layout::right_to_left(Align::Center), content);
}
