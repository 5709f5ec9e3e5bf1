//! What a run of a workflow costs: durable transactions, and steps that have started and wait. Both
//! are counted, so that the machine does not matter.

use sedge_api::view::workflow::WorkflowEnd;
use sedge_app::AppError;
use sedge_app::types::RunEvent;

use crate::fixture::House;
use crate::fixture::text::{after, step};
use crate::shown::Recorded;

/// The most durable transactions of a run besides those of its steps.
const N_OTHER_MAX: u64 = 10;

/// The most steps that have started and wait for the lock of one model: see `StartWindow`.
const OF_MODEL_MAX: usize = 16;

#[track_caller]
fn succeeded(house: &House, end: Result<WorkflowEnd, AppError>) -> Recorded {
    match end {
        Ok(WorkflowEnd::Succeeded { run, .. }) => house.show(&run),
        other => panic!("it should have succeeded: {other:?}"),
    }
}

/// Runs a workflow, and returns its record and the number of durable transactions.
async fn committed(house: &House, steps: &[String]) -> (Recorded, u64) {
    house.workflow("w", steps);
    let n_commits = || house.repository.n_durable_commits().expect("it is open");
    let before = n_commits();
    let end = house.workflow_run("w").await;
    let n = n_commits() - before;
    (succeeded(house, end), n)
}

/// Returns a chain of steps; `note` returns the input of a step, given the one before.
fn chain(n: usize, note: impl Fn(Option<usize>) -> String) -> Vec<String> {
    let steps = (0..n).map(|at| {
        let before = at.checked_sub(1);
        let on = match before {
            Some(before) => after(&[&format!("s{before}")], "succeeded"),
            None => String::new(),
        };
        let inputs = format!("{{note: \"{}\"}}", note(before));
        step(&format!("s{at}"), "sink.run", &inputs, &on)
    });
    steps.collect()
}

/// The commit of a call also has the end of its step and the start of the next one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chain_needs_one_commit_for_each_step() {
    let house = House::new();
    for n in [10, 100] {
        let (run, n_commits) = committed(&house, &chain(n, |_| "x".to_owned())).await;
        assert_eq!(run.calls.len(), n);
        let most = n as u64 + N_OTHER_MAX;
        assert!((n as u64..=most).contains(&n_commits), "{n}: {n_commits}");
    }
}

/// The inputs of a step that reads the one before are evaluated when its result is durable.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chain_whose_steps_read_results_needs_two_commits_for_each_step() {
    let house = House::new();
    for n in [10, 100] {
        let note = |before| match before {
            Some(before) => format!("${{{{ steps.s{before}.outputs.note }}}}"),
            None => "x".to_owned(),
        };
        let (run, n_commits) = committed(&house, &chain(n, note)).await;
        assert_eq!(run.calls.len(), n);
        assert!(n_commits <= 2 * n as u64 + N_OTHER_MAX, "{n}: {n_commits}");
    }
}

/// The ends of steps start others that were held back, so that those need few commits of their own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn steps_side_by_side_need_few_commits_for_their_starts() {
    let house = House::new();
    let n = 100;
    for models in [
        &["sink"][..],
        &["sink", "sink-two", "counter", "one", "two"],
    ] {
        let steps: Vec<String> = (0..n)
            .map(|at| {
                let (name, model) = (format!("s{at}"), models[at % models.len()]);
                match model.starts_with("sink") {
                    true => step(&name, &format!("{model}.run"), "{}", ""),
                    false => step(&name, &format!("{model}.add"), "{}", ""),
                }
            })
            .collect();
        let (run, n_commits) = committed(&house, &steps).await;
        assert_eq!(run.calls.len(), n);
        let most = (n + n / 2) as u64 + N_OTHER_MAX;
        assert!(n_commits <= most, "{models:?}: {n_commits}");
    }
}

/// Steps of one model wait for each other. Most of them start only when the others have ended, and a
/// step of another model does not wait for that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn steps_that_could_only_wait_start_later() {
    let house = House::new();
    let mut steps: Vec<String> = (0..60)
        .map(|at| step(&format!("s{at}"), "sink.run", "{}", ""))
        .collect();
    steps.push(step("other", "two.add", "{}", ", weight: 5"));
    let (run, _) = committed(&house, &steps).await;
    let (mut n_now, mut n_most, mut n_before_other) = (0_usize, 0, None);
    for record in &run.events {
        if let RunEvent::StepStarted { step, .. } = &record.event {
            match step.step.path.step.as_str() {
                "other" => n_before_other = Some(n_now),
                _ => n_now += 1,
            }
        } else if let RunEvent::StepSucceeded { step, .. } = &record.event
            && step.step.path.step.as_str() != "other"
        {
            n_now -= 1;
        }
        n_most = n_most.max(n_now);
    }
    // Besides those that wait, one has the lock, and one may be committing its end.
    assert!(n_most <= OF_MODEL_MAX + 2, "{n_most}");
    assert_eq!(n_before_other, Some(OF_MODEL_MAX), "it starts at once");
}

/// Weights count among steps that are held back, too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn steps_that_are_held_back_start_in_the_order_of_their_weights() {
    let house = House::new();
    let steps: Vec<String> = (0..60)
        .map(|at| {
            let weight = format!(", weight: {}", -at);
            step(&format!("s{at}"), "sink.run", "{}", &weight)
        })
        .collect();
    let (run, _) = committed(&house, &steps).await;
    let started = run.events.iter().filter_map(|record| {
        let RunEvent::StepStarted { step, .. } = &record.event else {
            return None;
        };
        Some(step.step.path.step.to_string())
    });
    let expect: Vec<String> = (0..60).rev().map(|at| format!("s{at}")).collect();
    assert_eq!(started.collect::<Vec<_>>(), expect);
}
