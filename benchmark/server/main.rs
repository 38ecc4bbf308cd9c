//! Measures the server and writes what comes of it into `docs/performance.md`: `just measure`.
//!
//! With the names of parts it measures those alone, and prints them. Given a role and a folder, it is one of the programs
//! that are measured.

mod attack;
mod baseline;
mod data;
mod load;
mod profile;
mod program;
mod reads;
mod report;
mod slow;
mod start;
mod writes;

use std::path::Path;

use astral_benchmark::document;

use self::data::{LARGE, ROSTER, SMALL};

/// How long each operation is measured each time, and before that not, in seconds.
const SECONDS: u32 = 3;
const WARM: u32 = 2;
/// How many connections send requests at once.
const CONNECTIONS: u32 = 32;
/// How many do of those who read while others write or guess.
const BESIDE: u32 = 8;
/// Of how many clubs the requests are at once, in either set.
const CLUBS: usize = 1_000;

/// The parts of the section, in their order.
const PARTS: [&str; 6] = ["clubs", "profile", "roster", "start", "writes", "attack"];

/// Measures a part; as text.
async fn measure(part: &str) -> String {
    let keys = SMALL.keys();
    match part {
        "clubs" => {
            let server = reads::serve(&SMALL, &keys).await;
            let small = reads::measure(&server, &reads::operations(&keys)).await;
            server.stop();
            let keys = LARGE.keys();
            let server = reads::serve(&LARGE, &keys).await;
            let some = reads::spread(&keys, CLUBS, LARGE.keys);
            let large = reads::measure(&server, &reads::operations(&some)).await;
            // Every club, one after the other: nothing stays in the cache.
            let all = reads::spread(&keys, LARGE.organizations, LARGE.keys);
            let first = reads::operations(&all).swap_remove(0);
            let all = reads::measure(&server, &[first]).await;
            server.stop();
            report::clubs(&small, &large, &all)
        }
        "profile" => {
            let server = reads::serve(&SMALL, &keys).await;
            let profile = profile::measure(&server, &keys);
            server.stop();
            report::profile(&profile)
        }
        "roster" => {
            let keys = ROSTER.keys();
            let server = reads::serve(&ROSTER, &keys).await;
            let pages = reads::measure(&server, &reads::pages(&server, &keys).await).await;
            server.stop();
            report::roster(&pages)
        }
        "start" => {
            let small = start::measure(&SMALL, &keys[0]).await;
            let large = start::measure(&LARGE, &LARGE.keys()[0]).await;
            report::starts(&[small, large])
        }
        "writes" => report::writes(&writes::measure(&SMALL, &keys).await),
        "attack" => report::attack(&attack::measure(&SMALL, &keys).await),
        other => panic!("there is no part {other}; there are {}", PARTS.join(", ")),
    }
}

#[expect(clippy::print_stdout, reason = "what it measures is printed")]
fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    match &arguments[..] {
        [role, folder] if role == "fixed" => {
            runtime.block_on(baseline::serve(Path::new(folder))).expect("it serves");
        }
        [role, folder] if role == "slow" => runtime.block_on(slow::serve(Path::new(folder))).expect("it serves"),
        [] => {
            let parts: Vec<_> = PARTS.iter().map(|part| runtime.block_on(measure(part))).collect();
            let text = format!("{}{}", report::introduction(), parts.concat());
            document::write(&text).expect("the document can be written");
            println!("{text}");
        }
        parts => parts.iter().for_each(|part| println!("{}", runtime.block_on(measure(part)))),
    }
}
