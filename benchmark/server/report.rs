//! What was measured, as a section of `docs/performance.md`.

use std::{fmt::Write as _, time::Duration};

use astral_benchmark::document::machine;

use crate::{
    BESIDE, CLUBS, CONNECTIONS, ROUNDS,
    attack::{A_SECOND, Attack, Attacks, Measured},
    backup::{Backups, Beside, Situation},
    data::{DataSet, LARGE, ROSTER, SMALL},
    instructions::{Count, TOLERATED},
    load::Load,
    operations::{self, Operations},
    profile::Profile,
    rounds::{Row, median},
    start::Start,
    writes::{self, Disk},
};

fn micros(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64() * 1e6)
}

fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let parts: Vec<_> = digits.as_bytes().rchunks(3).rev().map(|part| String::from_utf8_lossy(part)).collect();
    parts.join(" ")
}

fn described(set: &DataSet) -> String {
    let members = set.organizations * set.members;
    let keys = set.organizations * set.keys;
    format!(
        "{} clubs, {} members, {} keys",
        grouped(set.organizations as f64),
        grouped(members as f64),
        grouped(keys as f64)
    )
}

/// More columns of a table of operations: their headings, and their cells for a row by its number.
struct Columns<'a>(&'a [&'static str], &'a dyn Fn(usize, &Row) -> Vec<String>);

/// A table of operations.
fn table(rows: &[Row], more: &Columns<'_>) -> String {
    let headings: String = more.0.iter().map(|heading| format!("| {heading} ")).collect();
    let mut text = format!(
        "| operation | requests/s | p50 µs | p99 µs | p99.9 µs | CPU µs | CPU µs of the same bytes from memory | ratio \
         {headings}| memory MB |\n|---|{}\n",
        "---:|".repeat(8 + more.0.len()),
    );
    for (number, row) in rows.iter().enumerate() {
        let (name, (ours, fixed)) = (&row.name, row.middle());
        let more: String = (more.1)(number, row).iter().map(|cell| format!(" {cell} |")).collect();
        let _ = writeln!(
            text,
            "| {name} | {} | {} | {} | {} | {} | {} | {:.2} |{more} {} |",
            grouped(ours.rate()),
            ours.p50.as_micros(),
            ours.p99.as_micros(),
            ours.p999.as_micros(),
            micros(ours.processor),
            micros(fixed.processor),
            row.ratio(),
            ours.resident / 1_000_000,
        );
    }
    text
}

/// What stands before the parts.
pub fn introduction() -> String {
    format!(
        "## The server\n\n`just measure` measures this and writes it here. Measured on {}.\n\n\
         The server as it is shipped (`cargo build --profile dist`), with its limits, usage counts, request ids and \
         logs; wrk sends the requests over {CONNECTIONS} connections of the same machine, and takes its share of the \
         processor. CPU is what the kernel says that the server's process has used, its own time and the kernel's for \
         it, by request: the one in the middle of the rounds, {ROUNDS} where nothing else is said. In each round the same \
         framework answers the same bytes from memory right after; the ratio is the one in the middle of the rounds' ratios, \
         and so is what stands beside something else. \
         Times depend on the machine and on who else uses it; the ratios are what counts.\n",
        machine(),
    )
}

/// How much more a request takes than another that was measured in turns with it.
fn beside(row: &Row, reference: &Row) -> String {
    format!("{:.2}", row.beside(reference))
}

/// How much more than another that was measured at another time, each held against the baseline of its own: the machine
/// may have been slower by then.
fn beside_then(row: &Row, reference: &Row) -> String {
    format!("{:.2}", row.ratio() / reference.ratio())
}

