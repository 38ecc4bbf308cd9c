//! The page of one key: all that is known of it, and what can be done with it.

use eframe::egui::{Grid, Label, RichText, ScrollArea, Ui, vec2};

use super::{Draw, at_the_right, empty, keys, usage};
use crate::{
    state::{
        Action, Console, View,
        keys::{AdvisedAction, Attention, Key, Status, Usage},
        time::Clock,
    },
    theme::{Icon, Weight, colors, face, font, mono, size, space},
    widgets::{Banner, Button, banner, caption, muted, pill, title},
};

pub fn show(ui: &mut Ui, console: &Console, id: &str, draw: &mut Draw<'_>) {
    ui.horizontal(|ui| {
        if Button::quiet("API keys").icon(Icon::ArrowLeft).name("Back to API keys").show(ui).clicked() {
            draw.acts.push(Action::Show(View::Keys));
        }
    });
    ui.add_space(space::S);
    let Some(key) = console.keys.get(id) else {
        if console.keys.list.is_loading() || console.club.is_none() {
            super::skeleton(ui, size::ROW_TALL, console.keys.list.progress.since(), draw.clock);
        } else {
            empty(ui, Icon::Search, "This key is not here", "It may belong to another club of yours.", |_| {});
        }
        return;
    };
    let clock = draw.clock;
    let usable = key.status(clock.now) == Status::Active;
    ui.horizontal(|ui| {
        ui.set_height(size::CONTROL);
        at_the_right(ui, |ui| {
            if key.revoked.is_none() && Button::danger("Revoke").icon(Icon::Trash2).show(ui).clicked() {
                draw.acts.push(Action::AskRevoke(key.id.clone()));
            }
            if usable && Button::new("Rotate").icon(Icon::RefreshCw).show(ui).clicked() {
                draw.acts.push(Action::AskRotate(key.id.clone()));
            }
            if usable && Button::new("Change").icon(Icon::Pencil).show(ui).clicked() {
                draw.acts.push(Action::EditKey(key.id.clone()));
            }
            ui.with_layout(eframe::egui::Layout::left_to_right(eframe::egui::Align::Center), |ui| {
                let (tone, word) = keys::status_of(key, clock, &colors(ui));
                let room = ui.available_width() - 110.0;
                ui.scope(|ui| {
                    ui.set_max_width(room);
                    title(ui, &key.name);
                });
                pill(ui, tone, word);
            });
        });
    });
    ui.add_space(space::S);
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        ui.set_max_width(size::READING.min(ui.available_width()));
        if let Some(description) = &key.description {
            muted(ui, description);
            ui.add_space(space::S);
        }
        keys::ended(ui, key, clock);
        let usage = usage::of(console, key);
        let known = usage.and_then(|usage| usage.as_ref().ok());
        let activation = console.keys.activation.as_ref().filter(|activation| activation.id == key.id);
        if let Some(activation) = activation.filter(|_| usable) {
            usage::activation(ui, activation, clock);
            ui.add_space(space::S);
        }
        if usable {
            rotating(ui, key, known, clock, draw.acts);
        }
        let advised = known.is_some_and(|usage| usage.advises(AdvisedAction::Revoke));
        if !advised || key.attention(clock) == Some(Attention::Expiring) {
            attention(ui, key, clock);
        }
        if let Some(known) = known {
            usage::still_tried(ui, key, known, clock);
            usage::advice(ui, key, known, draw.acts);
        }
        ui.add_space(space::M);
        facts(ui, key, clock, draw.acts);
        usage::section(ui, usage, clock, draw.acts);
    });
    if draw.keys_free && ui.input(|input| input.events.iter().any(|event| matches!(event, eframe::egui::Event::Copy))) {
        draw.acts.push(Action::Copy(key.id.clone()));
    }
    if draw.keys_free
        && key.revoked.is_none()
        && ui.input_mut(|input| input.consume_key(eframe::egui::Modifiers::NONE, eframe::egui::Key::Delete))
    {
        draw.acts.push(Action::AskRevoke(key.id.clone()));
    }
}

/// Two secrets work: which is still used, and how to end the older.
fn rotating(ui: &mut Ui, key: &Key, usage: Option<&Usage>, clock: &Clock, acts: &mut Vec<Action>) {
    let Some(previous) = &key.previous_secret else { return };
    let from = |hint: &str, used| {
        let last = usage.and_then(|usage| usage.last_use_of(hint)).filter(|last| last.at >= used);
        last.map_or_else(|| clock.ago(used), |last| last.in_words(clock))
    };
    let older = match previous.last_used_at {
        None => "The old one was never used.".to_owned(),
        Some(used) => format!("The old one, {}, was last used {}.", previous.hint, from(&previous.hint, used)),
    };
    // The last use of any secret is later than that of the old one only if it was of the new one.
    let newer = match key.last_used_at.filter(|used| Some(*used) > previous.last_used_at) {
        None => "The new one was not used yet.".to_owned(),
        Some(used) => format!("The new one was last used {}.", from(&key.hint, used)),
    };
    let until = clock.minute(previous.ends_at);
    let safe = usage.is_some_and(|usage| usage.advises(AdvisedAction::EndPreviousSecret));
    let (tone, title) = if safe {
        (colors(ui).ok, format!("The old secret can end now; it works until {until}"))
    } else {
        (colors(ui).accent, format!("Two secrets work until {until}"))
    };
    let said = Banner {
        tone,
        icon: Icon::RefreshCw,
        title: &title,
        text: &format!("{older} {newer}"),
        detail: None,
        act: Some("End old secret"),
    };
    if banner(ui, &said) {
        acts.push(Action::AskEndPreviousSecret(key.id.clone()));
    }
    ui.add_space(space::S);
}

