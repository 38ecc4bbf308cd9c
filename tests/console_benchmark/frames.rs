//! How long a frame takes to build, without a display.

use std::time::{Duration, Instant};

use astral_admin::{
    App,
    state::{
        Action, View,
        exchange::{Command, Effect, Event as StateEvent},
        keys,
        listing::Page,
        members::{self, Standing},
        number::grouped,
        selection::Move,
    },
};
use eframe::egui::{
    Context, Event, Key, Modifiers, MouseWheelSource, MouseWheelUnit, Pos2, RawInput, Rect, TouchPhase, ViewportId,
    epaint::ClippedShape, pos2, vec2,
};

use crate::club::{self, Size};

/// Frames that a number is made of.
pub const FRAMES: usize = 300;
/// The window, in points.
pub const WINDOW: [f32; 2] = [1200.0, 800.0];

/// What a frame does.
pub struct Case {
    pub name: String,
    pub times: Times,
}

/// What came of some hundred frames.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    pub median: Duration,
    /// The slowest of a hundred.
    pub p99: Duration,
}

impl Times {
    fn of(mut all: Vec<Duration>) -> Self {
        all.sort();
        Self { median: all[all.len() / 2], p99: all[all.len() * 99 / 100] }
    }
}

/// The console in a window that nobody sees.
pub struct Desk {
    ctx: Context,
    app: App,
    /// Seconds, as the window would tell them.
    time: f64,
}

struct Drawn {
    built: Duration,
    shapes: Vec<ClippedShape>,
    pixels_per_point: f32,
    /// When egui wants the next frame.
    next: Duration,
}

impl Desk {
    /// The console as it starts.
    pub fn new() -> Self {
        let ctx = Context::default();
        let app = App::new(&ctx, crate::start());
        let mut desk = Self { ctx, app, time: 0.0 };
        desk.rest();
        desk
    }

    /// The console with a club of that size.
    pub fn of(size: Size, view: View) -> Self {
        let mut desk = Self::new();
        club::open(desk.app.state_mut(), size, view);
        desk.rest();
        desk
    }

    fn frame(&mut self, events: Vec<Event>) -> Drawn {
        self.frame_with(events, None)
    }

    /// One frame as eframe makes it: logic, then drawing, and what the person did.
    fn frame_with(&mut self, events: Vec<Event>, mut action: Option<Action>) -> Drawn {
        let input = RawInput {
            screen_rect: Some(Rect::from_min_size(Pos2::ZERO, WINDOW.into())),
            time: Some(self.time),
            focused: true,
            events,
            ..RawInput::default()
        };
        self.time += 1.0 / 60.0;
        let began = Instant::now();
        let output = self.ctx.run_ui(input, |ui| {
            self.app.logic(ui.ctx());
            self.app.ui(ui);
            if let Some(action) = action.take() {
                self.app.act(ui.ctx(), action);
            }
        });
        let built = began.elapsed();
        let next = output.viewport_output[&ViewportId::ROOT].repaint_delay;
        Drawn { built, shapes: output.shapes, pixels_per_point: output.pixels_per_point, next }
    }

    /// Draws until nothing moves, and some frames more; when egui then wants the next frame.
    pub fn rest(&mut self) -> Duration {
        let mut next = Duration::ZERO;
        for _ in 0..120 {
            next = self.frame(Vec::new()).next;
        }
        next
    }

    fn press(&mut self, key: Key) -> Drawn {
        let text = match key {
            Key::Slash => Some(Event::Text("/".to_owned())),
            _ => None,
        };
        let pressed =
            |pressed| Event::Key { key, physical_key: None, pressed, repeat: false, modifiers: Modifiers::NONE };
        self.frame([pressed(true), pressed(false)].into_iter().chain(text).collect())
    }

    fn still(&mut self) -> Times {
        self.rest();
        Times::of((0..FRAMES).map(|_| self.frame(Vec::new()).built).collect())
    }

    fn tessellated(&mut self) -> Times {
        let times = (0..FRAMES).map(|_| {
            let drawn = self.frame(Vec::new());
            let began = Instant::now();
            let primitives = self.ctx.tessellate(drawn.shapes, drawn.pixels_per_point);
            let took = began.elapsed();
            drop(primitives);
            took
        });
        Times::of(times.collect())
    }

    /// Goes to the middle with the keyboard, and on with the wheel.
    fn scrolling(&mut self) -> Times {
        let console = self.app.state().console().expect("somebody is signed in");
        let rows = match console.view {
            View::Members => console.members.rows.len(),
            _ => console.keys.rows.len(),
        };
        let to = Move::By((rows / 2) as isize);
        let members = console.view == View::Members;
        self.press(Key::Home);
        self.frame_with(Vec::new(), Some(if members { Action::SelectMember(to) } else { Action::SelectKey(to) }));
        self.press(Key::ArrowDown);
        self.frame(vec![Event::PointerMoved(pos2(700.0, 500.0))]);
        self.rest();
        let times = (0..FRAMES).map(|at| {
            let wheel = Event::MouseWheel {
                unit: MouseWheelUnit::Point,
                delta: vec2(0.0, if at % 60 < 50 { -60.0 } else { 90.0 }),
                phase: TouchPhase::Move,
                source: MouseWheelSource::Wheel,
                modifiers: Modifiers::NONE,
            };
            self.frame(vec![wheel]).built
        });
        let times = Times::of(times.collect());
        self.frame(vec![Event::PointerGone]);
        self.rest();
        times
    }

