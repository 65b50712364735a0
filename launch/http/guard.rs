//! Who may ask: pages of this server, not those of strangers.
//!
//! A browser lets any page send requests to any address, also to that of a robot
//! at home. So whatever changes or computes something, and the stream of pictures,
//! is for pages of this very server: their `Origin` is the `Host` that they ask. And
//! the `Host` is an address or a name that was named at the start, so that no
//! name of a stranger can be made to mean this computer (DNS rebinding).

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, ORIGIN, REFERRER_POLICY, UPGRADE,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::refusal::Refusal;

/// What the guard lets pass.
pub(crate) struct Guard {
    /// Names by which this computer may be asked, beside addresses and `localhost`.
    names: Vec<String>,
    /// Where more of them are given, in words.
    names_by: &'static str,
    /// True where only this computer reaches the server.
    is_loopback: bool,
    /// Content-Security-Policy of every answer.
    policy: HeaderValue,
}

impl Guard {
    /// A guard of a server that listens at this address and may be asked by these
    /// names, given as `names_by` says; `policy` is the Content-Security-Policy of
    /// its answers.
    pub(crate) fn new(
        address: IpAddr,
        (names, names_by): (&[String], &'static str),
        policy: &str,
    ) -> Self {
        let policy = HeaderValue::from_str(policy);
        Self {
            names: names.to_vec(),
            names_by,
            is_loopback: address.is_loopback(),
            policy: policy.unwrap_or(HeaderValue::from_static("default-src 'none'")),
        }
    }

    fn check(&self, request: &Request) -> Result<(), Refusal> {
        let headers = request.headers();
        let host = text(headers, HOST).ok_or_else(|| {
            Refusal::new(
                StatusCode::BAD_REQUEST,
                "the request names no host (`Host`)",
            )
        })?;
        let named = request
            .uri()
            .authority()
            .map(|authority| authority.as_str());
        for host in named.into_iter().chain([host]) {
            self.check_host(host)?;
        }
        let begins = headers.contains_key(UPGRADE) || request.method() != Method::GET;
        if begins && request.method() != Method::HEAD {
            check_origin(headers, host)?;
        }
        if request.method() == Method::POST {
            check_type(headers)?;
        }
        Ok(())
    }

    /// Addresses are themselves; a name may be anybody's.
    fn check_host(&self, host: &str) -> Result<(), Refusal> {
        let name = name_of(host);
        let is_known = match name.parse::<IpAddr>() {
            Ok(address) => address.is_loopback() || !self.is_loopback,
            Err(_) => {
                let mut names = self.names.iter().map(String::as_str).chain(["localhost"]);
                names.any(|known| known.eq_ignore_ascii_case(name))
            }
        };
        match is_known {
            true => Ok(()),
            false => Err(Refusal::new(
                StatusCode::FORBIDDEN,
                format!(
                    "host is `{}`, but this server is asked by its address, as localhost, or by a \
                     name that it was started with ({})",
                    shown(host),
                    self.names_by
                ),
            )),
        }
    }
}

/// The host's name without its port, an address without its brackets.
fn name_of(host: &str) -> &str {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split(']').next().unwrap_or_default();
    }
    match host.rsplit_once(':') {
        Some((name, _)) if !name.contains(':') => name,
        _ => host,
    }
}

/// A page says where it comes from; programs that are no browsers say nothing.
fn check_origin(headers: &HeaderMap, host: &str) -> Result<(), Refusal> {
    let refused = |from: &str| {
        let error = format!(
            "origin is `{}`, but only a page of `http://{}` may ask for this",
            shown(from),
            shown(host)
        );
        Err(Refusal::new(StatusCode::FORBIDDEN, error))
    };
    match headers.get(ORIGIN).map(HeaderValue::to_str) {
        None => {}
        Some(Ok(origin)) => {
            let own = origin.strip_prefix("http://");
            if !own.is_some_and(|own| own.eq_ignore_ascii_case(host)) {
                return refused(origin);
            }
        }
        Some(Err(_)) => return refused("not text"),
    }
    let site = text(headers, HeaderName::from_static("sec-fetch-site"));
    match site {
        None | Some("same-origin" | "none") => Ok(()),
        Some(site) => refused(site),
    }
}

