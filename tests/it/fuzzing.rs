//! The fuzz targets on stable: each over its corpus, and over so many changes of it. `just fuzz` runs them for longer.

use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

use astral_server::{
    fuzzing::{TARGETS, Target},
    service::Entropy,
};
use astral_tests::repository;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

fn corpus() -> PathBuf {
    repository().join("tests/corpus")
}

/// What is in a folder, by name.
fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let name = |entry: fs::DirEntry| entry.file_name().into_string().expect("a name is text");
    let mut names: Vec<_> = entries.map(|entry| name(entry.expect("read"))).collect();
    names.sort_unstable();
    names
}

/// The inputs of a target, each with its file.
fn inputs(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = corpus().join(target);
    let input = |name: String| {
        let path = folder.join(name);
        let bytes = fs::read(&path).expect("an input can be read");
        (path, bytes)
    };
    names_in(&folder).into_iter().map(input).collect()
}

/// Runs a target; what it says where something does not hold, with the input, which `from` tells the origin of.
fn run(name: &str, target: Target, input: &[u8], from: &str) -> Result<(), String> {
    catch_unwind(AssertUnwindSafe(|| target(input))).map_err(|panic| {
        let message = panic.downcast_ref::<String>().cloned();
        let message =
            message.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default();
        format!("{name}: {message}\n{from}\nb\"{}\"", input.escape_ascii())
    })
}

#[test]
fn every_target_has_a_corpus_and_a_program_and_every_corpus_a_target() {
    let targets: Vec<_> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(
        names_in(&corpus()),
        targets,
        "folders of tests/corpus, and TARGETS of server/src/fuzzing in their order"
    );
    let manifest = fs::read_to_string(repository().join("fuzz/Cargo.toml")).expect("a manifest");
    let programs: Vec<_> = targets.iter().map(|name| format!("{name}.rs")).collect();
    assert_eq!(names_in(&repository().join("fuzz/fuzz_targets")), programs);
    for (target, program) in targets.iter().zip(&programs) {
        assert!(!inputs(target).is_empty(), "tests/corpus/{target} is empty");
        let text = fs::read_to_string(repository().join("fuzz/fuzz_targets").join(program)).expect("a program");
        assert!(text.contains(&format!("fuzzing::{target}(data)")), "{program} runs another target");
        assert!(manifest.contains(&format!("path = \"fuzz_targets/{program}\"")), "fuzz/Cargo.toml lacks {target}");
    }
}

#[test]
fn whatever_is_in_the_corpus_is_borne() {
    let failures: Vec<_> = TARGETS
        .iter()
        .flat_map(|(name, target)| inputs(name).into_iter().map(move |input| (name, target, input)))
        .filter_map(|(name, target, (path, input))| run(name, *target, &input, &path.display().to_string()).err())
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

/// How often each target is run with a changed input: `ASTRAL_FUZZ_CASES`.
const CASES: usize = 2_000;

#[test]
#[expect(clippy::print_stdout, reason = "how often, and the seed, for whoever runs it again or longer")]
fn thousands_of_changes_of_the_corpus_are_borne() {
    let set = |name: &str| std::env::var(name).ok().map(|value| value.parse::<u64>().expect("a number"));
    let asked = set("ASTRAL_FUZZ_CASES");
    let cases = asked.map_or(CASES, |cases| usize::try_from(cases).expect("a number"));
    // Others each time only for whoever asks: a change is not to fail by what it has nothing to do with.
    let any = || if asked.is_some() { u64::from_be_bytes(Entropy::system().bytes()) } else { 1 };
    let seed = set("ASTRAL_SEED").unwrap_or_else(any);
    println!(
        "{} targets, {cases} changed inputs each: ASTRAL_SEED={seed} ASTRAL_FUZZ_CASES={cases} does it again",
        TARGETS.len()
    );
    for (name, target) in TARGETS {
        // Of each target's own, so that one more target leaves the others' inputs as they are.
        let mut random =
            StdRng::seed_from_u64(name.bytes().fold(seed, |seed, byte| seed.wrapping_mul(31) ^ u64::from(byte)));
        let inputs = inputs(name);
        for case in 0..cases {
            let (path, input) = &inputs[random.random_range(0..inputs.len())];
            let mut changed = input.clone();
            for _ in 0..random.random_range(1..=4) {
                change(&mut changed, &inputs, &mut random);
            }
            let from = format!("a change of {}, number {case} with ASTRAL_SEED={seed}", path.display());
            if let Err(failure) = run(name, *target, &changed, &from) {
                panic!("{failure}");
            }
        }
    }
}

/// A stretch of `bytes`, not too long.
fn stretch<'a>(bytes: &'a [u8], random: &mut StdRng) -> &'a [u8] {
    let start = random.random_range(0..=bytes.len());
    let length = random.random_range(0..=(bytes.len() - start).min(64));
    &bytes[start..start + length]
}

/// Changes an input as a fuzzer would: a bit, a byte, a word or a line of it, or a piece of another.
fn change(input: &mut Vec<u8>, inputs: &[(PathBuf, Vec<u8>)], random: &mut StdRng) {
    const WORDS: [&[u8]; 16] = [
        b"\0",
        b"\xff",
        b"\n",
        b" ",
        b"\"",
        b"-1",
        b"0",
        b"18446744073709551616",
        b"1e999",
        b"null",
        b"true",
        b"{}",
        b"[",
        b"astral_live_",
        b"\xe2\x80\xae",
        b"\xed\xa0\x80",
    ];
    let other = &inputs[random.random_range(0..inputs.len())].1;
    let at = random.random_range(0..=input.len());
    match random.random_range(0..9) {
        0 if at < input.len() => input[at] ^= 1 << random.random_range(0..8),
        1 if at < input.len() => input[at] = random.random(),
        2 => input.insert(at, random.random()),
        3 => input.truncate(at),
        4 => {
            let end = at + random.random_range(0..=(input.len() - at).min(16));
            input.drain(at..end);
        }
        5 => {
            let end = at + random.random_range(0..=(input.len() - at).min(8));
            input.splice(at..end, WORDS[random.random_range(0..WORDS.len())].iter().copied());
        }
        6 => {
            let piece = stretch(other, random).to_vec();
            input.splice(at..at, piece);
        }
        7 => {
            let piece = stretch(input, random).to_vec();
            input.splice(at..at, piece);
        }
        _ => {
            // A line of the other, or one line of its own less or more often.
            let mut lines: Vec<Vec<u8>> = input.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
            let others: Vec<_> = other.split(|byte| *byte == b'\n').collect();
            let place = random.random_range(0..lines.len());
            match random.random_range(0..3) {
                0 => drop(lines.remove(place)),
                1 => lines.insert(place, lines[random.random_range(0..lines.len())].clone()),
                _ => lines.insert(place, others[random.random_range(0..others.len())].to_vec()),
            }
            *input = lines.join(&b'\n');
        }
    }
}