    /// Types a letter and takes it away, over and over: the frame that takes the letter, and the one that draws what
    /// was found.
    fn typing(&mut self) -> [Times; 2] {
        self.press(Key::Slash);
        self.rest();
        let (mut taking, mut drawing) = (Vec::new(), Vec::new());
        for letter in ["a", "m", "s", "e", "r", "g"].iter().cycle().take(FRAMES) {
            taking.push(self.frame(vec![Event::Text((*letter).to_owned())]).built);
            drawing.push(self.frame(Vec::new()).built);
            let console = self.app.state().console().expect("somebody is signed in");
            let typed = if console.view == View::Members { &console.members.search } else { &console.keys.search };
            assert_eq!(typed, letter, "the search has the keyboard");
            self.press(Key::Backspace);
            self.frame(Vec::new());
        }
        self.press(Key::Escape);
        self.rest();
        [Times::of(taking), Times::of(drawing)]
    }

    /// Sorts by one column, each time coming from another.
    fn sorting(&mut self, by: &Action, from: &Action) -> Times {
        let times = (0..FRAMES).map(|_| {
            self.frame_with(Vec::new(), Some(from.clone()));
            self.frame(Vec::new());
            self.frame_with(Vec::new(), Some(by.clone())).built
        });
        Times::of(times.collect())
    }
}

/// How many members are changed at once.
const SEVERAL: usize = 1_000;
/// Frames of a case that does more than one thing a person does.
const FEWER_FRAMES: usize = 30;

impl Desk {
    /// Gives members from the middle of the roster another status, each time another: the frame in which it is done, and
    /// shown.
    fn changing(&mut self, several: usize, frames: usize) -> Times {
        let members = &self.app.state().console().expect("somebody is signed in").members;
        let several = several.min(members.rows.len() / 2);
        let rows = &members.rows[members.rows.len() / 2..][..several];
        let ids: Vec<String> = rows.iter().map(|&at| members.list.items[at].id.clone()).collect();
        let times = (0..frames).map(|at| {
            let status = Standing::ALL[at % Standing::ALL.len()];
            self.frame_with(Vec::new(), Some(Action::SetStatus(ids.clone(), status))).built
                + self.frame(Vec::new()).built
        });
        Times::of(times.collect())
    }

    /// Reads the roster again: the frame in which its last page comes, and all of it is shown.
    fn refreshing(&mut self) -> Times {
        const PAGE: usize = 200;
        let mut times = Vec::new();
        for _ in 0..FEWER_FRAMES {
            let all = self.app.state().console().expect("somebody is signed in").members.list.items.clone();
            let asked = self.app.state_mut().act(Action::Refresh);
            let load = asked.iter().find_map(|effect| match effect {
                Effect::Ask(command) => match **command {
                    Command::LoadMembers { load, .. } => Some(load),
                    _ => None,
                },
                _ => None,
            });
            let load = load.expect("the members are asked for");
            let (most, last) = all.split_at(all.len() - PAGE.min(all.len()));
            let era = self.app.state().era();
            for (items, next) in [(most, Some("next".to_owned())), (last, None)] {
                let page = Page { items: items.to_vec(), next };
                let began = Instant::now();
                // What is to be done outside the state, such as freeing what was shown before, is not done where frames are.
                let effects = self.app.state_mut().hear(era, StateEvent::Members { load, page: Ok(page) });
                let heard = began.elapsed();
                drop(effects);
                let built = self.frame(Vec::new()).built;
                times.push(heard + built);
            }
            times.swap_remove(times.len() - 2);
        }
        Times::of(times)
    }
}

/// Everything that is measured in a view, with a club of that size.
pub fn measure(size: Size, view: View) -> Vec<Case> {
    let columns: Vec<(&str, Action)> = match view {
        View::Members => {
            use members::Column;
            [
                ("name", Column::Name),
                ("role", Column::Role),
                ("status", Column::Status),
                ("coach", Column::Coach),
                ("labels", Column::Labels),
                ("added", Column::Added),
            ]
            .map(|(name, column)| (name, Action::SortMembers(column)))
            .into()
        }
        _ => {
            use keys::Column;
            [
                ("name", Column::Name),
                ("scopes", Column::Scopes),
                ("status", Column::Status),
                ("created", Column::Created),
                ("expires", Column::Expires),
                ("last used", Column::LastUsed),
            ]
            .map(|(name, column)| (name, Action::SortKeys(column)))
            .into()
        }
    };
    let of_members = view == View::Members;
    let mut desk = Desk::of(size, view);
    let mut cases = Vec::new();
    let mut case = |name: &str, times| cases.push(Case { name: name.to_owned(), times });
    case("standing still", desk.still());
    desk.press(Key::Home);
    desk.press(Key::End);
    case("standing still, the last row selected", desk.still());
    case("scrolling through the middle", desk.scrolling());
    let [taking, drawing] = desk.typing();
    case("typing a letter into the search", taking);
    case("the frame after it", drawing);
    for (at, (name, by)) in columns.iter().enumerate() {
        let (_, from) = &columns[(at + 1) % columns.len()];
        case(&format!("sorting by {name}"), desk.sorting(by, from));
    }
    if of_members {
        case("changing a member", desk.changing(1, FRAMES));
        case(&format!("changing {} members", grouped(SEVERAL)), desk.changing(SEVERAL, FEWER_FRAMES));
        case("the last page of a refresh", desk.refreshing());
    }
    desk.rest();
    case("tessellation, standing still", desk.tessellated());
    cases
}
