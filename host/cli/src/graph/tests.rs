//! Drawings of a graph with everything that a graph can have.

use sedge_api::view::graph::{
    GraphEnd, GraphGroup, GraphHolds, GraphJob, GraphPlace, GraphTask, WorkflowGraph,
};

use super::*;

fn place(layer: u64, row: u64) -> GraphPlace {
    GraphPlace { layer, row }
}

fn step(name: &str, task: GraphTask, about: &str, place: GraphPlace) -> GraphStep {
    GraphStep {
        name: name.to_owned(),
        task,
        about: about.to_owned(),
        for_each: None,
        guard: None,
        allow_failure: false,
        attempts: None,
        place,
    }
}

fn edge(from: GraphEnd, to: GraphEnd, condition: Option<&str>) -> GraphEdge {
    GraphEdge {
        from,
        to,
        condition: condition.map(str::to_owned),
    }
}

/// Returns a graph with a group, a gate, `forEach`, guards, conditions, and texts that would break
/// a careless drawing.
fn sample() -> WorkflowGraph {
    let build = GraphJob {
        name: "build".to_owned(),
        guard: None,
        place: place(0, 0),
        steps: vec![
            GraphStep {
                attempts: Some(3),
                ..step("compile", GraphTask::Method, "shell.run", place(0, 0))
            },
            GraphStep {
                for_each: Some("region in ${{ inputs.regions }}".to_owned()),
                guard: Some("size(\"a<b\") > 0".to_owned()),
                allow_failure: true,
                ..step("scan", GraphTask::Workflow, "scan-one", place(0, 1))
            },
            step("check", GraphTask::Assert, "a && b", place(2, 0)),
        ],
        groups: vec![GraphGroup {
            group: 0,
            holds: GraphHolds::AnyOf,
            place: place(1, 0),
        }],
        edges: vec![
            edge(GraphEnd::Group(0), GraphEnd::Step(2), None),
            edge(GraphEnd::Step(0), GraphEnd::Group(0), Some("failed")),
            edge(GraphEnd::Step(1), GraphEnd::Group(0), None),
        ],
    };
    let deploy = GraphJob {
        name: "deploy".to_owned(),
        guard: Some("has(done)".to_owned()),
        place: place(1, 0),
        steps: vec![step(
            "go \"#1\" \\ \u{1b}[2J",
            GraphTask::Gate,
            "</text><script>\nalert(1)",
            place(0, 0),
        )],
        groups: Vec::new(),
        edges: Vec::new(),
    };
    WorkflowGraph {
        workflow: "release".to_owned(),
        jobs: vec![build, deploy],
        groups: Vec::new(),
        edges: vec![edge(
            GraphEnd::Job(0),
            GraphEnd::Job(1),
            Some("not skipped"),
        )],
    }
}

#[test]
fn text_has_each_step_with_what_it_waits_for() {
    let expect = "\
workflow release: 2 jobs, 4 steps

job build
    1  compile: method shell.run
       up to 3 attempts
    1  scan: workflow scan-one
       for each region in ${{ inputs.regions }}
       done already if size(\"a<b\") > 0
       may fail
    3  check: assert a && b
       after any of (compile failed, scan)

job deploy
  done already if has(done)
  after build not skipped
    1  go \"#1\" \\ ␛[2J: gate </text><script>␤alert(1)";
    assert_eq!(drawn(&sample(), GraphFormat::Text, 80), expect);
}

#[test]
fn text_fits_into_its_columns() {
    let mut graph = sample();
    graph.jobs[0].steps[0].about = "a long text ".repeat(20);
    graph.jobs[0].steps[1].name = "x".repeat(200);
    for columns in [40, 80] {
        let text = drawn(&graph, GraphFormat::Text, columns);
        let widest = text.lines().map(guest_text::columns_most).max();
        assert!(widest <= Some(columns), "{widest:?}\n{text}");
    }
}

#[test]
fn flowchart_quotes_all_texts() {
    let expect = r##"flowchart LR
  subgraph j0["build"]
    direction LR
    j0s0["compile<br/>method shell.run<br/>up to 3 attempts"]
    j0s1[["scan<br/>workflow scan-one<br/>for each region in ${{ inputs.regions }}<br/>done already if size(#34;a#60;b#34;) #62; 0<br/>may fail"]]
    j0s2{"check<br/>assert a #38;#38; b"}
    j0g0(("any"))
    j0g0 --> j0s2
    j0s0 -->|"failed"| j0g0
    j0s1 --> j0g0
  end
  subgraph j1["deploy<br/>done already if has(done)"]
    direction LR
    j1s0{{"go #34;#35;1#34; #92; ␛[2J<br/>gate #60;/text#62;#60;script#62;␤alert(1)"}}
  end
  j0 -->|"not skipped"| j1
"##;
    assert_eq!(drawn(&sample(), GraphFormat::Mermaid, 80), expect);
}

#[test]
fn digraph_quotes_all_texts() {
    let expect = r##"digraph "release" {
  rankdir=LR;
  compound=true;
  node [shape=box, fontname="monospace"];
  edge [fontname="monospace"];
  subgraph cluster_0 {
    label="build";
    j0s0 [label="compile\nmethod shell.run\nup to 3 attempts", shape=box];
    j0s1 [label="scan\nworkflow scan-one\nfor each region in ${{ inputs.regions }}\ndone already if size(\"a<b\") > 0\nmay fail", shape=component, style=dashed];
    j0s2 [label="check\nassert a && b", shape=diamond];
    j0g0 [label="any", shape=circle];
    j0g0 -> j0s2;
    j0s0 -> j0g0 [label="failed"];
    j0s1 -> j0g0;
  }
  subgraph cluster_1 {
    label="deploy\ndone already if has(done)";
    j1s0 [label="go \"#1\" \\ ␛[2J\ngate </text><script>␤alert(1)", shape=hexagon];
  }
  j0s2 -> j1s0 [ltail=cluster_0, lhead=cluster_1, label="not skipped"];
}
"##;
    assert_eq!(drawn(&sample(), GraphFormat::Dot, 80), expect);
}

