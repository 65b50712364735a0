//! A browser's side of the view, as plain as it can be: requests and a socket.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use concert_runtime::io::thread;
use serde_json::{Value, json};
use tungstenite::client::IntoClientRequest as _;
use tungstenite::{Message, WebSocket};

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// In lower case.
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    /// The body, which is JSON.
    pub fn json(&self) -> Value {
        let json = serde_json::from_slice(&self.body);
        json.unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }

    /// What a refusal says.
    pub fn error(&self) -> String {
        let json = self.json();
        json["error"].as_str().expect("a reason").to_owned()
    }
}

/// The head of an answer, in lower case, and what came of its body with it.
fn read_head(stream: &mut TcpStream) -> (String, Vec<u8>) {
    let mut answer = Vec::new();
    let mut piece = [0; 4096];
    loop {
        if let Some(end) = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            let body = answer.split_off(end + 4);
            return (String::from_utf8_lossy(&answer).to_lowercase(), body);
        }
        let length = stream.read(&mut piece).expect("an answer");
        assert!(
            length > 0,
            "no answer: {}",
            String::from_utf8_lossy(&answer)
        );
        answer.extend_from_slice(&piece[..length]);
    }
}

/// A server that listens at a port of 127.0.0.1.
#[derive(Debug, Clone, Copy)]
pub struct Site {
    pub port: u16,
}

impl Site {
    /// Waits until it listens.
    pub fn at(port: u16) -> Self {
        for _ in 0..600 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Self { port };
            }
            thread::sleep(Duration::from_millis(50));
        }
        panic!("nothing listens at port {port}");
    }

    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Sends a request with these headers and a body, and reads the whole answer.
    pub fn send(&self, line: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("it listens");
        let mut request = format!("{line} HTTP/1.1\r\nConnection: close\r\n");
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
        stream.write_all(request.as_bytes()).expect("it reads");
        // Who refuses a long body need not read all of it.
        let _ = stream.write_all(body);
        let patience = stream.set_read_timeout(Some(Duration::from_secs(120)));
        patience.expect("a limit");
        let (head, mut body) = read_head(&mut stream);
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        let length = head.split_once("content-length:");
        let length = length.and_then(|(_, rest)| rest.lines().next()?.trim().parse::<usize>().ok());
        let rest = length.map_or(u64::MAX, |length| (length - body.len()) as u64);
        stream.take(rest).read_to_end(&mut body).expect("a body");
        Answer {
            status: status.expect("a status"),
            head,
            body,
        }
    }

    pub fn get(&self, path: &str) -> Answer {
        self.send(&format!("GET {path}"), &[("Host", &self.host())], &[])
    }

    /// Posts as the page itself does.
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        let (host, origin) = (self.host(), format!("http://{}", self.host()));
        let headers = [
            ("Host", host.as_str()),
            ("Origin", &origin),
            ("Content-Type", "application/json"),
        ];
        self.send(
            &format!("POST {path}"),
            &headers,
            body.to_string().as_bytes(),
        )
    }

    /// Opens a page.
    pub fn open(&self) -> Page {
        let mut request = format!("ws://{}/live", self.host())
            .into_client_request()
            .expect("a request");
        let origin = format!("http://{}", self.host());
        request
            .headers_mut()
            .insert("origin", origin.parse().expect("a header"));
        let stream = TcpStream::connect(("127.0.0.1", self.port)).expect("it listens");
        let (socket, _) = tungstenite::client(request, stream).expect("it lets pages in");
        Page { socket }
    }
}

/// One message of the view.
#[derive(Debug)]
pub struct Batch {
    pub head: Value,
    /// Each item and its bytes.
    pub items: Vec<(Value, Vec<u8>)>,
}

impl Batch {
    fn read(bytes: &[u8]) -> Self {
        let length = u32::from_le_bytes(bytes[..4].try_into().expect("four bytes")) as usize;
        let (head, mut rest) = bytes[4..].split_at(length);
        let head: Value = serde_json::from_slice(head).expect("JSON");
        let items = head["items"].as_array().cloned().unwrap_or_default();
        let items = items.into_iter().map(|item| {
            let (own, more) = rest.split_at(item["bytes"].as_u64().expect("a length") as usize);
            rest = more;
            (item, own.to_vec())
        });
        let items = items.collect();
        assert!(rest.is_empty(), "bytes that belong to no item");
        Self { head, items }
    }

    /// The item of a key, if there is one.
    pub fn item(&self, key: &str) -> Option<&(Value, Vec<u8>)> {
        self.items.iter().find(|(item, _)| item["key"] == key)
    }
}

/// An open page, which draws at once.
pub struct Page {
    socket: WebSocket<TcpStream>,
}

impl Page {
    pub fn say(&mut self, message: &Value) {
        let message = Message::Text(message.to_string().into());
        self.socket.send(message).expect("it listens");
    }

    pub fn show(&mut self, keys: &[&str]) {
        self.say(&json!({ "show": keys }));
    }

    /// The next batch, which is not said to be drawn; `None` where none comes for
    /// so long.
    pub fn next_undrawn(&mut self, within: Duration) -> Option<Batch> {
        let timeout = self.socket.get_ref().set_read_timeout(Some(within));
        timeout.expect("a timeout");
        loop {
            match self.socket.read() {
                Ok(Message::Binary(bytes)) => return Some(Batch::read(&bytes)),
                Ok(Message::Close(frame)) => panic!("the view closed: {frame:?}"),
                Ok(_) => {}
                Err(tungstenite::Error::Io(error))
                    if matches!(
                        error.kind(),
                        std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
                    ) =>
                {
                    return None;
                }
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// Reads without drawing until the view closes the socket; the code with which it
    /// does, `None` where it goes without a word.
    pub fn until_closed(&mut self) -> Option<u16> {
        let timeout = self
            .socket
            .get_ref()
            .set_read_timeout(Some(Duration::from_secs(120)));
        timeout.expect("a timeout");
        loop {
            match self.socket.read() {
                Ok(Message::Close(frame)) => return frame.map(|frame| frame.code.into()),
                Ok(_) => {}
                Err(_) => return None,
            }
        }
    }

    /// The next batch, drawn.
    pub fn next(&mut self) -> Batch {
        let batch = self.next_undrawn(Duration::from_secs(60)).expect("a batch");
        self.say(&json!({ "ack": batch.head["batch"] }));
        batch
    }

    /// Draws batches until one is as wanted.
    pub fn until<T>(&mut self, what: &str, mut wanted: impl FnMut(&Batch) -> Option<T>) -> T {
        for _ in 0..2_000 {
            if let Some(found) = wanted(&self.next()) {
                return found;
            }
        }
        panic!("{what}: not within 2000 batches");
    }

    /// Draws until the robot is reached as said: `up`, `down`, `silent`, `waiting`.
    pub fn until_reach(&mut self, reach: &[&str]) -> Value {
        self.until(&format!("the robot is {reach:?}"), |batch| {
            let robot = &batch.head["state"]["robot"];
            let is_so = robot["reach"]
                .as_str()
                .is_some_and(|now| reach.contains(&now));
            is_so.then(|| batch.head["state"].clone())
        })
    }
}
