//! The accept loop: silent, slow and too many connections, and a stop while requests run.

use std::{sync::Arc, time::Duration};

use astral_server::{
    HttpSettings,
    service::{Clock, Settings},
};
use astral_tests::TestServer;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

async fn impatient() -> TestServer {
    let http = HttpSettings {
        header_timeout: Duration::from_secs(1),
        body_timeout: Duration::from_secs(1),
        max_connections: 3,
        ..HttpSettings::default()
    };
    TestServer::start_here(
        Arc::new(tempfile::TempDir::new().expect("a folder")),
        Clock::system(),
        Settings::default(),
        http,
    )
    .await
}

async fn connect(server: &TestServer) -> TcpStream {
    TcpStream::connect(server.url.strip_prefix("http://").expect("a URL")).await.expect("connected")
}

/// What the server sends until it closes the connection.
async fn until_closed(stream: &mut TcpStream) -> String {
    let mut all = Vec::new();
    // A reset is a close too.
    let _ = stream.read_to_end(&mut all).await;
    String::from_utf8_lossy(&all).into_owned()
}

#[tokio::test]
async fn silent_and_half_open_connections_are_closed() {
    let server = impatient().await;
    for sent in ["", "G", "GET /health/live HTTP/1.1\r\nHost: x\r\nX-Slow: "] {
        let mut stream = connect(&server).await;
        stream.write_all(sent.as_bytes()).await.expect("sent");
        let answer = until_closed(&mut stream).await;
        assert!(!answer.contains("200 OK"), "{sent:?}: {answer}");
    }
    // Idle after a request.
    let mut stream = connect(&server).await;
    stream.write_all(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("sent");
    assert!(until_closed(&mut stream).await.starts_with("HTTP/1.1 200 OK"));
}

#[tokio::test]
async fn a_dripping_head_is_closed_though_bytes_keep_coming() {
    let server = impatient().await;
    let stream = connect(&server).await;
    let (mut reading, mut writing) = stream.into_split();
    let dripping = tokio::spawn(async move {
        let mut ticks = tokio::time::interval(Duration::from_millis(20));
        while writing.write_all(b"G").await.is_ok() {
            ticks.tick().await;
        }
    });
    let mut rest = Vec::new();
    let _ = reading.read_to_end(&mut rest).await;
    drop(reading);
    dripping.await.expect("the server has closed");
}

#[tokio::test]
async fn a_body_that_does_not_come_is_given_up() {
    let server = impatient().await;
    let mut stream = connect(&server).await;
    let head =
        "POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{";
    stream.write_all(head.as_bytes()).await.expect("sent");
    let answer = until_closed(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(answer.contains("application/problem+json") && answer.contains("request_timeout"), "{answer}");
}

#[tokio::test]
async fn more_connections_than_allowed_wait_for_their_turn() {
    let server = impatient().await;
    let silent = [connect(&server).await, connect(&server).await, connect(&server).await];
    // The fourth is served as soon as the server has given up on a silent one.
    let mut fourth = connect(&server).await;
    fourth.write_all(b"GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.expect("sent");
    assert!(until_closed(&mut fourth).await.starts_with("HTTP/1.1 200 OK"));
    drop(silent);
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let server = impatient().await;
    let mut stream = connect(&server).await;
    let head = format!("GET /health/live HTTP/1.1\r\nHost: x\r\nX-Large: {}\r\n\r\n", "x".repeat(64 << 10));
    // The server may close before it has read all of it.
    let _ = stream.write_all(head.as_bytes()).await;
    assert!(!until_closed(&mut stream).await.contains("200 OK"));
}

#[tokio::test]
async fn a_request_that_runs_is_finished_when_the_server_stops() {
    let mut server = TestServer::start().await;
    let club = server.club("Summit").await;
    let mut stream = connect(&server).await;
    let body = format!("{{\"email\":\"{}\",\"password\":\"{}\"}}", club.coach.email, club.coach.password);
    let head = format!(
        "POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.expect("sent");
    // The server asks for the body: the request runs.
    let mut asked = [0; 25];
    stream.read_exact(&mut asked).await.expect("asked");
    assert_eq!(&asked, b"HTTP/1.1 100 Continue\r\n\r\n");
    let finish = async {
        // New connections are refused as soon as it stops.
        while TcpStream::connect(server.url.strip_prefix("http://").expect("a URL")).await.is_ok() {
            tokio::task::yield_now().await;
        }
        stream.write_all(body.as_bytes()).await.expect("sent");
        until_closed(&mut stream).await
    };
    astral_tests::terminate(server.pid());
    let answer = finish.await;
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(server.stop().await.expect("a process").success());
}
