//! Buttons: a verb, mostly with an icon beside it.

use std::sync::Arc;

use eframe::egui::{
    Color32, CursorIcon, Frame, Galley, Margin, Popup, Rect, Response, Role, Sense, Stroke, StrokeKind, Ui, Vec2,
    WidgetInfo, pos2, vec2,
};

use super::{focus_ring, text::clipped};
use crate::theme::{Colors, Icon, Weight, colors, face, font, size, space};

/// The mark of a button that opens a menu, in points.
const CHEVRON: f32 = 14.0;

/// How much a button asks for attention.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ButtonKind {
    /// The one thing to do in a view.
    Primary,
    /// What can be done too.
    Secondary,
    /// What takes something away.
    Danger,
    /// As quiet as text.
    Quiet,
    /// A place of the navigation; the one that is open.
    Place(bool),
}

/// A button.
pub struct Button<'a> {
    text: &'a str,
    name: Option<&'a str>,
    icon: Option<Icon>,
    kind: ButtonKind,
    badge: Option<String>,
    width: Option<f32>,
    icon_only: bool,
    opens_menu: bool,
    busy: bool,
    enabled: bool,
    skipped_by_tab: bool,
}

impl<'a> Button<'a> {
    /// A button that says `text`.
    pub fn new(text: &'a str) -> Self {
        Self {
            text,
            name: None,
            icon: None,
            kind: ButtonKind::Secondary,
            badge: None,
            width: None,
            icon_only: false,
            opens_menu: false,
            busy: false,
            enabled: true,
            skipped_by_tab: false,
        }
    }

    /// The one thing to do in a view.
    pub fn primary(text: &'a str) -> Self {
        Self { kind: ButtonKind::Primary, ..Self::new(text) }
    }

    /// As quiet as text.
    pub fn quiet(text: &'a str) -> Self {
        Self { kind: ButtonKind::Quiet, ..Self::new(text) }
    }

    /// What takes something away.
    pub fn danger(text: &'a str) -> Self {
        Self { kind: ButtonKind::Danger, ..Self::new(text) }
    }

