//! Generated clients: each is made afresh from `openapi/openapi.json` with the command in `openapi/README.md`, checked
//! as strictly as its language allows, and walks one story against a running server. Its row in the table of that file
//! is written from what happened here.

mod generated;
mod project;
mod table;

use astral_client::types;
use astral_tests::TestServer;

use self::{
    generated::{Names, camel, pascal},
    project::Project,
    table::Row,
};

/// What the stories ask for at most on one page.
const PAGE: usize = 3;

/// Members of the club beside its head coach, coach and athlete.
const FURTHER_MEMBERS: usize = 5;

#[tokio::test]
async fn python_walks_the_story() {
    let project = Project::new("Python");
    let generator = format!("openapi-python-client {}", project.version("openapi-python-client"));
    project.generate();
    let names =
        Names { extension: "py", operation: |id| format!("/{id}.py"), model: str::to_owned, declared: &["class "] };
    let generated = names.count(&project, &["astral_client"]);
    project.run("mypy", &["--strict", "story.py", "astral_client"]);
    walk(&project, "python", &["story.py"]).await;
    table::hold(Row {
        client: "Python",
        generator,
        generated,
        checked: format!("mypy {} `--strict`, client and story", project.version("mypy")),
        refusal: "a `Problem`, returned".to_owned(),
        story: table::RAN.to_owned(),
    });
}

#[tokio::test]
async fn typescript_walks_the_story() {
    let project = Project::new("TypeScript");
    project.link_node_modules();
    let generator = format!(
        "openapi-typescript {}, openapi-fetch {}",
        project.version("openapi-typescript"),
        project.package_version("openapi-fetch")
    );
    project.generate();
    let names = Names {
        extension: "ts",
        operation: |id| format!("\n    {id}: {{"),
        model: str::to_owned,
        declared: &["\n        "],
    };
    let generated = names.count(&project, &["astral.ts"]);
    project.run("tsc", &[]);
    walk(&project, "node", &["out/story.js"]).await;
    table::hold(Row {
        client: "TypeScript",
        generator,
        generated,
        checked: format!("TypeScript {}, `strict` and more, client and story", project.version("tsc")),
        refusal: "a `Problem`, in `error`".to_owned(),
        story: table::RAN.to_owned(),
    });
}

/// Each lint that Java 17 knows, by name, so that a newer Java adds none. Without `deprecation`: the client calls two
/// methods that are deprecated in the Jackson of the generator's jar, which is newer than the one it is made for.
const JAVA_LINTS: &str = "-Xlint:cast,classfile,dep-ann,divzero,empty,exports,fallthrough,finally,opens,options,\
                          overrides,path,preview,rawtypes,removal,serial,static,strictfp,synchronization,try,unchecked,\
                          varargs";

#[tokio::test]
async fn java_walks_the_story() {
    let project = Project::new("Java");
    let generator = openapi_generator(&project, "java") + ", library `native`";
    project.generate();
    let names = Names {
        extension: "java",
        operation: |id| format!(" {}(", camel(id)),
        model: str::to_owned,
        declared: &["class ", "enum "],
    };
    let generated = names.count(&project, &["client/src"]);
    let jars = project.java_libraries();
    let sources = project.files(&["client/src", "Story.java"], "java");
    // Without a processor of annotations, of which the generator's jar holds some.
    let mut arguments = vec!["-proc:none", JAVA_LINTS, "-Werror", "-d", "out", "-classpath", &jars];
    arguments.extend(sources.iter().map(String::as_str));
    project.run("javac", &arguments);
    walk(&project, "java", &["-classpath", &format!("out:{jars}"), "Story"]).await;
    table::hold(Row {
        client: "Java",
        generator,
        generated,
        checked: "`javac -Werror` with each lint but `deprecation`, client and story".to_owned(),
        refusal: "text in the exception, read as a `Problem` with the client's mapper".to_owned(),
        story: table::RAN.to_owned(),
    });
}

#[tokio::test]
async fn go_walks_the_story() {
    let project = Project::new("Go");
    let generator = openapi_generator(&project, "go");
    project.generate();
    let names = Names {
        extension: "go",
        operation: |id| format!(") {}(ctx context.Context", pascal(id)),
        // The command names these otherwise, as `NewMember` is in Go the function that makes a `Member`.
        model: |name| match name.strip_prefix("New") {
            Some(noun) => format!("{noun}Creation"),
            None => name.to_owned(),
        },
        declared: &["type "],
    };
    let generated = names.count(&project, &["client"]);
    project.run("go", &["vet", "./..."]);
    project.run("go", &["build", "-buildvcs=false", "-o", "story", "."]);
    walk(&project, "./story", &[]).await;
    table::hold(Row {
        client: "Go",
        generator,
        generated,
        checked: "`go vet` and `go build`, client and story".to_owned(),
        refusal: "a `Problem`, the `Model` of the error".to_owned(),
        story: table::RAN.to_owned(),
    });
}

