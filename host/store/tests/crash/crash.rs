//! The power is cut, at any point of any operation: the folder is opened that it would leave.
//!
//! The log of each operation is played up to each of its syncs, and to each point right
//! before one; what was not synced by then is lost, or there, or partly so.

use std::collections::BTreeSet;

use crate::dice::{Dice, told};
use crate::images::{Image, Kept, Platter};
use crate::operations::{Operation, Subject, Survives, for_each, seal};
use crate::recorder::Action;
use crate::rig::Rig;
use crate::state::{chain, open, sound, tidy, whole};

/// Images at each point in which some of what was not synced is there, unless told otherwise.
const N_IMAGES: u64 = 6;

/// What becomes of writes, and of names, at each point.
pub(crate) const CUTS: [(Kept, Kept); 4] = [
    (Kept::Nothing, Kept::Nothing),
    (Kept::Nothing, Kept::Everything),
    (Kept::Everything, Kept::Nothing),
    (Kept::Everything, Kept::Everything),
];

/// What was done in an operation, call by call.
struct Log {
    actions: Vec<Action>,
    /// How long it was when something was acknowledged that survives a power cut, and how
    /// many states are left behind for good by that.
    acknowledged: Vec<(usize, usize)>,
    n_states: usize,
}

#[derive(Debug, Default)]
struct Count {
    n_points: usize,
    n_images: usize,
    /// Images that a second cut left.
    n_twice: usize,
    /// By the state that was found.
    n_in: [usize; 3],
}

#[test]
fn the_power_is_cut() {
    for_each(|operation, dice| {
        let count = cut(operation, dice);
        let [before, after, sealed] = count.n_in;
        println!(
            "{}: cut at {} points, {} images, all whole: {before} before, {} after; \
             cut once more, {} images, all whole",
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
                // What was whole with more acknowledged is whole with less.
                if !seen.insert((image.clone(), n_left)) {
                    continue;
                }
                let stands = check(&subject, &image, log.n_states, n_left);
                let stands = stands.unwrap_or_else(|fault| {
                    panic!("{}, cut after {at} calls: {fault}", operation.name)
                });
                count.n_images += 1;
                count.n_in[stands] += 1;
                if stands == 0 {
                    count.n_twice += twice(&subject, &image, dice);
                }
            }
        }
        if let Some(action) = log.actions.get(at) {
            platter.play(action);
        }
    }
    count
}

/// Does the operation on what a cut left, and cuts the power once more when it is
/// acknowledged. Returns how many images that makes.
fn twice(subject: &Subject, start: &Image, dice: &mut Dice) -> usize {
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
        check(subject, image, log.n_states, n_left)
            .unwrap_or_else(|fault| panic!("{}, cut twice: {fault}", subject.operation.name));
    }
    images.len()
}

/// Does an operation, and what makes it survive if it does not by itself.
fn log(subject: &Subject, start: &Image) -> Log {
    let rig = Rig::new(start);
    let (store, done) = subject.operation.attempt(rig.medium());
    done.expect("nothing fails");
    let mut acknowledged = Vec::new();
    let n_states = match subject.operation.survives {
        Survives::PowerCut => {
            acknowledged.push((rig.recorder.len(), 1));
            2
        }
        Survives::ProcessDeath => {
            let store = store.as_ref().expect("it was done on an open store");
            seal(store).expect("nothing fails");
            acknowledged.push((rig.recorder.len(), 2));
            3
        }
    };
    // A store that is closed tidies up, which can be cut as well.
    drop(store);
    Log {
        actions: rig.recorder.log(),
        acknowledged,
        n_states,
    }
}

impl Log {
    /// Returns whether the power is cut when so many calls were made.
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
    let n_drawn = told("SEDGE_CRASH_IMAGES", N_IMAGES);
    let drawn = (0..n_drawn).map(|_| (Kept::Some, Kept::Some));
    let cuts = CUTS.into_iter().chain(drawn);
    cuts.map(|(writes, names)| platter.cut(writes, names, dice))
        .collect()
}

/// Opens an image as the next process would. Returns in which state it is.
pub(crate) fn check(
    subject: &Subject,
    image: &Image,
    n_states: usize,
    n_left: usize,
) -> Result<usize, String> {
    let place = image.place();
    let folder = &place.folder;
    let store = open(folder).map_err(|error| chain(&error))?;
    let stands = whole(store.as_ref(), &subject.states[..n_states], n_left)?;
    sound(folder)?;
    if stands == 0 {
        let medium = sedge_store::Medium::new(folder).expect("a descriptor is left");
        let again = subject.operation.again(store.as_ref(), medium);
        again.map_err(|error| format!("not when tried again: {}", chain(&error)))?;
    }
    drop(store);
    let store = open(folder).map_err(|error| chain(&error))?;
    let then = whole(store.as_ref(), &subject.states[..n_states], stands.max(1))?;
    // What came behind the operation can be there although it was not before: where the same
    // bytes are written to the log once more, those that were behind them count again.
    if then < 2 {
        let store = store.ok_or("there is no store at the end")?;
        seal(&store).map_err(|error| format!("it writes no more: {}", chain(&error)))?;
        tidy(&store)?;
    }
    Ok(stands)
}
