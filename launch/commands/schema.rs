//! `concert schema`: the JSON Schema of a kind of file.

use concert_policies::Policy;

use crate::cli::{Schema, SchemaOf};
use crate::launch_file::LaunchFile;
use crate::report::Report;

pub(crate) fn run(args: &Schema) -> Report {
    let schema = match args.of {
        SchemaOf::Policy => Policy::json_schema(),
        SchemaOf::Launch => LaunchFile::json_schema(),
        SchemaOf::Problem => concert_policies::solve::Problem::json_schema(),
        SchemaOf::Profile => concert_policies::profile::Profile::json_schema(),
        SchemaOf::Card => concert_models::card::Card::json_schema(),
    };
    let text = format!("{schema:#}");
    Report::done(schema, text)
}
