//! Where the bus meets the pages: the newest of everything, once, for all of them.
//!
//! Nothing queues. The thread that reads the bus puts what is new in the place of
//! what was there; every page takes, whenever it has drawn what it had, what
//! changed since. So a slow page misses pictures and delays nobody.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use tokio::sync::watch;

use super::history::History;

/// Most pages that are open at once.
pub(super) const MAX_PAGES: usize = 64;
/// Most keys that one page may ask for.
pub(super) const MAX_SHOWN: usize = 64;

/// A message as pages get it: what is to be said of it, and a picture's bytes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Item {
    /// Key below the prefix.
    pub(super) key: String,
    /// A JSON object with `key`, `form` and whatever the form has.
    pub(super) head: Value,
    /// A JPEG or PNG file; empty for what is no picture.
    pub(super) bytes: Arc<[u8]>,
}

/// Facts about this view that a page is told when it opens.
#[derive(Debug, Clone)]
pub(super) struct About {
    /// Key below which is listened.
    pub(super) prefix: String,
    /// Why the page may not swap a policy in; `None` where it may.
    pub(super) no_control: Option<String>,
}

/// The newest of everything, and who wants to see what.
pub(super) struct Hub {
    about: About,
    shared: Mutex<Shared>,
    changed: watch::Sender<u64>,
}

#[derive(Default)]
struct Shared {
    /// Counts changes; every part has that of its newest.
    version: u64,
    items: BTreeMap<String, (u64, Item)>,
    state: (u64, String),
    policy: (u64, String),
    history: History,
    pages: BTreeMap<u64, BTreeSet<String>>,
    opened: u64,
    is_over: bool,
}

/// A page that is open, until this is dropped.
pub(super) struct Page {
    hub: Arc<Hub>,
    id: u64,
    /// Version up to which it has everything that it wants; `None` before the first.
    has: Option<u64>,
    /// Batches that were made for it.
    batches: u64,
}

impl Hub {
    pub(super) fn new(about: About) -> Self {
        Self {
            about,
            shared: Mutex::default(),
            changed: watch::Sender::new(0),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        // Every value is whole between statements.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Shared, u64)) {
        let mut shared = self.lock();
        shared.version += 1;
        let version = shared.version;
        change(&mut shared, version);
        drop(shared);
        self.changed.send_replace(version);
    }

    /// Puts a message in the place of the one of its key before.
    pub(super) fn put(&self, item: Item) {
        self.change(|shared, version| {
            shared.items.insert(item.key.clone(), (version, item));
        });
    }

    /// Puts how everything is, and takes note of it for pages that open later.
    pub(super) fn put_state(&self, state: String, note: impl FnOnce(&mut History)) {
        self.change(|shared, version| {
            shared.state = (version, state);
            note(&mut shared.history);
        });
    }

    /// Puts the policy that runs; `null` where nobody says.
    pub(super) fn put_policy(&self, policy: &Value) {
        self.change(|shared, version| shared.policy = (version, policy.to_string()));
    }

    /// Every key that some page wants to see; messages of others are forgotten, so
    /// that nobody gets what is old.
    pub(super) fn wanted(&self) -> BTreeSet<String> {
        let mut shared = self.lock();
        let wanted: BTreeSet<String> = shared.pages.values().flatten().cloned().collect();
        shared.items.retain(|key, _| is_for(&wanted, key));
        wanted
    }

    /// Number of pages that are open.
    pub(super) fn pages(&self) -> usize {
        self.lock().pages.len()
    }

    /// Number of pages that were opened in all.
    pub(super) fn opened(&self) -> u64 {
        self.lock().opened
    }

    /// Ends every page.
    pub(super) fn end(&self) {
        self.change(|shared, _| shared.is_over = true);
    }

    /// Tells whether the view ends.
    pub(super) fn is_over(&self) -> bool {
        self.lock().is_over
    }

    /// Tells of changes.
    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }
}

/// Tells whether a key is wanted, or stands beside one that is; an errand is
/// for everybody.
fn is_for(wanted: &BTreeSet<String>, key: &str) -> bool {
    use concert_runtime::wire::keys;

    let beside = || {
        let end = key.strip_suffix(keys::CAMERA_INFO)?;
        end.strip_suffix('/')
    };
    let is_wanted = |key: &str| wanted.contains(key);
    is_wanted(key) || beside().is_some_and(is_wanted) || (key == keys::ERRAND && !wanted.is_empty())
}

impl Page {
    /// Opens a page; `None` where [`MAX_PAGES`] are open.
    pub(super) fn open(hub: &Arc<Hub>) -> Option<Self> {
        let mut shared = hub.lock();
        if shared.pages.len() >= MAX_PAGES {
            return None;
        }
        let id = shared.opened;
        shared.opened += 1;
        shared.pages.insert(id, BTreeSet::new());
        drop(shared);
        Some(Self {
            hub: Arc::clone(hub),
            id,
            has: None,
            batches: 0,
        })
    }

    /// Says what this page wants to see from now on: keys below the prefix.
    pub(super) fn show(&self, keys: BTreeSet<String>) {
        self.hub
            .change(|shared, _| drop(shared.pages.insert(self.id, keys)));
    }

