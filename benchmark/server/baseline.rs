//! What requests are held against: the same framework, answering fixed bytes from memory.

use std::{fs, net::SocketAddr, path::Path};

use poem::{
    EndpointExt as _, Route, Server, handler,
    http::StatusCode,
    listener::{Acceptor as _, Listener as _, TcpListener},
    web::{Data, Path as InPath},
};
use tempfile::TempDir;

use crate::{
    load::{Request, Requests},
    program::{Running, as_role},
};

/// The same framework, which answers from memory what servers have answered.
pub struct FromMemory {
    pub server: Running,
    /// For each of the requests: such a one, which it answers with the same bytes.
    pub requests: Vec<Requests>,
    /// Those bytes.
    pub answers: Vec<Vec<u8>>,
    _files: TempDir,
}

impl FromMemory {
    /// Asks servers, each of which must answer with this status, and starts it with what they say.
    pub async fn of(asked: &[(&Running, &Request, u16)]) -> Self {
        let files = tempfile::tempdir().expect("a folder");
        let bodies = files.path().join("bodies");
        fs::create_dir(&bodies).expect("made");
        let (mut requests, mut answers) = (Vec::new(), Vec::new());
        for (number, (server, request, expected)) in asked.iter().enumerate() {
            let (status, body) = server.answer(request).await;
            assert_eq!(status, *expected, "{}: {}", request.path, String::from_utf8_lossy(&body));
            fs::write(bodies.join(format!("{number:03}")), &body).expect("written");
            answers.push(body);
            let same = Request { path: format!("/{number}"), ..(*request).clone() };
            requests.push(Requests::new(files.path(), &number.to_string(), &[same], false));
        }
        let server = Running::start(&mut as_role("fixed", &bodies));
        for (number, bytes) in answers.iter().enumerate() {
            let (_, same) = server.answer(&Request::get(format!("/{number}"), "")).await;
            assert!(same == *bytes, "from memory come the same bytes");
        }
        Self { server, requests, answers, _files: files }
    }
}

#[derive(Clone)]
struct Answers(&'static [Vec<u8>]);

#[handler]
fn answer(answers: Data<&Answers>, InPath(number): InPath<usize>) -> poem::Response {
    match answers.0.0.get(number) {
        Some(bytes) => poem::Response::builder().content_type("application/json").body(&bytes[..]),
        None => StatusCode::NOT_FOUND.into(),
    }
}

/// Serves each file of `folder`, by its place in the order of the names, until the process is ended. Says where.
#[expect(clippy::print_stdout, reason = "whoever has started it reads it")]
pub async fn serve(folder: &Path) -> std::io::Result<()> {
    let mut files: Vec<_> =
        fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?.iter().map(|file| file.path()).collect();
    files.sort();
    let answers = files.iter().map(fs::read).collect::<Result<Vec<_>, _>>()?;
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).into_acceptor().await?;
    let address = listener.local_addr()[0].to_string();
    println!("{}", address.rsplit('/').next().unwrap_or_default());
    let routes = Route::new().at("/:number", answer).data(Answers(answers.leak()));
    Server::new_with_acceptor(listener).run(routes).await
}
