//! What a query found wrong, or not there, in the rows that it looked at.

use super::{Query, QueryError, Row, Shown};
use crate::diagnostic::Diagnostic;

/// Counts the rows for which a query was wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RowFaults {
    /// How many there were.
    pub n_rows: u64,
    /// For how many of them it was what to show that was wrong, and not the predicate.
    pub n_select: u64,
    /// The first of them.
    pub first: Option<RowFault>,
    /// The rows of which something to show was not there.
    pub missing: SelectMissing,
}

/// A row for which a query was wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowFault {
    /// Its model.
    pub model: String,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: u64,
    /// What was wrong, and where in the expression.
    pub diagnostic: Diagnostic,
}

/// Counts the rows of which something to show was not there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SelectMissing {
    /// How many there were.
    pub n_rows: u64,
    /// What was not there in the first of them, as the query has it.
    pub first: Option<String>,
}

impl RowFaults {
    /// Returns what to show of a row; `None` if it does not match, or the query is wrong for it,
    /// which is counted.
    pub fn look(&mut self, query: &Query, row: &Row<'_>) -> Option<Shown> {
        match query.evaluate(row) {
            Ok(shown) => {
                if let Some(Shown {
                    missing: Some(missing),
                    ..
                }) = &shown
                {
                    self.missing.n_rows += 1;
                    self.missing.first.get_or_insert_with(|| missing.clone());
                }
                shown
            }
            Err(error) => {
                self.n_rows += 1;
                let (expression, message) = match &error {
                    QueryError::Row {
                        expression,
                        message,
                    } => (*expression, message.clone()),
                    QueryError::Source(fault) => ("predicate", fault.message.clone()),
                };
                self.n_select += u64::from(expression == "select");
                self.first.get_or_insert_with(|| RowFault {
                    model: row.model.to_owned(),
                    name: row.name.to_owned(),
                    version: row.version,
                    diagnostic: query.fault_of(row, expression, &message),
                });
                None
            }
        }
    }
}