/// Operations of clubs: of few, of many, and of many of which none is in the cache.
pub fn clubs(small: &[Row], large: &[Row], all: &[Row]) -> String {
    let mut text = format!("\n### {}\n\n", described(&SMALL));
    let columns = Columns(&["beside 50 members"], &|_, row| vec![beside(row, &small[0])]);
    text += &table(small, &columns);
    let _ =
        write!(text, "\n### {}\n\nRequests of {CLUBS} clubs, as above, in turns with those.\n\n", described(&LARGE));
    let columns = Columns(&["beside the small set"], &|number, row| vec![beside(row, &small[number])]);
    text += &table(large, &columns);
    text += "\nEvery club, one after the other, so that nothing is found in the cache, and each page of the file comes \
             from the system (and from the disk where the file is larger than its memory):\n\n";
    text += &table(all, &Columns(&["beside the small set"], &|_, row| vec![beside_then(row, &small[0])]));
    text
}

/// Operations one by one.
pub fn operations(Operations { rows, hashing }: &Operations) -> String {
    let mut text = format!(
        "\n### The operations one by one\n\nOn the small set, with sessions of the head coaches where nothing else is said, \
         and with keys where members are created, changed and removed. By the names of the document, with how many are \
         listed. {} rounds, and {} of what can be done to each member or key but once: removing, rotating, \
         revoking, of those that were created before. What writes is answered after its bytes are synced. Not among them: \
         setting up, handing over, accepting an invitation, changing a password, signing out, ending a \
         previous secret and reporting a leaked one.\n\n",
        operations::TIMES,
        operations::TIMES_ONCE,
    );
    text += &table(rows, &Columns(&[], &|_, _| Vec::new()));
    let _ = writeln!(
        text,
        "\nOf each sign-in, argon2 took {:.1} ms, as the server's `astral_argon2_duration_seconds` says; one is hashed at a \
         time on two cores, and the others wait.",
        hashing.as_secs_f64() * 1e3
    );
    text
}

/// Where the time of the checked request goes.
pub fn profile(profile: &Result<Profile, String>) -> String {
    let mut text = "\n### Where the time of 50 members goes\n\n".to_owned();
    let Profile { groups, functions } = match profile {
        Ok(profile) => profile,
        Err(why) => return text + &format!("Not measured: {why}.\n"),
    };
    text += "As perf samples the small set's server under load.\n\n| what | share |\n|---|---:|\n";
    for (name, share) in groups {
        let _ = writeln!(text, "| {name} | {share:.1} % |");
    }
    text += "\n| function (`[k]`: of the kernel) | share |\n|---|---:|\n";
    for (function, share) in functions {
        let _ = writeln!(text, "| `{}` | {share:.1} % |", function.replace('|', "/"));
    }
    text += WHY_IT_STAYS;
    text
}

/// What is to be said of the rest.
const WHY_IT_STAYS: &str = "
The kernel's part is what the baseline pays too: a receive, a send of some 18 KB, and the waking of whoever waits. What
is asked for again is kept as it leaves, in memory that is in no cache of the processor by the time its club comes round
again. What stays of Astral is the hash of the secret, the judging of what it may, the limits, the counting of the call, and the
headers. The framework's part is its routing and the parsing of nine parameters, which the document is made from as well.
";

/// How many instructions the hot functions take.
pub fn instructions(counts: &[Count]) -> String {
    let mut text = format!(
        "\n### Instructions\n\nAs valgrind counts them, without a clock: the same on a busy machine. `just measure` \
         fails where one is more than {TOLERATED} % away from what was accepted last.\n\n\
         | what | instructions | accepted | change |\n|---|---:|---:|---:|\n"
    );
    for count in counts {
        let Count { function, instructions, accepted } = count;
        let accepted = accepted.map_or("none yet".to_owned(), |accepted| grouped(accepted as f64));
        let _ = writeln!(
            text,
            "| {function} | {} | {accepted} | {:+.1} % |",
            grouped(*instructions as f64),
            count.change()
        );
    }
    text
}

