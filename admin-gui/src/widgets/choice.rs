//! Choices: one of a row, one of a list, yes or no.

use eframe::egui::{
    AsIdSalt, Color32, ComboBox, CursorIcon, Rect, Response, Role, Sense, Stroke, StrokeKind, Ui, Vec2, WidgetInfo,
    pos2, vec2,
};

use super::focus_ring;
use crate::theme::{Icon, Weight, colors, face, font, space};

/// One of a row of choices, as a rounded chip.
pub fn chip(ui: &mut Ui, chosen: bool, text: &str, count: Option<usize>) -> Response {
    let colors = colors(ui);
    let color = if chosen { colors.accent.color } else { colors.text };
    let said =
        count.map_or_else(|| text.to_owned(), |count| format!("{text} {}", crate::state::number::grouped(count)));
    let galley = ui.painter().layout_no_wrap(said.clone(), face(Weight::Medium, font::LABEL), color);
    let (rect, response) = ui.allocate_exact_size(vec2(galley.size().x + 24.0, 28.0), Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::RadioButton, true, chosen, &said));
    let ground = if chosen {
        colors.accent.soft
    } else if response.hovered() {
        colors.hover
    } else {
        Color32::TRANSPARENT
    };
    let edge = if chosen { colors.accent.color } else { colors.border };
    ui.painter().rect_filled(rect, 14.0, ground);
    ui.painter().rect_stroke(rect, 14.0, Stroke::new(1.0, edge), StrokeKind::Inside);
    ui.painter().galley(rect.center() - galley.size() / 2.0, galley, color);
    if response.has_focus() {
        let stroke = Stroke::new(2.0, colors.accent.color);
        ui.painter().rect_stroke(rect.expand(2.0), 16.0, stroke, StrokeKind::Outside);
    }
    response.on_hover_cursor(CursorIcon::PointingHand)
}

/// One of a list that opens; `id` tells it from others.
pub fn choose(id: impl AsIdSalt) -> ComboBox<'static> {
    ComboBox::from_id_salt(id).icon(|ui, rect, visuals, _| {
        let glyph = Icon::ChevronDown.glyph().to_string();
        let galley = ui.painter().layout_no_wrap(glyph, Icon::font(14.0), visuals.text_color());
        ui.painter().galley(rect.center() - galley.size() / 2.0, galley, visuals.text_color());
    })
}

/// One entry of such a list; whichever way it is chosen, the list closes.
pub fn entry<T: PartialEq>(ui: &mut Ui, chosen: &mut T, value: T, text: impl Into<String>) {
    if ui.selectable_value(chosen, value, text.into()).clicked() {
        ui.close();
    }
}

/// Yes or no, with a line that explains it.
pub fn tick(ui: &mut Ui, ticked: &mut bool, text: &str, explanation: Option<&str>) -> Response {
    let mut response = mark(ui, Role::CheckBox, *ticked, text, explanation, |ui, rect, ticked| {
        let colors = colors(ui);
        let ground = if ticked { colors.accent.color } else { colors.raised };
        let edge = if ticked { colors.accent.color } else { colors.edge };
        ui.painter().rect_filled(rect, 4.0, ground);
        ui.painter().rect_stroke(rect, 4.0, Stroke::new(1.0, edge), StrokeKind::Inside);
        if ticked {
            let glyph = Icon::Check.glyph().to_string();
            let galley = ui.painter().layout_no_wrap(glyph, Icon::font(12.0), colors.accent.on);
            ui.painter().galley(rect.center() - galley.size() / 2.0, galley, colors.accent.on);
        }
    });
    if response.clicked() {
        *ticked = !*ticked;
        response.mark_changed();
    }
    response
}

fn mark(
    ui: &mut Ui,
    role: Role,
    chosen: bool,
    text: &str,
    explanation: Option<&str>,
    paint: impl Fn(&Ui, Rect, bool),
) -> Response {
    const MARK: f32 = 16.0;
    let colors = colors(ui);
    let room = (ui.available_width() - MARK - space::S).max(40.0);
    let text_galley = ui.painter().layout(text.to_owned(), face(Weight::Text, font::BODY), colors.text, room);
    let explanation_galley = explanation.map(|explanation| {
        ui.painter().layout(explanation.to_owned(), face(Weight::Text, font::LABEL), colors.muted, room)
    });
    let text_size = text_galley.size();
    let below = explanation_galley.as_ref().map_or(Vec2::ZERO, |galley| galley.size());
    let width = MARK + space::S + text_size.x.max(below.x);
    let height = (text_size.y + below.y).max(24.0);
    let (rect, response) = ui.allocate_exact_size(vec2(width, height), Sense::click());
    response.widget_info(|| WidgetInfo::selected(role, ui.is_enabled(), chosen, text));
    let line = if below.y > 0.0 { rect.top() + text_size.y / 2.0 } else { rect.center().y };
    let box_rect = Rect::from_center_size(pos2(rect.left() + MARK / 2.0, line), vec2(MARK, MARK));
    paint(ui, box_rect, chosen);
    let left = rect.left() + MARK + space::S;
    ui.painter().galley(pos2(left, line - text_size.y / 2.0), text_galley, colors.text);
    if let Some(galley) = explanation_galley {
        ui.painter().galley(pos2(left, rect.top() + text_size.y), galley, colors.muted);
    }
    if response.has_focus() {
        focus_ring(ui, box_rect, &colors);
    }
    response.on_hover_cursor(CursorIcon::PointingHand)
}
