//! Counts the faults and the missing values that a query met in its rows.

use super::{DataRow, Query, QueryError, Shown};
use crate::diagnostic::Diagnostic;

/// Counts the rows for which an expression was wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RowFaults {
    /// The number of rows.
    pub n_rows: u64,
    /// The number of these rows for which `select` was wrong, not the predicate.
    pub n_select: u64,
    /// The first of them.
    pub first: Option<RowFault>,
    /// The rows for which a value to show was missing.
    pub missing: SelectMissing,
}

/// A row for which an expression was wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowFault {
    /// Its model.
    pub model: String,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: u64,
    /// The fault and its place in the expression.
    pub diagnostic: Diagnostic,
}

/// Counts the rows for which a value to show was missing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SelectMissing {
    /// The number of rows.
    pub n_rows: u64,
    /// The missing part in the first of them, as the query writes it.
    pub first: Option<String>,
}

impl RowFaults {
    /// Returns what to show of a row. Returns `None` if the row does not match, or if an expression
    /// is wrong for it, which is counted.
    pub fn evaluate(&mut self, query: &Query, row: &DataRow<'_>) -> Option<Shown> {
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
