//! Fields to type in: a name above, what is wrong below.

use eframe::egui::{
    self, Color32, FontId, Frame, Id, Margin, Response, Stroke, StrokeKind, TextEdit, Ui, accesskit::Invalid,
    text_edit::TextEditState, vec2,
};

use super::{Button, caption, focus_ring, label_text, line};
use crate::{
    state::{form::Field, secret::Typed},
    theme::{Icon, Weight, colors, face, font, mono, size, space},
};

/// A field to type in.
pub struct Entry<'a> {
    label: &'a str,
    hint: &'a str,
    help: Option<&'a str>,
    problem: Option<String>,
    rows: usize,
    mono: bool,
    width: Option<f32>,
    focus: bool,
    optional: bool,
}

impl<'a> Entry<'a> {
    /// A field called `label`.
    pub fn new(label: &'a str) -> Self {
        Self {
            label,
            hint: "",
            help: None,
            problem: None,
            rows: 1,
            mono: false,
            width: None,
            focus: false,
            optional: false,
        }
    }

    /// What stands in it while it is empty.
    pub fn hint(self, hint: &'a str) -> Self {
        Self { hint, ..self }
    }

    /// What explains it, while nothing is wrong.
    pub fn help(self, help: &'a str) -> Self {
        Self { help: Some(help), ..self }
    }

    /// What is wrong with what was typed.
    pub fn problem(self, problem: Option<String>) -> Self {
        Self { problem, ..self }
    }

    /// So many lines high.
    pub fn rows(self, rows: usize) -> Self {
        Self { rows, ..self }
    }

    /// In the typeface of ids.
    pub fn mono(self) -> Self {
        Self { mono: true, ..self }
    }

    /// That wide.
    pub fn width(self, width: f32) -> Self {
        Self { width: Some(width), ..self }
    }

    /// The keyboard goes here now.
    pub fn focus(self, focus: bool) -> Self {
        Self { focus, ..self }
    }

    /// It may stay empty, which its name says.
    pub fn optional(self) -> Self {
        Self { optional: true, ..self }
    }

    /// Draws it; marks the field as left once the keyboard goes elsewhere.
    pub fn show(self, ui: &mut Ui, field: &mut Field) -> Response {
        let font = if self.mono { mono(font::TABLE) } else { face(Weight::Text, font::BODY) };
        ui.vertical(|ui| {
            ui.spacing_mut().item_spacing.y = space::XS;
            let name = self.name(ui);
            let wrong = self.problem.is_some();
            let edit = if self.rows > 1 {
                TextEdit::multiline(&mut field.text).desired_rows(self.rows)
            } else {
                TextEdit::singleline(&mut field.text)
            };
            let width = self.width.unwrap_or_else(|| ui.available_width());
            let response = framed(ui, edit, self.hint, font, width, wrong, false).labelled_by(name);
            if self.focus {
                response.request_focus();
                caret_to_end(ui, &response, &field.text);
            }
            if response.changed() {
                field.refused = None;
            }
            // An empty field that one merely passes by is not a mistake yet. And what is wrong is not said while a
            // button is down: the line that says it would move what is being clicked.
            let pressing = ui.input(|input| input.pointer.any_down());
            field.visited |= response.has_focus();
            if field.visited && !response.has_focus() && !pressing && !field.text.trim().is_empty() {
                field.left = true;
            }
            self.below(ui, &response);
            response
        })
        .inner
    }

    fn name(&self, ui: &mut Ui) -> Id {
        line(ui, font::LABEL_LINE, |ui| {
            let id = ui.label(label_text(ui, self.label)).id;
            if self.optional {
                let muted = colors(ui).muted;
                caption(ui, "optional", muted);
            }
            id
        })
    }

    /// Says what is wrong, or else what explains the field; who cannot see it hears it with the field.
    fn below(&self, ui: &mut Ui, field: &Response) {
        let colors = colors(ui);
        let said = if let Some(problem) = &self.problem {
            let line = ui.horizontal_top(|ui| {
                ui.spacing_mut().item_spacing.x = space::XS;
                ui.label(Icon::CircleAlert.text(font::LABEL, colors.danger.color));
                caption(ui, problem, colors.danger.color)
            });
            ui.ctx().accesskit_node_builder(field.id, |node| node.set_invalid(Invalid::True));
            line.inner
        } else if let Some(help) = self.help {
            caption(ui, help, colors.muted)
        } else {
            return;
        };
        ui.ctx().accesskit_node_builder(field.id, |node| node.push_described_by(said.id.accesskit_id()));
    }
}

