//! House rules as tests: facts that a reader may rely on anywhere in the tree.
//!
//! A rule is a test here if a machine can check it, and neither the compiler nor clippy does. Each
//! test documents why the rule exists. Its failure says what is wrong, where, and what to do. The
//! core of each rule is a function of texts, and a test shows that it can fail.
//!
//! The rules check the files that git tracks, and those that `git add` would add, so that they fail
//! before a commit and not after it.
#![cfg_attr(
    test,
    expect(
        clippy::disallowed_methods,
        reason = "the rules read the tree, and list its files with git"
    )
)]

#[cfg(test)]
mod book;
#[cfg(test)]
mod contract;
#[cfg(test)]
mod contract_errors;
#[cfg(test)]
mod coverage;
#[cfg(test)]
mod dependencies;
#[cfg(test)]
mod error_codes;
#[cfg(test)]
mod exit_codes;
#[cfg(test)]
mod file_schemas;
#[cfg(test)]
mod formats;
#[cfg(test)]
mod generated;
#[cfg(test)]
mod handles;
#[cfg(test)]
mod ignored;
#[cfg(test)]
mod language;
#[cfg(test)]
mod layers;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod manifests;
#[cfg(test)]
mod markdown;
#[cfg(test)]
mod page;
#[cfg(test)]
mod portable;
#[cfg(test)]
mod schemas;
#[cfg(test)]
mod sources;
#[cfg(test)]
mod statics;
#[cfg(test)]
mod tokens;
#[cfg(test)]
mod tree;
#[cfg(test)]
mod type_names;
#[cfg(test)]
mod variables;
#[cfg(test)]
mod wit_page;
#[cfg(test)]
mod yaml_keys;
