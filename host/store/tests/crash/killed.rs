//! A process is killed (`kill -9`) at a random moment. All calls that were acknowledged must exist,
//! and of the others everything or nothing. Many processes are killed in one folder, so that each
//! opens what the one before left.
//!
//! A commit can appear late. If its process was killed after the commit was complete in the log but
//! before it was acknowledged, the next process that recovers the log finds it. No process recovers
//! the log as long as another one has the store open, and the next write may replace the commit in
//! the log.

use std::collections::{BTreeMap, BTreeSet};

use sedge_model::call::CallStatus;
use sedge_model::lineage::Lineage;
use sedge_model::names::RunId;
use sedge_store::Store;

use crate::child::{NAMES, contents, model};
use crate::dice::{Dice, number_from_env};
use crate::fixture::{data_name, log_of, model_name};
use crate::images::Image;
use crate::process::Process;
use crate::state::{check_files, open};

/// The default number of killed processes, and the most in one folder.
const N_KILLS: u64 = 500;

/// The most calls that a process may report before it is killed.
const N_HEARD_MAX: u64 = 12;

/// The most polls before the kill after that, about the time of two commits.
const N_POLLS_MAX: u64 = 3000;

/// The number of writer threads in every other process.
const N_WRITERS: u32 = 4;

/// The files are checked once in this many kills, because they grow.
const SOUND_EVERY: u64 = 25;

/// The reports and findings so far.
#[derive(Debug, Default)]
struct Seen {
    writers: BTreeMap<u32, Writer>,
    /// The runs of the last process.
    runs: BTreeSet<RunId>,
    n_reported: u64,
    n_in_flight: u64,
    n_late: u64,
}

/// The writers of one number, one in each process. Each continues where the one before ended.
#[derive(Debug, Default)]
struct Writer {
    /// The last number that was found, or reported since.
    last: u64,
    /// The last number that was found.
    there: u64,
    /// Whether one more number may appear late.
    may_be_late: bool,
}

#[test]
fn kill_loses_no_acknowledged_call() {
    let mut dice = Dice::from_env();
    let n_kills = number_from_env("SEDGE_CRASH_KILLS", N_KILLS);
    let (mut n_reported, mut n_in_flight, mut n_late) = (0, 0, 0);
    let mut n_left = n_kills;
    while n_left > 0 {
        let n_here = n_left.min(N_KILLS);
        let seen = kill_in_one_folder(n_here, &mut dice);
        n_left -= n_here;
        n_reported += seen.n_reported;
        n_in_flight += seen.n_in_flight;
        n_late += seen.n_late;
    }
    println!(
        "{n_kills} processes killed: {n_reported} acknowledged calls are there, and {} that were under way, {n_late} of them late",
        n_in_flight + n_late
    );
}

fn kill_in_one_folder(n_kills: u64, dice: &mut Dice) -> Seen {
    let place = Image::default().place();
    let folder = &place.folder;
    let store = Store::create(folder).expect("the folder is empty");
    store.lock_epoch_set(None, 1).expect("it can be set");
    // A store that is sometimes kept open, so that the next process finds the log as it is and
    // recovers nothing from it.
    let mut beside = Some(store);
    let mut seen = Seen::default();
    for round in 0..n_kills {
        let n_writers = if round % 2 == 0 { 1 } else { N_WRITERS };
        let mut process = Process::start(folder.path(), n_writers);
        seen.runs.clear();
        for _ in 0..dice.below(N_HEARD_MAX) {
            seen.record(&process.next_report());
        }
        process.run_for(dice.below(N_POLLS_MAX));
        for line in process.kill() {
            seen.record(&line);
        }
        let store = open(folder).expect("it opens").expect("it was made");
        for writer in 0..N_WRITERS {
            seen.check(&store, writer, round);
        }
        if beside.is_none() {
            seen.log_recovered();
        }
        seen.check_runs(&store, round);
        // The store is closed only here, so that no commit appears during the checks.
        beside = (dice.below(2) == 0).then_some(store);
        if round % SOUND_EVERY == 0 || round + 1 == n_kills {
            check_files(folder).unwrap_or_else(|fault| panic!("round {round}: {fault}"));
        }
    }
    drop(beside);
    seen
}

