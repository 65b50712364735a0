//! An independent solver of the same Boolean program finds the same optimum.
//!
//! The program as Taskonomy's §3.4 has it: one variable per transfer and per
//! root, a transfer needs its sources, a target is served once, costs within
//! the budget; handed to a general mixed-integer solver.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use concert_policies::affinity::{Completeness, TransferRow, TransferTable};
use concert_policies::solve::{Problem, SolveStatus, solve};
use good_lp::{
    Expression, ProblemVariables, Solution, SolverModel, Variable, constraint, microlp, variable,
};

struct Program {
    targets: Vec<String>,
    source_only: Vec<String>,
    budget: f64,
    max_order: usize,
    transfer_cost: f64,
}

impl Program {
    fn text(&self) -> String {
        let costs: String = (self.targets.iter())
            .map(|target| format!("{target} = {}\n", self.transfer_cost))
            .collect();
        format!(
            "targets = {:?}\nsource_only = {:?}\nbudget = {}\nmax_order = {}\ntransform = 'sqrt'\n[transfer_cost]\n{costs}",
            self.targets, self.source_only, self.budget, self.max_order
        )
    }

    /// The optimum that the general solver finds.
    fn optimum(&self, rows: &[TransferRow]) -> f64 {
        let mut variables = ProblemVariables::new();
        let sources = self.targets.iter().chain(&self.source_only);
        let roots: BTreeMap<&str, Variable> = sources
            .map(|source| (source.as_str(), variables.add(variable().binary())))
            .collect();
        let mut objective = Expression::default();
        let mut cost: Expression = roots.values().sum();
        let mut served: BTreeMap<&str, Expression> = self
            .targets
            .iter()
            .map(|target| (target.as_str(), Expression::default()))
            .collect();
        let mut needs = Vec::new();
        for row in rows {
            let (target, Some(affinity)) = (row.target.as_str(), row.affinity) else {
                continue;
            };
            let Some(times) = served.get_mut(target) else {
                continue;
            };
            let value = affinity.sqrt();
            if row.sources == ["self"] {
                objective += value * roots[target];
                *times += roots[target];
                continue;
            }
            let known = row
                .sources
                .iter()
                .all(|source| roots.contains_key(source.as_str()));
            if !known || row.order() > self.max_order || row.sources.contains(&row.target) {
                continue;
            }
            let chosen = variables.add(variable().binary());
            objective += value * chosen;
            *times += chosen;
            cost += self.transfer_cost * chosen;
            for source in &row.sources {
                needs.push((chosen, roots[source.as_str()]));
            }
        }
        let mut model = variables.maximise(objective.clone()).using(microlp);
        for (chosen, root) in needs {
            model.add_constraint(constraint!(chosen <= root));
        }
        for times in served.into_values() {
            model.add_constraint(constraint!(times == 1));
        }
        model.add_constraint(constraint!(cost <= self.budget));
        model.solve().expect("a solution").eval(objective)
    }
}

fn assert_same(table: &TransferTable, program: &Program) {
    let problem = Problem::parse(&program.text(), "p").expect("a problem");
    let answer = solve(&problem, table, Duration::MAX, &|| Duration::ZERO).expect("an answer");
    assert_eq!(answer.status, SolveStatus::Optimal);
    let rows: Vec<_> = table.rows().collect();
    let (ours, theirs) = (
        answer.objective.expect("an objective"),
        program.optimum(&rows),
    );
    assert!(
        (ours - theirs).abs() < 1e-7,
        "{ours} {theirs} at {}",
        program.budget
    );
}

#[test]
fn the_published_table_has_the_same_optima() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/taskonomy");
    let path = folder.join("transfers_16k.csv");
    if !path.exists() {
        crate::skip::skip(format_args!("there is no {}", path.display()));
        return;
    }
    let table = TransferTable::read(path, Completeness::Whole).expect("a table");
    let targets: std::collections::BTreeSet<_> = table.rows().map(|row| row.target).collect();
    for (budget, max_order, transfer_cost) in [(2.0, 1, 0.0), (8.0, 4, 0.0), (9.5, 2, 0.25)] {
        let program = Program {
            targets: targets.iter().cloned().collect(),
            source_only: ["colorization", "jigsaw", "impainting_whole", "random"]
                .map(str::to_owned)
                .into(),
            budget,
            max_order,
            transfer_cost,
        };
        assert_same(&table, &program);
    }
}
