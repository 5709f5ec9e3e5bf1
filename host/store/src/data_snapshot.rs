//! Several reads of data as it was at one time.

use sedge_lang::query::Selection;
use sedge_model::lineage::Lineage;
use sedge_model::names::{DataName, ModelName};

use crate::Store;
use crate::changes::data_find;
use crate::data::{DataRecord, ModelData, Scan, Scanned, data_record, models_read};
use crate::door::{Tx, values};
use crate::error::StoreError;
use crate::runs::word;
use crate::statements;

/// The data at one time. Later changes are not visible.
#[derive(Debug)]
pub struct DataSnapshot<'a> {
    store: &'a Store,
    tx: &'a Tx<'a>,
}

impl Store {
    /// Calls `body` with the data as it is now.
    ///
    /// `body` should end soon: as long as it runs, the database keeps what others replace.
    ///
    /// # Errors
    /// The database fails, or the error of `body`.
    pub fn data_snapshot<T, E: From<StoreError>>(
        &self,
        body: impl FnOnce(&DataSnapshot<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        self.door.read("read data", |tx| {
            Ok(body(&DataSnapshot { store: self, tx }))
        })?
    }
}

impl DataSnapshot<'_> {
    /// Returns a version of `name`, or of the name it was renamed to: the latest version if
    /// `version` is `None`. Returns `None` if it does not exist.
    ///
    /// # Errors
    /// The database fails.
    pub fn get(
        &self,
        model: &ModelName,
        name: &DataName,
        version: Option<u64>,
    ) -> Result<Option<Scanned<'_>>, StoreError> {
        let key = values![model.as_str(), name.as_str(), version];
        let record = self.tx.first(statements::VERSION_GET, &key, data_record);
        let record = record.map_err(|fault| fault.into_error("read data"))?;
        Ok(record.map(|record| self.scanned(record)))
    }

    /// Returns the versions of `name`, or of the name it was renamed to, oldest first; empty if the
    /// name does not exist.
    ///
    /// # Errors
    /// The database fails.
    pub fn versions(
        &self,
        model: &ModelName,
        name: &DataName,
    ) -> Result<Vec<DataRecord>, StoreError> {
        let listed = data_find(self.tx, model, name).and_then(|found| match found {
            Some(data) => {
                let key = values![data.id];
                self.tx.all(statements::VERSION_LIST, &key, data_record)
            }
            None => Ok(Vec::new()),
        });
        listed.map_err(|fault| fault.into_error("list versions"))
    }

    /// Passes the selected versions to `take`, as [`Store::data_scan`] does.
    ///
    /// # Errors
    /// The database fails, or the error of `take`.
    pub fn scan<E: From<StoreError>>(
        &self,
        selection: &Selection,
        mut take: impl FnMut(&Scanned<'_>) -> Result<Scan, E>,
    ) -> Result<(), E> {
        let (sql, given) = statements::versions_selected(selection);
        let mut failure = None;
        let scanned = self.tx.each(&sql, &given, |row| {
            let scanned = self.scanned(data_record(row)?);
            Ok(Scan::flow(take(&scanned), &mut failure))
        });
        match failure {
            Some(error) => Err(error),
            None => Ok(scanned.map_err(|fault| fault.into_error("search data"))?),
        }
    }

    /// Passes the versions to `take` that a call and the calls below it wrote, as
    /// [`DataSnapshot::scan`] does. A lineage without ordinals stands for all calls of its run. Other
    /// versions of the run are not read.
    ///
    /// The versions of one call come in the order in which their names were first written, and the
    /// calls in no order.
    ///
    /// # Errors
    /// The database fails, or the error of `take`.
    pub fn scan_below<E: From<StoreError>>(
        &self,
        call: &Lineage,
        mut take: impl FnMut(&Scanned<'_>) -> Result<Scan, E>,
    ) -> Result<(), E> {
        let path = call.path();
        // Paths consist of digits and `/`. `0` follows `/` in ASCII, and `:` follows `9`.
        let end = match path.is_empty() {
            true => ":".to_owned(),
            false => format!("{path}0"),
        };
        let range = values![call.run().as_str(), &path, &end];
        let mut failure = None;
        let scanned = self.tx.each(statements::VERSIONS_OF_CALLS, &range, |row| {
            let scanned = self.scanned(data_record(row)?);
            Ok(Scan::flow(take(&scanned), &mut failure))
        });
        match failure {
            Some(error) => Err(error),
            None => Ok(scanned.map_err(|fault| fault.into_error("search data"))?),
        }
    }

    /// Returns the models that have data, sorted, with the amount of data.
    ///
    /// # Errors
    /// The database fails.
    pub fn models(&self) -> Result<Vec<ModelData>, StoreError> {
        let models = models_read(self.tx);
        models.map_err(|fault| fault.into_error("list the models that have data"))
    }

    /// Returns the first model that has data and sorts after another one, or the first of all.
    ///
    /// # Errors
    /// The database fails.
    pub fn model_after(&self, after: Option<&str>) -> Result<Option<ModelName>, StoreError> {
        let key = values![after.unwrap_or("")];
        let found = self.tx.first(statements::DATA_MODEL_AFTER, &key, |row| {
            word("model name", row.get(0)?)
        });
        found.map_err(|fault| fault.into_error("list the models that have data"))
    }

    fn scanned(&self, record: DataRecord) -> Scanned<'_> {
        Scanned::new(self.store, self.tx, record)
    }
}
