//! A selection problem as numbers: facility location on hyperedges.
//!
//! Sources are numbered; so are clients, one per wanted task. A source that is
//! a root costs something and may earn something; a client is served by being
//! its own root, or by one of its options, all of whose sources are roots.

/// Decision about a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Not yet decided.
    Free,
    /// A root.
    In,
    /// Not a root.
    Out,
}

/// The options of one client, best first.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Options {
    values: Vec<f64>,
    /// Places at which the sources of each option begin in `members`; one more at
    /// the end.
    starts: Vec<u32>,
    members: Vec<u16>,
}

impl Options {
    /// Keeps the order in which they come; [`Instance`] wants the best first.
    pub(crate) fn new<'a>(options: impl IntoIterator<Item = (f64, &'a [u16])>) -> Self {
        let mut all = Options {
            values: Vec::new(),
            starts: vec![0],
            members: Vec::new(),
        };
        for (value, sources) in options {
            all.values.push(value);
            all.members.extend_from_slice(sources);
            all.starts.push(all.members.len() as u32);
        }
        all
    }

    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    pub(crate) fn value(&self, option: usize) -> f64 {
        self.values[option]
    }

    pub(crate) fn sources(&self, option: usize) -> &[u16] {
        let range = self.starts[option] as usize..self.starts[option + 1] as usize;
        &self.members[range]
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (f64, &[u16])> {
        (0..self.len()).map(|option| (self.value(option), self.sources(option)))
    }
}

/// A wanted task.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Client {
    /// The source that serves it by being a root, if there is one.
    pub(crate) root: Option<usize>,
    /// The transfers that serve it otherwise, in descending order of value.
    pub(crate) options: Options,
}

/// A problem: choose roots that cost at most `budget` in all, so that every
/// client is served, and what they earn and the best options of the clients
/// that are no roots sum to the most.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Instance {
    /// Cost of each source as a root; may be negative.
    pub(crate) costs: Vec<f64>,
    /// Reward of each source as a root.
    pub(crate) rewards: Vec<f64>,
    /// Most that all roots may cost; infinite where there is no limit.
    pub(crate) budget: f64,
    /// The wanted tasks.
    pub(crate) clients: Vec<Client>,
    /// Decisions made beforehand.
    pub(crate) states: Vec<State>,
    /// Further limits.
    pub(crate) limits: Vec<Limit>,
}

/// A further budget, as time or memory, that the roots may not exceed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Limit {
    /// Share of the limit that each source takes as a root, some one on average;
    /// may be negative.
    pub(crate) costs: Vec<f64>,
    /// Most that all roots may take.
    pub(crate) budget: f64,
}

impl Limit {
    /// What these roots take.
    pub(crate) fn cost(&self, roots: &[bool]) -> f64 {
        let costs = self.costs.iter().zip(roots);
        costs.filter(|(_, root)| **root).map(|(cost, _)| cost).sum()
    }

    fn affords(&self, cost: f64) -> bool {
        cost <= self.budget + COST_TOLERANCE
    }
}

/// Of the sums of costs that a problem compares, what is rounding.
pub(crate) const COST_TOLERANCE: f64 = 1e-9;

impl Instance {
    /// Number of sources.
    pub(crate) fn sources(&self) -> usize {
        self.costs.len()
    }

    /// Tells whether roots that cost so much may be chosen.
    pub(crate) fn affords(&self, cost: f64) -> bool {
        cost <= self.budget + COST_TOLERANCE
    }

    /// Cost of these roots.
    pub(crate) fn cost(&self, roots: &[bool]) -> f64 {
        let costs = self.costs.iter().zip(roots);
        costs.filter(|(_, root)| **root).map(|(cost, _)| cost).sum()
    }

    /// Tells whether all budgets afford these roots.
    pub(crate) fn fits(&self, roots: &[bool]) -> bool {
        let mut limits = self.limits.iter();
        self.affords(self.cost(roots)) && limits.all(|limit| limit.affords(limit.cost(roots)))
    }

    /// Every budget: costs and the most that they may sum to.
    pub(crate) fn budgets(&self) -> impl Iterator<Item = (&[f64], f64)> {
        let limits = self.limits.iter();
        let limits = limits.map(|limit| (&limit.costs[..], limit.budget));
        std::iter::once((&self.costs[..], self.budget)).chain(limits)
    }

    /// Worth of these roots, if they can be afforded and serve everyone.
    /// Does not ask whether `states` allows them.
    pub(crate) fn worth(&self, roots: &[bool]) -> Option<f64> {
        if !self.fits(roots) {
            return None;
        }
        let rewards = self.rewards.iter().zip(roots);
        let mut sum: f64 = rewards.filter(|(_, root)| **root).map(|(r, _)| r).sum();
        for client in &self.clients {
            if client.root.is_none_or(|root| !roots[root]) {
                let option = client.best(roots)?;
                sum += client.options.value(option);
            }
        }
        Some(sum)
    }

    /// Worth of everything together if nothing cost anything: no
    /// roots are worth more.
    pub(crate) fn ceiling(&self) -> f64 {
        let rewards = self.rewards.iter().map(|reward| reward.max(0.0));
        let clients = self
            .clients
            .iter()
            .map(|client| match client.options.len() {
                0 => 0.0,
                _ => client.options.value(0).max(0.0),
            });
        // A client that is its own root takes no option, but that only adds.
        rewards.chain(clients).sum()
    }

    /// Greatest sum of values that could matter, for tolerances.
    pub(crate) fn scale(&self) -> f64 {
        let best = |client: &Client| match client.options.len() {
            0 => 0.0,
            _ => client.options.value(0).abs(),
        };
        let options: f64 = self.clients.iter().map(best).sum();
        let finite = self.rewards.iter().filter(|reward| reward.is_finite());
        let rewards: f64 = finite.map(|reward| reward.abs()).sum();
        (options + rewards).max(1.0)
    }
}

impl Client {
    /// The first option, which is the best, all of whose sources are roots.
    pub(crate) fn best(&self, roots: &[bool]) -> Option<usize> {
        (0..self.options.len()).find(|&option| {
            let mut sources = self.options.sources(option).iter();
            sources.all(|&source| roots[source as usize])
        })
    }
}

impl Instance {
    /// Which of these roots are used when every client takes its best: roots
    /// that are clients themselves, and the sources of the chosen options.
    pub(crate) fn used(&self, roots: &[bool]) -> Vec<bool> {
        let mut used = vec![false; roots.len()];
        for client in &self.clients {
            match client.root.filter(|&root| roots[root]) {
                Some(root) => used[root] = true,
                None => {
                    let sources = client.best(roots).map(|best| client.options.sources(best));
                    for &source in sources.into_iter().flatten() {
                        used[source as usize] = true;
                    }
                }
            }
        }
        used
    }
}
