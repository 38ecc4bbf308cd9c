//! A folder in which a client is generated, checked and run.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use astral_tests::repository;
use serde_json::Value;

use super::table;

/// Debian's, of `libjakarta-annotation-api-java`.
const JAKARTA_ANNOTATIONS: &str = "/usr/share/java/jakarta-annotation-api.jar";

/// What a program has said.
pub struct Said {
    pub stdout: String,
    pub stderr: String,
}

/// The project of somebody who writes an integration: a copy of their story, the document, and the client.
pub struct Project {
    /// What `openapi/README.md` calls the client.
    pub client: &'static str,
    folder: PathBuf,
}

impl Project {
    /// Empties `target/clients/<name>`, and copies the document and the files of `tests/clients/<name>` into it.
    pub fn new(client: &'static str) -> Self {
        let name = client.to_lowercase().replace('#', "sharp");
        let folder = table::folder().join(&name);
        if folder.exists() {
            fs::remove_dir_all(&folder).expect("emptied");
        }
        fs::create_dir_all(&folder).expect("a folder");
        fs::copy(repository().join("openapi/openapi.json"), folder.join("openapi.json")).expect("copied");
        // A language whose client is not compiled has no story.
        for file in fs::read_dir(repository().join("tests/clients").join(name)).into_iter().flatten() {
            let file = file.expect("a file");
            fs::copy(file.path(), folder.join(file.file_name())).expect("copied");
        }
        Self { client, folder }
    }

    /// Runs the command that `openapi/README.md` gives for this client.
    pub fn generate(&self) {
        let command = table::command(self.client);
        let said = self.run("sh", &["-euc", &command]);
        // They still exit with 0.
        let stumbled = [said.stdout, said.stderr].concat();
        let stumbled: Vec<&str> =
            stumbled.lines().filter(|line| line.contains(" WARN ") || line.contains(" ERROR ")).collect();
        assert!(stumbled.is_empty(), "the generator stumbles over the document: {stumbled:#?}");
    }

    /// Runs a program in the folder; it must succeed.
    pub fn run(&self, program: &str, arguments: &[&str]) -> Said {
        self.run_with(program, arguments, &[])
    }

    /// The same, with further variables.
    pub fn run_with(&self, program: &str, arguments: &[&str], variables: &[(&str, &String)]) -> Said {
        let Output { status, stdout, stderr } = Command::new(self.find(program))
            .args(arguments)
            .current_dir(&self.folder)
            .env("PATH", path())
            // A program that runs for seconds is not worth more.
            .env("JDK_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")
            // Kept, as it holds Go's own library, compiled.
            .env("GOCACHE", table::folder().join("go-cache"))
            .envs([("GOPROXY", "off"), ("GOTOOLCHAIN", "local"), ("GOFLAGS", "")])
            .envs(variables.iter().map(|(name, value)| (name, value.as_str())))
            .output()
            .expect("what was found starts");
        let [stdout, stderr] = [stdout, stderr].map(|said| String::from_utf8_lossy(&said).into_owned());
        assert!(
            status.success(),
            "{program} fails with the {} client; if something is missing, run ./check, which installs it\n\
             {stdout}{stderr}",
            self.client
        );
        Said { stdout, stderr }
    }

    /// The version that a program states of itself: its first word that is a number, or `v` and a number.
    pub fn version(&self, program: &str) -> String {
        let said = self.run(program, &["--version"]).stdout;
        let mut words = said.split_whitespace().map(|word| word.trim_start_matches('v'));
        let number = words.find(|word| word.starts_with(|first: char| first.is_ascii_digit()));
        number.unwrap_or_else(|| panic!("{program} states a version, and not {said:?}")).to_owned()
    }

    /// The version of a package of Node.
    pub fn package_version(&self, package: &str) -> String {
        let path = node_modules().join(package).join("package.json");
        let text = fs::read(path).unwrap_or_else(|_| missing(package));
        let package: Value = serde_json::from_slice(&text).expect("JSON");
        package["version"].as_str().expect("a version").to_owned()
    }

    /// Makes Node's packages known to the project, as if it had installed them.
    pub fn link_node_modules(&self) {
        std::os::unix::fs::symlink(node_modules(), self.folder.join("node_modules")).expect("linked");
    }

    /// The jars that a Java client needs: Jackson, which the generator's jar holds, since Debian lacks its module for
    /// times; and annotations, from Debian.
    pub fn java_libraries(&self) -> String {
        let find =
            "import importlib.util as u; print(u.find_spec('openapi_generator_cli').submodule_search_locations[0])";
        let folder = self.run("python", &["-c", find]).stdout;
        let jackson = Path::new(folder.trim()).join("openapi-generator.jar");
        for jar in [&jackson, Path::new(JAKARTA_ANNOTATIONS)] {
            if !jar.exists() {
                missing(&jar.display().to_string());
            }
        }
        format!("{}:{JAKARTA_ANNOTATIONS}", jackson.display())
    }

    /// The files with this extension, named themselves or in named folders, sorted.
    pub fn files(&self, places: &[&str], extension: &str) -> Vec<String> {
        let mut found = Vec::new();
        let mut open: Vec<PathBuf> = places.iter().map(PathBuf::from).collect();
        while let Some(path) = open.pop() {
            let full = self.folder.join(&path);
            if full.is_dir() {
                let entries = fs::read_dir(full).expect("readable");
                open.extend(entries.map(|entry| path.join(entry.expect("an entry").file_name())));
            } else if path.extension().is_some_and(|ending| ending == extension) {
                found.push(path.to_str().expect("a plain name").to_owned());
            }
        }
        found.sort();
        found
    }

    /// The text of a file.
    pub fn read(&self, file: &str) -> String {
        fs::read_to_string(self.folder.join(file)).expect("text")
    }

    fn find(&self, program: &str) -> PathBuf {
        if program.starts_with("./") {
            return self.folder.join(program);
        }
        let found = std::env::split_paths(&path()).map(|folder| folder.join(program)).find(|path| path.is_file());
        found.unwrap_or_else(|| missing(program))
    }
}

fn missing(what: &str) -> ! {
    panic!("{what} is missing; run ./check, which installs what the tests need")
}

fn node_modules() -> PathBuf {
    repository().join("tests/tools/node_modules")
}

/// The tools that `./check` installs, before those of the system.
fn path() -> OsString {
    let node = std::env::var_os("ASTRAL_NODE").map(PathBuf::from);
    // A bare name has a parent too, an empty one.
    let node = node.as_deref().and_then(Path::parent).filter(|folder| folder.is_absolute()).map(Path::to_owned);
    let system = std::env::var_os("PATH").unwrap_or_default();
    let folders = [repository().join(".venv/bin"), node_modules().join(".bin")].into_iter().chain(node);
    std::env::join_paths(folders.chain(std::env::split_paths(&system))).expect("no folder has a colon")
}
