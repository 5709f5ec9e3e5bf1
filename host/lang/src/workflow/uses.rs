//! Checks the references in the expressions of a workflow: inputs are declared, and steps and jobs
//! exist and have ended when the expression is evaluated, because its step waits for them.

use std::cell::OnceCell;
use std::collections::HashMap;

use super::{Job, Step, Workflow};
use crate::diagnostic::{Diagnostic, DiagnosticCode};
use crate::expr::{Expr, Reference};
use crate::scope::STEP_MEMBERS;
use crate::suggest::{Candidates, nearest};
use crate::yaml::Faults;
use crate::yaml::faults::FAULTS_MAX;

/// The maximum number of dependencies that are followed for one workflow.
///
/// The author chooses the graph. Each use of a result follows the dependencies of its step, so a
/// hostile file could take quadratic time. A use that is not checked here fails when its step
/// begins.
const VISITS_MAX: usize = 10_000_000;

/// Checks the references of all expressions.
pub(super) fn check(workflow: &Workflow, faults: &mut Faults) {
    let mut uses = Uses::new(workflow);
    for tag in workflow.tags.values() {
        tag.exprs().for_each(|it| uses.before_the_run(it, faults));
    }
    let trigger = workflow.trigger.as_ref();
    let inputs = trigger.and_then(|it| it.value.inputs.as_ref());
    for expr in inputs.iter().flat_map(|it| it.exprs()) {
        uses.before_the_run(expr, faults);
    }
    let mut step_at = 0;
    for (job_at, job) in workflow.jobs.iter().enumerate() {
        if let Some(guard) = &job.guard {
            let user = User {
                job,
                job_at,
                step: None,
            };
            uses.expr(guard.expr(), &user, faults);
        }
        for step in &job.steps {
            let user = User {
                job,
                job_at,
                step: Some((step, step_at)),
            };
            for expr in step.exprs() {
                uses.expr(expr, &user, faults);
            }
            step_at += 1;
        }
    }
}

/// The part of the workflow whose expression uses a result.
struct User<'w> {
    job: &'w Job,
    job_at: usize,
    /// The step with its number, unless the expression is of the job itself.
    step: Option<(&'w Step, usize)>,
}

impl User<'_> {
    /// Returns the part as a message names it.
    fn shown(&self) -> String {
        match self.step {
            Some((step, _)) => format!("the step `{}`", step.path.step),
            None => format!("the job `{}`", self.job.name),
        }
    }
}

/// The jobs and steps of a workflow, by name and by number.
struct Uses<'w> {
    workflow: &'w Workflow,
    /// The jobs by name.
    jobs: HashMap<&'w str, usize>,
    /// The steps by name, each with the number of its job.
    steps: HashMap<&'w str, Vec<(usize, usize)>>,
    /// All steps in the order of the file.
    all: Vec<&'w Step>,
    /// The names of the steps, from the first unknown name on.
    names: OnceCell<Candidates<'w>>,
    job_waits: Waits,
    step_waits: Waits,
}

/// Which of several jobs, or steps, wait for which.
struct Waits {
    on: Vec<Vec<usize>>,
    /// For each one, the last one whose direct dependency it was found to be.
    direct_of: Vec<Option<usize>>,
    /// The one whose direct dependencies are marked in `direct_of`. All references of one step
    /// follow each other, so its dependencies are marked once.
    marked: Option<usize>,
    /// The search in which each one was visited last.
    visited: Vec<usize>,
    n_searches: usize,
    n_visits: usize,
}

impl Waits {
    fn new(on: Vec<Vec<usize>>) -> Self {
        Self {
            direct_of: vec![None; on.len()],
            marked: None,
            visited: vec![0; on.len()],
            on,
            n_searches: 0,
            n_visits: 0,
        }
    }

    /// Returns whether `from` waits for `to`, directly or through others.
    fn waits(&mut self, from: usize, to: usize) -> bool {
        if self.marked != Some(from) {
            self.marked = Some(from);
            for &on in &self.on[from] {
                self.direct_of[on] = Some(from);
            }
        }
        if self.direct_of[to] == Some(from) {
            return true;
        }
        self.n_searches += 1;
        let mut open = vec![from];
        while let Some(at) = open.pop() {
            for &next in &self.on[at] {
                self.n_visits += 1;
                if next == to || self.n_visits > VISITS_MAX {
                    return true;
                }
                if self.visited[next] != self.n_searches {
                    self.visited[next] = self.n_searches;
                    open.push(next);
                }
            }
        }
        false
    }
}

