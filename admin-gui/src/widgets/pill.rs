//! Status: a dot and a word, since color alone says nothing.

use eframe::egui::{Rect, Sense, Ui, pos2, vec2};

use super::text::clipped;
use crate::theme::{Tone, Weight, face, font};

/// A pill with a dot and a word.
pub fn pill(ui: &mut Ui, tone: Option<Tone>, text: &str) {
    let colors = crate::theme::colors(ui);
    let (color, ground) = tone.map_or((colors.muted, colors.hover), |tone| (tone.color, tone.soft));
    let galley = clipped(ui, text, face(Weight::Medium, font::LABEL), color, ui.available_width().max(60.0) - 28.0);
    let (rect, response) = ui.allocate_exact_size(vec2(galley.size().x + 26.0, 22.0), Sense::hover());
    response.widget_info(|| eframe::egui::WidgetInfo::labeled(eframe::egui::Role::Label, true, text));
    ui.painter().rect_filled(rect, 11.0, ground);
    ui.painter().circle_filled(pos2(rect.left() + 11.0, rect.center().y), 3.0, color);
    ui.painter().galley(pos2(rect.left() + 19.0, rect.center().y - galley.size().y / 2.0), galley, color);
}

/// A dot, in the middle of `rect`.
pub fn dot(ui: &Ui, rect: Rect, tone: Tone) {
    ui.painter().circle_filled(rect.center(), 3.0, tone.color);
}
