//! `astral-server scan`: leaked secrets in files, folders, streams and git repositories.

use std::{
    ffi::OsStr,
    fs,
    io::{Read as _, Write as _},
    os::unix::{ffi::OsStrExt as _, fs::PermissionsExt as _, fs::symlink, net::UnixListener},
    path::Path,
    process::{Command, Stdio},
};

use astral_server::service::{Entropy, Secret, SecretKind, find_secrets};
use astral_tests::binary;
use serde_json::{Value, json};
use tempfile::TempDir;

/// A secret, and what may be said of it.
struct Leak {
    text: String,
    hint: String,
    fingerprint: String,
    kind: &'static str,
}

fn leak(kind: SecretKind) -> Leak {
    let secret = Secret::generate(kind, || Entropy::system().bytes());
    let fingerprint = secret.hash().as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    Leak { hint: secret.hint(), fingerprint, kind: kind.as_str(), text: secret.reveal() }
}

struct Scan {
    status: i32,
    stdout: String,
    stderr: String,
}

impl Scan {
    fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.stdout))
    }

    /// Path, line, column, hint and commit of each finding.
    fn findings(&self) -> Vec<(String, u64, u64, String, Option<String>)> {
        let report = self.json();
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let findings = report["findings"].as_array().expect("a list").iter().map(|finding| {
            let number = |name: &str| finding[name].as_u64().expect(name);
            let word = |name: &str| text(&finding[name]).expect(name);
            (word("path"), number("line"), number("column"), word("hint"), text(&finding["commit"]))
        });
        findings.collect()
    }
}

/// Scans in `folder`. Whatever is written, no secret is in it.
fn scan(folder: &Path, arguments: &[&str], input: &[u8]) -> Scan {
    let mut child = Command::new(binary())
        .arg("scan")
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("starts");
    // Whoever reads no input closes it before it is written.
    let _ = child.stdin.take().expect("piped").write_all(input);
    let output = child.wait_with_output().expect("ends");
    for written in [&output.stdout, &output.stderr] {
        assert_eq!(find_secrets(written).count(), 0, "a secret is told");
    }
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    Scan { status: output.status.code().expect("a status"), stdout: text(output.stdout), stderr: text(output.stderr) }
}

fn write(folder: &Path, path: impl AsRef<Path>, bytes: impl AsRef<[u8]>) {
    let path = folder.join(path);
    fs::create_dir_all(path.parent().expect("a folder")).expect("made");
    fs::write(path, bytes).expect("written");
}

/// Runs git in `folder`, whatever the settings of this machine; what it says.
fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .args(["-c", "user.name=Ana", "-c", "user.email=ana@summit.example", "-c", "init.defaultBranch=main"])
        .args(arguments)
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .expect("git runs");
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8").trim().to_owned()
}

fn found(path: &str, line: u64, column: u64, leak: &Leak) -> (String, u64, u64, String, Option<String>) {
    (path.to_owned(), line, column, leak.hint.clone(), None)
}

