//! "Found a key somewhere?": where a text is pasted or dropped, and what stands in it.

use std::cell::RefCell;

use eframe::egui::{
    Align, Context, Event, Frame, Id, Label, LayerId, Layout, Margin, Order, Rect, RichText, Role, Stroke, StrokeKind,
    Ui, UiBuilder, ViewportCommand, accesskit::Live, vec2,
};

use super::{Draw, failed};
use crate::{
    state::{
        Action, SHOW_WAIT, View,
        keys::{Findings, FoundKey, Keys, LeakForm, OtherSecret, Search, SecretKind, Standing},
        number::grouped,
        secret::Secret,
        time::Clock,
    },
    system,
    theme::{Icon, Weight, colors, face, font, mono, size, space, tokens},
    widgets::{Banner, Button, Dialog, banner, body, caption, line, muted, pill, spinner, strong},
};

/// What the view is called, wherever it is named.
pub const TITLE: &str = "Found a key somewhere?";

pub fn show(ctx: &Context, form: &mut LeakForm, keys: &Keys, draw: &mut Draw<'_>) {
    let clock = draw.clock;
    take_paste(ctx, form, draw.acts);
    let acts = RefCell::new(Vec::new());
    let act = |action| acts.borrow_mut().push(action);
    let response = Dialog::new(TITLE, size::DIALOG_WIDE).show(
        ctx,
        |ui, opened| {
            if let Search::Nothing = form.search {
                body(
                    ui,
                    "Paste the text that it stands in, or give a file: a log, a chat, a script. You see which keys are in it \
                     and whether they still work. Only what looks like a key is sent to your server; the rest of the text \
                     stays here.",
                );
            }
            give(ui, matches!(form.search, Search::Nothing), opened, &act);
            match &form.search {
                Search::Nothing => {}
                Search::On(since) => {
                    line(ui, size::CONTROL, |ui| {
                        if clock.now.duration_since(*since) >= SHOW_WAIT {
                            spinner(ui, 16.0, "Searching");
                            muted(ui, "Searching …");
                        }
                    });
                }
                Search::Failed(failure) => failed(ui, failure),
                Search::Done(findings) => found(ui, findings, keys, clock, &act),
            }
        },
        |ui, _| {
            if Button::new("Close").show(ui).clicked() {
                act(Action::Close);
            }
        },
    );
    if response.close {
        act(Action::Close);
    }
    draw.acts.append(&mut acts.into_inner());
}

/// Takes a text that was pasted, wherever the keyboard is: it is never laid out, so that ten megabytes are no trouble.
fn take_paste(ctx: &Context, form: &mut LeakForm, acts: &mut Vec<Action>) {
    let (mut text, mut picture) = (None, false);
    ctx.input_mut(|input| {
        input.events.retain_mut(|event| match event {
            Event::Paste(pasted) => {
                text = Some(Secret::new(std::mem::take(pasted)));
                false
            }
            Event::PasteImage(_) => {
                picture = true;
                false
            }
            _ => true,
        });
        // As the window gave it, it would stay in memory until something else happens.
        input.raw.events.retain(|event| !matches!(event, Event::Paste(_)));
    });
    if text.is_some() {
        form.pasted = text;
        acts.push(Action::SearchPasted);
    } else if picture {
        acts.push(Action::RefusePicture);
    }
}

/// Where the text is given: in a large field at first, in a line once there is something to read below.
fn give(ui: &mut Ui, large: bool, opened: bool, act: &impl Fn(Action)) {
    let how = if system::takes_drops() { "Press Ctrl V, or drop files here" } else { "Press Ctrl V" };
    let colors = colors(ui);
    let margin = Margin::symmetric(16, if large { 16 } else { 8 });
    let paste = Button::new("Paste").icon(Icon::ClipboardPaste);
    let choose = Button::new("Choose files").icon(Icon::FolderOpen);
    let width = paste.size(ui).x + space::S + choose.size(ui).x;
    let buttons = |ui: &mut Ui| {
        let paste = paste.show(ui);
        if opened {
            paste.request_focus();
        }
        if paste.clicked() {
            ui.ctx().send_viewport_cmd(ViewportCommand::RequestPaste);
        }
        if choose.show(ui).clicked() {
            act(Action::ChooseFilesToSearch);
        }
    };
    Frame::new().fill(colors.hover).corner_radius(size::RADIUS_LARGE).inner_margin(margin).show(ui, |ui| {
        ui.set_width(ui.available_width());
        if large {
            ui.vertical_centered(|ui| {
                ui.label(Icon::ClipboardPaste.text(24.0, colors.muted));
                muted(ui, how);
            });
            ui.add_space(space::S);
        }
        line(ui, size::CONTROL, |ui| {
            ui.spacing_mut().item_spacing.x = space::S;
            let rest = ui.available_width() - width;
            if large {
                ui.add_space(rest / 2.0);
            } else {
                ui.allocate_ui(vec2(rest - space::S, size::CONTROL), |ui| {
                    ui.set_width(rest - space::S);
                    muted(ui, how);
                });
            }
            // Called the same, small and large, so that the keyboard stays on them.
            ui.scope_builder(UiBuilder::new().scope_id(Id::unique("where the text comes from")), buttons);
        });
    });
}

