//! Seeds: files that say what a server has from the start, in YAML or JSON. One is a list of
//! things, certificates, policies, rules and functions, or a CloudFormation template. Everything
//! goes through the operations of the API, so what AWS would refuse is refused here too; a seed
//! that was applied before changes nothing.

mod apply;
mod calls;
mod certificates;
mod error;
mod export;
mod jobs;
mod provisioning;
mod resources;
#[cfg(test)]
mod round_trip;
mod sections;
mod template;
#[cfg(test)]
mod tests;
mod yaml;

pub(crate) use apply::{apply, apply_file};
pub(crate) use error::SeedError;
pub(crate) use export::export;
