//! How long it takes from the start of the process to the first answer.

use std::time::{Duration, Instant};

use crate::{
    data::{DataSet, Key},
    load::Request,
    program::{Running, astral_server},
};

/// How often each start is measured.
const TIMES: usize = 5;

/// The median after a clean stop, and after the process was killed.
pub struct Start {
    pub stopped: Duration,
    pub killed: Duration,
}

async fn start(set: &DataSet, request: &Request) -> (Running, Duration) {
    let begun = Instant::now();
    let server = Running::start(&mut astral_server(&set.folder()));
    let (status, _) = server.answer(request).await;
    assert_eq!(status, 200);
    (server, begun.elapsed())
}

/// Starts the server on a set again and again.
pub async fn measure(set: &DataSet, key: &Key) -> Start {
    let request = Request::get(format!("/api/v1/organizations/{}/members?limit=50", key.club), &key.secret);
    start(set, &request).await.0.stop();
    let (mut stopped, mut killed) = (Vec::new(), Vec::new());
    for _ in 0..TIMES {
        let (server, took) = start(set, &request).await;
        stopped.push(took);
        server.kill();
        let (server, took) = start(set, &request).await;
        killed.push(took);
        server.stop();
    }
    stopped.sort_unstable();
    killed.sort_unstable();
    Start { stopped: stopped[TIMES / 2], killed: killed[TIMES / 2] }
}