impl<'w> Uses<'w> {
    fn new(workflow: &'w Workflow) -> Self {
        let jobs: HashMap<&str, usize> = workflow
            .jobs
            .iter()
            .enumerate()
            .map(|(at, job)| (job.name.as_str(), at))
            .collect();
        let job_on = |job: &Job| -> Vec<usize> {
            let all = job.depends_on.iter().flat_map(|part| part.dependencies());
            all.filter_map(|it| jobs.get(it.on.as_str()).copied())
                .collect()
        };
        let job_waits = Waits::new(workflow.jobs.iter().map(job_on).collect());
        let mut steps: HashMap<&str, Vec<(usize, usize)>> = HashMap::new();
        let (mut all, mut step_on) = (Vec::new(), Vec::new());
        for (job_at, job) in workflow.jobs.iter().enumerate() {
            let first = all.len();
            let own = job.steps.iter().enumerate();
            let own: HashMap<&str, usize> = own
                .map(|(at, step)| (step.path.step.as_str(), first + at))
                .collect();
            for step in &job.steps {
                let name = step.path.step.as_str();
                steps.entry(name).or_default().push((job_at, all.len()));
                let on = step.depends_on.iter().flat_map(|part| part.dependencies());
                let on = on.filter_map(|it| own.get(it.on.as_str()).copied());
                step_on.push(on.collect());
                all.push(step);
            }
        }
        Self {
            workflow,
            jobs,
            steps,
            all,
            names: OnceCell::new(),
            job_waits,
            step_waits: Waits::new(step_on),
        }
    }

    /// Checks an expression that is evaluated before the run begins.
    fn before_the_run(&self, expr: &Expr, faults: &mut Faults) {
        self.inputs(expr, faults);
        for variable in ["steps", "jobs"] {
            if expr.uses(variable) {
                let message = format!("`{variable}` has no value here: no step has run yet");
                faults.add(DiagnosticCode::Expression, expr.span(), message);
            }
        }
    }

    fn expr(&mut self, expr: &Expr, user: &User<'w>, faults: &mut Faults) {
        if faults.len() >= FAULTS_MAX {
            return;
        }
        self.inputs(expr, faults);
        if expr.uses("steps") {
            for reference in expr.references("steps") {
                if let Some(fault) = self.step(&reference, user, faults) {
                    faults.push(fault);
                }
            }
        }
        if expr.uses("jobs") {
            for reference in expr.references("jobs") {
                if let Some(fault) = self.job(&reference, user, faults) {
                    faults.push(fault);
                }
            }
        }
    }

    /// Checks that the inputs of an expression are declared. A workflow that declares no inputs
    /// takes any.
    fn inputs(&self, expr: &Expr, faults: &mut Faults) {
        let inputs = &self.workflow.inputs;
        let others = &inputs.json()["additionalProperties"];
        let takes_others = !others.is_null() && *others != serde_json::Value::Bool(false);
        if !inputs.is_declared() || takes_others || !expr.uses("inputs") {
            return;
        }
        for reference in expr.references("inputs") {
            let name = &reference.name;
            if inputs.property(name).is_some() {
                continue;
            }
            let message = format!("the workflow declares no input `{name}`");
            let fault = faults.fault(reference.span, message);
            let fault = fault.with_code(DiagnosticCode::UnknownName);
            faults.push(match nearest(name, inputs.names()) {
                Some(near) => fault.with_hint(format!("did you mean `{near}`?")),
                None => fault.with_hint(format!("add `{name}` to the `inputs` of the workflow")),
            });
        }
    }

    /// Returns the fault of a use of a step's result.
    fn step(&mut self, used: &Reference, user: &User<'w>, faults: &Faults) -> Option<Diagnostic> {
        let fault = |message: String| faults.fault(used.span.clone(), message);
        let name = used.name.as_str();
        let found = match self.find(name, user) {
            Ok(found) => found,
            Err(jobs) if jobs.is_empty() => {
                let fault = fault(format!("there is no step named `{name}`"));
                let fault = fault.with_code(DiagnosticCode::UnknownName);
                let names = || Candidates::new(self.all.iter().map(|it| it.path.step.as_str()));
                let near = self.names.get_or_init(names).nearest(name);
                return Some(fault.with_near(near));
            }
            Err(jobs) => {
                let shown = jobs.iter().map(|it| format!("`{it}`"));
                let shown: Vec<String> = shown.collect();
                let message = format!("steps of the jobs {} are named `{name}`", shown.join(", "));
                let hint = format!("write `steps[\"{}/{name}\"]`", jobs[0]);
                return Some(
                    fault(message)
                        .with_code(DiagnosticCode::UnknownName)
                        .with_hint(hint),
                );
            }
        };
        let (job_at, step_at) = found;
        if let Some(fault) = self.step_member(used, self.all[step_at], faults) {
            return Some(fault);
        }
        let is_own_job = job_at == user.job_at;
        let waits = match user.step {
            Some((_, own)) if own == step_at => {
                let message = format!("the step `{name}` uses its own result");
                return Some(fault(message).with_code(DiagnosticCode::Cycle));
            }
            Some((_, own)) if is_own_job => self.step_waits.waits(own, step_at),
            Some(_) | None => !is_own_job && self.job_waits.waits(user.job_at, job_at),
        };
        if waits {
            return None;
        }
        let target = self.all[step_at];
        let message = format!(
            "{} uses the result of the step `{}`, but does not wait for it",
            user.shown(),
            target.path.step
        );
        let hint = match user.step {
            Some((step, _)) if is_own_job => {
                let entry = format!("{{step: {}}}", target.path.step);
                wait_hint(&entry, !step.depends_on.is_empty(), &user.shown())
            }
            None if is_own_job => {
                "a guard of a job is evaluated before its steps: put it on a step".to_owned()
            }
            Some(_) | None => job_hint(user, target.path.job.as_str()),
        };
        Some(
            fault(message)
                .with_code(DiagnosticCode::Expression)
                .with_hint(hint),
        )
    }