    /// The same button with another text; its name stays.
    pub fn text<'b>(self, text: &'b str) -> Button<'b>
    where
        'a: 'b,
    {
        Button { name: self.name.or(Some(self.text)), text, ..self }
    }

    /// How much it asks for attention.
    pub fn kind(self, kind: ButtonKind) -> Self {
        Self { kind, ..self }
    }

    /// With an icon before the text.
    pub fn icon(self, icon: Icon) -> Self {
        Self { icon: Some(icon), ..self }
    }

    /// The icon alone; the text is its name, and is said on hover.
    pub fn icon_only(self) -> Self {
        Self { icon_only: true, ..self }
    }

    /// What it is called where the text alone does not tell.
    pub fn name(self, name: &'a str) -> Self {
        Self { name: Some(name), ..self }
    }

    /// With a number that wants attention.
    pub fn badge(self, count: usize) -> Self {
        Self { badge: (count > 0).then(|| if count > 99 { "99+".to_owned() } else { count.to_string() }), ..self }
    }

    /// That wide.
    pub fn width(self, width: f32) -> Self {
        Self { width: Some(width), ..self }
    }

    /// With a mark that says that a menu opens.
    pub fn opens_menu(self) -> Self {
        Self { opens_menu: true, ..self }
    }

    /// With a turning ring in place of the icon, or of the text, while an answer is awaited: it stays as large as it is.
    pub fn busy(self, busy: bool) -> Self {
        Self { busy, ..self }
    }

    /// The Tab key goes past it: what it does has keys of its own.
    pub fn skipped_by_tab(self) -> Self {
        Self { skipped_by_tab: true, ..self }
    }

    /// Whether it can be pressed.
    pub fn enabled(self, enabled: bool) -> Self {
        Self { enabled, ..self }
    }

    /// How large it will be.
    pub fn size(&self, ui: &Ui) -> Vec2 {
        let text_width = if self.icon_only { 0.0 } else { self.galley(ui).size().x };
        let chevron = if self.opens_menu { CHEVRON + space::XS } else { 0.0 };
        let width = self.icon_width() + self.gap() + text_width + chevron + 2.0 * self.padding();
        Vec2::new(self.width.unwrap_or(width), size::CONTROL)
    }

    fn galley(&self, ui: &Ui) -> Arc<Galley> {
        ui.painter().layout_no_wrap(self.text.to_owned(), face(Weight::Medium, font::TABLE), Color32::PLACEHOLDER)
    }

    fn icon_width(&self) -> f32 {
        if self.icon.is_some() { size::ICON } else { 0.0 }
    }

    fn gap(&self) -> f32 {
        if self.icon_width() > 0.0 && !self.icon_only { space::S } else { 0.0 }
    }

    fn padding(&self) -> f32 {
        if self.icon_only { space::S } else { space::M }
    }

    /// Draws it.
    pub fn show(self, ui: &mut Ui) -> Response {
        let colors = colors(ui);
        let place = matches!(self.kind, ButtonKind::Place(_));
        let galley = self.galley(ui);
        let (icon_width, gap, padding) = (self.icon_width(), self.gap(), self.padding());
        let text_width = if self.icon_only { 0.0 } else { galley.size().x };
        // One that is busy keeps the keyboard, and does nothing with it.
        let sense = match (self.enabled && !self.busy, self.skipped_by_tab) {
            (true, false) => Sense::click(),
            (true, true) => Sense::CLICK,
            (false, _) if self.busy => Sense::focusable_noninteractive(),
            (false, _) => Sense::hover(),
        };
        let (rect, response) = ui.allocate_exact_size(self.size(ui), sense);
        let name = self.name.unwrap_or(self.text);
        let enabled = self.enabled && !self.busy && ui.is_enabled();
        let role_selected = match self.kind {
            ButtonKind::Place(open) => Some(open),
            _ => None,
        };
        response.widget_info(|| match role_selected {
            Some(open) => WidgetInfo::selected(Role::Button, enabled, open, name),
            None => WidgetInfo::labeled(Role::Button, enabled, name),
        });
        if ui.is_rect_visible(rect) {
            let (ground, edge, text) = self.paint(&colors, &response);
            let fade = if self.enabled { 1.0 } else { 0.45 };
            let painter = ui.painter();
            let radius = f32::from(size::RADIUS);
            painter.rect_filled(rect, radius, ground.gamma_multiply(fade));
            painter.rect_stroke(rect, radius, Stroke::new(1.0, edge.gamma_multiply(fade)), StrokeKind::Inside);
            let text = text.gamma_multiply(fade);
            let chevron = if self.opens_menu { CHEVRON + space::XS } else { 0.0 };
            let content = icon_width + gap + text_width + chevron;
            let left = if place { rect.left() + padding } else { rect.center().x - content / 2.0 };
            let ring_alone = self.busy && self.icon.is_none();
            if self.busy {
                let center = if ring_alone { rect.center().x } else { left + size::ICON / 2.0 };
                let at = Rect::from_center_size(pos2(center, rect.center().y), Vec2::splat(14.0));
                super::spinner::paint(ui, at, text);
            } else if let Some(icon) = self.icon {
                let galley = ui.painter().layout_no_wrap(icon.glyph().to_string(), Icon::font(size::ICON), text);
                let at = pos2(left, rect.center().y - galley.size().y / 2.0);
                ui.painter().galley(at, galley, text);
            }
            if !self.icon_only && !ring_alone {
                let at = pos2(left + icon_width + gap, rect.center().y - galley.size().y / 2.0);
                ui.painter().galley(at, galley, text);
            }
            if self.opens_menu {
                let galley =
                    ui.painter().layout_no_wrap(Icon::ChevronDown.glyph().to_string(), Icon::font(CHEVRON), text);
                let at = pos2(left + content - CHEVRON, rect.center().y - galley.size().y / 2.0);
                ui.painter().galley(at, galley, text);
            }
            if let Some(badge) = &self.badge {
                paint_badge(ui, rect, badge, &colors);
            }
            if response.has_focus() {
                focus_ring(ui, rect, &colors);
            }
        }
        let response = if enabled { response.on_hover_cursor(CursorIcon::PointingHand) } else { response };
        if self.icon_only { response.on_hover_text(name) } else { response }
    }

    fn paint(&self, colors: &Colors, response: &Response) -> (Color32, Color32, Color32) {
        let over = response.hovered() && self.enabled && !self.busy;
        let down = response.is_pointer_button_down_on();
        let mix = |color: Color32| {
            if down {
                color.lerp_to_gamma(colors.text, 0.2)
            } else if over {
                color.lerp_to_gamma(colors.text, 0.1)
            } else {
                color
            }
        };
        match self.kind {
            ButtonKind::Primary => (mix(colors.accent.color), Color32::TRANSPARENT, colors.accent.on),
            ButtonKind::Danger => (mix(colors.danger.color), Color32::TRANSPARENT, colors.danger.on),
            ButtonKind::Secondary => {
                let ground = if over || down { colors.hover } else { colors.raised };
                (ground, colors.edge, colors.text)
            }
            ButtonKind::Quiet => {
                let ground = if over || down { colors.hover } else { Color32::TRANSPARENT };
                (ground, Color32::TRANSPARENT, if over { colors.text } else { colors.muted })
            }
            ButtonKind::Place(open) => {
                let ground = if open {
                    colors.accent.soft
                } else if over || down {
                    colors.hover
                } else {
                    Color32::TRANSPARENT
                };
                (ground, Color32::TRANSPARENT, if open { colors.accent.color } else { colors.text })
            }
        }
    }
}