/// So many of a kind are listed: a file of ten megabytes can hold a hundred thousand.
const LISTED: usize = 100;

fn found(ui: &mut Ui, findings: &Findings, keys: &Keys, clock: &Clock, act: &impl Fn(Action)) {
    let colors = colors(ui);
    let text = findings.in_words(keys, clock);
    let (tone, icon, advice) = if findings.is_urgent(keys, clock) {
        let advice = "Whoever can read it can use them. Ending one takes effect at once and cannot be undone: the program that \
                      uses it stops until it is given a new key.";
        (colors.danger, Icon::TriangleAlert, advice.to_owned())
    } else if findings.keys.is_empty() && findings.others.is_empty() {
        let length = SecretKind::ApiKey.length();
        let advice = format!("Only whole keys are found: all {length} characters, without a line break in them.");
        (colors.accent, Icon::Info, advice)
    } else {
        (colors.ok, Icon::CircleCheck, String::new())
    };
    let said = ui.scope(|ui| {
        banner(ui, &Banner { tone, icon, title: &text, text: &advice, detail: None, act: None });
    });
    ui.ctx().accesskit_node_builder(said.response.id, |node| {
        node.set_role(Role::Status);
        node.set_live(Live::Polite);
        node.set_label(text.as_str());
    });
    for failure in &findings.unread {
        failed(ui, failure);
    }
    if !findings.keys.is_empty() {
        ui.vertical(|ui| {
            ui.spacing_mut().item_spacing.y = 0.0;
            for (at, key) in findings.keys.iter().enumerate().take(LISTED) {
                key_row(ui, at, key, keys, clock, act);
            }
            and_more(ui, findings.keys.len());
        });
    }
    if !findings.others.is_empty() {
        strong(ui, "Not keys of this club");
        muted(
            ui,
            "Report one, and if it belongs to this server it ends at once. If it is your own sign-in, you are signed out.",
        );
        ui.vertical(|ui| {
            ui.spacing_mut().item_spacing.y = 0.0;
            for (at, other) in findings.others.iter().enumerate().take(LISTED) {
                other_row(ui, at, other, act);
            }
            and_more(ui, findings.others.len());
        });
    }
}

fn and_more(ui: &mut Ui, all: usize) {
    if all > LISTED {
        ui.add_space(space::S);
        muted(ui, &format!("And {} more", grouped(all - LISTED)));
    }
}

/// A line of what was found: words to the left, what can be done to the right.
fn row(ui: &mut Ui, id: Id, words: impl FnOnce(&mut Ui), room: f32, acts: impl FnOnce(&mut Ui)) {
    let colors = colors(ui);
    let top = ui.cursor().top();
    ui.painter().hline(ui.max_rect().x_range(), top, Stroke::new(1.0, colors.border));
    ui.scope_builder(UiBuilder::new().scope_id(id), |ui| {
        ui.add_space(space::S);
        ui.horizontal_top(|ui| {
            ui.vertical(|ui| {
                ui.set_width(ui.available_width() - room - space::M);
                ui.spacing_mut().item_spacing.y = 2.0;
                ui.spacing_mut().interact_size.y = 20.0;
                words(ui);
            });
            let place = vec2(ui.available_width(), size::CONTROL);
            ui.allocate_ui_with_layout(place, Layout::right_to_left(Align::Center), |ui| {
                ui.spacing_mut().item_spacing.x = space::S;
                acts(ui);
            });
        });
        ui.add_space(space::S);
    });
}

