//! A bad network: a proxy that loses requests and answers on purpose.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Instant,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

/// What becomes of a request.
#[derive(Debug, Clone, Copy)]
pub enum Fate {
    /// The connection ends, and the server never hears of it.
    Lost,
    /// The server does it, and the connection ends before its answer.
    AnswerLost,
    /// The server does it, and the connection ends in the middle of its answer.
    AnswerCut,
    /// The server never hears of it, and this is answered: a status line, and perhaps headers.
    Answered(&'static str),
    /// The server does it, and this is answered instead.
    AnsweredAfterwards(&'static str),
}

/// A proxy before a server.
pub struct Network {
    /// Where it listens.
    pub url: String,
    requests: Arc<Mutex<Vec<Instant>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Network {
    /// Passes on what it gets, except that the first requests with this method have these fates.
    pub async fn before(server: &str, method: &'static str, fates: Vec<Fate>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let server = server.strip_prefix("http://").expect("a URL").to_owned();
        let requests = Arc::<Mutex<Vec<Instant>>>::default();
        let seen = Arc::clone(&requests);
        let mut fates = VecDeque::from(fates);
        // One connection after another: the examples wait for each answer.
        let task = tokio::spawn(async move {
            loop {
                let (mut client, _) = listener.accept().await.expect("a connection");
                let Some(request) = read_request(&mut client).await else { continue };
                let mut fate = None;
                if request.starts_with(method.as_bytes()) {
                    seen.lock().expect("not poisoned").push(Instant::now());
                    fate = fates.pop_front();
                }
                if let Some(answer) = answer(&server, &request, fate).await {
                    // Who has gone away needs no answer.
                    let _ = client.write_all(&answer).await;
                    let _ = client.shutdown().await;
                }
            }
        });
        Self { url, requests, task }
    }

    /// When each request with the method came.
    pub fn requests(&self) -> Vec<Instant> {
        self.requests.lock().expect("not poisoned").clone()
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What the client gets, if it gets anything.
async fn answer(server: &str, request: &[u8], fate: Option<Fate>) -> Option<Vec<u8>> {
    let problem =
        |head: &str| format!("HTTP/1.1 {head}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").into_bytes();
    match fate {
        None => Some(pass_on(server, request).await),
        Some(Fate::Lost) => None,
        Some(Fate::Answered(head)) => Some(problem(head)),
        Some(Fate::AnswerLost) => {
            pass_on(server, request).await;
            None
        }
        Some(Fate::AnswerCut) => {
            let mut answer = pass_on(server, request).await;
            answer.truncate(answer.len() - 10);
            Some(answer)
        }
        Some(Fate::AnsweredAfterwards(head)) => {
            pass_on(server, request).await;
            Some(problem(head))
        }
    }
}

/// The server's whole answer.
async fn pass_on(server: &str, request: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(server).await.expect("the server runs");
    stream.write_all(request).await.expect("sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("answered");
    answer
}

/// A request with its body, asking for no further one on its connection.
async fn read_request(client: &mut TcpStream) -> Option<Vec<u8>> {
    let mut request = Vec::new();
    let end = loop {
        if let Some(end) = request.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        if client.read_buf(&mut request).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(request[..end].to_vec()).expect("a head in ASCII");
    let is = |line: &str, name: &str| line.to_ascii_lowercase().starts_with(name);
    let length = head.lines().find(|line| is(line, "content-length:"));
    let length: usize = length.map_or(0, |line| line["content-length:".len()..].trim().parse().expect("a length"));
    while request.len() < end + 4 + length {
        if client.read_buf(&mut request).await.ok()? == 0 {
            return None;
        }
    }
    let kept: Vec<&str> = head.lines().filter(|line| !is(line, "connection:")).collect();
    let mut whole = format!("{}\r\nConnection: close\r\n\r\n", kept.join("\r\n")).into_bytes();
    whole.extend_from_slice(&request[end + 4..]);
    Some(whole)
}
