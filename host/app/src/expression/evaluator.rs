//! Evaluates expressions: finds the answers to their needs until they have a value.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};

use sedge_lang::diagnostic::{Diagnostic, DiagnosticCode};
use sedge_lang::expr::template::Template;
use sedge_lang::expr::{Env, Evaluated, Expr, Need, NeedAnswer};
use sedge_lang::workflow::WrittenText;
use sedge_lang::written::WrittenValue;
use sedge_model::lineage::Lineage;
use sedge_model::names::{EnvName, ModelName};
use sedge_store::DataSnapshot;
use sedge_sys::clock::Timestamp;
use serde_json::Value;

use super::answers::{NeedArguments, NoAnswer, answered};
use super::data::{DataAnswers, RecordsOfSteps};
use super::environment;
use super::model;
use super::record::ContentBudget;
use super::secret::{SecretPlace, secret_answer};
use crate::error::AppError;
use crate::repository::snapshot::RepositorySnapshot;
use crate::secret::argument::{references_mark, texts_mark};

/// The maximum number of times that one value is evaluated.
///
/// The author of an expression chooses how many needs follow from the answers to others.
const ROUNDS_MAX: usize = 64;

/// The maximum number of different values that one evaluator finds.
///
/// Definitions refer to each other, and the author of each chooses what it needs.
const ANSWERS_MAX: usize = 10_000;

/// The functions that read data.
const DATA_FUNCTIONS: [&str; 7] = [
    "data.latest",
    "data.version",
    "data.listVersions",
    "data.findByTag",
    "data.findBySpec",
    "data.query",
    "file.contents",
];

/// The source of the answers to needs.
#[derive(Clone)]
pub(crate) struct EvaluatorSource {
    /// The files of the repository, and what `sedge.yaml` grants to expressions.
    pub(crate) repository: RepositorySnapshot,
    /// The time that `now` is.
    pub(crate) now: Timestamp,
    /// Whether expressions may refer to secrets.
    pub(crate) secrets: SecretPlace,
}

/// Evaluates values and expressions. All data that they read is of one snapshot, which was taken
/// when the evaluator was made.
pub(crate) struct Evaluator<'e> {
    pub(super) source: &'e EvaluatorSource,
    data: Option<&'e DataSnapshot<'e>>,
    /// The methods that the expression may run, if it is a guard or an assert.
    methods: Option<&'e MethodAnswers>,
    /// The answers that were found, by the keys of their needs.
    found: RefCell<HashMap<String, NeedAnswer>>,
    budget: ContentBudget,
    /// The definitions of `model.NAME` that are being evaluated, the outermost first.
    pub(super) open: RefCell<Vec<ModelName>>,
    /// The variables of the environment that were read.
    environment: RefCell<BTreeSet<EnvName>>,
}

/// The results of the methods that an expression runs, by `model.method`.
#[derive(Debug, Default)]
pub(crate) struct MethodAnswers {
    known: BTreeMap<String, Result<Value, String>>,
    requested: Mutex<Vec<Need>>,
}

impl MethodAnswers {
    /// Keeps the result of a method: its value, or why it has none.
    pub(crate) fn insert(&mut self, need: &Need, result: Result<Value, String>) {
        self.known.insert(need.key(), result);
    }

    /// Takes the calls that the last evaluation has requested and that have no result yet.
    pub(crate) fn requested(&mut self) -> Vec<Need> {
        let requested = self.requested.get_mut();
        std::mem::take(requested.unwrap_or_else(PoisonError::into_inner))
    }

    fn find(&self, need: &Need) -> Result<Value, NoAnswer> {
        match self.known.get(&need.key()) {
            Some(Ok(value)) => Ok(value.clone()),
            Some(Err(message)) => Err(NoAnswer::Refused(message.clone())),
            None => {
                let requested = self.requested.lock();
                let mut requested = requested.unwrap_or_else(PoisonError::into_inner);
                requested.push(need.clone());
                let message = "the method has not run yet".to_owned();
                Err(NoAnswer::Refused(message))
            }
        }
    }
}

impl EvaluatorSource {
    /// Returns the source for the arguments of calls, with the present time.
    pub(crate) fn of_arguments(repository: &RepositorySnapshot) -> Self {
        Self {
            repository: repository.clone(),
            now: repository.clock().now(),
            secrets: SecretPlace::Arguments,
        }
    }