/// Pages of one long roster.
pub fn roster(first_time: &[Row], again: &[Row]) -> String {
    let members = grouped(ROSTER.members as f64);
    let mut text = format!(
        "\n### One club with {members} members\n\n50 members a page, or as many as there are among the 1,000 that are \
         examined at most. Page after page, more of them than are kept, so that each is read anew; *kept* says how many \
         were found there all the same:\n\n"
    );
    let found = |row: &Row| format!("{:.0} %", row.found());
    let columns = |_, row: &Row| vec![beside(row, &first_time[0]), found(row)];
    text += &table(first_time, &Columns(&["beside the first pages", "kept"], &columns));
    text += "\nThe same page again and again:\n\n";
    let columns = |_, row: &Row| vec![beside(row, &again[0]), found(row)];
    text += &table(again, &Columns(&["beside the first page", "kept"], &columns));
    text
}

/// With the small set and with the large one.
pub fn starts(starts: &[Start; 2]) -> String {
    let mut text = "\n### From the start of the process to the first answer\n\nThe median of five.\n\n\
                  | set | after a clean stop | after `kill -9` |\n|---|---:|---:|\n"
        .to_owned();
    for (set, Start { stopped, killed }) in [SMALL, LARGE].iter().zip(starts) {
        let _ = writeln!(text, "| {} | {} ms | {} ms |", described(set), stopped.as_millis(), killed.as_millis());
    }
    text
}

/// What is said of requests that others are sent beside.
const WAITS: &str = "requests/s | p50 µs | p99 µs | p99.9 µs | CPU µs | memory MB";

/// That, as cells.
fn waits(load: &Load) -> String {
    let Load { p50, p99, p999, processor, resident, .. } = *load;
    let (p50, p99, p999) = (p50.as_micros(), p99.as_micros(), p999.as_micros());
    let (rate, processor) = (grouped(load.rate()), micros(processor));
    format!("{rate} | {p50} | {p99} | {p999} | {processor} | {}", resident / 1_000_000)
}

/// What is to be said of the processor's time there.
const CPU_OF_ALL: &str =
    "CPU is all that the server has used meanwhile, for others as well, by the number of these requests.";

/// Keys that are created, by disk and number of clients, and what those have of it who read.
pub fn writes(disks: &[Disk]) -> String {
    let mut text = format!(
        "\n### Many clients create keys\n\nEach answer after its bytes are synced: the process is killed at the end, and no \
         fewer keys are there. In turns, {} times each: the one with the rate in the middle; what stands beside one \
         client is the one in the middle of the turns' ratios.\n\n\
         | disk | clients | keys/s | beside one client | p50 ms | p99 ms | p99.9 ms | CPU µs \
         | CPU µs of the same bytes from memory | ratio | memory MB |\n|---|{}\n",
        writes::TIMES,
        "---:|".repeat(10),
    );
    let millis = |time: Duration| format!("{:.1}", time.as_secs_f64() * 1e3);
    for Disk { name, created, .. } in disks {
        for (clients, row) in created {
            let load = median(row.ours.clone(), |one, other| one.rate().total_cmp(&other.rate()));
            let beside_one = row.ours.iter().zip(&created[0].1.ours).map(|(load, one)| load.rate() / one.rate());
            let (_, fixed) = row.middle();
            let _ = writeln!(
                text,
                "| {name} | {clients} | {} | {:.1} | {} | {} | {} | {} | {} | {:.1} | {} |",
                grouped(load.rate()),
                median(beside_one.collect(), f64::total_cmp),
                millis(load.p50),
                millis(load.p99),
                millis(load.p999),
                micros(load.processor),
                micros(fixed.processor),
                row.ratio(),
                load.resident / 1_000_000,
            );
        }
    }
    let _ = write!(
        text,
        "\nThose who read meanwhile (50 members with a key, {BESIDE} connections). {CPU_OF_ALL}\n\n\
         | disk | what | {WAITS} |\n|---|---|{}\n",
        "---:|".repeat(6),
    );
    for Disk { name, reads: [from_memory, alone, beside], .. } in disks {
        let all =
            [("the same bytes from memory", from_memory), ("nobody writes", alone), ("64 clients create keys", beside)];
        for (what, load) in all {
            let _ = writeln!(text, "| {name} | {what} | {} |", waits(load));
        }
    }
    text
}

