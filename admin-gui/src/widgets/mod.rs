//! What views are made of. No product words here: what a widget says is handed to it.

mod banner;
mod button;
mod choice;
mod dialog;
mod field;
mod pill;
mod spinner;
mod table;
mod text;

pub use self::{
    banner::{Banner, banner},
    button::{Button, ButtonKind, context_menu, menu, menu_head, menu_item},
    choice::{chip, choose, entry, tick},
    dialog::{Dialog, give_back},
    field::{Entry, password, search},
    pill::{dot, pill},
    spinner::spinner,
    table::{Cells, Column, Marks, Row, Table, Width},
    text::{body, caption, clipped, code, heading, label_text, line, muted, strong, title},
};
use crate::theme::{Colors, size};
use eframe::egui::{Rect, Stroke, StrokeKind, Ui};

/// The ring around what the keyboard is on: 2 points of accent, 2 points off.
pub(crate) fn focus_ring(ui: &Ui, rect: Rect, colors: &Colors) {
    let stroke = Stroke::new(2.0, colors.accent.color);
    ui.painter().rect_stroke(rect.expand(2.0), f32::from(size::RADIUS) + 2.0, stroke, StrokeKind::Outside);
}