    /// Calls `body` with an evaluator. `has_data` says whether expressions may read data. If not,
    /// the datastore is not opened.
    ///
    /// It blocks the thread.
    pub(crate) fn evaluate<T>(
        &self,
        has_data: bool,
        body: impl FnOnce(&Evaluator<'_>) -> Result<T, AppError>,
    ) -> Result<T, AppError> {
        self.evaluate_with(has_data, None, body)
    }

    /// Calls `body` with an evaluator whose expressions may run methods.
    ///
    /// A method cannot run during the evaluation, because that reads a snapshot. The caller runs the
    /// methods that the evaluation has requested (see [`MethodAnswers::requested`]) and evaluates
    /// again, until no new one is requested.
    pub(crate) fn evaluate_with<T>(
        &self,
        has_data: bool,
        methods: Option<&MethodAnswers>,
        body: impl FnOnce(&Evaluator<'_>) -> Result<T, AppError>,
    ) -> Result<T, AppError> {
        if !has_data {
            return body(&Evaluator::new(self, None, methods));
        }
        let store = self.repository.store()?;
        store.data_snapshot(|snapshot| body(&Evaluator::new(self, Some(snapshot), methods)))
    }
}

impl<'e> Evaluator<'e> {
    fn new(
        source: &'e EvaluatorSource,
        data: Option<&'e DataSnapshot<'e>>,
        methods: Option<&'e MethodAnswers>,
    ) -> Self {
        Self {
            source,
            data,
            methods,
            found: RefCell::default(),
            budget: ContentBudget::new(),
            open: RefCell::default(),
            environment: RefCell::default(),
        }
    }

    /// Returns the variables of the environment that the evaluations have read, also those that are
    /// not set. What is written with the values may contain them.
    pub(crate) fn environment(&self) -> BTreeSet<EnvName> {
        self.environment.borrow().clone()
    }

    /// Returns an environment without variables, for the evaluations of this evaluator.
    pub(crate) fn env<'v>(&self) -> Env<'v> {
        Env::new(self.source.now.0)
    }

    /// Replaces the literal references to secrets in evaluated arguments, where secrets can be
    /// used, and hides texts that contain a secret from later expressions.
    pub(crate) fn references_marked(&self, written: &WrittenValue, mut value: Value) -> Value {
        match self.source.secrets {
            SecretPlace::Arguments | SecretPlace::Tried => {
                references_mark(written.source(), &mut value);
                texts_mark(&mut value);
            }
            SecretPlace::Elsewhere => {}
        }
        value
    }

    /// Returns the value of a part of a file.
    ///
    /// # Errors
    /// Returns an error if an expression has no value, with its place, or if what it needs cannot
    /// be read.
    pub(crate) fn value(
        &self,
        written: &WrittenValue,
        env: &mut Env<'_>,
    ) -> Result<Value, AppError> {
        let value = self.rounds(env, |env| Ok(written.eval(env)?))?;
        value.ok_or_else(|| {
            let span = written.source().span.clone();
            let fault = Diagnostic::new(written.file(), span, too_many_rounds());
            fault.with_code(DiagnosticCode::Expression).into()
        })
    }

    /// Returns the value of an expression.
    ///
    /// # Errors
    /// The same as for [`Evaluator::value`].
    pub(crate) fn expr(&self, expr: &Expr, env: &mut Env<'_>) -> Result<Value, AppError> {
        let value = self.rounds(env, |env| Ok(expr.eval(env)?))?;
        value.ok_or_else(|| expression_fault(expr, too_many_rounds()).into())
    }

    /// Returns the value of a text with expressions.
    ///
    /// # Errors
    /// The same as for [`Evaluator::value`].
    pub(crate) fn template(
        &self,
        template: &Template,
        env: &mut Env<'_>,
    ) -> Result<Value, AppError> {
        let value = self.rounds(env, |env| Ok(template.eval(env)?))?;
        match (value, template.exprs().next()) {
            (Some(value), _) => Ok(value),
            (None, Some(first)) => Err(expression_fault(first, too_many_rounds()).into()),
            (None, None) => unreachable!("a text without expressions needs nothing"),
        }
    }

    /// Returns the value of a text of a workflow.
    ///
    /// # Errors
    /// The same as for [`Evaluator::value`].
    pub(crate) fn text(&self, text: &WrittenText, env: &mut Env<'_>) -> Result<Value, AppError> {
        match text.template() {
            Some(template) => self.template(template, env),
            None => Ok(text.as_str().into()),
        }
    }

    /// Evaluates until there is a value. Returns `None` if that takes too many rounds.
    fn rounds(
        &self,
        env: &mut Env<'_>,
        evaluated: impl Fn(&Env<'_>) -> Result<Evaluated, AppError>,
    ) -> Result<Option<Value>, AppError> {
        for _ in 0..ROUNDS_MAX {
            match evaluated(env)? {
                Evaluated::Value(value) => return Ok(Some(value)),
                Evaluated::Needs(needs) => {
                    for need in &needs {
                        env.answer(need, self.answer(need)?);
                    }
                }
            }
        }
        Ok(None)
    }

    /// Returns the answer to a need. The same need always has the same answer.
    fn answer(&self, need: &Need) -> Result<NeedAnswer, AppError> {
        let key = need.key();
        if let Some(known) = self.found.borrow().get(&key) {
            return Ok(known.clone());
        }
        if self.found.borrow().len() == ANSWERS_MAX {
            let message = format!("the evaluation needs more than {ANSWERS_MAX} values");
            return Ok(NeedAnswer::Refused(message));
        }
        let answer = answered(self.find(need))?;
        self.found.borrow_mut().insert(key, answer.clone());
        Ok(answer)
    }

    fn find(&self, need: &Need) -> Result<Value, NoAnswer> {
        let arguments = NeedArguments(need);
        match need.name.as_str() {
            "data.latest" => self.data()?.latest(arguments),
            "data.version" => self.data()?.version(arguments),
            "data.listVersions" => self.data()?.list_versions(arguments),
            "data.findByTag" => self.data()?.find_by_tag(arguments),
            "data.findBySpec" => self.data()?.find_by_spec(arguments),
            "data.query" => self.data()?.query(arguments),
            "file.contents" => self.data()?.file_contents(arguments),
            "model" => model::definition_value(self, arguments),
            "env" => {
                let granted = &self.source.repository.config().expressions.env;
                let name = environment::granted_name(granted, arguments)?;
                self.environment.borrow_mut().insert(name.clone());
                environment::variable(name)
            }
            "secret" | "vault.get" => secret_answer(self.source.secrets, need),
            "model.method" => match self.methods {
                Some(methods) => methods.find(need),
                None => Err(NoAnswer::Refused(
                    "`model.method` runs a method, which is possible only in a run".to_owned(),
                )),
            },
            "webhook" | "workers" => Err(NoAnswer::Refused(format!(
                "`{}` has a value only in a run that a server has started",
                need.name
            ))),
            other => Err(NoAnswer::Refused(format!(
                "`{other}` is not supported by this version of Sedge"
            ))),
        }
    }

    /// Returns the records that some calls and the calls below them wrote, in the order of their
    /// commits. Returns `None` if the records that `found` counts become too large to be held in
    /// memory.
    ///
    /// # Errors
    /// Returns an error if the datastore cannot be read.
    pub(super) fn records_below(
        &self,
        calls: &[Lineage],
        found: &mut RecordsOfSteps,
    ) -> Result<Option<Vec<Value>>, AppError> {
        let data = self.data();
        match data.and_then(|data| data.records_below(calls, found)) {
            Ok(records) => Ok(Some(records)),
            Err(NoAnswer::Absent(_) | NoAnswer::Refused(_)) => Ok(None),
            Err(NoAnswer::Host(error)) => Err(error),
        }
    }

    fn data(&self) -> Result<DataAnswers<'_>, NoAnswer> {
        let Some(snapshot) = self.data else {
            let message = "data cannot be read here".to_owned();
            return Err(NoAnswer::Refused(message));
        };
        Ok(DataAnswers {
            repository: &self.source.repository,
            snapshot,
            budget: &self.budget,
            secrets: self.source.secrets,
            now: self.source.now,
        })
    }
}

/// Returns whether an expression may read data: by itself, or through another definition.
pub(crate) fn uses_data(expr: &Expr) -> bool {
    expr.uses("model") || DATA_FUNCTIONS.iter().any(|name| expr.uses(name))
}

/// Returns a fault of an expression as a whole.
pub(crate) fn expression_fault(expr: &Expr, message: impl Into<String>) -> Diagnostic {
    let place = expr.place();
    let span = place.span(0..expr.text().len());
    Diagnostic::new(place.file(), span, message).with_code(DiagnosticCode::Expression)
}

fn too_many_rounds() -> String {
    format!("what it needs follows from other values more than {ROUNDS_MAX} deep")
}
