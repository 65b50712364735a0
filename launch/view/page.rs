//! One open page: its socket, from its greeting to its end.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use serde::Deserialize;
use tokio::time::{Instant, sleep_until, timeout};

use super::hub::{MAX_WANTED, Page};
use crate::rules::key_fault;

/// Longest message of a page, bytes.
pub(super) const MAX_PAGE_BYTES: usize = 8 << 10;
/// Batches that a page may have and not have drawn yet; then it gets nothing new,
/// and later the newest. One is drawn while the other is on its way.
const MAX_UNDRAWN: u64 = 2;
/// Longest time that a page may take to draw, or to take what is sent; then it
/// is taken to be gone.
const PATIENCE: Duration = Duration::from_secs(20);

/// A message of a page.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Said {
    /// Keys that it wants to see from now on.
    show: Option<Vec<String>>,
    /// Number of the batch that it has drawn.
    ack: Option<u64>,
}

/// Serves a page until it goes, says what cannot be understood, or the view ends.
pub(super) async fn serve_page(mut socket: WebSocket, mut page: Page) {
    let mut changes = page.changes();
    let mut drawn = 0;
    // When it was last known to be there.
    let mut heard = Instant::now();
    loop {
        if page.is_over() {
            close(&mut socket, close_code::AWAY, "the view ends").await;
            return;
        }
        let waits = page.batches() - drawn;
        if waits < MAX_UNDRAWN
            && let Some(batch) = page.batch()
        {
            let sent = timeout(PATIENCE, socket.send(Message::Binary(batch.into())));
            if !matches!(sent.await, Ok(Ok(()))) {
                return;
            }
            if waits == 0 {
                heard = Instant::now();
            }
            continue;
        }
        tokio::select! {
            said = socket.recv() => match said.and_then(Result::ok) {
                Some(Message::Text(text)) => match hear(&text, &mut page) {
                    Ok(Some(ack)) => {
                        drawn = ack.clamp(drawn, page.batches());
                        heard = Instant::now();
                    }
                    Ok(None) => {}
                    Err(fault) => {
                        close(&mut socket, close_code::POLICY, &fault).await;
                        return;
                    }
                },
                Some(Message::Ping(_) | Message::Pong(_)) => {}
                Some(Message::Binary(_) | Message::Close(_)) | None => return,
            },
            changed = changes.changed() => if changed.is_err() { return },
            () = sleep_until(heard + PATIENCE), if waits > 0 => return,
        }
    }
}

async fn close(socket: &mut WebSocket, code: u16, reason: &str) {
    // A control frame has room for 123 bytes.
    let reason: String = reason.chars().take(30).collect();
    let frame = CloseFrame {
        code,
        reason: reason.into(),
    };
    let sent = socket.send(Message::Close(Some(frame)));
    // Whoever is gone need not be told.
    let _ = timeout(Duration::from_millis(200), sent).await;
}

/// Does what a page says; the number of the batch that it has drawn, if it says so.
fn hear(text: &str, page: &mut Page) -> Result<Option<u64>, String> {
    let said: Said = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if let Some(keys) = said.show {
        page.show(shown(keys)?);
    }
    Ok(said.ack)
}

/// The keys that a page may ask for.
fn shown(keys: Vec<String>) -> Result<BTreeSet<String>, String> {
    if keys.len() > MAX_WANTED {
        return Err(format!("{} keys, at most {MAX_WANTED}", keys.len()));
    }
    match keys.iter().find_map(|key| key_fault(key)) {
        Some(fault) => Err(format!("a key {fault}")),
        None => Ok(keys.into_iter().collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_asks_for_keys_and_for_nothing_that_is_none() {
        let said: Said = serde_json::from_str(r#"{"show":["image"],"ack":3}"#).expect("a word");
        assert_eq!((said.show, said.ack), (Some(vec!["image".into()]), Some(3)));
        for bad in ["{\"shout\":1}", "7", "{\"ack\":-1}", "{\"show\":\"image\"}"] {
            assert!(serde_json::from_str::<Said>(bad).is_err(), "{bad}");
        }
        assert!(shown(vec!["front/image".to_owned()]).is_ok());
        for bad in ["**", "a/*", "", "@x"] {
            assert!(shown(vec![bad.to_owned()]).is_err(), "{bad}");
        }
        assert!(shown(vec!["a".to_owned(); MAX_WANTED + 1]).is_err());
    }
}
