//! Where the bus meets the pages: the newest of everything, once, for all of them.
//!
//! Nothing queues. The thread that reads the bus puts what is new in the place of
//! what was there; every page takes, whenever it has drawn what it had, what
//! changed since. So a slow page misses pictures and delays nobody.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use concert_runtime::Clock;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::history::History;

/// Most pages that are open at once.
pub(super) const MAX_PAGES: usize = 64;
/// Most keys that one page may ask for.
pub(super) const MAX_WANTED: usize = 64;
/// What came longer ago is shown to nobody who opens a page now.
const MAX_KEPT: Duration = Duration::from_secs(10);

/// A message as pages get it: what is to be said of it, and a picture's bytes.
/// Written once, however many pages get it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Item {
    /// Key below the prefix.
    pub(super) key: String,
    /// A JSON object with `key`, `form`, `bytes` (their number) and whatever the form
    /// has.
    pub(super) head: Arc<str>,
    /// A JPEG or PNG file; empty for what is no picture.
    pub(super) bytes: Arc<[u8]>,
    /// When it came from the bus (monotonic).
    pub(super) came: Duration,
}

impl Item {
    /// A message of this key, with what is said of it; `came` is monotonic.
    pub(super) fn new(key: &str, mut head: Value, bytes: Vec<u8>, came: Duration) -> Self {
        head["key"] = json!(key);
        head["bytes"] = json!(bytes.len());
        Self {
            key: key.to_owned(),
            head: head.to_string().into(),
            bytes: bytes.into(),
            came,
        }
    }
}

/// Facts about this view that a page is told when it opens.
#[derive(Debug, Clone)]
pub(super) struct Greeting {
    /// Key below which is listened.
    pub(super) prefix: String,
    /// Why the page may not swap a policy in; `None` where it may.
    pub(super) no_control: Option<String>,
}

/// The newest of everything, and who wants to see what.
pub(super) struct Hub {
    greeting: Greeting,
    clock: Arc<dyn Clock>,
    shared: Mutex<Shared>,
    changed: watch::Sender<u64>,
}

#[derive(Default)]
struct Shared {
    /// Counts changes; every part has that of its newest.
    version: u64,
    items: BTreeMap<String, Newest>,
    state: (u64, Arc<str>),
    policy: (u64, Arc<str>),
    history: History,
    pages: BTreeMap<u64, BTreeSet<String>>,
    opened: u64,
    /// Items that pages that are closed did not get.
    missed: u64,
    is_over: bool,
}

/// The newest message of a key.
struct Newest {
    version: u64,
    item: Item,
    /// Messages of its key that were put, with it.
    count: u64,
}

/// A page that is open, until this is dropped.
pub(super) struct Page {
    hub: Arc<Hub>,
    id: u64,
    /// Version up to which it has everything that it wants; `None` before the first.
    has: Option<u64>,
    /// Batches that were made for it.
    batches: u64,
    /// Of each key that it wants, how many were put when it got the newest.
    counts: BTreeMap<String, u64>,
    /// Items that it wanted and did not get, because newer ones took their place.
    missed: u64,
}