#[test]
fn every_file_of_a_folder_is_searched_whatever_git_ignores() {
    let folder = TempDir::new().expect("a folder");
    let here = folder.path();
    let [key, session, invitation] = [SecretKind::ApiKey, SecretKind::Session, SecretKind::Invitation].map(leak);
    write(here, ".gitignore", ".env\nignored/\n");
    write(here, ".ignore", "*\n");
    write(here, ".git/config", &key.text);
    write(here, ".env", format!("A=b\n\u{e9}KEY='{}'\n", key.text));
    write(here, "ignored/deep/er/log.txt", format!("{}\n", session.text));
    write(here, ".hidden/link.txt", format!("https://club.example/accept#{}.", invitation.text));
    write(here, "program", [b"\x7fELF\0\0\xff\n\0", key.text.as_bytes(), b"\0"].concat());
    let wide: Vec<u8> = format!("\n{}\r\n", key.text).encode_utf16().flat_map(u16::to_le_bytes).collect();
    write(here, "wide.txt", wide);
    write(here, "big.txt", format!("{}{}{}", "x".repeat(700_000), session.text, "\n".repeat(300_000)));
    // Of the right form, with the checksum of another.
    let (start, end) = (&key.text[..key.text.len() - 6], &leak(SecretKind::ApiKey).text);
    write(here, "no-secrets.txt", format!("{start}{}\nastral_live_\n{start}\n", &end[end.len() - 6..]));
    symlink(here.join(".env"), here.join("link")).expect("made");

    let text = scan(here, &["."], b"");
    let expected = format!(
        ".env:2:7: api_key {0}\n.hidden/link.txt:1:29: invitation {2}\nbig.txt:1:700001: session {1}\n\
         ignored/deep/er/log.txt:1:1: session {1}\nprogram:2:2: api_key {0}\nwide.txt:2:1: api_key {0}\n",
        key.hint, session.hint, invitation.hint
    );
    assert_eq!((text.status, text.stdout), (1, expected));
    assert!(text.stderr.starts_with("3 secrets in 6 places, 9 files searched\n"), "{}", text.stderr);
    assert!(text.stderr.contains("/api/v1/leaked-secrets"), "{}", text.stderr);

    let json = scan(here, &["--format", "json", "."], b"");
    let report = json.json();
    assert_eq!(
        report["findings"][0],
        json!({
            "kind": key.kind, "hint": key.hint, "fingerprint": key.fingerprint,
            "path": ".env", "line": 2, "column": 7, "commit": null,
        })
    );
    assert_eq!((json.status, &report["files_searched"], &report["errors"]), (1, &json!(9), &json!([])));
    assert_eq!(report["findings"].as_array().expect("a list").len(), 6);

    // What is named is searched: a link is followed, and so is the folder of git.
    assert_eq!(scan(here, &["--format=json", "link"], b"").findings(), [found("link", 2, 7, &key)]);
    assert_eq!(scan(here, &["--format=json", "./.git"], b"").findings(), [found(".git/config", 1, 1, &key)]);
    let clean = scan(here, &["no-secrets.txt", ".gitignore"], b"");
    assert_eq!((clean.status, &*clean.stdout, &*clean.stderr), (0, "", "0 secrets in 0 places, 2 files searched\n"));
}

