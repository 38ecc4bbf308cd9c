//! How many instructions the hot functions take, as valgrind counts them: without a clock, so that it is seen on any
//! machine when one of them comes to take more. `just measure`.

#![expect(missing_docs, unused_qualifications, reason = "in what the macros write")]

use std::{hint::black_box, net::Ipv4Addr, sync::Arc};

use astral_server::{
    HttpSettings, app,
    service::{Clock, Origin, Password, Presented, Secret, SeededClub, Service, Settings, ShellAccess},
};
use gungraun::{Callgrind, EntryPoint, LibraryBenchmarkConfig, library_benchmark, library_benchmark_group, main};
use poem::{Endpoint as _, EndpointExt as _, Request, Response, endpoint::BoxEndpoint};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// A server with one club of 50 members and a head coach, which has answered before.
struct Ready {
    runtime: Runtime,
    service: Arc<Service>,
    app: BoxEndpoint<'static, Response>,
    club: SeededClub,
    secret: String,
    commits: usize,
    _folder: TempDir,
}

impl Ready {
    fn new(commits: usize) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let folder = tempfile::tempdir().expect("a folder");
        let (service, _) = Service::open(folder.path(), Settings::default(), Clock::system()).expect("opens");
        let service = Arc::new(service);
        let password = Password::parse("correct-horse-battery".to_owned()).expect("a password");
        let hash = runtime.block_on(service.hash_password(password)).expect("hashed");
        let made = runtime.block_on(service.write(move |tx| {
            let operator = tx.operator(ShellAccess::asserted_by_command_line());
            let club = operator.seed_club(0, hash.clone())?;
            operator.seed_members(&club, 0, 0..50)?;
            let secrets = operator.seed_keys(&club, 0, 1)?;
            Ok((club, secrets))
        }));
        let (club, mut secrets) = made.expect("made");
        let app = app(Arc::clone(&service), HttpSettings::default()).boxed();
        let ready = Self { runtime, service, app, club, secret: secrets.remove(0), commits, _folder: folder };
        for _ in 0..20 {
            ready.checked_request();
            ready.key_check();
        }
        ready
    }

    fn checked_request(&self) -> Response {
        let uri = format!("/api/v1/organizations/{}/members?limit=50", self.club.organization_id);
        let request = Request::builder()
            .uri(uri.parse().expect("a path"))
            .header("authorization", format!("Bearer {}", self.secret))
            .finish();
        let response = self.runtime.block_on(self.app.get_response(request));
        assert_eq!(response.status().as_u16(), 200);
        response
    }

    fn key_check(&self) -> Presented {
        let secret = Secret::parse(self.secret.clone()).expect("a secret");
        let origin = Origin { address: Ipv4Addr::LOCALHOST.into(), request_id: self.service.new_request_id() };
        self.service.authenticate(&secret, origin, "list_members", None)
    }

    fn commit(&self, number: usize) -> Vec<String> {
        let club = self.club.clone();
        let write = self
            .service
            .write(move |tx| tx.operator(ShellAccess::asserted_by_command_line()).seed_keys(&club, number, 1));
        self.runtime.block_on(write).expect("written")
    }
}

#[library_benchmark]
#[bench::fifty_members(args = (0), setup = Ready::new)]
fn checked_request(ready: Ready) -> (Response, Ready) {
    (black_box(ready.checked_request()), ready)
}

#[library_benchmark]
#[bench::current_secret(args = (0), setup = Ready::new)]
fn key_check(ready: Ready) -> Ready {
    drop(black_box(ready.key_check()));
    ready
}

// A commit is the writer's thread's, so that all is counted that happens: what these two take more than each other is
// what 50 commits take.
#[library_benchmark(config = LibraryBenchmarkConfig::default()
    .tool(Callgrind::default().entry_point(EntryPoint::None)))]
#[bench::none(args = (0), setup = Ready::new)]
#[bench::fifty(args = (50), setup = Ready::new)]
fn commits(ready: Ready) -> Ready {
    for number in 1..=ready.commits {
        drop(black_box(ready.commit(number)));
    }
    ready
}

library_benchmark_group!(name = hot; benchmarks = checked_request, key_check, commits);
main!(library_benchmark_groups = hot);
