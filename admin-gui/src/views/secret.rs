//! The new secret of a key, this once. Nothing closes it but the word that it is stored.

use eframe::egui::{Context, Event, Ui};
use jiff::Timestamp;

use super::{Draw, at_the_right, usage};
use crate::{
    state::{
        Action,
        clipboard::CLIPBOARD_KEEPS,
        keys::{Activation, Example, SecretOnce},
        time::Clock,
    },
    theme::{Icon, colors, font, size, space},
    widgets::{Banner, Button, Dialog, banner, body, caption, chip, code, line},
};

pub fn show(ctx: &Context, once: &SecretOnce, activation: Option<&Activation>, draw: &mut Draw<'_>) {
    let acts = std::cell::RefCell::new(Vec::new());
    let clock = draw.clock;
    let response = Dialog::new("Copy this key now", size::DIALOG_WIDE).show(
        ctx,
        |ui, opened| {
            content(ui, once, opened, clock, &acts);
            if let Some(activation) = activation.filter(|activation| activation.id == once.key.id) {
                usage::activation(ui, activation, clock);
            }
        },
        |ui, _| {
            if Button::new("I have stored it").icon(Icon::Check).show(ui).clicked() {
                acts.borrow_mut().push(Action::Stored);
            }
        },
    );
    draw.acts.append(&mut acts.into_inner());
    copied_by_hand(ctx, draw);
    if response.close {
        draw.acts.push(Action::Close);
    }
}

/// Takes note if what is marked in a dialog with a secret is copied: it may hold the secret.
pub fn copied_by_hand(ctx: &Context, draw: &mut Draw<'_>) {
    if ctx.input(|input| input.events.iter().any(|event| matches!(event, Event::Copy | Event::Cut))) {
        draw.acts.push(Action::CopyMarked);
    }
}

fn content(ui: &mut Ui, once: &SecretOnce, opened: bool, clock: &Clock, acts: &std::cell::RefCell<Vec<Action>>) {
    let colors = colors(ui);
    // First: in a low window what stands below is not seen.
    if once.insisted {
        banner(
            ui,
            &Banner {
                tone: colors.warn,
                icon: Icon::TriangleAlert,
                title: "Is it stored?",
                text: "If this closes now, the key is lost. Press \"I have stored it\" once it is in a safe place.",
                detail: None,
                act: None,
            },
        );
    }
    body(
        ui,
        "Astral keeps no copy: once this window closes, nobody can show it again. Store it in a password manager or in \
         your program's settings, never in its source code.",
    );
    if let Some(previous) = &once.key.previous_secret {
        let text =
            format!("Put it in the place of {}, which works until {}.", previous.hint, clock.minute(previous.ends_at));
        body(ui, &text);
    }
    code(ui, once.secret.reveal(), font::TABLE);
    // Not longer than it is on the clipboard.
    let is_copied = |at: Option<Timestamp>| at.is_some_and(|at| clock.now.duration_since(at) < CLIPBOARD_KEEPS);
    let copied = is_copied(once.copied_at);
    let (word, icon) = if copied { ("Copied", Icon::Check) } else { ("Copy key", Icon::Copy) };
    line(ui, size::CONTROL, |ui| {
        let response = Button::primary(word).icon(icon).show(ui);
        if opened {
            response.request_focus();
        }
        if response.clicked() {
            acts.borrow_mut().push(Action::CopySecret);
        }
        if copied {
            caption(ui, "It is taken off the clipboard after a minute.", colors.muted);
        }
    });
    ui.vertical(|ui| {
        ui.spacing_mut().item_spacing.y = space::S;
        line(ui, size::CONTROL, |ui| {
            for (example, name) in [(Example::Curl, "curl"), (Example::Python, "Python")] {
                if chip(ui, once.example == example, name, None).clicked() {
                    acts.borrow_mut().push(Action::ShowExample(example));
                }
            }
            at_the_right(ui, |ui| {
                let (word, icon) = if is_copied(once.example_copied_at) {
                    ("Example copied", Icon::Check)
                } else {
                    ("Copy example", Icon::Copy)
                };
                if Button::quiet(word).icon(icon).show(ui).clicked() {
                    acts.borrow_mut().push(Action::CopyExample);
                }
            });
        });
        code(ui, once.example_text().reveal(), font::LABEL);
    });
}
