//! Text, by what it is for.

use std::sync::Arc;

use eframe::egui::{
    Align, Color32, FontId, Frame, Galley, Label, Layout, Margin, Response, RichText, ScrollArea, Ui, text::LayoutJob,
    vec2,
};

use crate::theme::{Weight, colors, face, font, mono, size};

/// The title of a view.
pub fn title(ui: &mut Ui, text: &str) -> Response {
    let text = RichText::new(text).font(face(Weight::Bold, font::TITLE)).color(colors(ui).text);
    ui.add(Label::new(text).truncate())
}

/// The title of a dialog or a section.
pub fn heading(ui: &mut Ui, text: &str) -> Response {
    let text = RichText::new(text).font(face(Weight::Bold, font::HEADING)).color(colors(ui).text);
    ui.add(Label::new(text).wrap())
}

/// What is read.
pub fn body(ui: &mut Ui, text: &str) -> Response {
    let text = RichText::new(text).font(face(Weight::Text, font::BODY)).color(colors(ui).text);
    ui.add(Label::new(text.line_height(Some(font::BODY_LINE))).wrap())
}

/// What is read, with weight.
pub fn strong(ui: &mut Ui, text: &str) -> Response {
    let text = RichText::new(text).font(face(Weight::Bold, font::BODY)).color(colors(ui).text);
    ui.add(Label::new(text).wrap())
}

/// What explains.
pub fn muted(ui: &mut Ui, text: &str) -> Response {
    let text = RichText::new(text).font(face(Weight::Text, font::TABLE)).color(colors(ui).muted);
    ui.add(Label::new(text.line_height(Some(font::TABLE_LINE))).wrap())
}

/// What explains, smaller, in a color.
pub fn caption(ui: &mut Ui, text: &str, color: Color32) -> Response {
    let text = RichText::new(text).font(face(Weight::Medium, font::LABEL)).color(color);
    ui.add(Label::new(text.line_height(Some(font::LABEL_LINE))).wrap())
}

/// What is to be copied as it stands: it is never broken into lines, but scrolled.
pub fn code(ui: &mut Ui, text: &str, font_size: f32) {
    let colors = colors(ui);
    Frame::new().fill(colors.hover).corner_radius(size::RADIUS).inner_margin(Margin::same(12)).show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.visuals_mut().selection.bg_fill = colors.marked;
        ui.visuals_mut().selection.stroke.color = colors.text;
        ScrollArea::horizontal().id_salt(("code", font_size.to_bits())).auto_shrink([false, true]).show(ui, |ui| {
            let text = RichText::new(text).font(mono(font_size)).color(colors.text);
            ui.add(Label::new(text).extend().selectable(true));
        });
    });
}

/// A line of that height, from the left, with everything in its middle.
pub fn line<R>(ui: &mut Ui, height: f32, content: impl FnOnce(&mut Ui) -> R) -> R {
    let size = vec2(ui.available_width(), height);
    ui.allocate_ui_with_layout(size, Layout::left_to_right(Align::Center), content).inner
}

/// The name of a field.
pub fn label_text(ui: &Ui, text: &str) -> RichText {
    RichText::new(text).font(face(Weight::Medium, font::LABEL)).color(colors(ui).text)
}

/// `text` in one line of at most `width` points, cut with an ellipsis; [`Galley::elided`] tells if it was.
pub fn clipped(ui: &Ui, text: &str, font: FontId, color: Color32, width: f32) -> Arc<Galley> {
    let mut job = LayoutJob::single_section(
        text.to_owned(),
        eframe::egui::TextFormat { font_id: font, color, ..Default::default() },
    );
    job.wrap.max_width = width.max(0.0);
    job.wrap.max_rows = 1;
    job.wrap.break_anywhere = true;
    ui.painter().layout_job(job)
}
