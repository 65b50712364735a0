//! The tables of transfers that the page can choose policies from.

use std::collections::BTreeSet;

use concert_policies::Task;
use concert_policies::affinity::{Completeness, SELF, TransferTable};
use concert_policies::profile::Profile;
use serde_json::{Value, json};

use crate::assemble::AskedSolver;
use crate::report::{Failure, Refuse};
use crate::transfers::{TableFiles, read_transfers};

/// Tables that ship: name, words, table, and the problem that policies were
/// chosen by.
const SHIPPED: [[&str; 4]; 2] = [
    [
        "apartment",
        "simulated homes",
        include_str!("../../policies/shipped/affinities/apartment.csv"),
        include_str!("../../policies/shipped/affinities/apartment_problem.toml"),
    ],
    [
        "corridor",
        "a real corridor",
        include_str!("../../policies/shipped/affinities/corridor.csv"),
        include_str!("../../policies/shipped/affinities/corridor_problem.toml"),
    ],
];

/// Sources that others are held against: measured, and wanted by nobody.
const UNTRAINED: [&str; 2] = ["pixels", "random"];

/// Encoders that ship and were trained to classify ImageNet, as their cards say;
/// in Taskonomy's tables that is the task `class_object` itself.
const IMAGENET_ENCODERS: [&str; 1] = ["efficientnet_lite0"];

/// Every table that the page can solve on.
pub(super) struct Tables {
    all: Vec<SolverTable>,
    /// The device that networks were measured on, if they were.
    device: Option<String>,
}

/// One table: what can be asked of it, and where a page begins.
pub(super) struct SolverTable {
    pub(super) name: String,
    words: String,
    pub(super) solver: AskedSolver,
    tasks: Vec<SolverTask>,
    budget: f64,
    order: usize,
    max_order: usize,
}

/// One task of a table.
struct SolverTask {
    /// As the table spells it.
    name: String,
    is_target: bool,
    is_source: bool,
    /// The column that it begins in.
    role: &'static str,
}

impl Tables {
    /// Reads what is named, or takes what ships.
    ///
    /// # Errors
    /// Refuses files that break their rules.
    pub(super) fn read(files: &TableFiles) -> Result<Self, Failure> {
        let profile = files.profile.as_ref().map(Profile::read);
        let profile = profile.transpose().or_refuse()?;
        let device = profile.as_ref().map(|profile| profile.device().to_owned());
        let all = match &files.transfers {
            Some(path) => {
                let table = read_transfers(path, files.partial)?;
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                vec![SolverTable::of(&name, "", table, None, profile)]
            }
            None => {
                let tables = SHIPPED.iter().map(|shipped| {
                    let [name, words, table, problem] = *shipped;
                    let table = TransferTable::from_csv(table, name, Completeness::Whole);
                    let table = table.or_refuse()?;
                    Ok(SolverTable::of(
                        name,
                        words,
                        table,
                        Some(problem),
                        profile.clone(),
                    ))
                });
                tables.collect::<Result<_, Failure>>()?
            }
        };
        Ok(Self { all, device })
    }

    /// The table of this name.
    pub(super) fn find(&self, name: &str) -> Option<&SolverTable> {
        self.all.iter().find(|table| table.name == name)
    }

    /// Names of all tables.
    pub(super) fn names(&self) -> Vec<&str> {
        self.all.iter().map(|table| table.name.as_str()).collect()
    }

    /// All of it, as a page needs it.
    pub(super) fn describe(&self) -> Value {
        let tables: Vec<_> = self.all.iter().map(SolverTable::describe).collect();
        json!({ "tables": tables, "profile": self.device })
    }
}

impl SolverTable {
    /// A table, with the problem that a page begins with where there is one.
    fn of(
        name: &str,
        words: &str,
        table: TransferTable,
        problem: Option<&str>,
        profile: Option<Profile>,
    ) -> Self {
        let problem: toml::Table = problem
            .and_then(|text| text.parse().ok())
            .unwrap_or_default();
        let number = |key: &str| problem.get(key).and_then(toml::Value::as_integer);
        let left_out = problem.get("forbidden").and_then(toml::Value::as_array);
        let left_out = left_out.into_iter().flatten();
        let left_out: Vec<&str> = left_out.filter_map(toml::Value::as_str).collect();
        let rows: Vec<_> = table.rows().collect();
        let max_order = rows.iter().map(|row| row.order()).max().unwrap_or(1);
        let tasks = tasks(&table, &left_out);
        // As Taskonomy's own demonstration begins: 8 sources of order 4 at most.
        let most = if has_own_networks(&table) { 8 } else { 2 };
        let order = number("max_order").and_then(|order| usize::try_from(order).ok());
        Self {
            name: name.to_owned(),
            words: words.to_owned(),
            tasks,
            budget: number("budget").map_or(f64::from(most), |budget| budget as f64),
            order: order.unwrap_or(4).min(max_order),
            max_order,
            solver: AskedSolver::new(table, profile),
        }
    }

