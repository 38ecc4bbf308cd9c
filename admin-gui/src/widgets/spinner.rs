//! A turning ring: something is awaited.

use std::f32::consts::TAU;

use eframe::egui::{Color32, Rect, Response, Role, Sense, Shape, Stroke, Ui, Vec2, WidgetInfo, vec2};

use crate::theme::{colors, moves};

/// A ring of `size` points that turns; `name` is what is awaited.
pub fn spinner(ui: &mut Ui, size: f32, name: &str) -> Response {
    let (rect, response) = ui.allocate_exact_size(Vec2::splat(size), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::ProgressIndicator, true, name));
    let color = colors(ui).muted;
    paint(ui, rect, color);
    response
}

/// Paints it, and asks for the next frame; it stands still where the system wants less motion.
pub(super) fn paint(ui: &Ui, rect: Rect, color: Color32) {
    const POINTS: usize = 24;
    let mut time = 0.0;
    if moves(ui) {
        // Thirty frames a second turn it smoothly enough.
        ui.ctx().request_repaint_after_secs(1.0 / 30.0);
        time = ui.input(|input| input.time) as f32;
    }
    let radius = rect.height() / 2.0 - 1.0;
    let start = (time % 1.0) * TAU;
    let points = (0..=POINTS)
        .map(|point| {
            let angle = start + TAU * 0.75 * point as f32 / POINTS as f32;
            rect.center() + radius * vec2(angle.cos(), angle.sin())
        })
        .collect();
    ui.painter().add(Shape::line(points, Stroke::new(2.0, color)));
}