impl Hub {
    pub(super) fn new(greeting: Greeting, clock: Arc<dyn Clock>) -> Self {
        Self {
            greeting,
            clock,
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

    /// The clock by which everything here is dated.
    pub(super) fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// Puts a message in the place of the one of its key before.
    pub(super) fn put(&self, item: Item) {
        self.change(|shared, version| {
            let before = shared.items.get(&item.key);
            let count = before.map_or(1, |before| before.count + 1);
            let newest = Newest {
                version,
                item,
                count,
            };
            shared.items.insert(newest.item.key.clone(), newest);
        });
    }

    /// Puts how everything is, and takes note of it for pages that open later.
    pub(super) fn put_state(&self, state: String, note: impl FnOnce(&mut History)) {
        self.change(|shared, version| {
            shared.state = (version, state.into());
            note(&mut shared.history);
        });
    }

    /// Puts the policy that runs; `null` where nobody says.
    pub(super) fn put_policy(&self, policy: &Value) {
        let policy = policy.to_string().into();
        self.change(|shared, version| shared.policy = (version, policy));
    }

    /// Every key that some page wants to see; messages of others, and those that came
    /// more than [`MAX_KEPT`] ago, are forgotten, so that nobody gets what is old.
    pub(super) fn wanted(&self) -> BTreeSet<String> {
        let now = self.clock.monotonic();
        let is_new = |item: &Item| now.saturating_sub(item.came) <= MAX_KEPT;
        let mut shared = self.lock();
        let wanted: BTreeSet<String> = shared.pages.values().flatten().cloned().collect();
        shared
            .items
            .retain(|key, newest| is_for(&wanted, key) && is_new(&newest.item));
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

    /// Items that pages wanted and did not get, of those that are closed.
    pub(super) fn missed(&self) -> u64 {
        self.lock().missed
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

/// Tells whether a key is wanted, or stands beside one that is.
fn is_for(wanted: &BTreeSet<String>, key: &str) -> bool {
    use concert_runtime::wire::keys;

    let beside = || {
        let end = key.strip_suffix(keys::CAMERA_INFO)?;
        end.strip_suffix('/')
    };
    let is_wanted = |key: &str| wanted.contains(key);
    is_wanted(key) || beside().is_some_and(is_wanted)
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
            counts: BTreeMap::new(),
            missed: 0,
        })
    }

    /// Says what this page wants to see from now on: keys below the prefix.
    pub(super) fn show(&mut self, keys: BTreeSet<String>) {
        // What was not wanted meanwhile is not missed; what is there now is not, either.
        self.counts.retain(|key, _| is_for(&keys, key));
        let counts = &mut self.counts;
        self.hub.change(|shared, _| {
            for key in &keys {
                let there = shared.items.get(key).map_or(0, |newest| newest.count - 1);
                counts.entry(key.clone()).or_insert(there);
            }
            shared.pages.insert(self.id, keys);
        });
    }

    /// Everything that this page wants and does not have yet, as one message; `None`
    /// where there is nothing. Four bytes of the header's length, little-endian;
    /// the header, JSON; the bytes of its items, one after the other. `waited` has for
    /// each item how long ago it came from the bus (ms).
    pub(super) fn batch(&mut self) -> Option<Vec<u8>> {
        let now = self.hub.clock.monotonic();
        let Fresh {
            items,
            state,
            policy,
            hello,
        } = self.take_fresh()?;
        self.batches += 1;
        let mut header = format!("{{\"batch\":{},\"missed\":{}", self.batches, self.missed);
        for (name, text) in [("hello", &hello), ("policy", &policy), ("state", &state)] {
            if let Some(text) = text {
                header.push_str(&format!(",\"{name}\":{text}"));
            }
        }
        let waited = items.iter().map(|item| now.saturating_sub(item.came));
        let waited: Vec<_> = waited
            .map(|waited| waited.as_millis().to_string())
            .collect();
        let heads: Vec<&str> = items.iter().map(|item| &*item.head).collect();
        header.push_str(&format!(
            ",\"items\":[{}],\"waited\":[{}]}}",
            heads.join(","),
            waited.join(",")
        ));
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

    /// What is new to this page, taken while everybody else waits: so nothing is
    /// written or copied here but for a page that opens.
    fn take_fresh(&mut self) -> Option<Fresh> {
        let shared = self.hub.lock();
        let is_new = |version: u64| self.has.is_none_or(|has| version > has);
        let shown = shared.pages.get(&self.id)?;
        let mut items = Vec::new();
        for (key, newest) in &shared.items {
            if !is_new(newest.version) || !is_for(shown, key) {
                continue;
            }
            if let Some(had) = self.counts.insert(key.clone(), newest.count) {
                self.missed += newest.count.saturating_sub(had + 1);
            }
            items.push(newest.item.clone());
        }
        let part = |(version, text): &(u64, Arc<str>)| {
            let is_there = !text.is_empty() && is_new(*version);
            is_there.then(|| Arc::clone(text))
        };
        let (state, policy) = (part(&shared.state), part(&shared.policy));
        let greeting = || Arc::from(hello(&self.hub.greeting, &shared.history).to_string());
        let hello = self.has.is_none().then(greeting);
        if items.is_empty() && state.is_none() && policy.is_none() && hello.is_none() {
            return None;
        }
        self.has = Some(shared.version);
        Some(Fresh {
            items,
            state,
            policy,
            hello,
        })
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
        self.hub.change(|shared, _| {
            shared.pages.remove(&self.id);
            shared.missed += self.missed;
        });
    }
}

/// What is new to a page.
struct Fresh {
    items: Vec<Item>,
    state: Option<Arc<str>>,
    policy: Option<Arc<str>>,
    hello: Option<Arc<str>>,
}

fn hello(greeting: &Greeting, history: &History) -> Value {
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "prefix": greeting.prefix,
        "control": { "allowed": greeting.no_control.is_none(), "reason": greeting.no_control },
        "history": history.curves(),
        "learning": history.learning(),
    })
}

#[cfg(test)]
mod tests {
    use concert_runtime::ManualClock;