    /// The source whose representation is that of ImageNet, if it is in the table.
    pub(super) fn imagenet(&self) -> Option<&str> {
        let is_imagenet = |name: &str| {
            let task = Task::find(name).is_some_and(|task| task.name == "class_object");
            task || IMAGENET_ENCODERS.contains(&name)
        };
        let mut sources = self.tasks.iter().filter(|task| task.is_source);
        let found = sources.find(|task| is_imagenet(&task.name));
        found.map(|task| task.name.as_str())
    }

    fn describe(&self) -> Value {
        let tasks: Vec<_> = self.tasks.iter().map(SolverTask::describe).collect();
        let title = match self.words.as_str() {
            "" => self.name.clone(),
            words => format!("{}: {words}", self.name),
        };
        json!({
            "name": self.name, "title": title, "transfers": self.solver.table().len(),
            "tasks": tasks, "budget": self.budget, "order": self.order,
            "max_order": self.max_order,
        })
    }
}

impl SolverTask {
    fn describe(&self) -> Value {
        let task = Task::find(&self.name);
        let title = task.map_or(self.name.as_str(), |task| task.name);
        let description = task.map_or("an encoder", |task| task.description);
        json!({
            "name": self.name, "title": title.replace('_', " "), "description": description,
            "target": self.is_target, "source": self.is_source, "role": self.role,
        })
    }
}

/// Tells whether some target has a fully supervised network of its own.
fn has_own_networks(table: &TransferTable) -> bool {
    table.rows().any(|row| row.sources == [SELF])
}

/// The tasks of a table in the order of their names, with the column that each
/// begins in.
fn tasks(table: &TransferTable, left_out: &[&str]) -> Vec<SolverTask> {
    let (mut targets, mut sources, mut own) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for row in table.rows() {
        if row.sources == [SELF] {
            own.insert(row.target.clone());
        } else {
            sources.extend(row.sources);
        }
        targets.insert(row.target);
    }
    let role = |name: &String| {
        let is_known = Task::find(name).is_some();
        match (targets.contains(name), sources.contains(name)) {
            (true, true) if own.contains(name) => "targets",
            (true, _) => "target_only",
            // Beside tasks with networks of their own, a source that is no task is
            // a part of an experiment.
            _ if !own.is_empty() && !is_known => "unused",
            _ if own.is_empty() && UNTRAINED.contains(&name.as_str()) => "unused",
            _ if left_out.contains(&name.as_str()) => "unused",
            _ => "source_only",
        }
    };
    let names: BTreeSet<&String> = targets.iter().chain(&sources).collect();
    let each = names.into_iter().map(|name| SolverTask {
        name: name.clone(),
        is_target: targets.contains(name),
        is_source: sources.contains(name) || own.contains(name),
        role: role(name),
    });
    each.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_that_ship_begin_with_the_problems_that_they_were_solved_by() {
        let tables = Tables::read(&TableFiles::default()).expect("tables");
        assert_eq!(tables.names(), ["apartment", "corridor"]);
        let apartment = tables.find("apartment").expect("it ships");
        assert_eq!((apartment.budget, apartment.order), (2.0, 2));
        let of = |role: &str| -> Vec<&str> {
            let tasks = apartment.tasks.iter().filter(|task| task.role == role);
            tasks.map(|task| task.name.as_str()).collect()
        };
        assert_eq!(of("source_only"), ["efficientnet_lite0", "xfeat"]);
        assert_eq!(of("unused"), ["dinov2_small", "pixels", "random"]);
        assert_eq!(of("target_only").len(), 5);
        assert_eq!(apartment.imagenet(), Some("efficientnet_lite0"));
        let shown = tables.describe();
        assert_eq!(shown["tables"][0]["transfers"], 40);
        assert_eq!(shown["profile"], Value::Null);
    }

    #[test]
    fn a_task_with_a_network_of_its_own_begins_as_target_and_source() {
        let text = "target,sources,affinity\nnormal,self,0.5\nnormal,class_1000,0.3\n\
                    normal,class_selected,0.2\nclass_1000,self,0.6\nclass_1000,normal,0.4\n";
        let table = TransferTable::from_csv(text, "table", Completeness::Whole).expect("a table");
        let table = SolverTable::of("t", "", table, None, None);
        let roles: Vec<_> = table
            .tasks
            .iter()
            .map(|task| (task.name.as_str(), task.role))
            .collect();
        let want = [
            ("class_1000", "targets"),
            ("class_selected", "unused"),
            ("normal", "targets"),
        ];
        assert_eq!(roles, want);
        assert_eq!(table.imagenet(), Some("class_1000"));
    }
}