/// Puts the caret behind the text: where it was in another text that stood in the same place is of no use.
fn caret_to_end(ui: &Ui, response: &Response, text: &str) {
    let mut state = TextEditState::load(ui.ctx(), response.id).unwrap_or_default();
    let end = egui::text::CCursor::new(text.chars().count());
    state.cursor.set_char_range(Some(egui::text::CCursorRange::one(end)));
    state.store(ui.ctx(), response.id);
}

/// A password: hidden, unless the person wants to see it.
pub fn password(
    ui: &mut Ui,
    label: &str,
    typed: &mut Typed,
    shown: &mut bool,
    problem: Option<String>,
    help: Option<&str>,
    focus: bool,
) -> Response {
    let entry = Entry { problem, help, ..Entry::new(label) };
    ui.vertical(|ui| {
        ui.spacing_mut().item_spacing.y = space::XS;
        let name = entry.name(ui);
        let wrong = entry.problem.is_some();
        let response = ui
            .horizontal(|ui| {
                ui.spacing_mut().item_spacing.x = space::S;
                let width = ui.available_width() - size::CONTROL - space::S;
                let edit = TextEdit::singleline(typed.text_mut()).password(!*shown);
                let font = if *shown { mono(font::TABLE) } else { face(Weight::Text, font::BODY) };
                let response = framed(ui, edit, "", font, width, wrong, false).labelled_by(name);
                let (icon, says) = if *shown { (Icon::EyeOff, "Hide") } else { (Icon::Eye, "Show") };
                let says = format!("{says} {}", label.to_lowercase());
                if Button::quiet(&says).icon(icon).icon_only().show(ui).clicked() {
                    *shown = !*shown;
                }
                response
            })
            .inner;
        if focus {
            response.request_focus();
        }
        // What egui keeps to undo typing would hold the password beyond its use.
        if let Some(mut state) = TextEditState::load(ui.ctx(), response.id) {
            state.clear_undoer();
            state.store(ui.ctx(), response.id);
        }
        entry.below(ui, &response);
        response
    })
    .inner
}

/// A field to search with.
pub fn search(ui: &mut Ui, text: &mut String, name: &str, width: f32, focus: bool) -> Response {
    let edit = TextEdit::singleline(text).id(Id::unique(name));
    let font = face(Weight::Text, font::TABLE);
    let response = framed(ui, edit, name, font, width, false, true);
    let colors = colors(ui);
    let glyph = Icon::Search.glyph().to_string();
    let galley = ui.painter().layout_no_wrap(glyph, Icon::font(14.0), colors.muted);
    let at = egui::pos2(response.rect.left() + space::S, response.rect.center().y - galley.size().y / 2.0);
    ui.painter().galley(at, galley, colors.muted);
    if focus {
        response.request_focus();
    }
    response.accessible_name(name)
}

fn framed(ui: &mut Ui, edit: TextEdit<'_>, hint: &str, font: FontId, width: f32, wrong: bool, icon: bool) -> Response {
    let colors = colors(ui);
    let hint = egui::RichText::new(hint).font(font.clone()).color(colors.muted);
    let margin = Margin { left: if icon { 32 } else { 12 }, right: 12, top: 6, bottom: 6 };
    let height = size::CONTROL;
    let response = ui
        .scope(|ui| {
            let visuals = ui.visuals_mut();
            visuals.selection.stroke = Stroke::new(1.0, Color32::TRANSPARENT);
            visuals.selection.bg_fill = colors.marked;
            let output = edit
                .font(font)
                .hint_text(hint)
                .text_color(colors.text)
                .desired_width(width)
                .min_size(vec2(width, height))
                .align(egui::Align2::LEFT_CENTER)
                .frame(Frame::new().inner_margin(margin));
            let place = ui.painter().add(egui::Shape::Noop);
            let response = ui.add(output);
            let ground = egui::epaint::RectShape::filled(response.rect, f32::from(size::RADIUS), colors.raised);
            ui.painter().set(place, ground);
            response
        })
        .inner;
    let edge = if wrong {
        colors.danger.color
    } else if response.has_focus() {
        colors.accent.color
    } else if response.hovered() {
        colors.muted
    } else {
        colors.edge
    };
    let radius = f32::from(size::RADIUS);
    ui.painter().rect_stroke(response.rect, radius, Stroke::new(1.0, edge), StrokeKind::Inside);
    if response.has_focus() {
        focus_ring(ui, response.rect.shrink(2.0), &colors);
    }
    response
}