    /// Returns the step that a name or a path means, as the numbers of its job and of itself. A
    /// name means the step of the expression's own job, or the only one of this name. Otherwise,
    /// returns the jobs that have a step of this name.
    fn find(&self, name: &str, user: &User<'w>) -> Result<(usize, usize), Vec<&'w str>> {
        let jobs = &self.workflow.jobs;
        let Some(named) = self.steps.get(name) else {
            let path = name.split_once('/').and_then(|(job, step)| {
                let job = self.jobs.get(job)?;
                of_job(self.steps.get(step)?, *job)
            });
            return path.ok_or_else(Vec::new);
        };
        if let Some(own) = of_job(named, user.job_at) {
            return Ok(own);
        }
        if let [only] = &named[..] {
            return Ok(*only);
        }
        /// The maximum number of jobs that a message names.
        const JOBS_SHOWN_MAX: usize = 5;
        let of = named.iter().take(JOBS_SHOWN_MAX);
        Err(of.map(|(job, _)| jobs[*job].name.as_str()).collect())
    }

    /// Returns the fault of a member that the result of a step does not have.
    fn step_member(&self, used: &Reference, step: &Step, faults: &Faults) -> Option<Diagnostic> {
        let (member, span) = used.member.as_ref()?;
        let name = &used.name;
        if step.for_each.is_some() {
            let message = format!("`steps.{name}` is a list, because the step has `forEach`");
            let hint = format!(
                "write `steps.{name}[0].{member}`, or `steps.{name}.map(it, it.{member})` for all"
            );
            let fault = faults.fault(span.clone(), message);
            return Some(fault.with_code(DiagnosticCode::Expression).with_hint(hint));
        }
        member_fault(&format!("steps.{name}"), used, &STEP_MEMBERS, faults)
    }

    /// Returns the fault of a use of a job's result.
    fn job(&mut self, used: &Reference, user: &User<'w>, faults: &Faults) -> Option<Diagnostic> {
        let name = used.name.as_str();
        let fault = |message: String| faults.fault(used.span.clone(), message);
        let Some(job_at) = self.jobs.get(name).copied() else {
            let fault = fault(format!("there is no job named `{name}`"));
            let fault = fault.with_code(DiagnosticCode::UnknownName);
            let names = self.workflow.jobs.iter().map(|it| it.name.as_str());
            return Some(fault.with_near(nearest(name, names)));
        };
        if let Some(fault) = member_fault(&format!("jobs.{name}"), used, &["status"], faults) {
            return Some(fault);
        }
        if job_at == user.job_at {
            let message = format!("{} uses the result of its own job", user.shown());
            return Some(fault(message).with_code(DiagnosticCode::Cycle));
        }
        if self.job_waits.waits(user.job_at, job_at) {
            return None;
        }
        let message = format!(
            "{} uses the result of the job `{name}`, but does not wait for it",
            user.shown()
        );
        let fault = fault(message).with_code(DiagnosticCode::Expression);
        Some(fault.with_hint(job_hint(user, name)))
    }
}

/// Returns the step of a job among steps of one name, which are in the order of their jobs. Each job
/// may have a step of this name, so the search must not go through all of them.
fn of_job(named: &[(usize, usize)], job: usize) -> Option<(usize, usize)> {
    let found = named.binary_search_by_key(&job, |(job, _)| *job);
    found.ok().map(|at| named[at])
}

/// Returns how to make the job of a user wait for a job.
fn job_hint(user: &User<'_>, job: &str) -> String {
    let own = format!("the job `{}`", user.job.name);
    let entry = format!("{{job: {job}}}");
    wait_hint(&entry, !user.job.depends_on.is_empty(), &own)
}

fn wait_hint(entry: &str, has_others: bool, of: &str) -> String {
    if has_others {
        format!("add `{entry}` to `dependsOn` of {of}")
    } else {
        format!("add `dependsOn: [{entry}]` to {of}")
    }
}

/// Returns the fault of a member that does not exist.
fn member_fault(of: &str, used: &Reference, known: &[&str], faults: &Faults) -> Option<Diagnostic> {
    let (member, span) = used.member.as_ref()?;
    if known.contains(&member.as_str()) {
        return None;
    }
    let fault = faults.fault(span.clone(), format!("`{of}` has no member `{member}`"));
    let fault = fault.with_code(DiagnosticCode::UnknownName);
    Some(match nearest(member, known.iter().copied()) {
        Some(near) => fault.with_hint(format!("did you mean `{near}`?")),
        None => fault.with_hint(format!("its members are `{}`", known.join("`, `"))),
    })
}
