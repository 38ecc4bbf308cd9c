//! Every color and every size of the console. Contrasts are held by the test below.

use eframe::egui::Color32;

/// The colors of one theme, by what they are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Colors {
    /// The window and the navigation.
    pub background: Color32,
    /// The view, tables, cards.
    pub surface: Color32,
    /// Dialogs, menus, fields.
    pub raised: Color32,
    /// A row or button under the pointer.
    pub hover: Color32,
    /// Hairlines.
    pub border: Color32,
    /// The edge of a field or button: what shows where one can act (WCAG 2.2, 1.4.11).
    pub edge: Color32,
    /// What is said.
    pub text: Color32,
    /// What explains it.
    pub muted: Color32,
    /// The one primary action of a view, selection, links.
    pub accent: Tone,
    /// Revoke, remove, errors.
    pub danger: Tone,
    /// Expiring, idle.
    pub warn: Tone,
    /// Active, done.
    pub ok: Tone,
    /// Behind text that is marked.
    pub marked: Color32,
    /// What lies over a view while a dialog is open.
    pub backdrop: Color32,
}

/// A color with what is written on it, and its quiet form as a ground for text of the color itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tone {
    /// The color.
    pub color: Color32,
    /// Text on it.
    pub on: Color32,
    /// A ground on which it is written.
    pub soft: Color32,
}

const fn hex(rgb: u32) -> Color32 {
    let [_, r, g, b] = rgb.to_be_bytes();
    Color32::from_rgb(r, g, b)
}

const fn tone(color: u32, on: u32, soft: u32) -> Tone {
    Tone { color: hex(color), on: hex(on), soft: hex(soft) }
}

/// By day.
pub const LIGHT: Colors = Colors {
    background: hex(0xF6F7F9),
    surface: hex(0xFFFFFF),
    raised: hex(0xFFFFFF),
    hover: hex(0xEEF0F4),
    border: hex(0xDDE1E8),
    edge: hex(0x868E9C),
    text: hex(0x12161D),
    muted: hex(0x596273),
    accent: tone(0x5151CD, 0xFFFFFF, 0xECECFD),
    danger: tone(0xB4232A, 0xFFFFFF, 0xFDECEC),
    warn: tone(0x7A5200, 0xFFFFFF, 0xFFF4D6),
    ok: tone(0x146C43, 0xFFFFFF, 0xE5F6EC),
    marked: hex(0xC9C9F5),
    backdrop: Color32::from_black_alpha(96),
};

/// By night.
pub const DARK: Colors = Colors {
    background: hex(0x0F1115),
    surface: hex(0x161920),
    raised: hex(0x1D212A),
    hover: hex(0x232834),
    border: hex(0x2C323E),
    edge: hex(0x6B7484),
    text: hex(0xECEEF2),
    muted: hex(0x9DA6B6),
    accent: tone(0xA5A6FA, 0x14152B, 0x23244A),
    danger: tone(0xFF9492, 0x2B0B0C, 0x3A1A1D),
    warn: tone(0xF2C14E, 0x2A1E00, 0x33280F),
    ok: tone(0x63D6A0, 0x06231A, 0x12301F),
    marked: hex(0x43458F),
    backdrop: Color32::from_black_alpha(150),
};

/// Gaps and paddings, in points: a grid of 4.
pub mod space {
    /// Between an icon and its word.
    pub const XS: f32 = 4.0;
    /// Within a control, between controls of one group.
    pub const S: f32 = 8.0;
    /// Between a field and the next.
    pub const M: f32 = 12.0;
    /// Between groups.
    pub const L: f32 = 16.0;
    /// Around a dialog or a view.
    pub const XL: f32 = 24.0;
}

/// Sizes, in points.
pub mod size {
    /// The navigation.
    pub const NAVIGATION: f32 = 208.0;
    /// The navigation as icons, in a window narrower than [`NARROW`].
    pub const NAVIGATION_NARROW: f32 = 56.0;
    /// Windows narrower than this show less.
    pub const NARROW: f32 = 900.0;
    /// A row of a table with two lines.
    pub const ROW_TALL: f32 = 56.0;
    /// Fields and buttons.
    pub const CONTROL: f32 = 32.0;
    /// A dialog.
    pub const DIALOG: f32 = 480.0;
    /// The dialog that shows a secret.
    pub const DIALOG_WIDE: f32 = 560.0;
    /// The column of text that reads well.
    pub const READING: f32 = 680.0;
    /// Icons.
    pub const ICON: f32 = 16.0;
    /// Corners of fields and buttons.
    pub const RADIUS: u8 = 6;
    /// Corners of cards and dialogs.
    pub const RADIUS_LARGE: u8 = 10;
}

/// Sizes of type, in points.
pub mod font {
    /// The title of a view.
    pub const TITLE: f32 = 20.0;
    /// The title of a dialog or a section.
    pub const HEADING: f32 = 16.0;
    /// What is read.
    pub const BODY: f32 = 14.0;
    /// What stands in tables.
    pub const TABLE: f32 = 13.0;
    /// Labels and captions.
    pub const LABEL: f32 = 12.0;
    /// From line to line of [`BODY`].
    pub const BODY_LINE: f32 = 20.0;
    /// From line to line of [`TABLE`].
    pub const TABLE_LINE: f32 = 18.0;
    /// From line to line of [`LABEL`].
    pub const LABEL_LINE: f32 = 16.0;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// WCAG 2.2, "relative luminance".
    fn luminance(color: Color32) -> f64 {
        let channel = |value: u8| {
            let value = f64::from(value) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(color.r()) + 0.7152 * channel(color.g()) + 0.0722 * channel(color.b())
    }

    /// WCAG 2.2, "contrast ratio".
    fn contrast(one: Color32, other: Color32) -> f64 {
        let (one, other) = (luminance(one), luminance(other));
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    #[test]
    fn what_is_written_can_be_read() {
        assert!((contrast(Color32::BLACK, Color32::WHITE) - 21.0).abs() < 1e-9);
        for (theme, c) in [("light", LIGHT), ("dark", DARK)] {
            let grounds =
                [("background", c.background), ("surface", c.surface), ("raised", c.raised), ("hover", c.hover)];
            let mut pairs = Vec::new();
            for (name, ground) in grounds {
                for (what, color) in [("text", c.text), ("muted", c.muted), ("accent", c.accent.color)] {
                    pairs.push((format!("{what} on {name}"), color, ground));
                }
                for (what, tone) in [("danger", c.danger), ("warn", c.warn), ("ok", c.ok)] {
                    pairs.push((format!("{what} on {name}"), tone.color, ground));
                }
            }
            pairs.push(("text on marked".to_owned(), c.text, c.marked));
            for (what, tone) in [("accent", c.accent), ("danger", c.danger), ("warn", c.warn), ("ok", c.ok)] {
                pairs.push((format!("text on {what}"), tone.on, tone.color));
                pairs.push((format!("{what} on its soft ground"), tone.color, tone.soft));
                pairs.push((format!("text on soft {what}"), c.text, tone.soft));
                pairs.push((format!("muted on soft {what}"), c.muted, tone.soft));
            }
            for (what, one, other) in pairs {
                let ratio = contrast(one, other);
                assert!(ratio >= 4.5, "{theme}: {what} has {ratio:.2} to 1");
            }
            for (name, ground) in grounds {
                let ratio = contrast(c.edge, ground);
                assert!(
                    ratio >= 3.0 || name == "hover",
                    "{theme}: the edge of a control on {name} has {ratio:.2} to 1"
                );
            }
        }
    }
}
