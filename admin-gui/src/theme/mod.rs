//! How the console looks: colors, sizes and fonts, and egui's style made of them. Nothing of that stands elsewhere.

mod icons;
pub mod tokens;

use std::sync::Arc;

use eframe::egui::{
    self, Color32, Context, CornerRadius, FontData, FontDefinitions, FontFamily, FontId, Margin, Shadow, Stroke, Style,
    TextStyle, Theme, ThemePreference, Ui, Vec2, Visuals,
    epaint::text::VariationCoords,
    style::{ScrollAnimation, WidgetVisuals},
};

pub use self::{
    icons::Icon,
    tokens::{Colors, Tone, font, size, space},
};

/// The weights of the typeface, as families of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// Body and tables.
    Text,
    /// Labels, names.
    Medium,
    /// Titles.
    Bold,
}

impl Weight {
    const fn family(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Medium => "medium",
            Self::Bold => "bold",
        }
    }
}

/// The typeface at that weight and size.
pub fn face(weight: Weight, size: f32) -> FontId {
    let family = match weight {
        Weight::Text => FontFamily::Proportional,
        other => FontFamily::Name(other.family().into()),
    };
    FontId::new(size, family)
}

/// For ids, hints and secrets alone.
pub fn mono(size: f32) -> FontId {
    FontId::new(size, FontFamily::Monospace)
}

/// The colors of the theme that is on.
pub fn colors(ui: &Ui) -> Colors {
    if ui.visuals().dark_mode { tokens::DARK } else { tokens::LIGHT }
}

/// Gives `ctx` the console's fonts and both themes; which one is on follows the system.
pub fn install(ctx: &Context) {
    ctx.set_fonts(fonts());
    // Where the system says nothing, as most do that know of light alone.
    ctx.options_mut(|options| options.fallback_theme = Theme::Light);
    for (theme, colors) in [(Theme::Light, tokens::LIGHT), (Theme::Dark, tokens::DARK)] {
        ctx.set_style_of(theme, style(theme, &colors));
    }
}

/// Takes what the system wishes: a theme, and whether less should move.
pub fn follow(ctx: &Context, theme: ThemePreference, less_motion: bool) {
    ctx.set_theme(theme);
    ctx.all_styles_mut(|style| {
        style.animation_time = if less_motion { 0.0 } else { FADE };
        style.scroll_animation = if less_motion { ScrollAnimation::none() } else { ScrollAnimation::default() };
    });
}

/// Whether things may move.
pub fn moves(ui: &Ui) -> bool {
    ui.style().animation_time > 0.0
}

/// How long something takes to come or go, in seconds.
const FADE: f32 = 0.12;

fn fonts() -> FontDefinitions {
    const INTER: &[u8] = include_bytes!("../../assets/fonts/Inter.ttf");
    const MONO: &[u8] = include_bytes!("../../assets/fonts/JetBrainsMono.ttf");

    let mut fonts = FontDefinitions::empty();
    let mut add = |name: &str, file: &'static [u8], coords: VariationCoords| {
        let mut data = FontData::from_static(file);
        data.tweak.coords = coords;
        data.tweak.hinting = Some(false);
        fonts.font_data.insert(name.to_owned(), Arc::new(data));
    };
    add("text", INTER, VariationCoords::new([(b"wght", 450.0), (b"opsz", 14.0)]));
    add("medium", INTER, VariationCoords::new([(b"wght", 550.0), (b"opsz", 14.0)]));
    add("bold", INTER, VariationCoords::new([(b"wght", 650.0), (b"opsz", 20.0)]));
    add("mono", MONO, VariationCoords::new([(b"wght", 450.0)]));
    add("icons", lucide_icons::LUCIDE_FONT_BYTES, VariationCoords::default());

    let mut family = |family: FontFamily, names: &[&str]| {
        fonts.families.insert(family, names.iter().map(|name| (*name).to_owned()).collect());
    };
    family(FontFamily::Proportional, &["text"]);
    family(FontFamily::Monospace, &["mono", "text"]);
    for weight in [Weight::Medium, Weight::Bold] {
        family(FontFamily::Name(weight.family().into()), &[weight.family()]);
    }
    family(FontFamily::Name("icons".into()), &["icons"]);
    fonts
}