#[test]
fn picture_is_closed_and_has_no_script() {
    let picture = drawn(&sample(), GraphFormat::Svg, 80);
    assert!(picture.starts_with("<svg ") && picture.ends_with("</svg>\n"));
    for forbidden in ["<script", "\u{1b}", "href", "onload", "url(h"] {
        assert!(!picture.contains(forbidden), "{forbidden}: {picture}");
    }
    for element in ["g", "text", "title", "svg", "marker"] {
        let opened = picture.matches(&format!("<{element}>")).count()
            + picture.matches(&format!("<{element} ")).count();
        let closed = picture.matches(&format!("</{element}>")).count();
        assert_eq!(opened, closed, "{element}: {picture}");
    }
    // Columns follow each other, and a job surrounds its steps.
    assert!(picture.contains("<rect class=\"cluster\" x=\"16\" y=\"16\""));
    assert!(picture.contains("not skipped"));
}

/// The edge that skips a layer passes below the step in it.
#[test]
fn edge_that_skips_a_layer_runs_around_its_steps() {
    let edges = [(0, 1), (1, 2), (0, 2)];
    let job = GraphJob {
        name: "main".to_owned(),
        guard: None,
        place: place(0, 0),
        steps: ["a", "b", "c"]
            .into_iter()
            .zip(0..)
            .map(|(name, layer)| step(name, GraphTask::Method, "sink.run", place(layer, 0)))
            .collect(),
        groups: Vec::new(),
        edges: edges
            .into_iter()
            .map(|(from, to)| edge(GraphEnd::Step(from), GraphEnd::Step(to), None))
            .collect(),
    };
    let graph = WorkflowGraph {
        workflow: "w".to_owned(),
        jobs: vec![job],
        groups: Vec::new(),
        edges: Vec::new(),
    };
    let picture = drawn(&graph, GraphFormat::Svg, 80);
    let paths = picture.lines().filter_map(|line| {
        let path = line.strip_prefix("<path class=\"edge\" marker-end=\"url(#tip)\" d=\"")?;
        path.strip_suffix("\"/>")
    });
    assert_eq!(
        paths.collect::<Vec<_>>(),
        [
            "M232 85C277 85 277 85 322 85",
            "M522 85C567 85 567 85 612 85",
            "M232 85C277 85 277 138 322 138H522C567 138 567 85 612 85",
        ]
    );
    assert!(picture.contains("viewBox=\"0 0 844 177\""), "{picture}");
}

#[test]
fn drawings_of_many_steps_are_made() {
    const N: u64 = 10_000;
    let mut graph = sample();
    let job = &mut graph.jobs[0];
    job.steps = (0..N)
        .map(|n| step(&format!("s{n}"), GraphTask::Method, "a.b", place(n, 0)))
        .collect();
    job.groups = Vec::new();
    job.edges = (1..N)
        .map(|n| edge(GraphEnd::Step(n - 1), GraphEnd::Step(n), None))
        .collect();
    for format in [
        GraphFormat::Text,
        GraphFormat::Mermaid,
        GraphFormat::Dot,
        GraphFormat::Svg,
    ] {
        assert!(drawn(&graph, format, 80).contains("s9999"), "{format:?}");
    }
}