fn key_row(ui: &mut Ui, at: usize, found: &FoundKey, keys: &Keys, clock: &Clock, act: &impl Fn(Action)) {
    let colors = colors(ui);
    let key = found.key(keys);
    let standing = found.standing(keys, clock);
    let busy = found.sending.is_on() || key.revoking;
    let text = if standing == Standing::StillWorks { "End old secret" } else { "Revoke" };
    let (end_name, open_name) = (format!("{text}: {}", key.name), format!("Open {}", key.name));
    let end = standing.works().then(|| Button::danger(text).icon(Icon::Trash2).busy(busy).name(&end_name));
    let open = Button::quiet("Open").name(&open_name);
    let room = open.size(ui).x + end.as_ref().map_or(0.0, |end| end.size(ui).x + space::S);
    let words = |ui: &mut Ui| {
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing.x = space::S;
            strong(ui, &key.name);
            pill(ui, standing.works().then_some(colors.danger), standing.words());
        });
        let used =
            found.last_used_at.map_or_else(|| "never used".to_owned(), |used| format!("used {}", clock.ago(used)));
        about(ui, &found.hint, &[&used, &found.place.in_words()]);
        if let Some(failure) = &found.sending.failure {
            failed(ui, failure);
        }
    };
    row(ui, Id::unique(("found", at)), words, room, |ui| {
        if let Some(end) = end
            && end.show(ui).clicked()
        {
            act(Action::EndFound(at));
        }
        if open.show(ui).clicked() {
            act(Action::Close);
            act(Action::Show(View::Key(key.id.clone())));
        }
    });
}

fn other_row(ui: &mut Ui, at: usize, other: &OtherSecret, act: &impl Fn(Action)) {
    let name = format!("Report {}", other.hint);
    let report = (!other.reported).then(|| Button::new("Report").busy(other.sending.is_on()).name(&name));
    let room = report.as_ref().map_or(0.0, |report| report.size(ui).x);
    let words = |ui: &mut Ui| {
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing.x = space::S;
            strong(ui, other.word());
            if other.reported {
                pill(ui, None, "Reported");
            }
        });
        about(ui, &other.hint, &[&other.place.in_words()]);
        if let Some(failure) = &other.sending.failure {
            failed(ui, failure);
        }
    };
    row(ui, Id::unique(("other", at)), words, room, |ui| {
        if let Some(report) = report
            && report.show(ui).clicked()
        {
            act(Action::ReportFound(at));
        }
    });
}

/// The secret as it may be shown, and what there is to say of it, each in one piece where it fits into a line.
fn about(ui: &mut Ui, hint: &str, texts: &[&str]) {
    const SHORT: usize = 40;
    let colors = colors(ui);
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = space::M;
        ui.label(RichText::new(hint).font(mono(font::LABEL)).color(colors.muted));
        for text in texts {
            if text.chars().count() <= SHORT {
                let text = RichText::new(*text).font(face(Weight::Medium, font::LABEL)).color(colors.muted);
                ui.add(Label::new(text.line_height(Some(font::LABEL_LINE))).extend());
            } else {
                caption(ui, text, colors.muted);
            }
        }
    });
}

/// Takes files that are dropped on the window; while they are held over it, says what they are for.
pub fn take_files(ctx: &Context, acts: &mut Vec<Action>) {
    let (hovered, dropped) = ctx.input(|input| {
        let dropped: Vec<_> = input.raw.dropped_files.iter().map(|file| file.path().to_owned()).collect();
        (!input.raw.hovered_files.is_empty(), dropped)
    });
    if hovered {
        let colors = if ctx.global_style().visuals.dark_mode { tokens::DARK } else { tokens::LIGHT };
        let painter = ctx.layer_painter(LayerId::new(Order::Foreground, Id::unique("drop files")));
        let rect = ctx.content_rect();
        painter.rect_filled(rect, 0.0, colors.backdrop);
        let stroke = Stroke::new(2.0, colors.accent.color);
        painter.rect_stroke(rect.shrink(space::M), f32::from(size::RADIUS_LARGE), stroke, StrokeKind::Inside);
        let text = "Drop to look for keys in it";
        let galley = painter.layout_no_wrap(text.to_owned(), face(Weight::Bold, font::HEADING), colors.text);
        let card = Rect::from_center_size(rect.center(), galley.size() + vec2(48.0, 32.0));
        painter.rect_filled(card, f32::from(size::RADIUS_LARGE), colors.raised);
        painter.galley(card.center() - galley.size() / 2.0, galley, colors.text);
    }
    if !dropped.is_empty() {
        acts.push(Action::SearchFiles(dropped));
    }
}