fn style(theme: Theme, colors: &Colors) -> Style {
    let mut style = theme.default_style();
    style.text_styles = [
        (TextStyle::Heading, face(Weight::Bold, font::HEADING)),
        (TextStyle::Body, face(Weight::Text, font::BODY)),
        (TextStyle::Button, face(Weight::Medium, font::TABLE)),
        (TextStyle::Small, face(Weight::Medium, font::LABEL)),
        (TextStyle::Monospace, mono(font::TABLE)),
    ]
    .into();
    style.animation_time = FADE;
    style.explanation_tooltips = false;
    style.interaction.selectable_labels = false;
    style.interaction.tooltip_delay = 0.3;
    style.interaction.show_tooltips_only_when_still = true;

    let spacing = &mut style.spacing;
    spacing.item_spacing = Vec2::new(space::S, space::S);
    spacing.button_padding = Vec2::new(space::M, 6.0);
    spacing.interact_size = Vec2::new(size::CONTROL, size::CONTROL);
    spacing.window_margin = Margin::same(24);
    spacing.menu_margin = Margin::same(8);
    spacing.combo_width = 120.0;
    spacing.icon_width = 18.0;
    spacing.icon_width_inner = 10.0;
    spacing.tooltip_width = 420.0;
    spacing.scroll = egui::style::ScrollStyle::solid();
    spacing.scroll.bar_width = 8.0;
    spacing.scroll.bar_inner_margin = 2.0;
    spacing.scroll.bar_outer_margin = 0.0;
    spacing.scroll.handle_min_length = 32.0;
    spacing.scroll.foreground_color = false;

    let mut visuals = match theme {
        Theme::Dark => Visuals::dark(),
        Theme::Light => Visuals::light(),
    };
    let radius = CornerRadius::same(size::RADIUS);
    let widget = |ground: Color32, edge: Color32, text: Color32| WidgetVisuals {
        // The handles of scroll bars alone are filled with it: what one can act on is seen.
        bg_fill: edge,
        weak_bg_fill: ground,
        bg_stroke: Stroke::new(1.0, edge),
        corner_radius: radius,
        fg_stroke: Stroke::new(1.0, text),
        expansion: 0.0,
    };
    visuals.widgets.noninteractive = widget(colors.surface, colors.border, colors.text);
    visuals.widgets.inactive = widget(colors.raised, colors.edge, colors.text);
    visuals.widgets.hovered = widget(colors.hover, colors.muted, colors.text);
    visuals.widgets.active = widget(colors.hover, colors.accent.color, colors.text);
    visuals.widgets.open = widget(colors.hover, colors.accent.color, colors.text);
    visuals.selection.bg_fill = colors.accent.soft;
    visuals.selection.stroke = Stroke::new(2.0, colors.accent.color);
    visuals.hyperlink_color = colors.accent.color;
    visuals.weak_text_color = Some(colors.muted);
    visuals.faint_bg_color = colors.hover;
    visuals.extreme_bg_color = colors.raised;
    visuals.text_edit_bg_color = Some(colors.raised);
    visuals.code_bg_color = colors.hover;
    visuals.warn_fg_color = colors.warn.color;
    visuals.error_fg_color = colors.danger.color;
    visuals.panel_fill = colors.background;
    visuals.window_fill = colors.raised;
    visuals.window_stroke = Stroke::new(1.0, colors.border);
    visuals.window_corner_radius = CornerRadius::same(size::RADIUS_LARGE);
    visuals.menu_corner_radius = CornerRadius::same(size::RADIUS_LARGE);
    visuals.window_shadow = Shadow { offset: [0, 8], blur: 32, spread: 0, color: Color32::from_black_alpha(48) };
    visuals.popup_shadow = Shadow { offset: [0, 4], blur: 16, spread: 0, color: Color32::from_black_alpha(32) };
    visuals.disabled_alpha = 0.5;
    // A caret that blinks would draw two frames a second while nothing happens.
    visuals.text_cursor.blink = false;
    visuals.text_cursor.stroke = Stroke::new(1.5, colors.accent.color);
    visuals.striped = false;
    style.visuals = visuals;
    style
}