/// Those who read and write while backups are made.
pub fn backups(Backups { situations, size }: &Backups) -> String {
    let mut text = format!(
        "\n### Backups while serving\n\nOne after the other (`astral-server backup`) of a database of {} MB, compacted, \
         synced, checksummed and read again; beside it a program that copies and syncs the same file. Meanwhile \
         {BESIDE} connections read 50 members with a key, and {BESIDE} create keys. In turns, {} times each: the one with \
         the p99 in the middle; the ratio is the one in the middle of those to the turn in which nothing else was done.\n\n\
         | beside the requests | made | reads/s | p99 µs | ratio of p99 | keys/s | p99 µs | ratio of p99 |\n\
         |---|---:|---:|---:|---:|---:|---:|---:|\n",
        size / 1_000_000,
        situations[0].reads.len(),
    );
    let cells = |loads: &[Load], alone: &[Load]| {
        let (middle, ratio) = middle_p99(loads, alone);
        format!("{} | {} | {ratio:.2}", grouped(middle.rate()), middle.p99.as_micros())
    };
    for Situation { beside, reads, writes, made } in situations {
        let name = match beside {
            Beside::Nothing => "nothing",
            Beside::Copies => "plain copies",
            Beside::Backups => "backups",
        };
        let (reads, writes) = (cells(reads, &situations[0].reads), cells(writes, &situations[0].writes));
        let _ = writeln!(text, "| {name} | {made} | {reads} | {writes} |");
    }
    text
}

/// The load with the p99 in the middle, with the processor's time that is in the middle; and by how much more the p99s are
/// than those of the same turns in `alone`.
fn middle_p99(loads: &[Load], alone: &[Load]) -> (Load, f64) {
    let ratios = loads.iter().zip(alone).map(|(load, alone)| load.p99.as_secs_f64() / alone.p99.as_secs_f64());
    let processor = median(loads.iter().map(|load| load.processor).collect(), Duration::cmp);
    let middle = median(loads.to_vec(), |one, other| one.p99.cmp(&other.p99));
    (Load { processor, ..middle }, median(ratios.collect(), f64::total_cmp))
}

/// Those who have a key, while somebody guesses passwords.
pub fn attack(Attacks { attacks, answers, longest }: &Attacks) -> String {
    let mut text = format!(
        "\n### Somebody guesses passwords\n\nThe same requests with a key over {BESIDE} connections, which ask again at once and \
         leave nothing of the processor, or wait before each request; beside them {A_SECOND} wrong sign-ins a second, each from \
         an address and for an email of its own, or as many without a password, for which nothing is hashed. In turns, {} times \
         each: the one with the p99 in the middle; the ratio is the one in the middle of those to the turn in which nothing \
         else was sent. {CPU_OF_ALL}\n\n\
         | wait | beside | {WAITS} | ratio of p99 |\n|---|---|{}\n",
        attacks[0].loads.len(),
        "---:|".repeat(7),
    );
    for of_pause in attacks.chunk_by(|one, next| one.pause == next.pause) {
        let alone = of_pause.iter().find(|attack| attack.measured == Measured::Alone);
        let alone = alone.map_or(&[][..], |attack| &attack.loads);
        for Attack { measured, pause, loads } in of_pause {
            let name = match measured {
                Measured::FromMemory => "nothing; the same bytes from memory",
                Measured::Alone => "nothing",
                Measured::BesideMalformed => "sign-ins without a password",
                Measured::BesideGuesses => "wrong sign-ins",
            };
            let (load, ratio) = middle_p99(loads, alone);
            let _ = writeln!(text, "| {pause} ms | {name} | {} | {ratio:.2} |", waits(&load));
        }
    }
    let counts: Vec<_> = answers.iter().map(|(status, count)| format!("{count} with {status}")).collect();
    let _ = writeln!(
        text,
        "\nOf the wrong sign-ins were answered: {}; none waited longer than {:.1} s.",
        counts.join(", "),
        longest.as_secs_f64()
    );
    text
}
