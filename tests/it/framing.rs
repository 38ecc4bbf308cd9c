//! Where a request ends: what a server and a proxy before it could each see otherwise, so that one request becomes two.

use astral_tests::{TestServer, password};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// What is answered until the connection is closed.
async fn answers(server: &TestServer, head: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(server.url.trim_start_matches("http://")).await.expect("connected");
    let request = format!(
        "POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{head}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut all = Vec::new();
    // A reset is a close too.
    let _ = stream.read_to_end(&mut all).await;
    String::from_utf8_lossy(&all).into_owned()
}

fn statuses(answers: &str) -> Vec<&str> {
    answers.split("HTTP/1.1 ").skip(1).map(|answer| &answer[..3]).collect()
}

/// RFC 9112, section 6.3: what says that it comes in chunks is read in chunks, whatever length is named beside it.
#[tokio::test]
async fn a_request_ends_with_its_last_chunk_whatever_length_it_names() {
    let server = TestServer::start().await;
    let login = format!("{{\"email\":\"nobody@summit.example\",\"password\":\"{}\"}}", password("nobody"));
    let body = format!("{:x}\r\n{login}\r\n0\r\n\r\n", login.len());
    for head in
        ["Content-Length: 4\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked\r\nContent-Length: 100000"]
    {
        let answers = answers(&server, &format!("{head}\r\nConnection: close"), &body).await;
        assert_eq!(statuses(&answers), ["401"], "{head}: {answers}");
        assert!(answers.contains("wrong_email_or_password"), "{head}: the body is read whole: {answers}");
    }
}

#[tokio::test]
async fn a_request_whose_end_is_not_clear_is_refused_and_nothing_behind_it_is_read() {
    let server = TestServer::start().await;
    let smuggled = "GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    for head in [
        "Content-Length: 0\r\nContent-Length: 5",
        "Content-Length: +0",
        "Content-Length: 0x0",
        "Content-Length: -1",
        "Transfer-Encoding: identity",
        "Transfer-Encoding: chunked, gzip",
        "Transfer-Encoding : chunked",
    ] {
        let answers = answers(&server, head, smuggled).await;
        assert_eq!(statuses(&answers), ["400"], "{head}: {answers}");
    }
}
