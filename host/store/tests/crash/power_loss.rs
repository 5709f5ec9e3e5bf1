//! A power loss at any point of any operation, after which the folder is opened.
//!
//! The log of each operation is played up to each of its syncs, and to the point before each one.
//! Data that was not synced by then is lost, kept, or partly kept.

use std::collections::BTreeSet;

use crate::dice::{Dice, number_from_env};
use crate::images::{Image, Kept, Platter};
use crate::operations::{Operation, Subject, Survives, for_each, seal};
use crate::recorder::Action;
use crate::rig::Rig;
use crate::state::{chain, check_files, check_leftovers, find_state, open};

/// The default number of images per point in which some unsynced data survives.
const N_IMAGES: u64 = 6;

/// Whether unsynced writes and names survive, at each point.
pub(crate) const CUTS: [(Kept, Kept); 4] = [
    (Kept::Nothing, Kept::Nothing),
    (Kept::Nothing, Kept::Everything),
    (Kept::Everything, Kept::Nothing),
    (Kept::Everything, Kept::Everything),
];

/// The recorded calls of an operation.
struct Log {
    actions: Vec<Action>,
    /// The length of the log at each durable acknowledgement, and the number of states that the
    /// store has left by then.
    acknowledged: Vec<(usize, usize)>,
    n_states: usize,
}

#[derive(Debug, Default)]
struct Count {
    n_points: usize,
    n_images: usize,
    /// The number of images after a second power loss.
    n_twice: usize,
    /// The number of images in each state.
    n_in: [usize; 3],
}

#[test]
fn power_loss_leaves_a_valid_state() {
    for_each(|operation, dice| {
        let count = cut(operation, dice);
        let [before, after, sealed] = count.n_in;
        println!(
            "{}: power loss at {} points, {} images, all valid: {before} before, {} after; \
             second power loss, {} images, all valid",
            operation.name,
            count.n_points,
            count.n_images,
            after + sealed,
            count.n_twice
        );
    });
}

fn cut(operation: Operation, dice: &mut Dice) -> Count {
    let subject = Subject::new(operation);
    let log = log(&subject, &subject.start);
    let mut platter = Platter::new(&subject.start, true);
    let (mut count, mut seen) = (Count::default(), BTreeSet::new());
    for at in 0..=log.actions.len() {
        if log.is_point(at) {
            count.n_points += 1;
            let left = log.acknowledged.iter().filter(|(length, _)| *length <= at);
            let n_left = left.map(|(_, n_left)| *n_left).max().unwrap_or(0);
            for image in images(&platter, dice) {
                // An image that passed with a higher number of acknowledged states also passes with
                // a lower one.
                if !seen.insert((image.clone(), n_left)) {
                    continue;
                }
                let found_at = check(&subject, &image, log.n_states, n_left);
                let found_at = found_at.unwrap_or_else(|fault| {
                    panic!("{}, power loss after {at} calls: {fault}", operation.name)
                });
                count.n_images += 1;
                count.n_in[found_at] += 1;
                if found_at == 0 {
                    count.n_twice += lose_power_again(&subject, &image, dice);
                }
            }
        }
        if let Some(action) = log.actions.get(at) {
            platter.play(action);
        }
    }
    count
}

/// Repeats the operation on an image, and simulates another power loss when it is acknowledged.
/// Returns the number of images.
fn lose_power_again(subject: &Subject, start: &Image, dice: &mut Dice) -> usize {
    let log = log(subject, start);
    let mut platter = Platter::new(start, true);
    for action in &log.actions {
        platter.play(action);
    }
    let images: BTreeSet<Image> = CUTS
        .iter()
        .map(|(writes, names)| platter.cut(*writes, *names, dice))
        .collect();
    let (_, n_left) = log.acknowledged[0];
    for image in &images {
        check(subject, image, log.n_states, n_left).unwrap_or_else(|fault| {
            panic!("{}, second power loss: {fault}", subject.operation.name)
        });
    }
    images.len()
}

/// Runs an operation, followed by a durable one if it is not durable itself.
fn log(subject: &Subject, start: &Image) -> Log {
    let rig = Rig::new(start);
    let (store, done) = subject.operation.attempt(rig.medium());
    done.expect("nothing fails");
    let mut acknowledged = Vec::new();
    let n_states = match subject.operation.survives {
        Survives::PowerLoss => {
            acknowledged.push((rig.recorder.len(), 1));
            2
        }
        Survives::ProcessCrash => {
            let store = store.as_ref().expect("it was done on an open store");
            seal(store).expect("nothing fails");
            acknowledged.push((rig.recorder.len(), 2));
            3
        }
    };
    // Closing a store changes its files, so power loss is tested there as well.
    drop(store);
    Log {
        actions: rig.recorder.log(),
        acknowledged,
        n_states,
    }
}

impl Log {
    /// Returns whether a power loss is simulated after `at` calls.
    fn is_point(&self, at: usize) -> bool {
        let is_sync = |at: usize| match self.actions.get(at) {
            Some(Action::Sync { .. } | Action::SyncFolder { .. }) => true,
            Some(
                Action::SyncFailed { .. }
                | Action::Create { .. }
                | Action::Write { .. }
                | Action::Truncate { .. }
                | Action::Rename { .. }
                | Action::Remove { .. }
                | Action::CreateFolder { .. },
            )
            | None => false,
        };
        let is_end = at == self.actions.len();
        let is_acknowledged = self.acknowledged.iter().any(|(length, _)| *length == at);
        is_end || is_acknowledged || is_sync(at) || at > 0 && is_sync(at - 1)
    }
}

fn images(platter: &Platter, dice: &mut Dice) -> Vec<Image> {
    let n_drawn = number_from_env("SEDGE_CRASH_IMAGES", N_IMAGES);
    let drawn = (0..n_drawn).map(|_| (Kept::Some, Kept::Some));
    let cuts = CUTS.into_iter().chain(drawn);
    cuts.map(|(writes, names)| platter.cut(writes, names, dice))
        .collect()
}

/// Opens an image as the next process would. Returns the index of its state.
pub(crate) fn check(
    subject: &Subject,
    image: &Image,
    n_states: usize,
    n_left: usize,
) -> Result<usize, String> {
    let place = image.place();
    let folder = &place.folder;
    let store = open(folder).map_err(|error| chain(&error))?;
    let found_at = find_state(store.as_ref(), &subject.states[..n_states], n_left)?;
    check_files(folder)?;
    if found_at == 0 {
        let medium = sedge_store::Medium::new(folder).expect("a descriptor is left");
        let again = subject.operation.again(store.as_ref(), medium);
        again.map_err(|error| format!("not when tried again: {}", chain(&error)))?;
    }
    drop(store);
    let store = open(folder).map_err(|error| chain(&error))?;
    let then = find_state(store.as_ref(), &subject.states[..n_states], found_at.max(1))?;
    // A later write may exist although it did not before: if the same bytes are written to the log
    // again, the frames after them become valid again.
    if then < 2 {
        let store = store.ok_or("there is no store at the end")?;
        seal(&store).map_err(|error| format!("it writes no more: {}", chain(&error)))?;
        check_leftovers(&store)?;
    }
    Ok(found_at)
}