#[test]
fn sarif_names_rules_and_places() {
    let folder = TempDir::new().expect("a folder");
    let (key, session) = (leak(SecretKind::ApiKey), leak(SecretKind::Session));
    write(folder.path(), "a b/c#d.env", format!("\n \u{1F3C3}{}\n{}", key.text, session.text));
    let scanned = scan(folder.path(), &["--format", "sarif", "."], b"");
    assert_eq!(scanned.status, 1);
    let log = scanned.json();
    assert_eq!(log["version"], "2.1.0");
    let run = &log["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().expect("rules");
    assert_eq!(rules.iter().map(|rule| &rule["id"]).collect::<Vec<_>>(), ["api_key", "session", "invitation"]);
    assert_eq!(run["invocations"][0]["executionSuccessful"], true);
    assert_eq!(run["columnKind"], "unicodeCodePoints");
    let results = run["results"].as_array().expect("results");
    for (result, leak, line, column) in [(&results[0], &key, 2, 3), (&results[1], &session, 3, 1)] {
        assert_eq!((&result["ruleId"], &result["level"]), (&json!(leak.kind), &json!("error")));
        assert!(result["message"]["text"].as_str().expect("text").ends_with(&leak.hint));
        assert_eq!(result["partialFingerprints"]["secretSha256/v1"], *leak.fingerprint);
        let place = &result["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "a%20b/c%23d.env");
        assert_eq!(place["region"], json!({ "startLine": line, "startColumn": column }));
    }
    assert_eq!(results.len(), 2);

    let absolute = folder.path().canonicalize().expect("there").join("a b/c#d.env");
    let scanned = scan(folder.path(), &["--format", "sarif", absolute.to_str().expect("UTF-8")], b"");
    let uri = "/runs/0/results/0/locations/0/physicalLocation/artifactLocation/uri";
    assert_eq!(scanned.json().pointer(uri).expect("a place"), "a%20b/c%23d.env");
}

#[test]
fn standard_input_is_searched_as_it_comes() {
    let folder = TempDir::new().expect("a folder");
    let key = leak(SecretKind::ApiKey);
    let input = format!("{}{}\n", "\n".repeat(1_000_000), key.text);
    let scanned = scan(folder.path(), &["--format", "json", "-"], input.as_bytes());
    assert_eq!((scanned.status, scanned.findings()), (1, vec![found("-", 1_000_001, 1, &key)]));
    let nothing = scan(folder.path(), &["-"], b"nothing");
    assert_eq!((nothing.status, &*nothing.stdout), (0, ""));
}

#[test]
fn what_cannot_be_read_is_told_and_the_rest_is_searched() {
    let folder = TempDir::new().expect("a folder");
    let here = folder.path();
    let key = leak(SecretKind::ApiKey);
    write(here, "files/clean.txt", "");
    // Nobody can open a socket as a file, not even root. In a folder it is none of the scan's business.
    let _socket = UnixListener::bind(here.join("files/socket")).expect("bound");
    assert_eq!(scan(here, &["files"], b"").status, 0);
    let failed = scan(here, &["--format", "json", "files", "files/socket", "gone"], b"");
    let report = failed.json();
    assert_eq!((failed.status, &report["files_searched"]), (2, &json!(1)));
    let paths: Vec<_> = report["errors"].as_array().expect("a list").iter().map(|error| &error["path"]).collect();
    assert_eq!(paths, ["files/socket", "gone"]);
    assert!(failed.stderr.contains("astral-server: gone: No such file"), "{}", failed.stderr);
    let failed = scan(here, &["--format", "sarif", "gone"], b"").json();
    assert_eq!(failed["runs"][0]["invocations"][0]["executionSuccessful"], false);

    write(here, "files/key.txt", &key.text);
    let both = scan(here, &["gone", "files"], b"");
    assert_eq!((both.status, both.stderr.contains("gone")), (1, true));

    // Root reads what nobody else can.
    let closed = here.join("files/key.txt");
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).expect("set");
    if fs::File::open(&closed).is_err() {
        let failed = scan(here, &["files"], b"");
        assert_eq!((failed.status, failed.stderr.contains("files/key.txt: Permission denied")), (2, true));
    }
}

#[test]
fn wrong_usage_is_told_apart_from_a_finding() {
    let folder = TempDir::new().expect("a folder");
    for arguments in [&[][..], &["--format", "xml", "."], &["--git", "-"], &["--log", "loud", "."], &["--git", "."]] {
        let refused = scan(folder.path(), arguments, b"");
        assert_eq!((refused.status, &*refused.stdout), (2, ""), "{arguments:?}");
        assert!(!refused.stderr.is_empty());
    }
}

#[test]
fn names_are_told_without_a_secret_and_without_a_panic() {
    let folder = TempDir::new().expect("a folder");
    let here = folder.path();
    let key = leak(SecretKind::ApiKey);
    write(here, format!("page?key={}", key.text), "");
    write(here, OsStr::from_bytes(b"no text \xff"), &key.text);
    write(here, "two\nlines", &key.text);
    let text = scan(here, &["."], b"");
    let hint = &key.hint;
    let expected = format!(
        "no text \u{fffd}:1:1: api_key {hint}\npage?key={hint}:1:10: api_key {hint}\ntwo\\nlines:1:1: api_key {hint}\n"
    );
    assert_eq!((text.status, text.stdout), (1, expected));
    let json = scan(here, &["--format", "json", "."], b"");
    let paths: Vec<_> = json.findings().into_iter().map(|finding| finding.0).collect();
    assert_eq!(paths, ["no text \u{fffd}".to_owned(), format!("page?key={hint}"), "two\nlines".to_owned()]);
    for arguments in [&[&*key.text][..], &["--git", &key.text]] {
        let refused = scan(here, arguments, b"");
        assert_eq!((refused.status, refused.stderr.contains(hint)), (2, true), "{}", refused.stderr);
    }
    let sarif = scan(here, &["--format", "sarif", "."], b"").json();
    let uri = "/runs/0/results/0/locations/0/physicalLocation/artifactLocation/uri";
    assert_eq!(sarif.pointer(uri).expect("a place"), "no%20text%20%FF");
}

/// Whoever looks at the first lines alone is told no error.
#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let folder = TempDir::new().expect("a folder");
    write(folder.path(), "many.txt", format!("{}\n", leak(SecretKind::ApiKey).text).repeat(10_000));
    let mut child = Command::new(binary())
        .args(["scan", "many.txt"])
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("starts");
    child.stdout.take().expect("piped").read_exact(&mut [0; 10]).expect("a beginning");
    let output = child.wait_with_output().expect("ends");
    let said = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(1));
    assert!(said.starts_with("1 secret in 10,000 places, 1 file searched\n"), "{said}");
}

