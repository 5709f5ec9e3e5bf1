//! The parameters of statements and the values of rows, independent of SQLite's types.

use rusqlite::types::{FromSql, FromSqlError, ToSqlOutput, ValueRef};
use rusqlite::{Connection, OptionalExtension, ToSql, params_from_iter};
use sedge_sys::clock::{Clock, Timestamp};

use super::TxFault;

/// A parameter of a statement.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum SqlValue<'a> {
    Null,
    Int(i64),
    Text(&'a str),
    Bytes(&'a [u8]),
}

/// Makes the list of parameters for a statement.
macro_rules! values {
    ($($value:expr),* $(,)?) => {
        [$($crate::door::SqlValue::from($value)),*]
    };
}
pub(crate) use values;

impl From<i64> for SqlValue<'_> {
    fn from(n: i64) -> Self {
        Self::Int(n)
    }
}

impl From<u64> for SqlValue<'_> {
    /// SQLite's integers are signed. A number beyond their range is larger than any stored number.
    fn from(n: u64) -> Self {
        Self::Int(i64::try_from(n).unwrap_or(i64::MAX))
    }
}

impl From<u32> for SqlValue<'_> {
    fn from(n: u32) -> Self {
        Self::Int(n.into())
    }
}

impl From<bool> for SqlValue<'_> {
    fn from(is: bool) -> Self {
        Self::Int(is.into())
    }
}

impl<'a> From<&'a str> for SqlValue<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a String> for SqlValue<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a [u8]> for SqlValue<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Bytes(bytes)
    }
}

impl<'a, T: Into<SqlValue<'a>>> From<Option<T>> for SqlValue<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl ToSql for SqlValue<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Int(n) => ValueRef::Integer(*n),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

/// A row of a result. Columns are counted from 0.
pub(crate) struct SqlRow<'a>(&'a rusqlite::Row<'a>);

impl SqlRow<'_> {
    pub(crate) fn get<T: FromSql>(&self, column: usize) -> Result<T, TxFault> {
        Ok(self.0.get(column)?)
    }

    /// Passes a text to `read` without copying it.
    pub(crate) fn text<T>(
        &self,
        column: usize,
        read: impl FnOnce(&str) -> T,
    ) -> Result<T, TxFault> {
        let wrong = |error: FromSqlError| {
            let kind = rusqlite::types::Type::Text;
            TxFault::Database(rusqlite::Error::FromSqlConversionFailure(
                column,
                kind,
                error.into(),
            ))
        };
        Ok(read(self.0.get_ref(column)?.as_str().map_err(wrong)?))
    }
}

/// A transaction: a writer's, or a reader's snapshot.
#[derive(Debug)]
pub(crate) struct Tx<'a> {
    connection: &'a Connection,
    clock: &'a Clock,
}

impl<'a> Tx<'a> {
    /// `connection` must be within a transaction as long as this value exists.
    pub(crate) fn new(connection: &'a Connection, clock: &'a Clock) -> Self {
        Self { connection, clock }
    }

    /// Returns the time of day that is recorded in new rows.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Runs a statement and returns the number of rows that it changed.
    pub(crate) fn execute(&self, sql: &str, values: &[SqlValue<'_>]) -> Result<usize, TxFault> {
        let mut statement = self.connection.prepare_cached(sql)?;
        Ok(statement.execute(params_from_iter(values))?)
    }

    /// Returns the first row; `None` if the result is empty.
    pub(crate) fn first<T>(
        &self,
        sql: &str,
        values: &[SqlValue<'_>],
        read: impl FnOnce(&SqlRow<'_>) -> Result<T, TxFault>,
    ) -> Result<Option<T>, TxFault> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let row = statement
            .query_row(params_from_iter(values), |row| Ok(read(&SqlRow(row))))
            .optional()?;
        row.transpose()
    }

    /// Returns the value of a statement that always has one row.
    pub(crate) fn value<T: FromSql>(
        &self,
        sql: &str,
        values: &[SqlValue<'_>],
    ) -> Result<T, TxFault> {
        let mut statement = self.connection.prepare_cached(sql)?;
        Ok(statement.query_row(params_from_iter(values), |row| row.get(0))?)
    }

    /// Passes the rows to `read` one by one, until it returns [`RowFlow::Enough`]. Only one row is in
    /// memory at a time.
    pub(crate) fn each(
        &self,
        sql: &str,
        values: &[SqlValue<'_>],
        mut read: impl FnMut(&SqlRow<'_>) -> Result<RowFlow, TxFault>,
    ) -> Result<(), TxFault> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query(params_from_iter(values))?;
        while let Some(row) = rows.next()? {
            match read(&SqlRow(row))? {
                RowFlow::More => {}
                RowFlow::Enough => break,
            }
        }
        Ok(())
    }

    /// Returns all rows.
    pub(crate) fn all<T>(
        &self,
        sql: &str,
        values: &[SqlValue<'_>],
        mut read: impl FnMut(&SqlRow<'_>) -> Result<T, TxFault>,
    ) -> Result<Vec<T>, TxFault> {
        let mut all = Vec::new();
        self.each(sql, values, |row| {
            all.push(read(row)?);
            Ok(RowFlow::More)
        })?;
        Ok(all)
    }

    /// Returns the row id of the last inserted row.
    pub(crate) fn inserted(&self) -> i64 {
        self.connection.last_insert_rowid()
    }
}

/// Whether more rows are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RowFlow {
    More,
    Enough,
}