#[tokio::test]
async fn php_walks_the_story() {
    let project = Project::new("PHP");
    let generator = openapi_generator(&project, "php");
    project.generate();
    let names = Names {
        extension: "php",
        operation: |id| format!("function {}(", camel(id)),
        model: str::to_owned,
        declared: &["\nclass "],
    };
    let generated = names.count(&project, &["client/lib"]);
    for file in project.files(&["client/lib", "autoload.php", "story.php"], "php") {
        project.run("php", &["-l", &file]);
    }
    walk(&project, "php", &["story.php"]).await;
    table::hold(Row {
        client: "PHP",
        generator,
        generated,
        checked: "`php -l`, each file".to_owned(),
        refusal: "a `Problem`, the response object of the exception".to_owned(),
        story: table::RAN.to_owned(),
    });
}

#[tokio::test]
async fn ruby_walks_the_story() {
    let project = Project::new("Ruby");
    let generator = openapi_generator(&project, "ruby");
    project.generate();
    let names =
        Names { extension: "rb", operation: |id| format!("def {id}("), model: str::to_owned, declared: &["class "] };
    let generated = names.count(&project, &["client/lib"]);
    // As `ruby -wc` does with one file.
    let compile = "ARGV.each { |file| RubyVM::InstructionSequence.compile_file(file) }";
    let sources = project.files(&["client/lib", "story.rb"], "rb");
    let warnings = project
        .run(
            "ruby",
            &[["-w", "-e", compile, "--"].as_slice(), &sources.iter().map(String::as_str).collect::<Vec<_>>()].concat(),
        )
        .stderr;
    assert_eq!(warnings, "", "Ruby warns of the client");
    walk(&project, "ruby", &["-I", "client/lib", "story.rb"]).await;
    table::hold(Row {
        client: "Ruby",
        generator,
        generated,
        checked: "as with `ruby -wc`, each file".to_owned(),
        refusal: "text in the error, read as a `Problem` with the client's model".to_owned(),
        story: table::RAN.to_owned(),
    });
}

#[test]
fn csharp_is_generated_only() {
    let project = Project::new("C#");
    let generator = openapi_generator(&project, "csharp");
    project.generate();
    let names = Names {
        extension: "cs",
        operation: |id| format!(" {}Async(", pascal(id)),
        model: str::to_owned,
        declared: &["class ", "enum "],
    };
    let generated = names.count(&project, &["client/src"]);
    table::hold(Row {
        client: "C#",
        generator,
        generated,
        checked: "not compiled: Debian has no .NET".to_owned(),
        refusal: "–".to_owned(),
        story: "did not run: not compiled".to_owned(),
    });
}

/// The version of OpenAPI Generator and the name of one of its generators.
fn openapi_generator(project: &Project, generator: &str) -> String {
    format!("OpenAPI Generator {}, `{generator}`", project.run("openapi-generator-cli", &["version"]).stdout.trim())
}

/// Runs the story of a project against a club of its own, and holds what it says against the club.
async fn walk(project: &Project, program: &str, arguments: &[&str]) {
    let server = TestServer::start().await;
    let club = server.club("Summit Running Club").await;
    for number in 0..FURTHER_MEMBERS {
        club.add_athlete(&format!("Athlete {number}")).await;
    }
    let members = 3 + FURTHER_MEMBERS;
    let settings = [
        ("ASTRAL_URL", &server.url),
        ("ASTRAL_EMAIL", &club.head_coach.email),
        ("ASTRAL_PASSWORD", &club.head_coach.password),
        ("ASTRAL_ORGANIZATION", &club.organization_id),
    ];
    let told = project.run_with(program, arguments, &settings).stdout;
    let pages = members.div_ceil(PAGE);
    let expected = format!(
        "story: signed in, created a key, {pages} pages of {members} members, scope_required, revoked, key_revoked\n"
    );
    assert_eq!(told, expected, "what the {} story has met", project.client);

    let keys = club.head_coach.client.list_api_keys().org_id(&club.organization_id).status(types::KeyStatusFilter::All);
    let keys = keys.send().await.expect("listed").into_inner().data;
    let seen: Vec<_> = keys.iter().map(|key| (key.name.as_str(), key.status)).collect();
    assert_eq!(seen, [(format!("{} story", project.client).as_str(), types::KeyStatus::Revoked)]);
}
