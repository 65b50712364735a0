//! The view: a page served over HTTP and fed from the bus, so that it shows any
//! robot that is reached.
//!
//! ```text
//!  zenoh ──► reader (bus.rs) ──► robot.rs, digest.rs ──► hub.rs ──► page.rs ──► browsers
//!            one thread,          what is known;          the       one socket    WebSocket
//!            one subscription     pictures encoded once   newest    per page
//!  browser ──► http/guard.rs ──► routes.rs ──► solve.rs, swap.rs
//! ```

mod about;
mod beside;
mod bus;
mod digest;
mod errand;
mod history;
mod hub;
mod moment;
mod page;
mod picture;
mod policy;
mod robot;
mod routes;
mod solve;
mod status;
mod swap;
mod tables;
mod worker;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::anyhow;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use concert_runtime::io::clock::SystemClock;
use concert_runtime::io::zenoh::{SessionOptions, Sessions};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

pub(crate) use self::beside::{Beside, ViewFlags};

use self::bus::ReadCounts;
use self::hub::{Greeting, Hub};
use self::routes::App;
use self::tables::Tables;
use self::worker::Worker;
use crate::http::guard::Guard;
use crate::http::server::{self, Limits, Server};
use crate::report::{Failure, Refuse};
use crate::transfers::TableFiles;

/// Address at which a view listens where nothing else is said.
pub(crate) const DEFAULT_ADDRESS: &str = "127.0.0.1:8080";

/// The page: markup, style and script in one file.
const PAGE: &str = include_str!("view/page.html");
/// What one who asks may take. An answer takes no longer: a swap at most two minutes, and
/// an open page is told something twice a second for as long as it is there.
const LIMITS: Limits = Limits {
    connections: 256,
    head: Duration::from_secs(20),
    idle: Duration::from_secs(150),
    life: None,
};
/// Longest farewell of the pages.
const PAGES_FAREWELL: Duration = Duration::from_millis(300);
/// Longest farewell to the bus.
const FAREWELL: Duration = Duration::from_millis(500);

/// Settings of a view.
#[derive(Debug, Clone)]
pub(crate) struct ViewOptions {
    /// Where the page is served.
    pub(crate) address: SocketAddr,
    /// Names by which this computer may be asked, beside its addresses.
    pub(crate) names: Vec<String>,
    /// Where the robot's side of the bus is.
    pub(crate) bus: SessionOptions,
    /// Key below which the robot publishes.
    pub(crate) prefix: String,
    /// What the page solves from.
    pub(crate) tables: TableFiles,
    /// True where the page may swap policies in, if it is on this computer.
    pub(crate) allow_control: bool,
}

/// A view that is served, until it is stopped.
pub(crate) struct View {
    address: SocketAddr,
    prefix: String,
    hub: Arc<Hub>,
    sessions: Sessions,
    reader: JoinHandle<ReadCounts>,
    server: JoinHandle<()>,
}

impl View {
    /// Takes the address and begins to serve; connects to the robot whenever
    /// somebody answers there.
    ///
    /// # Errors
    /// Refuses an address that cannot be taken and files that break their rules;
    /// fails where the system refuses threads.
    pub(crate) fn start(options: &ViewOptions) -> Result<Self, Failure> {
        let tables = Arc::new(Tables::read(&options.tables)?);
        let listener = TcpListener::bind(options.address).map_err(|error| {
            let address = options.address;
            let free = "port 0 takes one that is free";
            Failure::refused(anyhow!(
                "the view cannot listen on {address}: {error}; {free}"
            ))
        })?;
        let address = listener.local_addr()?;
        let sessions = Sessions::begin(&options.bus).or_refuse()?;
        let no_control = no_control(address, options.allow_control);
        let greeting = Greeting {
            prefix: options.prefix.clone(),
            no_control: no_control.clone(),
        };
        let hub = Arc::new(Hub::new(greeting, Arc::new(SystemClock::start())));
        let solved = Arc::clone(&tables);
        let swapped = (sessions.clone(), options.prefix.clone());
        let app = App {
            hub: Arc::clone(&hub),
            solver: Worker::start("view-solve", move |asked| solve::solve(&asked, &solved))?,
            swapper: Worker::start("view-swap", move |policy: String| {
                swap::swap(&swapped.0, &swapped.1, &policy)
            })?,
            tables,
            no_control,
            page: PAGE,
        };
        let names = (&options.names[..], "--name");
        let guard = Guard::new(address.ip(), names, &content_policy(PAGE));
        let routes = routes::routes(Arc::new(app), Arc::new(guard));
        let reader = bus::start(&hub, &sessions, &options.prefix)?;
        let served = Server {
            thread: "view-http",
            listener,
            routes,
            limits: LIMITS,
        };
        let server = server::start(served, over(Arc::clone(&hub)))?;
        Ok(Self {
            address,
            prefix: options.prefix.clone(),
            hub,
            sessions,
            reader,
            server,
        })
    }

