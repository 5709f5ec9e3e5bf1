//! Runs of one method that are killed: the writes of their committed calls are kept, and no others.

use sedge_api::view::call::CallStatusView;
use sedge_api::view::run::RunStatusView;

use crate::fixture::{Scene, calls_of, dice, n_rounds};

const N_CALLS: u64 = 200;

#[test]
fn crash_of_a_method_keeps_only_committed_calls() {
    let scene = Scene::new();
    let mut dice = dice();
    let mut n_interrupted = 0;
    for round in 0..n_rounds(2) {
        let before = scene.newest().map(|it| it.run.id);
        let n_before = scene.versions("sink", "record").len();
        let far = usize::try_from(dice.below(N_CALLS)).expect("few");
        let parallel = format!("parallel={}", round % 2 == 1);
        let count = format!("count={N_CALLS}");
        let args = ["model", "method", "run", "spawn", "run", "--input", &count];
        let child = scene
            .env
            .spawn(args.into_iter().chain(["--input", &parallel]));
        scene.kill(child, n_before + far, &mut dice);

        if let Some(run) = scene
            .newest()
            .filter(|it| Some(&it.run.id) != before.as_ref())
        {
            scene.check_consistent(&run);
            // A run that succeeded ended before the kill.
            let is_interrupted = run.run.status == RunStatusView::Interrupted;
            assert!(is_interrupted || run.run.status == RunStatusView::Succeeded);
            n_interrupted += u64::from(is_interrupted);
            let calls = calls_of(&run);
            let is_cancelled = calls
                .iter()
                .any(|it| it.status == CallStatusView::Cancelled);
            assert!(!is_cancelled, "no process was left to cancel it");
        }
        scene.check_unlocked();
    }
    println!("{n_interrupted} of {} runs were interrupted", n_rounds(2));
}