/// A secret that was removed, one that came with a merge, one that was amended away, one that was only staged, one in
/// a message, one in the name of a file.
#[test]
fn the_whole_history_of_a_repository_is_searched() {
    let folder = TempDir::new().expect("a folder");
    let here = folder.path().join("club");
    let [removed, merged, amended, staged, message, named] = [(); 6].map(|()| leak(SecretKind::ApiKey));
    fs::create_dir(&here).expect("made");
    git(&here, &["init", "--quiet"]);
    let commit = |text: &str| {
        git(&here, &["add", "--all"]);
        git(&here, &["commit", "--quiet", "--allow-empty", "--message", text]);
        git(&here, &["rev-parse", "HEAD"])[..12].to_owned()
    };
    write(&here, "readme", "club\n");
    commit("Begin");
    write(&here, "settings/.env", format!("A=b\nKEY={}\n", removed.text));
    let first = commit("Add the settings");
    write(&here, "settings/.env", format!("A=b\nC=d\nKEY={}\n", removed.text));
    commit("Change the settings");
    fs::rename(here.join("settings/.env"), here.join("moved")).expect("moved");
    commit("Move them");
    fs::remove_file(here.join("moved")).expect("removed");
    commit("Remove the secret");
    git(&here, &["checkout", "--quiet", "-b", "side"]);
    write(&here, "side", "side");
    commit("On the side");
    git(&here, &["checkout", "--quiet", "main"]);
    git(&here, &["merge", "--quiet", "--no-ff", "--no-commit", "side"]);
    write(&here, "readme", format!("club {}\n", merged.text));
    let merge = commit("Merge");
    write(&here, "amended", &amended.text);
    let lost = commit("To be amended");
    fs::remove_file(here.join("amended")).expect("removed");
    git(&here, &["add", "--all"]);
    git(&here, &["commit", "--quiet", "--amend", "--allow-empty", "--message", "Amended"]);
    git(&here, &["reflog", "expire", "--expire=now", "--all"]);
    let telling = commit(&format!("Use\n\n{}", message.text));
    write(&here, "staged", &staged.text);
    git(&here, &["add", "staged"]);
    fs::write(here.join("staged"), "").expect("written");

    let git_finding = |path: &str, line, column, leak: &Leak, commit: Option<&str>| {
        let (path, line, column, hint, _) = found(path, line, column, leak);
        (path, line, column, hint, commit.map(str::to_owned))
    };
    // The message stands below tree, parent, author, committer, an empty line, the subject and another empty line.
    let expected = [
        git_finding("amended", 1, 1, &amended, Some(&lost)),
        git_finding(&format!("commit {telling}"), 8, 1, &message, Some(&telling)),
        git_finding("readme", 1, 6, &merged, Some(&merge)),
        git_finding("settings/.env", 2, 5, &removed, Some(&first)),
        git_finding("staged", 1, 1, &staged, None),
    ];
    let scanned = scan(&here, &["--git", "--format", "json", "."], b"");
    assert_eq!((scanned.status, scanned.findings()), (1, expected.to_vec()));
    assert_eq!(scanned.json()["errors"], json!([]));
    // A blob each: two readmes, two settings, the side, the amended, the staged.
    assert_eq!(scanned.json()["files_searched"], 7);
    let text = scan(&here, &["--git", "."], b"");
    let line = format!("settings/.env:2:5: api_key {} since commit {first}\n", removed.hint);
    assert!(text.stdout.contains(&line), "{}", text.stdout);

    // In packs, from outside, from a folder within, and as a bare repository.
    git(&here, &["repack", "-a", "-d", "-k", "--quiet"]);
    let paths = |scanned: &Scan| scanned.findings().into_iter().map(|finding| finding.0).collect::<Vec<_>>();
    let from_outside = scan(folder.path(), &["--git", "--format=json", "./club"], b"");
    assert_eq!(paths(&from_outside), expected.clone().map(|finding| format!("club/{}", finding.0)));
    let from_within = scan(&here.join("settings"), &["--git", "--format=json", "."], b"");
    assert_eq!(paths(&from_within), expected.clone().map(|finding| format!("../{}", finding.0)));
    // The clone has the whole pack, but no index that would name what was staged.
    git(folder.path(), &["clone", "--quiet", "--bare", "club", "bare"]);
    let bare = scan(folder.path(), &["--git", "--format=json", "bare"], b"");
    let id = &git(&here, &["rev-parse", ":staged"])[..12];
    let mut in_bare = expected.map(|finding| format!("bare/{}", finding.0));
    in_bare[4] = format!("bare/blob {id}");
    in_bare.sort();
    assert_eq!((bare.status, paths(&bare)), (1, in_bare.to_vec()));

    // What a shallow clone lacks cannot be searched. The URL keeps git from taking the whole pack.
    let url = format!("file://{}", here.display());
    git(folder.path(), &["clone", "--quiet", "--depth=1", &url, "shallow"]);
    let shallow = scan(folder.path(), &["--git", "--format=json", "shallow"], b"");
    assert_eq!(
        (shallow.status, paths(&shallow)),
        (1, vec![format!("shallow/commit {telling}"), "shallow/readme".to_owned()])
    );
    assert!(shallow.stderr.contains("shallow: is a shallow clone"), "{}", shallow.stderr);

    // A name is in the tree of its folder, whatever the file holds.
    write(&here, &named.text, "");
    commit("Download a page");
    let tree = git(&here, &["rev-parse", "HEAD^{tree}"])[..12].to_owned();
    let named = scan(&here, &["--git", "--format=json", "."], b"");
    assert!(paths(&named).contains(&format!("tree {tree}")), "{}", named.stdout);
}