fn paint_badge(ui: &Ui, rect: Rect, badge: &str, colors: &Colors) {
    let font = face(Weight::Bold, font::LABEL);
    let galley = ui.painter().layout_no_wrap(badge.to_owned(), font, colors.warn.color);
    let size = vec2((galley.size().x + 10.0).max(18.0), 18.0);
    let center = if rect.width() < 80.0 {
        pos2(rect.right() - 8.0, rect.top() + 8.0)
    } else {
        pos2(rect.right() - space::S - size.x / 2.0, rect.center().y)
    };
    let at = Rect::from_center_size(center, size);
    ui.painter().rect_filled(at, 9.0, colors.warn.soft);
    ui.painter().galley(at.center() - galley.size() / 2.0, galley, colors.warn.color);
}

/// How wide a menu is.
const MENU: f32 = 216.0;
/// How wide one may become by what stands in it.
const MENU_WIDEST: f32 = 360.0;

/// The menu of a button: opens by a click on it.
pub fn menu(button: &Response, content: impl FnOnce(&mut Ui)) {
    Popup::menu(button).width(MENU).show(|ui| menu_content(ui, content));
}

/// The menu of a place: opens by a right click on it, where the pointer is.
pub fn context_menu(place: &Response, content: impl FnOnce(&mut Ui)) {
    Popup::context_menu(place).width(MENU).show(|ui| menu_content(ui, content));
}

fn menu_content(ui: &mut Ui, content: impl FnOnce(&mut Ui)) {
    ui.set_max_width(MENU);
    ui.spacing_mut().item_spacing.y = 0.0;
    content(ui);
}

/// What stands at the head of a menu: whom it is about.
pub fn menu_head(ui: &mut Ui, lines: &[&str]) {
    let colors = colors(ui);
    Frame::new().inner_margin(Margin::symmetric(8, 4)).show(ui, |ui| {
        for line in lines {
            let galley = clipped(ui, line, face(Weight::Medium, font::LABEL), colors.muted, MENU_WIDEST - 32.0);
            let (rect, response) = ui.allocate_exact_size(vec2(galley.size().x, font::LABEL_LINE), Sense::hover());
            response.widget_info(|| WidgetInfo::labeled(Role::Label, true, *line));
            ui.painter().galley(pos2(rect.left(), rect.center().y - galley.size().y / 2.0), galley, colors.muted);
        }
    });
}

/// An entry of a menu. Whether it was chosen.
pub fn menu_item(ui: &mut Ui, icon: Icon, text: &str, shortcut: &str, danger: bool) -> bool {
    let colors = colors(ui);
    let color = if danger { colors.danger.color } else { colors.text };
    let font = face(Weight::Text, font::TABLE);
    let keys = ui.painter().layout_no_wrap(shortcut.to_owned(), face(Weight::Text, font::LABEL), colors.muted);
    let around = size::ICON + keys.size().x + 5.0 * space::S;
    let galley = clipped(ui, text, font, color, MENU_WIDEST - around);
    let elided = galley.elided;
    let width = ui.available_width().max(galley.size().x + around);
    let (rect, response) = ui.allocate_exact_size(Vec2::new(width, size::CONTROL), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::MenuItem, true, text));
    if response.hovered() || response.has_focus() {
        ui.painter().rect_filled(rect, f32::from(size::RADIUS), colors.hover);
    }
    let glyph = ui.painter().layout_no_wrap(icon.glyph().to_string(), Icon::font(size::ICON), color);
    ui.painter().galley(pos2(rect.left() + space::S, rect.center().y - glyph.size().y / 2.0), glyph, color);
    let at = pos2(rect.left() + 2.0 * space::S + size::ICON, rect.center().y - galley.size().y / 2.0);
    ui.painter().galley(at, galley, color);
    let at = pos2(rect.right() - space::S - keys.size().x, rect.center().y - keys.size().y / 2.0);
    ui.painter().galley(at, keys, colors.muted);
    let response = if elided { response.on_hover_text(text) } else { response };
    let chosen = response.on_hover_cursor(CursorIcon::PointingHand).clicked();
    if chosen {
        ui.close();
    }
    chosen
}