impl Seen {
    /// Records that the log of the last process was recovered.
    fn log_recovered(&mut self) {
        for writer in self.writers.values_mut() {
            writer.may_be_late = false;
        }
    }

    fn record(&mut self, line: &str) {
        let (what, which) = line.split_once(' ').expect("two words");
        if what == "run" {
            self.runs.insert(which.parse().expect("a run's id"));
            return;
        }
        let writer = what.parse().expect("a writer");
        let writer = self.writers.entry(writer).or_default();
        let number: u64 = which.parse().expect("a number");
        if writer.may_be_late && number == writer.last + 2 {
            self.n_late += 1;
            writer.last += 1;
        }
        writer.may_be_late = false;
        assert_eq!(number, writer.last + 1, "one after the other");
        writer.last = number;
        self.n_reported += 1;
    }

    /// Checks what a writer left: all reported numbers and at most one more, without gaps, each
    /// with everything that its call wrote.
    fn check(&mut self, store: &Store, name: u32, round: u64) {
        let model = model_name(&model(name));
        let writer = self.writers.entry(name).or_default();
        let lists = NAMES.map(|name| {
            let versions = store.data_versions(&model, &data_name(name));
            versions.expect("it can be read")
        });
        let found = lists[0].len() as u64;
        if writer.may_be_late && found == writer.last + 2 {
            self.n_late += 1;
            writer.last += 1;
        }
        let (there, last) = (writer.there, writer.last);
        assert!(
            (last..=last + 1).contains(&found),
            "round {round}, writer {name}: {last} reported, {found} found"
        );
        for versions in &lists {
            let numbers: Vec<u64> = versions.iter().map(|it| it.version).collect();
            let expect: Vec<u64> = (1..=found).collect();
            assert_eq!(numbers, expect, "round {round}, writer {name}");
        }
        for number in there + 1..=found {
            let at = usize::try_from(number - 1).expect("few");
            for (n, name) in NAMES.into_iter().enumerate() {
                let read = store.data_text(&model, &data_name(name), Some(number));
                let (record, text) = read.expect("it can be read").expect("it is listed");
                assert_eq!(text, contents(number)[n], "{number} of {model}");
                assert_eq!(record.by, lists[0][at].by, "by one call");
            }
            check_call(store, &lists[0][at].by, number);
        }
        self.n_in_flight += found - last;
        *writer = Writer {
            last: found,
            there: found,
            may_be_late: found == last,
        };
    }

    /// Checks that every ended call of the last process has its versions.
    fn check_runs(&self, store: &Store, round: u64) {
        for run in &self.runs {
            let calls = store.call_list(run).expect("it can be read");
            let is_running = |status: CallStatus| status == CallStatus::Running;
            let n_running = calls.iter().filter(|call| is_running(call.status)).count();
            assert!(n_running <= 1, "round {round}: one was under way");
            for call in calls.iter().filter(|call| !is_running(call.status)) {
                let outcome = call.outcome.as_ref().expect("it succeeded");
                let version = outcome.written[0].version;
                let there = store.data_get(&call.model, &data_name(NAMES[0]), Some(version));
                let there = there.expect("it can be read").expect("it was committed");
                assert_eq!(there.by, call.lineage, "round {round}");
            }
        }
    }
}

/// Checks that the call that wrote a number succeeded and has its log.
fn check_call(store: &Store, by: &Lineage, number: u64) {
    let calls = store.call_list(by.run()).expect("it can be read");
    let call = calls.iter().find(|call| call.lineage == *by);
    let outcome = call.and_then(|call| call.outcome.as_ref());
    let written = &outcome.expect("it succeeded").written;
    let written: Vec<(&str, u64)> = written
        .iter()
        .map(|it| (it.name.as_str(), it.version))
        .collect();
    assert_eq!(written, NAMES.map(|name| (name, number)), "{by}");
    let lines = log_of(store, by.run()).expect("it can be read");
    let of_call = lines.iter().filter(|line| line.lineage == *by);
    let messages: Vec<&str> = of_call.map(|line| line.line.message.as_str()).collect();
    assert_eq!(messages, [number.to_string()], "{by}");
}