    /// Everything that this page wants and does not have yet, as one message; `None`
    /// where there is nothing. Four bytes of the header's length, little-endian;
    /// the header, JSON; the bytes of its items, one after the other.
    pub(super) fn batch(&mut self) -> Option<Vec<u8>> {
        let shared = self.hub.lock();
        let is_new = |version: u64| self.has.is_none_or(|has| version > has);
        let shown = shared.pages.get(&self.id)?;
        let items = shared.items.values();
        let items: Vec<&Item> = items
            .filter(|(version, item)| is_new(*version) && is_for(shown, &item.key))
            .map(|(_, item)| item)
            .collect();
        let part = |(version, text): &(u64, String), name: &str| match text.is_empty() {
            false if is_new(*version) => format!(",\"{name}\":{text}"),
            _ => String::new(),
        };
        let (state, policy) = (part(&shared.state, "state"), part(&shared.policy, "policy"));
        let hello = match self.has {
            None => format!(",\"hello\":{}", hello(&self.hub.about, &shared.history)),
            Some(_) => String::new(),
        };
        if items.is_empty() && state.is_empty() && policy.is_empty() && hello.is_empty() {
            return None;
        }
        self.has = Some(shared.version);
        self.batches += 1;
        let heads: Vec<String> = items.iter().map(|item| head(item)).collect();
        let header = format!(
            "{{\"batch\":{}{hello}{policy}{state},\"items\":[{}]}}",
            self.batches,
            heads.join(",")
        );
        let length: usize = items.iter().map(|item| item.bytes.len()).sum();
        let mut batch = Vec::with_capacity(4 + header.len() + length);
        // A header is a few hundred kilobytes at most.
        batch.extend_from_slice(&(header.len() as u32).to_le_bytes());
        batch.extend_from_slice(header.as_bytes());
        items
            .iter()
            .for_each(|item| batch.extend_from_slice(&item.bytes));
        Some(batch)
    }

    /// Tells of changes.
    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.hub.changes()
    }

    /// Tells whether the view ends.
    pub(super) fn is_over(&self) -> bool {
        self.hub.is_over()
    }

    /// Number of batches that were made for it.
    pub(super) fn batches(&self) -> u64 {
        self.batches
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        self.hub
            .change(|shared, _| drop(shared.pages.remove(&self.id)));
    }
}

fn head(item: &Item) -> String {
    let mut head = item.head.clone();
    head["bytes"] = json!(item.bytes.len());
    head.to_string()
}

fn hello(about: &About, history: &History) -> Value {
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "prefix": about.prefix,
        "control": { "allowed": about.no_control.is_none(), "reason": about.no_control },
        "history": history.curves(),
        "learning": history.learning(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hub() -> Arc<Hub> {
        Arc::new(Hub::new(About {
            prefix: "robot".to_owned(),
            no_control: None,
        }))
    }

    fn item(key: &str, bytes: &[u8]) -> Item {
        Item {
            key: key.to_owned(),
            head: json!({ "key": key, "form": "jpeg" }),
            bytes: bytes.into(),
        }
    }

    fn keys(keys: &[&str]) -> BTreeSet<String> {
        keys.iter().map(|key| (*key).to_owned()).collect()
    }

    fn parts(batch: &[u8]) -> (Value, &[u8]) {
        let length = u32::from_le_bytes(batch[..4].try_into().expect("four bytes")) as usize;
        let header = serde_json::from_slice(&batch[4..4 + length]).expect("JSON");
        (header, &batch[4 + length..])
    }

    #[test]
    fn a_page_gets_the_newest_of_what_it_wants_and_nothing_twice() {
        let hub = hub();
        let mut page = Page::open(&hub).expect("a page");
        let (header, _) = (page.batch(), ());
        let header = header.expect("a greeting");
        assert_eq!(parts(&header).0["hello"]["prefix"], "robot");
        assert!(page.batch().is_none());
        page.show(keys(&["image"]));
        for bytes in [b"old", b"new"] {
            hub.put(item("image", bytes));
            hub.put(item("normal", b"unwanted"));
        }
        let batch = page.batch().expect("an image");
        let (header, bytes) = parts(&batch);
        assert_eq!(header["items"][0]["key"], "image");
        assert_eq!(header["items"].as_array().map(Vec::len), Some(1));
        assert_eq!(bytes, b"new");
        assert!(page.batch().is_none());
    }

    #[test]
    fn what_pages_want_is_joined_and_ends_with_them() {
        let hub = hub();
        let pages = [["image"], ["normal"]].map(|shown| {
            let page = Page::open(&hub).expect("a page");
            page.show(keys(&shown));
            page
        });
        assert_eq!(hub.wanted(), keys(&["image", "normal"]));
        hub.put(item("normal", b"1"));
        let [first, second] = pages;
        drop(second);
        assert_eq!(hub.wanted(), keys(&["image"]));
        drop(first);
        assert!(hub.wanted().is_empty() && hub.pages() == 0);
        // What was old is not shown to who comes later.
        let mut late = Page::open(&hub).expect("a page");
        late.show(keys(&["normal"]));
        let batch = late.batch().expect("a greeting");
        assert_eq!(parts(&batch).0["items"], json!([]));
    }

    #[test]
    fn there_is_a_last_page() {
        let hub = hub();
        let mut pages: Vec<_> = (0..MAX_PAGES).map(|_| Page::open(&hub)).collect();
        assert!(pages.iter().all(Option::is_some));
        assert!(Page::open(&hub).is_none());
        pages.pop();
        assert!(Page::open(&hub).is_some());
    }

    #[test]
    fn what_stands_beside_an_output_goes_with_it() {
        let shown = keys(&["front/depth_zbuffer"]);
        assert!(is_for(&shown, "front/depth_zbuffer/camera_info"));
        assert!(is_for(&shown, "errand"));
        assert!(!is_for(&shown, "front/normal") && !is_for(&BTreeSet::new(), "errand"));
    }
}
