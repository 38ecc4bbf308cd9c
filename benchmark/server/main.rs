//! Measures the server and writes what comes of it into `docs/performance.md`: `just measure`.
//!
//! With the names of parts it measures those alone, and prints them. Given a role and a folder, it is one of the programs
//! that are measured.

mod attack;
mod backup;
mod baseline;
mod clubs;
mod data;
mod instructions;
mod load;
mod operations;
mod profile;
mod program;
mod reads;
mod report;
mod roster;
mod rounds;
mod slow;
mod start;
mod writes;

use std::{path::Path, process::ExitCode};

use astral_benchmark::document;

use self::{
    data::{LARGE, ROSTER, SMALL},
    instructions::Count,
};

/// How often operations are measured where nothing else is said, and how long each time, in seconds.
const ROUNDS: u32 = 11;
const ROUND: u32 = 1;
/// How long others are measured, in seconds.
const SECONDS: u32 = 3;
/// How long each runs before it is measured, in seconds.
const WARM: u32 = 2;
/// How many connections send requests at once.
const CONNECTIONS: u32 = 32;
/// How many do of those who read while others write or guess.
const BESIDE: u32 = 8;
/// Of how many clubs the requests are at once, in either set.
const CLUBS: usize = 1_000;

/// The parts of the section, in their order.
const PARTS: [&str; 9] =
    ["clubs", "operations", "profile", "instructions", "roster", "start", "writes", "backup", "attack"];

/// Measures a part; as text, and whether it is as it should be.
async fn measure(part: &str) -> (String, bool) {
    if part == "instructions" {
        let counts = instructions::measure();
        return (report::instructions(&counts), !counts.iter().any(Count::is_far));
    }
    let keys = SMALL.keys();
    let text = match part {
        "clubs" => {
            let large_keys = LARGE.keys();
            let (small, large) = (reads::serve(&SMALL, &keys).await, reads::serve(&LARGE, &large_keys).await);
            let some = reads::spread(&large_keys, CLUBS, LARGE.keys);
            let pairs = reads::integration(&small, &keys).into_iter().zip(reads::integration(&large, &some));
            let pairs: Vec<_> = pairs.flat_map(<[_; 2]>::from).collect();
            let mut rows = rounds::measure(&pairs, ROUNDS).await.into_iter();
            let (mut few, mut many) = (Vec::new(), Vec::new());
            while let (Some(of_few), Some(of_many)) = (rows.next(), rows.next()) {
                few.push(of_few);
                many.push(of_many);
            }
            // Every club, one after the other: nothing stays in the cache.
            let all = reads::spread(&large_keys, LARGE.organizations, LARGE.keys);
            let all = rounds::measure(&[reads::integration(&large, &all).swap_remove(0)], ROUNDS).await;
            small.stop();
            large.stop();
            report::clubs(&few, &many, &all)
        }
        "operations" => report::operations(&operations::measure(&SMALL, &keys).await),
        "profile" => {
            let server = reads::serve(&SMALL, &keys).await;
            let profile = profile::measure(&server, &keys);
            server.stop();
            report::profile(&profile)
        }
        "roster" => {
            let keys = ROSTER.keys();
            let server = reads::serve(&ROSTER, &keys).await;
            let roster::Pages { first_time, again } = roster::pages(&server, &keys).await;
            let first_time = rounds::measure(&first_time, ROUNDS).await;
            let again = rounds::measure(&again, ROUNDS).await;
            server.stop();
            report::roster(&first_time, &again)
        }
        "start" => {
            let small = start::measure(&SMALL, &keys[0]).await;
            let large = start::measure(&LARGE, &LARGE.keys()[0]).await;
            report::starts(&[small, large])
        }
        "writes" => report::writes(&writes::measure(&SMALL, &keys).await),
        "backup" => report::backups(&backup::measure(&SMALL, &keys).await),
        "attack" => report::attack(&attack::measure(&SMALL, &keys).await),
        other => panic!("there is no part {other}; there are {}", PARTS.join(", ")),
    };
    (text, true)
}

#[expect(clippy::print_stdout, reason = "what it measures is printed")]
fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let all_of = |parts: &[&str]| {
        let (texts, good): (Vec<_>, Vec<_>) = parts.iter().map(|part| runtime.block_on(measure(part))).unzip();
        (texts.concat(), good.into_iter().all(|good| good))
    };
    let good = match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["fixed", folder] => {
            runtime.block_on(baseline::serve(Path::new(folder))).expect("it serves");
            true
        }
        ["slow", folder] => {
            runtime.block_on(slow::serve(Path::new(folder))).expect("it serves");
            true
        }
        [] => {
            let (text, good) = all_of(&PARTS);
            let text = report::introduction() + &text;
            document::write(&text).expect("the document can be written");
            println!("{text}");
            good
        }
        parts => {
            let (text, good) = all_of(parts);
            println!("{text}");
            good
        }
    };
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
