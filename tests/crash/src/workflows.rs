//! Runs of a workflow that are killed, also while they are resumed. In the end each call was made
//! exactly once.

use sedge_api::view::run::RunStatusView;

use crate::fixture::{Scene, dice, n_rounds};
use sedge_test_kit::Dice;

const N_CALLS: u64 = 100;

/// A workflow with three steps, of which the second makes many calls.
fn workflow(parallel: bool) -> String {
    format!(
        "name: long
jobs:
  - name: main
    steps:
      - name: before
        task: {{type: model_method, modelIdOrName: sink-two, methodName: run}}
      - name: spawn
        dependsOn: [{{step: before}}]
        task:
          type: model_method
          modelIdOrName: spawn
          methodName: run
          inputs: {{count: {N_CALLS}, parallel: {parallel}}}
      - name: behind
        dependsOn: [{{step: spawn}}]
        task: {{type: model_method, modelIdOrName: sink-two, methodName: run}}
"
    )
}

#[test]
fn crash_of_a_workflow_is_resumed_with_each_call_once() {
    let scene = Scene::new();
    let mut dice = dice();
    let mut n_resumed = 0;
    for round in 0..n_rounds(1) {
        scene
            .env
            .write_file("workflows/long.yaml", workflow(round % 2 == 1));
        let before = scene.newest().map(|it| it.run.id);
        let n_before = scene.n_versions();
        let far = |dice: &mut Dice| {
            let calls = usize::try_from(dice.below(N_CALLS)).expect("few");
            n_before[0] + calls
        };
        let n_versions = far(&mut dice);
        let child = scene.env.spawn(["workflow", "run", "long"]);
        scene.kill(child, n_versions, &mut dice);

        // If the process was killed before it created the run, there is nothing to resume.
        let Some(mut run) = scene
            .newest()
            .filter(|it| Some(&it.run.id) != before.as_ref())
        else {
            assert_eq!(scene.n_versions(), n_before);
            continue;
        };
        for _ in 0..2 {
            scene.check_consistent(&run);
            if run.run.status == RunStatusView::Interrupted {
                n_resumed += 1;
                let n_versions = far(&mut dice);
                let child = scene.env.spawn(["workflow", "resume", "long"]);
                scene.kill(child, n_versions, &mut dice);
                run = scene.newest().expect("it is still there");
            }
        }
        if run.run.status == RunStatusView::Interrupted {
            n_resumed += 1;
            let _ = scene.env.run(["workflow", "resume", "long"]).succeeded();
            run = scene.newest().expect("it is still there");
        }
        scene.check_consistent(&run);
        assert_eq!(run.run.status, RunStatusView::Succeeded);
        let [sink, sink_two, spawn] = n_before;
        let expect = [sink + 100, sink_two + 2, spawn + 1];
        assert_eq!(scene.n_versions(), expect, "each call once, round {round}");
        scene.check_unlocked();
    }
    println!("{n_resumed} resumes in {} rounds", n_rounds(1));
}
