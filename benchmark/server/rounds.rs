//! Operations that are measured in turns, each beside the same bytes from memory.

use std::cmp::Ordering;

use crate::{
    CONNECTIONS, ROUND, WARM,
    baseline::FromMemory,
    load::{Load, Request, Requests, load},
    program::Running,
};

/// Requests of one kind, for one server.
pub struct Operation<'a> {
    pub server: &'a Running,
    pub name: String,
    pub status: u16,
    pub requests: Vec<Request>,
    /// How long a round is, in seconds.
    pub seconds: u32,
    /// How many connections send them.
    pub connections: u32,
    /// Whether each request can be answered so but once: a key that is revoked is not revoked again.
    pub is_once: bool,
    /// Whether the same bytes are answered each time, which are compared.
    pub is_steady: bool,
}

impl<'a> Operation<'a> {
    /// One that is answered with 200.
    pub fn new(server: &'a Running, name: impl Into<String>, requests: Vec<Request>) -> Self {
        Self {
            server,
            name: name.into(),
            status: 200,
            requests,
            seconds: ROUND,
            connections: CONNECTIONS,
            is_once: false,
            is_steady: false,
        }
    }

    /// The same, answered with the same bytes each time.
    pub fn steady(self) -> Self {
        Self { is_steady: true, ..self }
    }

    /// The same, answered with this status.
    pub fn answering(self, status: u16) -> Self {
        Self { status, ..self }
    }
}

/// An operation, and what it took, round by round.
pub struct Row {
    pub name: String,
    pub ours: Vec<Load>,
    /// The same framework, answering the same bytes from memory, right after.
    pub fixed: Vec<Load>,
    /// How often something was not found among what is kept, in all rounds.
    pub misses: u64,
}

/// The one in the middle.
pub fn median<T>(mut of: Vec<T>, by: impl Fn(&T, &T) -> Ordering) -> T {
    of.sort_by(by);
    of.swap_remove(of.len() / 2)
}

/// By how much more of the processor one takes than the other, from round to round: the machine may be quicker in one
/// round than in the next, and hardly within one.
fn ratio(of: &[Load], to: &[Load]) -> f64 {
    let ratios = of.iter().zip(to).map(|(of, to)| of.processor.as_secs_f64() / to.processor.as_secs_f64());
    median(ratios.collect(), f64::total_cmp)
}

impl Row {
    /// One of which nothing was measured yet.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), ours: Vec::new(), fixed: Vec::new(), misses: 0 }
    }

    /// How much more processor time a request takes than one for the same bytes from memory.
    pub fn ratio(&self) -> f64 {
        ratio(&self.ours, &self.fixed)
    }

    /// How much more than one of another operation, that was measured in turns with it.
    pub fn beside(&self, other: &Self) -> f64 {
        ratio(&self.ours, &other.ours)
    }

    /// How many of the requests found all that they need among what is kept, if each needs no more than one thing that it
    /// might not find; in percent.
    pub fn found(&self) -> f64 {
        let requests: u64 = self.ours.iter().map(|load| load.requests).sum();
        100.0 * requests.saturating_sub(self.misses) as f64 / requests.max(1) as f64
    }

    /// The round in the middle of the server's, and the memory that it took at most; the round in the middle of the
    /// others.
    pub fn middle(&self) -> (Load, Load) {
        let middle = |loads: &[Load]| median(loads.to_vec(), |one, other| one.processor.cmp(&other.processor));
        let resident = self.ours.iter().map(|load| load.resident).max().unwrap_or_default();
        (Load { resident, ..middle(&self.ours) }, middle(&self.fixed))
    }
}

/// Measures operations in turns, so many rounds, each beside the same bytes from memory. What is to be compared stands side
/// by side.
pub async fn measure(operations: &[Operation<'_>], rounds: u32) -> Vec<Row> {
    let asked: Vec<_> =
        operations.iter().map(|operation| (operation.server, &operation.requests[0], operation.status)).collect();
    let memory = FromMemory::of(&asked).await;
    let files = tempfile::tempdir().expect("a folder");
    let ours = operations.iter().enumerate().map(|(number, Operation { name, status, requests, .. })| {
        // The first was answered above.
        Requests::new(files.path(), &format!("{number} {name}"), requests, *status >= 400).after(1)
    });
    let pairs: Vec<_> = ours.zip(&memory.requests).collect();
    for ((ours, theirs), Operation { server, connections, is_once, .. }) in pairs.iter().zip(operations) {
        // What is read from disk for the first time is read here.
        if !is_once {
            load(server, ours, *connections, WARM);
        }
        load(&memory.server, theirs, *connections, 1);
    }
    // In turns: a machine that others use too is quick for a while and then slow.
    let mut rows: Vec<_> = operations.iter().map(|operation| Row::new(&operation.name)).collect();
    for _ in 0..rounds {
        for (((ours, theirs), operation), row) in pairs.iter().zip(operations).zip(&mut rows) {
            let &Operation { server, seconds, connections, .. } = operation;
            let before = server.misses().await;
            row.ours.push(load(server, ours, connections, seconds));
            row.misses += server.misses().await - before;
            row.fixed.push(load(&memory.server, theirs, connections, ROUND));
        }
    }
    for (Operation { server, name, requests, is_steady, .. }, before) in operations.iter().zip(&memory.answers) {
        if *is_steady {
            let (_, now) = server.answer(&requests[0]).await;
            assert!(now == *before, "{name}: other bytes than before");
        }
    }
    for ((ours, _), Operation { name, requests, is_once, .. }) in pairs.iter().zip(operations) {
        assert!(!is_once || ours.sent() < requests.len(), "{name}: more were sent than can be answered");
    }
    rows
}
