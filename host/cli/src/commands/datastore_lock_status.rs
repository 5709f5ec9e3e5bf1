//! `sedge datastore lock status`

use clap::Args;
use sedge_app::datastore_lock_status::datastore_lock_status;
use sedge_app::types::{Blocker, LockStatus, Resource, Timestamp};
use serde_json::{Value, json};

use crate::context::Context;
use crate::error::CliError;
use crate::output::{Node, Output, draw};
use crate::show;

/// Show who has what locked, and who waits for whom
///
/// Locks nothing and waits for nobody.
#[derive(Debug, Args)]
pub(crate) struct DatastoreLockStatusArgs {}

pub(crate) fn run(cx: &Context, _args: &DatastoreLockStatusArgs) -> Result<Output, CliError> {
    let locks = datastore_lock_status(&*cx.repository()?)?;
    let data: Vec<Value> = locks.iter().map(lock_json).collect();
    let output = Output::new(json!(data));
    if locks.is_empty() {
        return Ok(output.note("Nothing is locked."));
    }
    let of_one = locks.chunk_by(|one, next| one.resource == next.resource);
    let trees: Vec<String> = of_one.map(tree).collect();
    Ok(output.text(trees.join("\n")))
}

fn tree(locks: &[LockStatus]) -> String {
    let node = |lock: &LockStatus| {
        let waits_for = lock.waits_for.iter();
        Node {
            text: lock_text(lock),
            below: waits_for
                .map(|owner| Node::leaf(format!("waits for {owner}")))
                .collect(),
        }
    };
    let below: Vec<Node> = locks.iter().map(node).collect();
    let mut lines = vec![locks[0].resource.to_string()];
    draw(&below, "", &mut lines);
    lines.join("\n")
}

/// Returns a lock, or a request for one, as a line: how, who, since when, and by what process.
pub(crate) fn lock_text(lock: &LockStatus) -> String {
    let Blocker {
        mode,
        has_it,
        since,
        ..
    } = &lock.who;
    let verb = if *has_it { "held" } else { "wanted" };
    let since = show::timestamp(Timestamp(*since));
    format!("{mode} {verb} by {}, since {since}", lock.who)
}

/// Returns a lock as `--json` shows it.
pub(crate) fn lock_json(lock: &LockStatus) -> Value {
    let LockStatus {
        resource,
        who,
        waits_for,
    } = lock;
    let model = match resource {
        Resource::Datastore => None,
        Resource::Model(model) => Some(model),
    };
    let session = who.session.as_ref().map(|session| {
        json!({
            "user": session.user,
            "host": session.host,
            "pid": session.pid,
            "since": show::timestamp(Timestamp(session.since)),
        })
    });
    json!({
        "resource": if model.is_some() { "model" } else { "datastore" },
        "model": model,
        "mode": who.mode.as_str(),
        "held": who.has_it,
        "since": show::timestamp(Timestamp(who.since)),
        "run": who.owner.lineage.run(),
        "call": who.owner.lineage,
        "chain": who.chain,
        "session": session,
        "waitsFor": waits_for.iter().map(|owner| &owner.lineage).collect::<Vec<_>>(),
    })
}
