//! What the system wishes of a window: light or dark, and less motion.

use eframe::egui::{Context, ThemePreference};
use mundy::{ColorScheme, Interest, Preferences, Subscription};

use crate::theme;

/// Follows the system for as long as what it gives is kept. To be called on the main thread.
///
/// egui learns the theme from the window alone, which under Linux tells none; nothing tells it of motion.
pub fn follow(ctx: &Context) -> Subscription {
    let ctx = ctx.clone();
    Preferences::subscribe(Interest::ColorScheme | Interest::ReducedMotion, move |wished| {
        let theme = match wished.color_scheme {
            ColorScheme::Light => ThemePreference::Light,
            ColorScheme::Dark => ThemePreference::Dark,
            ColorScheme::NoPreference => ThemePreference::System,
        };
        theme::follow(&ctx, theme, wished.reduced_motion.is_reduce());
        ctx.request_repaint();
    })
}
