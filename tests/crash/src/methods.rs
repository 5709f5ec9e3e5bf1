//! Runs of one method that are killed: what their calls committed stays, and nothing else.

use sedge_app::types::{CallStatus, RunStatus};

use crate::fixture::{Scene, dice, n_rounds};

const N_CALLS: u64 = 200;

#[test]
fn crash_of_a_method() {
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
            scene.is_whole(&run);
            // If it succeeded, it was faster than the kill.
            let is_interrupted = run.status == RunStatus::Interrupted;
            assert!(is_interrupted || run.status == RunStatus::Succeeded);
            n_interrupted += u64::from(is_interrupted);
            let cut_off = run
                .calls
                .iter()
                .any(|it| it.status == CallStatus::Cancelled);
            assert!(!cut_off, "nobody was there to cancel it");
        }
        scene.is_free();
    }
    println!("{n_interrupted} of {} runs were cut off", n_rounds(2));
}