fn attention(ui: &mut Ui, key: &Key, clock: &Clock) {
    let (title, text) = match key.attention(clock) {
        Some(Attention::Expiring) => {
            let end = key.expires_at.map(|end| clock.ahead(end)).unwrap_or_default();
            (
                format!("Expires {end}"),
                "Whatever uses it is refused from then on. Give it a later day, or create a new key in time.",
            )
        }
        Some(Attention::Idle) => {
            ("Not used for 90 days".to_owned(), "Does anything still need it? A key that nothing uses is best revoked.")
        }
        Some(Attention::NeverUsed) => {
            ("Never used".to_owned(), "Does anything need it? A key that nothing uses is best revoked.")
        }
        None => return,
    };
    let tone = colors(ui).warn;
    banner(ui, &Banner { tone, icon: Icon::TriangleAlert, title: &title, text, detail: None, act: None });
}

fn facts(ui: &mut Ui, key: &Key, clock: &Clock, acts: &mut Vec<Action>) {
    let colors = colors(ui);
    let label = |ui: &mut Ui, text: &str| {
        ui.allocate_ui(vec2(140.0, 20.0), |ui| {
            ui.set_min_width(140.0);
            muted(ui, text);
        });
    };
    let value = |text: &str| RichText::new(text).font(face(Weight::Text, font::BODY)).color(colors.text);
    let instant = |ui: &mut Ui, text: String, exact: String| {
        ui.label(value(&text)).on_hover_text(exact);
    };
    // A grid gives its cells all the room they want; these keep to what the page has.
    let room = (ui.available_width() - 140.0 - space::L).max(120.0);
    Grid::new("facts").num_columns(2).spacing(vec2(space::L, space::M)).show(ui, |ui| {
        label(ui, "Allowed to");
        ui.vertical(|ui| {
            ui.set_max_width(room);
            ui.spacing_mut().item_spacing.y = space::XS;
            for scope in &key.scopes {
                ui.horizontal_top(|ui| {
                    ui.spacing_mut().item_spacing.x = space::S;
                    ui.label(Icon::Check.text(14.0, colors.ok.color));
                    ui.add(Label::new(value(scope.meaning())).wrap()).on_hover_text(scope.word());
                });
            }
        });
        ui.end_row();

        label(ui, "From");
        if key.allowed_ips.is_empty() {
            ui.label(value("any address"));
        } else {
            ui.vertical(|ui| {
                ui.spacing_mut().item_spacing.y = space::XS;
                for range in &key.allowed_ips {
                    ui.label(RichText::new(range).font(mono(font::TABLE)).color(colors.text));
                }
            });
        }
        ui.end_row();

        label(ui, "Expires");
        match key.expires_at {
            Some(end) => {
                let words = if end <= clock.now { clock.ago(end) } else { clock.ahead(end) };
                instant(ui, format!("{words}, {}", clock.minute(end)), clock.exact(end));
            }
            None => {
                ui.label(value("never"));
            }
        }
        ui.end_row();

        label(ui, "Last used");
        match key.last_used_at {
            Some(used) => instant(ui, clock.ago(used), clock.exact(used)),
            None => {
                ui.label(value("never"));
            }
        }
        ui.end_row();

        label(ui, "Created");
        instant(ui, format!("{} by {}", clock.ago(key.created_at), key.created_by), clock.exact(key.created_at));
        ui.end_row();

        label(ui, "Secret");
        ui.vertical(|ui| {
            ui.spacing_mut().item_spacing.y = space::XS;
            ui.set_max_width(room);
            ui.label(RichText::new(&key.hint).font(mono(font::TABLE)).color(colors.text));
            caption(
                ui,
                "Its beginning, and the 3 characters before its last 6; nobody can show the rest again.",
                colors.muted,
            );
        });
        ui.end_row();

        label(ui, "Id");
        ui.horizontal(|ui| {
            ui.label(RichText::new(&key.id).font(mono(font::TABLE)).color(colors.text));
            if Button::quiet("Copy id").icon(Icon::Copy).icon_only().show(ui).clicked() {
                acts.push(Action::Copy(key.id.clone()));
            }
        });
        ui.end_row();
    });
}