    use super::*;

    fn hub() -> Arc<Hub> {
        hub_at(Arc::new(ManualClock::default()))
    }

    fn hub_at(clock: Arc<ManualClock>) -> Arc<Hub> {
        let greeting = Greeting {
            prefix: "robot".to_owned(),
            no_control: None,
        };
        Arc::new(Hub::new(greeting, clock))
    }

    fn item(key: &str, bytes: &[u8]) -> Item {
        item_at(key, bytes, Duration::ZERO)
    }

    fn item_at(key: &str, bytes: &[u8], came: Duration) -> Item {
        Item::new(key, json!({ "form": "jpeg" }), bytes.to_vec(), came)
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
            let mut page = Page::open(&hub).expect("a page");
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
        assert!(!is_for(&shown, "front/normal") && !is_for(&shown, "errand"));
    }

    #[test]
    fn what_came_long_ago_is_dated_and_then_forgotten() {
        let clock = Arc::new(ManualClock::default());
        let hub = hub_at(Arc::clone(&clock));
        let mut first = Page::open(&hub).expect("a page");
        first.show(keys(&["image"]));
        clock.advance(Duration::from_secs(1));
        hub.put(item_at("image", b"1", clock.monotonic()));
        clock.advance(Duration::from_secs(7));
        assert_eq!(hub.wanted(), keys(&["image"]));
        // It is there still, and says how old it is to who comes now.
        let mut second = Page::open(&hub).expect("a page");
        second.show(keys(&["image"]));
        let header = parts(&second.batch().expect("an image")).0;
        assert_eq!(
            (&header["items"][0]["bytes"], &header["waited"]),
            (&json!(1), &json!([7000]))
        );
        clock.advance(Duration::from_secs(4));
        assert_eq!(hub.wanted(), keys(&["image"]));
        let mut third = Page::open(&hub).expect("a page");
        third.show(keys(&["image"]));
        let header = parts(&third.batch().expect("a greeting")).0;
        assert_eq!(header["items"], json!([]));
    }

    #[test]
    fn what_a_slow_page_misses_is_counted_and_what_it_did_not_want_is_not() {
        let hub = hub();
        let mut page = Page::open(&hub).expect("a page");
        let missed = |page: &mut Page| parts(&page.batch().expect("news")).0["missed"].clone();
        page.show(keys(&["image"]));
        hub.put(item("image", b"0"));
        assert_eq!(missed(&mut page), 0);
        (0..4).for_each(|_| hub.put(item("image", b"1")));
        assert_eq!(missed(&mut page), 3);
        page.show(BTreeSet::new());
        (0..4).for_each(|_| hub.put(item("image", b"2")));
        page.show(keys(&["image"]));
        assert_eq!(missed(&mut page), 3);
        drop(page);
        assert_eq!(hub.missed(), 3);
    }
}
