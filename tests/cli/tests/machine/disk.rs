//! Disks that are full or read-only.

use sedge_test_kit::number_from_env;

use crate::scene::{Scene, can_mount};

/// The default number of commands on the full disk. `SEDGE_OPERATIONS` overrides it.
const OPERATIONS: u64 = 300;

/// A script that leaves 0 to 400 KB free before each command.
const FULL: &str = r#"
mount -t tmpfs -o size=24m tmpfs . && cd "$PWD" || exit 1
"$SEDGE" init 2> /dev/null && "$SEDGE" plugin add "$GUESTS/sink.wasm" > /dev/null 2>&1 || exit 1
"$SEDGE" model create @sedge/sink a > /dev/null 2>&1 && "$SEDGE" model method run a run > /dev/null 2>&1 || exit 1
printf 'name: w\njobs: [{name: m, steps: [{name: s, task: {type: model_method, modelIdOrName: a, methodName: run}}]}]\n' > workflows/w.yaml
for n in $(seq 1 "$N"); do
    rm -f fill out
    free=$(df --output=avail -k . | tail -1)
    fill=$((free - n * 37 % 401))
    [ "$fill" -gt 0 ] && head -c "${fill}k" /dev/zero > fill 2> /dev/null
    case $((n % 10)) in
        0) t data gc ;;
        1) t model create @sedge/sink "b$n" ;;
        2) t data get a record --output out ;;
        3) t workflow run w ;;
        4) t data list ;;
        5) t datastore compact ;;
        6) t data rename a no-such other ;;
        7) t run gc --older-than 1h ;;
        *) t model method run a run ;;
    esac
done
rm -f fill
"$SEDGE" datastore check --deep > "$OUT" 2>&1 || { cat "$OUT" >&2; exit 1; }
echo "VERSIONS $("$SEDGE" data versions a record | tail -n +2 | wc -l)"
"#;

#[test]
fn commands_on_a_nearly_full_disk_lose_no_data() {
    if !can_mount() {
        return;
    }
    let scene = Scene::bare();
    let n = number_from_env("SEDGE_OPERATIONS", OPERATIONS);
    let ended = scene.script_in_namespace(&format!("N={n}\n{FULL}"));
    // `data rename` exits with 3, because no data has that name.
    ended.expect("a disk that is nearly full", &[0, 3, 75]);
    let n_written = 1 + ended.n_succeeded("model method run") + ended.n_succeeded("workflow run");
    let versions = ended
        .lines
        .iter()
        .find_map(|line| line.strip_prefix("VERSIONS "));
    let versions: usize = versions.expect("it was counted").parse().expect("a number");
    println!("versions: {versions}, of {n_written} that were reported as written");
    assert!(versions >= n_written, "{versions} of {n_written}");
}

/// Commands that only read succeed, and the others report that the medium is read-only.
#[test]
fn only_reads_succeed_on_a_read_only_medium() {
    if !can_mount() {
        return;
    }
    let scene = Scene::new();
    scene.env.write_file(
        "workflows/w.yaml",
        "name: w\njobs: [{name: m, steps: [{name: s, task: {type: model_method, modelIdOrName: a, methodName: run}}]}]\n",
    );
    let read_only = r#"mount --bind . . && mount -o remount,ro,bind . && cd "$PWD" || exit 1"#;
    let reads = scene.script_in_namespace(&format!(
        "{read_only}\nt model list; t model get a; t plugin list; t data list; t data get a record; t data versions a record; t run list; t workflow validate w; t workflow list; t workflow approvals; t datastore status; t datastore lock status; t secret list"
    ));
    reads.expect("reading on a read-only medium", &[0]);
    let writes = scene.script_in_namespace(&format!(
        "{read_only}\nt model method run a run; t model create @sedge/sink b; t workflow run w; t data delete a --all; t data gc; t plugin add \"$GUESTS/spawn.wasm\" --grant none; t datastore compact; t model delete a; printf 12345678abc | t secret put NAME"
    ));
    writes.expect("writing on a read-only medium", &[75]);
    scene.check(1);
}

/// If the output cannot be written, the command fails, but not as a bug. A reader that has closed
/// the pipe is not an error.
#[test]
fn full_stdout_is_a_temporary_error() {
    let scene = Scene::new();
    let full = scene.script(
        r#"
for command in "plugin list" "data get a record" "--json run list" "--help" "--version"; do
    "$SEDGE" $command > /dev/full 2> "$OUT"
    echo "CODE $? $command"
    sed 's/^/    /' "$OUT"
done
"#,
    );
    full.expect("a stdout that is full", &[75]);
    for (_, command, output) in &full.commands {
        let is_reported = output.contains("failed to write to stdout");
        assert!(is_reported, "{command}: {output}");
    }
    let closed = scene.script(
        r#"
for command in "data get a record" "--help"; do
    { "$SEDGE" $command; echo "CODE $? $command" >&2; } 2> "$OUT" | :
    grep CODE "$OUT"
done
"#,
    );
    closed.expect("a stdout that is closed", &[0]);
}

/// A command that has done its work does not invite a script to repeat it: the exit code is not 75,
/// and the message names the run and prints its result again. A run that failed keeps its own code.
#[test]
fn work_is_not_repeated_because_its_output_is_lost() {
    let scene = Scene::new();
    let step = "task: {type: model_method, modelIdOrName: a, methodName: run}";
    scene.env.write_file(
        "workflows/w.yaml",
        format!("name: w\njobs: [{{name: m, steps: [{{name: s, {step}}}]}}]\n"),
    );
    let gate = "task: {type: manual_approval, prompt: May it go on?}";
    scene.env.write_file(
        "workflows/g.yaml",
        format!("name: g\njobs: [{{name: m, steps: [{{name: s, {gate}}}]}}]\n"),
    );
    let assert = "task: {type: assert, expr: 1 == 2}";
    scene.env.write_file(
        "workflows/f.yaml",
        format!("name: f\njobs: [{{name: m, steps: [{{name: s, {assert}}}]}}]\n"),
    );
    let commands = |commands: &str| {
        scene.script(&format!(
            r#"
for command in {commands}; do
    "$SEDGE" $command > /dev/full 2> "$OUT"
    echo "CODE $? $command"
    sed 's/^/    /' "$OUT"
done
"#
        ))
    };
    let lost = commands(
        r#""workflow run w --json" "workflow run w --json-lines" "workflow run w --junit /dev/full" "workflow run w --junit /dev/full --json" "model method run a run" "workflow run g --json""#,
    );
    lost.expect("output that is lost", &[3]);
    for (_, command, output) in &lost.commands {
        assert!(
            output.contains("its output cannot be written"),
            "{command}: {output}"
        );
        assert!(
            output.contains("hint: print the result: `sedge run show "),
            "{command}: {output}"
        );
    }
    let changed =
        commands(r#""model create @sedge/sink b --json" "data rename a record other --json""#);
    changed.expect("output of a change that is lost", &[3]);
    let failed = commands(r#""workflow run f --json" "workflow run f --json-lines""#);
    failed.expect("a run that failed, and output that is lost", &[1]);
    for (_, command, output) in &failed.commands {
        assert!(
            output.contains("error: the workflow `f` failed"),
            "{command}: {output}"
        );
    }
    let dry = commands(r#""workflow run w --dry-run --json" "data gc --dry-run --json""#);
    dry.expect("output that a repetition can write", &[75]);
}
