//! The accept loop: silent, slow and too many connections, what is left of a body, and a stop while requests run.

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

pub async fn connect(server: &TestServer) -> TcpStream {
    TcpStream::connect(server.address()).await.expect("connected")
}

/// What the server sends until it closes the connection.
pub async fn until_closed(stream: &mut TcpStream) -> String {
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
async fn more_connections_than_allowed_are_served() {
    let server = impatient().await;
    let silent = [connect(&server).await, connect(&server).await, connect(&server).await];
    // A silent one makes room for the fourth.
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

/// The head of an answer, and whatever has come with it.
async fn read_head(stream: &mut TcpStream) -> String {
    let mut read = Vec::new();
    while !read.windows(4).any(|end| end == b"\r\n\r\n") {
        assert!(stream.read_buf(&mut read).await.expect("read") > 0, "{}", String::from_utf8_lossy(&read));
    }
    String::from_utf8_lossy(&read).into_owned()
}

fn login(length: usize, further: &str) -> String {
    format!(
        "POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n{further}\r\n"
    )
}

/// A server that refuses a body by its length, and closes while the client still sends it, resets the connection: the
/// client then fails to send, and never reads why.
#[tokio::test]
async fn whoever_sends_too_large_a_body_reads_that_it_is() {
    let server = TestServer::start_with(&["--rate-limit-address", "0"]).await;
    let send = async |head: String, length: usize| {
        let mut stream = connect(&server).await;
        stream.write_all(head.as_bytes()).await.expect("sent");
        stream.write_all(&vec![b' '; length]).await.expect("all of it is taken");
        stream
    };
    for round in 0..200 {
        // Whether or not the connection is to be used again.
        let further = if round % 2 == 0 { "" } else { "Connection: close\r\n" };
        let mut stream = send(login(2_000_000, further), 2_000_000).await;
        let answer = if round % 2 == 0 { read_head(&mut stream).await } else { until_closed(&mut stream).await };
        assert!(answer.starts_with("HTTP/1.1 413"), "{round}: {answer}");
    }
    // More than is read to keep the connection.
    let mut stream = send(login(20_000_000, ""), 20_000_000).await;
    let answer = until_closed(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("\r\nconnection: close\r\n"), "{answer}");
    assert!(answer.ends_with('}'), "{answer}");
    // Too large a head is no request, and its client reads that all the same.
    let mut stream = connect(&server).await;
    let head = format!("GET /health/live HTTP/1.1\r\nHost: x\r\nX-Large: {}\r\n\r\n", "x".repeat(2_000_000));
    stream.write_all(head.as_bytes()).await.expect("all of it is taken");
    assert!(until_closed(&mut stream).await.starts_with("HTTP/1.1 431"));
}

#[tokio::test]
async fn a_body_that_nobody_reads_does_not_cost_the_connection() {
    let server = TestServer::start().await;
    let mut stream = connect(&server).await;
    for path in ["/api/v1/auth/logout", "/api/v1/nothing", "/docs"] {
        let head = format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n");
        stream.write_all(head.as_bytes()).await.expect("sent");
        let answer = read_head(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 4") && !answer.contains("connection: close"), "{answer}");
        stream.write_all(&[b'x'; 60_000]).await.expect("sent");
        let next = "GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n";
        stream.write_all(next.as_bytes()).await.expect("sent");
        let mut read = String::new();
        while !read.contains("HTTP/1.1 200 OK") || !read.ends_with("ok\n") {
            let mut bytes = [0; 4096];
            let count = stream.read(&mut bytes).await.expect("read");
            assert!(count > 0, "{path}: {read}");
            read.push_str(&String::from_utf8_lossy(&bytes[..count]));
        }
    }
}

/// Whoever asks before they send has nothing on its way, and is not waited for.
#[tokio::test]
async fn a_body_that_was_not_asked_for_is_not_waited_for() {
    let server = TestServer::start().await;
    let mut stream = connect(&server).await;
    stream.write_all(login(2_000_000, "Expect: 100-continue\r\n").as_bytes()).await.expect("sent");
    let answer = until_closed(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("\r\nconnection: close\r\n"), "{answer}");
}

/// Behind a proxy that is not named all clients count as one, and nobody would know why.
#[tokio::test]
async fn a_proxy_that_is_not_named_is_told_of_once() {
    let told = |server: &TestServer| server.log().matches("not named with --trusted-proxy").count();
    let server = TestServer::start().await;
    let ask = async |server: &TestServer, name: &str, value: &str| {
        let asked = server.request("get", "/health/live").header(name, value).send().await.expect("answered");
        assert_eq!(asked.status(), 200);
    };
    ask(&server, "accept", "*/*").await;
    assert_eq!(told(&server), 0);
    ask(&server, "forwarded", "for=203.0.113.7").await;
    assert_eq!(told(&server), 1);
    for _ in 0..3 {
        ask(&server, "x-forwarded-for", "203.0.113.7").await;
    }
    assert_eq!(told(&server), 1);
    let server = TestServer::start_with(&["--trusted-proxy", "127.0.0.1"]).await;
    ask(&server, "x-forwarded-for", "203.0.113.7").await;
    assert_eq!(told(&server), 0);
}

#[tokio::test]
async fn a_request_that_runs_is_finished_when_the_server_stops() {
    // Those that ask below whether it still accepts are many, of the same address, and must not make it make room.
    let mut server = TestServer::start_with(&["--max-connections-per-address", "0"]).await;
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