fn check_type(headers: &HeaderMap) -> Result<(), Refusal> {
    let given = text(headers, CONTENT_TYPE).unwrap_or_default();
    let media = given.split(';').next().unwrap_or_default().trim();
    match media.eq_ignore_ascii_case("application/json") {
        true => Ok(()),
        false => Err(Refusal::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            format!(
                "content-type is `{}`, but must be `application/json`",
                shown(given)
            ),
        )),
    }
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

fn shown(text: &str) -> String {
    concert_policies::document::shown(text, 100)
}

/// Answers who may ask, refuses others, and says to browsers what answers are not.
pub(crate) async fn guard(
    State(guard): State<Arc<Guard>>,
    request: Request,
    next: Next,
) -> Response {
    let mut response = match guard.check(&request) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, guard.policy.clone());
    for (name, value) in [
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-store"),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use axum::body::Body;

    use super::*;

    fn guard(address: impl Into<IpAddr>) -> Guard {
        Guard::new(
            address.into(),
            (&["robot.local".to_owned()], "--name"),
            "default-src 'none'",
        )
    }

    fn status(guard: &Guard, method: Method, headers: &[(&str, &str)]) -> u16 {
        let request = axum::http::Request::builder()
            .method(method)
            .uri("/api/solve");
        let request = headers.iter().fold(request, |request, (name, value)| {
            request.header(*name, *value)
        });
        let request = request.body(Body::empty()).expect("a request");
        let checked = guard.check(&request);
        checked.map_or_else(|refusal| refusal.status().as_u16(), |()| 200)
    }

    #[test]
    fn only_addresses_and_names_of_this_computer_are_hosts() {
        let at = |guard: &Guard, host: &str| status(guard, Method::GET, &[("host", host)]);
        let local = guard(Ipv4Addr::LOCALHOST);
        for good in [
            "127.0.0.1:8080",
            "localhost",
            "LOCALHOST:1",
            "[::1]:8080",
            "robot.local:9",
        ] {
            assert_eq!(at(&local, good), 200, "{good}");
        }
        for bad in [
            "evil.example:8080",
            "127.0.0.1.evil.example",
            "192.168.0.7:8080",
            "",
        ] {
            assert_eq!(at(&local, bad), 403, "{bad}");
        }
        let open = guard(Ipv6Addr::UNSPECIFIED);
        assert_eq!(at(&open, "192.168.0.7:8080"), 200);
        assert_eq!(at(&open, "evil.example:8080"), 403);
        assert_eq!(status(&local, Method::GET, &[]), 400);
    }

    #[test]
    fn a_page_of_a_stranger_starts_nothing() {
        let local = guard(Ipv4Addr::LOCALHOST);
        let host = ("host", "127.0.0.1:8080");
        let json = ("content-type", "application/json; charset=utf-8");
        let post =
            |more: &[(&str, &str)]| status(&local, Method::POST, &[&[host, json], more].concat());
        assert_eq!(post(&[]), 200);
        assert_eq!(post(&[("origin", "http://127.0.0.1:8080")]), 200);
        for bad in [
            "http://evil.example",
            "null",
            "https://127.0.0.1:8080",
            "http://127.0.0.1:80",
        ] {
            assert_eq!(post(&[("origin", bad)]), 403, "{bad}");
        }
        assert_eq!(post(&[("sec-fetch-site", "cross-site")]), 403);
        let live = [
            host,
            ("upgrade", "websocket"),
            ("origin", "http://evil.example"),
        ];
        assert_eq!(status(&local, Method::GET, &live), 403);
        let form = ("content-type", "text/plain");
        assert_eq!(status(&local, Method::POST, &[host, form]), 415);
    }
}
