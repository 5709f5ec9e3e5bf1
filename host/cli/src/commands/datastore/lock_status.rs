//! `sedge datastore lock status`

use clap::Args;
use sedge_api::view::datastore::LockView;
use sedge_app::datastore::lock_status::datastore_lock_status;

use crate::commands::Run;
use crate::context::Context;
use crate::error::CliError;
use crate::output::{Output, TreeNode, draw};
use crate::rows::{ListOptions, Rows};
use crate::show;

/// Show the locks, their holders and their waiters
///
/// Takes no lock and does not wait.
#[derive(Debug, Args)]
pub(crate) struct DatastoreLockStatusArgs {
    #[command(flatten)]
    list: ListOptions,
}

impl Run for DatastoreLockStatusArgs {
    fn run(self, cx: &Context) -> Result<Output, CliError> {
        let mut rows = Rows::of_text(cx, &self.list);
        let mut locks: Vec<LockView> = Vec::new();
        datastore_lock_status(&cx.app()?, |lock| {
            let more = rows.push(&lock, Vec::new)?;
            if rows.is_shown() {
                locks.push(lock);
            }
            Ok::<_, CliError>(more)
        })?;
        let of_one = locks.chunk_by(|one, next| resource(one) == resource(next));
        let trees: Vec<String> = of_one.map(tree).collect();
        Ok(rows.output("Nothing is locked.")?.text(trees.join("\n")))
    }
}

fn tree(locks: &[LockView]) -> String {
    let node = |lock: &LockView| {
        let waits_for = lock.waits_for.iter();
        let waits_for = waits_for.map(|call| TreeNode::leaf(format!("waits for {call}")));
        TreeNode::new(lock_text(lock), waits_for.collect())
    };
    let below: Vec<TreeNode> = locks.iter().map(node).collect();
    let mut lines = vec![resource(&locks[0])];
    draw(&below, "", &mut lines);
    lines.join("\n")
}

/// Returns the locked resource as text.
pub(crate) fn resource(lock: &LockView) -> String {
    match &lock.model {
        Some(model) => format!("the model `{model}`"),
        None => "the datastore".to_owned(),
    }
}

/// Returns a lock, or a request for one, as a line: its mode, its call, its process, and its time.
pub(crate) fn lock_text(lock: &LockView) -> String {
    let verb = if lock.held { "held" } else { "wanted" };
    let of = lock.session.as_ref().map_or(String::new(), |session| {
        let (user, host, pid) = (&session.user, &session.host, session.pid);
        format!(" of {user}@{host}, process {pid}")
    });
    format!(
        "{} {verb} by {} ({}){of}, since {}",
        lock.mode,
        lock.call,
        lock.chain.join(" > "),
        show::time_in_table(lock.since)
    )
}