    /// The address of the page, for people.
    pub(crate) fn url(&self) -> String {
        let shown = match self.address.ip().is_unspecified() {
            true => SocketAddr::new(std::net::Ipv4Addr::LOCALHOST.into(), self.address.port()),
            false => self.address,
        };
        format!("http://{shown}/")
    }

    /// Tells whether one of its threads ended, which none does by itself.
    pub(crate) fn is_over(&self) -> bool {
        self.reader.is_finished() || self.server.is_finished()
    }

    /// Ends every page and every thread; says what it came to.
    pub(crate) fn stop(self) -> Value {
        self.hub.end();
        let read = self.reader.join();
        let served = self.server.join();
        self.sessions.close(FAREWELL);
        // A thread that panicked has said so.
        let is_sound = read.is_ok() && served.is_ok();
        let read = read.unwrap_or_default();
        json!({
            "address": self.address, "prefix": self.prefix, "pages": self.hub.opened(),
            "messages": read.messages, "unreadable": read.unreadable, "dropped": read.dropped,
            "missed": self.hub.missed(), "sound": is_sound,
        })
    }
}

/// Comes when the hub is over and its pages have said good-bye.
async fn over(hub: Arc<Hub>) {
    let mut changes = hub.changes();
    while !hub.is_over() && changes.changed().await.is_ok() {}
    let farewell = async {
        while hub.pages() > 0 {
            tokio::time::sleep(PAGES_FAREWELL / 15).await;
        }
    };
    let _ = tokio::time::timeout(PAGES_FAREWELL, farewell).await;
}

/// Why a page may not swap policies in, if it may not.
fn no_control(address: SocketAddr, allowed: bool) -> Option<String> {
    if !allowed {
        let text = "swapping from the page is off: start the view with --allow-control, or the \
                    server with `[control] enabled = true`";
        return Some(text.to_owned());
    }
    (!address.ip().is_loopback()).then(|| {
        format!(
            "swapping from the page is off, because {} is reached from other computers: serve it \
             on a loopback address",
            address.ip()
        )
    })
}

/// The Content-Security-Policy of a page: its own style and script by their hash,
/// its own server, and nothing else.
fn content_policy(page: &str) -> String {
    let hash = |tag: &str| {
        let (begin, end) = (format!("<{tag}>"), format!("</{tag}>"));
        let text = page
            .split_once(&begin)
            .and_then(|(_, rest)| rest.split_once(&end));
        let digest = Sha256::digest(text.map_or("", |(text, _)| text));
        format!("'sha256-{}'", STANDARD.encode(digest))
    };
    format!(
        "default-src 'none'; script-src {}; style-src {}; img-src 'self' blob: data:; connect-src \
         'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        hash("script"),
        hash("style")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_asks_nobody_else_for_anything() {
        assert_eq!(PAGE.matches("<script").count(), 1);
        assert_eq!(PAGE.matches("<style").count(), 1);
        // The name of a language, which no browser follows, is the only address.
        let addresses = PAGE.match_indices("http").filter(|(at, _)| {
            let rest = &PAGE[*at..];
            !rest.starts_with("http://www.w3.org/2000/svg")
                && rest.contains("://")
                && (rest.starts_with("http://") || rest.starts_with("https://"))
        });
        assert_eq!(addresses.count(), 0);
        // An inline attribute would need a style of its own in the policy.
        assert!(!PAGE.contains(" style=\"") && !PAGE.contains(" onclick=\""));
    }

    #[test]
    fn the_policy_names_the_hashes_of_what_is_inside() {
        let policy = content_policy("<style>a</style><script>b</script>");
        // Of `b` and of `a`.
        assert!(
            policy.contains("script-src 'sha256-PiPoFgA5WUoziU9lZOGxNIu9egCI1CxKy3PurtWcAJ0='")
        );
        assert!(policy.contains("style-src 'sha256-ypeBEsobvcr6wjGzmiPcTaeG7/gUfE5yuYB3ha/uSLs='"));
        assert!(!policy.contains("unsafe"));
    }

    #[test]
    fn a_page_swaps_only_where_it_was_allowed_and_on_this_computer() {
        let at = |address: &str| address.parse().expect("an address");
        assert_eq!(no_control(at("127.0.0.1:1"), true), None);
        assert!(
            no_control(at("127.0.0.1:1"), false).is_some_and(|why| why.contains("--allow-control"))
        );
        assert!(
            no_control(at("192.168.0.2:1"), true).is_some_and(|why| why.contains("192.168.0.2"))
        );
    }
}
