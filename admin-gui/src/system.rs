//! What the system wishes of a window: light or dark, and less motion.

use std::sync::LazyLock;

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

/// Whether files can be dropped on a window: not under Wayland, which winit does not tell of them.
pub fn takes_drops() -> bool {
    static TAKES: LazyLock<bool> = LazyLock::new(|| std::env::var_os("WAYLAND_DISPLAY").is_none());
    *TAKES
}
