//! Asks who is there; sets a new server up.

use eframe::egui::{Align, CentralPanel, Frame, Layout, Margin, ScrollArea, Stroke, Ui, vec2};

use super::{Draw, failed, navigation, sent};
use crate::{
    rules::Password,
    state::{Action, SHOW_WAIT, exchange::Keyring, form::sentence, sign_in::SignIn},
    theme::{Icon, colors, size, space},
    widgets::{Banner, Button, Entry, banner, heading, muted, password, tick},
};

/// How wide the card is.
const CARD: f32 = 400.0;

pub fn show(ui: &mut Ui, form: &mut SignIn, draw: &mut Draw<'_>) {
    let colors = colors(ui);
    let first_frame = !draw.look.signing_in;
    CentralPanel::default().frame(Frame::new().fill(colors.background)).show(ui, |ui| {
        ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            let tall = if form.set_up.is_some() { 720.0 } else { 520.0 };
            ui.add_space(((ui.available_height() - tall) / 2.0).max(space::XL));
            ui.vertical_centered(|ui| {
                ui.set_max_width(CARD.min(ui.available_width() - 32.0));
                Frame::new()
                    .fill(colors.surface)
                    .stroke(Stroke::new(1.0, colors.border))
                    .corner_radius(size::RADIUS_LARGE)
                    .inner_margin(Margin::same(32))
                    .show(ui, |ui| {
                        ui.with_layout(Layout::top_down(Align::Min), |ui| card(ui, form, first_frame, draw));
                    });
                ui.add_space(space::XL);
            });
        });
    });
}

fn card(ui: &mut Ui, form: &mut SignIn, first_frame: bool, draw: &mut Draw<'_>) {
    ui.spacing_mut().item_spacing.y = space::M;
    let colors = colors(ui);
    ui.horizontal(|ui| {
        let (rect, _) = ui.allocate_exact_size(vec2(20.0, 20.0), eframe::egui::Sense::hover());
        navigation::diamond(ui, rect);
        heading(ui, "Astral");
    });
    let setting_up = form.set_up.is_some();
    muted(
        ui,
        if setting_up {
            "Set up a new server: your club, and you as its head coach."
        } else {
            "Your club's API keys and members. Sign in as its head coach."
        },
    );
    if let Some(notice) = &form.notice {
        let tone = colors.accent;
        banner(ui, &Banner { tone, icon: Icon::Info, title: "", text: notice, detail: None, act: None });
    }
    if let Some(failure) = &form.failure {
        failed(ui, failure);
        if form.resumable && Button::new("Try your last session again").show(ui).clicked() {
            draw.acts.push(Action::Resume);
        }
    }

    // The keyboard goes to the first field that is still empty.
    let blank = |text: &str| text.trim().is_empty();
    let focus_server = first_frame && blank(&form.server.text);
    let focus_email = first_frame && !focus_server && blank(&form.email.text);
    let focus_password = first_frame && !focus_server && !focus_email;

    let address = form.address();
    let problem = form.server.problem(&address);
    let entry = Entry::new("Server").hint("astral.club.example").problem(problem).focus(focus_server);
    let server = entry.show(ui, &mut form.server);
    if address.is_ok_and(|address| address.is_readable_on_the_way()) {
        let text =
            "This address is not encrypted: whoever is on the way can read your password. Use https:// where you can.";
        banner(ui, &Banner { tone: colors.warn, icon: Icon::TriangleAlert, title: "", text, detail: None, act: None });
    }

    let mut fields = vec![server];
    if let Some(set_up) = &mut form.set_up {
        let checked = set_up.code();
        let problem = set_up.code.problem(&checked);
        let entry = Entry::new("Setup code")
            .help(
                "The server printed it when it was started, or wrote it into the file 'setup-code' in its data folder.",
            )
            .problem(problem)
            .mono();
        fields.push(entry.show(ui, &mut set_up.code));
        let checked = set_up.club();
        let problem = set_up.club.problem(&checked);
        fields.push(Entry::new("Club").hint("Summit Running Club").problem(problem).show(ui, &mut set_up.club));
        let checked = set_up.name();
        let problem = set_up.name.problem(&checked);
        fields.push(Entry::new("Your name").hint("Ana Ruiz").problem(problem).show(ui, &mut set_up.name));
    }

    let checked = form.email();
    let problem = form.email.problem(&checked);
    let entry = Entry::new("Email").hint("ana@club.example").problem(problem).focus(focus_email);
    fields.push(entry.show(ui, &mut form.email));

    let long_enough = form.password.text().chars().count() >= Password::LENGTH.0;
    let problem = form.password().err().filter(|_| form.tried || (setting_up && long_enough));
    let problem = problem.map(|invalid| sentence(&invalid.0));
    let help = setting_up.then_some("At least 12 characters; four unrelated words are good.");
    let SignIn { password: typed, password_shown, .. } = form;
    fields.push(password(ui, "Password", typed, password_shown, problem, help, focus_password));

    match form.keyring {
        Some(Keyring::There) => {
            tick(
                ui,
                &mut form.keep,
                "Keep me signed in",
                Some("The session is kept in this computer's keyring, never in a file."),
            );
        }
        Some(Keyring::Missing) => {
            muted(ui, "This computer has no keyring, so you sign in each time.");
        }
        Some(Keyring::Unwanted) => {
            muted(ui, "The session is not kept, so you sign in each time.");
        }
        None => {}
    }

    let waits = form.sending.is_some_and(|since| draw.clock.now.duration_since(since) >= SHOW_WAIT);
    let verb = if setting_up { "Set up the server" } else { "Sign in" };
    let width = ui.available_width();
    let pressed = Button::primary(verb).width(width).busy(waits).show(ui).clicked();
    if pressed || sent(ui, &fields.iter().collect::<Vec<_>>()) {
        draw.acts.push(Action::SignIn);
    }
    ui.vertical_centered(|ui| {
        let other = if setting_up { "Sign in to a server that is set up" } else { "First time? Set up this server" };
        if Button::quiet(other).show(ui).clicked() {
            draw.acts.push(Action::ToggleSetUp);
        }
    });
}
