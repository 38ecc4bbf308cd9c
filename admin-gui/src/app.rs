//! The window's content: takes events, draws, sends commands.

use std::time::Duration;

use eframe::egui::{Context, Ui, ViewportCommand};
use jiff::{Timestamp, tz::TimeZone};

use crate::{
    clipboard,
    state::{
        Action, State,
        exchange::{Effect, Event},
        preferences::Preferences,
        time::Clock,
    },
    theme,
    views::{self, Look},
    worker::{Keeping, Worker},
};

/// What the console is started with.
pub struct Start {
    /// What was remembered.
    pub preferences: Preferences,
    /// Where sessions are kept.
    pub keeping: Keeping,
    /// What tells the time.
    pub now: Box<dyn Fn() -> Timestamp>,
    /// The coach's time zone.
    pub zone: TimeZone,
    /// Random, and unlike that of any other start.
    pub seed: u128,
}

/// The console.
pub struct App {
    state: State,
    look: Look,
    worker: Worker,
    now: Box<dyn Fn() -> Timestamp>,
}

impl App {
    /// The console, drawn in `ctx`.
    pub fn new(ctx: &Context, start: Start) -> Self {
        let Start { preferences, keeping, now, zone, seed } = start;
        theme::install(ctx);
        ctx.set_zoom_factor(preferences.zoom);
        let waker = ctx.clone();
        let worker = Worker::start(keeping, move || waker.request_repaint());
        let clock = Clock { now: now(), zone };
        let (state, effects) = State::new(preferences, clock, seed);
        let mut state = state;
        if let Some(folders) = directories::UserDirs::new() {
            state.export_into(folders.document_dir().unwrap_or(folders.home_dir()).to_owned());
        }
        let mut app = Self { state, look: Look::default(), worker, now };
        app.run(ctx, effects);
        app
    }

    /// What is known.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// What is known, for who sets the scene.
    pub fn state_mut(&mut self) -> &mut State {
        &mut self.state
    }

    /// What is to be remembered.
    pub fn preferences(&self, ctx: &Context) -> Preferences {
        Preferences { zoom: ctx.zoom_factor(), ..self.state.preferences.clone() }
    }

    /// Takes what came from the worker, and that time has passed.
    pub fn logic(&mut self, ctx: &Context) {
        let now = (self.now)();
        let effects = self.state.tick(now);
        self.run(ctx, effects);
        let events: Vec<(u64, Event)> = self.worker.events().collect();
        for (era, event) in events {
            let effects = self.state.hear(era, event);
            self.run(ctx, effects);
        }
        self.state.settle();
        if ctx.input(|input| input.viewport().close_requested()) && self.state.keeps_open() {
            ctx.send_viewport_cmd(ViewportCommand::CancelClose);
        }
        if let Some(next) = self.state.next_tick() {
            let wait = next.duration_since(now).max(jiff::SignedDuration::ZERO);
            ctx.request_repaint_after(Duration::try_from(wait).unwrap_or_default() + Duration::from_millis(5));
        }
    }

    /// Draws, and does what the person did.
    pub fn ui(&mut self, ui: &mut Ui) {
        let acts = views::show(ui, &mut self.state, &mut self.look);
        let acted = !acts.is_empty();
        for action in acts {
            self.act(ui.ctx(), action);
        }
        self.state.settle();
        if acted {
            ui.ctx().request_repaint();
        }
    }

    /// Does what the person did.
    pub fn act(&mut self, ctx: &Context, action: Action) {
        let effects = self.state.act(action);
        self.run(ctx, effects);
    }

    /// Leaves no secret on the clipboard.
    pub fn close(&mut self) {
        if let Some(secret) = self.state.take_from_clipboard() {
            clipboard::clear(&secret);
        }
    }

    fn run(&mut self, ctx: &Context, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Ask(command) => self.worker.ask(self.state.era(), *command),
                Effect::Copy(text) => ctx.copy_text(text),
                Effect::CopySecret(secret) => ctx.copy_text(secret.reveal().to_owned()),
                Effect::Discard(replaced) => {
                    std::thread::spawn(move || drop(replaced));
                }
                Effect::ClearClipboard(secret) => {
                    // Another program can take its time to answer for what it put there.
                    std::thread::spawn(move || clipboard::clear(&secret));
                }
            }
        }
    }
}
