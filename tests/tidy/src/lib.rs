//! House rules as tests: what a reader may rely on anywhere in the tree.
//!
//! A rule is a test here if a machine can hold it and neither the compiler nor clippy
//! does. Each says why it exists, and its failure says what is wrong, where, and what to
//! do. The core of each is a function of texts, with a test which shows that it can fail.
//!
//! The rules look at the files that git knows or would be told of by `git add`, so that
//! they speak before a commit and not after.
#![cfg_attr(
    test,
    expect(
        clippy::disallowed_methods,
        reason = "it reads the tree that it judges, and asks git what is in it"
    )
)]

#[cfg(test)]
mod contract;
#[cfg(test)]
mod coverage;
#[cfg(test)]
mod error_codes;
#[cfg(test)]
mod formats;
#[cfg(test)]
mod ignored;
#[cfg(test)]
mod layers;
#[cfg(test)]
mod manifests;
#[cfg(test)]
mod portable;
#[cfg(test)]
mod schemas;
#[cfg(test)]
mod sources;
#[cfg(test)]
mod tokens;
#[cfg(test)]
mod tree;