#[test]
fn a_repository_without_secrets_and_one_without_anything_are_clean() {
    let folder = TempDir::new().expect("a folder");
    git(folder.path(), &["init", "--quiet"]);
    for text in ["", "nothing"] {
        let scanned = scan(folder.path(), &["--git", "."], b"");
        assert_eq!((scanned.status, &*scanned.stdout), (0, ""), "{}", scanned.stderr);
        write(folder.path(), "file", text);
        git(folder.path(), &["add", "--all"]);
    }
    // One object that is damaged does not keep the others from being searched.
    let key = leak(SecretKind::ApiKey);
    write(folder.path(), "other", &key.text);
    git(folder.path(), &["add", "--all"]);
    let id = git(folder.path(), &["rev-parse", ":file"]);
    let object = folder.path().join(".git/objects").join(&id[..2]).join(&id[2..]);
    fs::remove_file(&object).expect("removed");
    fs::write(&object, "damaged").expect("written");
    let rest = scan(folder.path(), &["--git", "--format=json", "."], b"");
    assert_eq!((rest.status, rest.findings()), (1, vec![found("other", 1, 1, &key)]));
    assert!(rest.json()["errors"][0]["message"].as_str().expect("a message").contains(&id), "{}", rest.stdout);

    fs::write(folder.path().join(".git/HEAD"), "").expect("written");
    let failed = scan(folder.path(), &["--git", "."], b"");
    assert_eq!((failed.status, failed.stderr.contains("astral-server: .: ")), (2, true), "{}", failed.stderr);
}
