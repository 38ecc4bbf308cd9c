//! What nobody should send: every answer is a problem that names the fault, and nothing has changed.

mod answer;
mod fields;
mod forms;
mod values;

use astral_server::service::Clock;
use astral_tests::{
    Club, TestServer,
    document::{Operation, operations},
};
use chrono::TimeDelta;
use reqwest::{RequestBuilder, header::ALLOW};
use serde_json::Value;

use self::answer::Answer;
use crate::requests::{Caller, Request, valid};

/// A server whose clock the test moves.
struct Ground {
    server: TestServer,
    clock: Clock,
}

impl Ground {
    async fn new() -> Self {
        let clock = Clock::fixed("2030-01-01T00:00:00Z".parse().expect("a date"));
        Self { server: TestServer::start_at(clock.clone()).await, clock }
    }
}

/// One operation, tried in a club of its own.
struct Bench<'a> {
    ground: &'a Ground,
    operation: &'a Operation,
    club: Club,
    /// A request to which nothing is wrong.
    request: Request,
    /// All of the club, as it was before the next request.
    before: Value,
    faults: Vec<String>,
}

impl<'a> Bench<'a> {
    async fn new(ground: &'a Ground, operation: &'a Operation) -> Self {
        let club = ground.server.club(&operation.id).await;
        let request = valid_in(ground, operation, &club).await;
        let before = club.everything().await;
        Self { ground, operation, club, request, before, faults: Vec::new() }
    }

    fn by_head_coach(&self, request: &Request) -> RequestBuilder {
        request.by(&self.ground.server, Some(&self.club.head_coach.token))
    }

    fn must(&mut self, holds: bool, what: &str, fault: &str) {
        if !holds {
            self.faults.push(format!("{}, {what}: {fault}", self.operation.id));
        }
    }

    /// Sends a request and checks what holds for every answer. What it may have consumed is made anew.
    async fn send(&mut self, what: &str, request: RequestBuilder) -> Answer {
        // Until wrong passwords are forgotten.
        self.ground.clock.advance(TimeDelta::minutes(61));
        let answer = Answer::to(request).await;
        for fault in answer.faults() {
            self.must(false, what, &fault);
        }
        for fault in self.operation.undocumented(answer.status, &answer.headers) {
            self.must(false, what, &fault);
        }
        if answer.is_refusal() {
            let unchanged = self.club.everything().await == self.before;
            self.must(unchanged, what, "it was refused and changed something");
        } else {
            self.request = valid_in(self.ground, self.operation, &self.club).await;
            self.before = self.club.everything().await;
        }
        answer
    }

    fn expect(&mut self, what: &str, answer: &Answer, status: u16, code: &str) {
        self.must(answer.is(status, code), what, &format!("not {status} {code} but {} {}", answer.status, answer.body));
    }

    fn expect_refused(&mut self, what: &str, answer: &Answer, field: &str) {
        self.expect(what, answer, 422, "invalid_request");
        let named = answer.message_about(field).is_some();
        self.must(answer.status != 422 || named, what, &format!("does not name {field}: {}", answer.body["errors"]));
    }

    /// The request to which nothing is wrong still works: what was refused was refused for its fault alone.
    async fn finish(mut self) -> Vec<String> {
        let answer = Answer::to(self.by_head_coach(&self.request)).await;
        let works = !answer.is_refusal() || self.operation.id == "set_up" && answer.is(409, "already_set_up");
        self.must(works, "at the end", &format!("the valid request is refused: {}", answer.body));
        self.faults
    }
}

async fn valid_in(ground: &Ground, operation: &Operation, club: &Club) -> Request {
    let head_coach = Caller {
        name: "head coach",
        credential: Some(club.head_coach.token.clone()),
        password: club.head_coach.password.clone(),
        member_id: None,
    };
    valid(&ground.server, club, operation, "", &head_coach).await.expect("a request")
}

#[tokio::test]
async fn unknown_paths_are_not_found() {
    let ground = Ground::new().await;
    let club = ground.server.club("Summit").await;
    let paths = [
        "/nothing",
        "//",
        "/api",
        "/api/v1",
        "/api/v1/",
        "/api/v1/nothing",
        "/api/v2/organizations",
        "/API/v1/organizations",
        "/api/v1/organizations/",
        "/api/v1//organizations",
        "/%00",
        "/%ff",
        "/docs/problems/nothing",
        "/openapi.yaml",
    ];
    let mut faults = Vec::new();
    for (path, method) in paths.iter().flat_map(|path| ["get", "post", "delete"].map(|method| (path, method))) {
        let answer = Answer::to(ground.server.request(method, path).bearer_auth(&club.head_coach.token)).await;
        faults.extend(answer.faults().into_iter().map(|fault| format!("{method} {path}: {fault}")));
        let unknown = answer.is(404, "not_found") || method != "get" && answer.is(405, "method_not_allowed");
        if !unknown {
            faults.push(format!("{method} {path}: {} {}", answer.status, answer.body));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[tokio::test]
async fn other_methods_are_refused_with_those_that_work() {
    let ground = Ground::new().await;
    let mut paths: Vec<(String, Vec<String>)> = Vec::new();
    for operation in operations() {
        let path = operation.path.replace("{org_id}", "org_01jddjyz00fqqt3cp3tkjzc1rr");
        match paths.iter_mut().find(|(known, _)| *known == path) {
            Some((_, methods)) => methods.push(operation.method.to_uppercase()),
            None => paths.push((path, vec![operation.method.to_uppercase()])),
        }
    }
    for page in ["/health/live", "/health/ready", "/openapi.json", "/docs/problems/not_found", "/invitations/accept"] {
        paths.push((page.to_owned(), vec!["GET".to_owned()]));
    }
    for (path, mut known) in paths {
        // What answers GET answers HEAD: RFC 9110, section 9.3.2.
        if known.iter().any(|method| method == "GET") {
            known.push("HEAD".to_owned());
        }
        known.sort_unstable();
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
            if known.iter().any(|known| known == method) {
                continue;
            }
            let answer = Answer::to(ground.server.request(method, &path)).await;
            assert_eq!(answer.faults(), Vec::<String>::new(), "{method} {path}");
            assert!(answer.is(405, "method_not_allowed"), "{method} {path}: {} {}", answer.status, answer.body);
            let allow = answer.headers[ALLOW].to_str().expect("text");
            let mut allowed: Vec<&str> = allow.split(", ").collect();
            allowed.sort_unstable();
            assert_eq!(allowed, known, "{method} {path}");
        }
    }
}
