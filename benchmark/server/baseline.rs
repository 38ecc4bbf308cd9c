//! What requests are held against: the same framework, answering fixed bytes from memory.

use std::{fs, net::SocketAddr, path::Path};

use poem::{
    EndpointExt as _, Route, Server, get, handler,
    http::StatusCode,
    listener::{Acceptor as _, Listener as _, TcpListener},
    web::{Data, Path as InPath},
};

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
    let routes = Route::new().at("/:number", get(answer).post(answer)).data(Answers(answers.leak()));
    Server::new_with_acceptor(listener).run(routes).await
}
