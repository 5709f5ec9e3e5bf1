//! The words of the audit: what a user did.

/// Makes [`AuditWord`] of lines of variant, word and meaning.
macro_rules! words {
    ($($variant:ident = $word:literal, $meaning:literal;)*) => {
        /// What a user did, as an entry of the audit has it. A word never changes its meaning.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum AuditWord {
            $(
                #[doc = $meaning]
                $variant,
            )*
        }

        impl AuditWord {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Returns the word as the audit has it.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }

            /// Returns what it means, as the help of a command has it.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self {
                    $(Self::$variant => $meaning,)*
                }
            }
        }
    };
}

// In the order of the words.
words! {
    DataCollected = "data-collected", "`data gc` deleted expired versions";
    DataDeleted = "data-deleted", "`data delete` deleted data of a model";
    DataPruned = "data-pruned", "`data prune` deleted the data of a model that is gone";
    DataRenamed = "data-renamed", "`data rename` renamed data of a model";
    DataRestored = "data-restored", "`data restore` made a former version the latest one";
    DatastoreCompacted = "datastore-compacted", "`datastore compact` rewrote the database";
    DatastoreRestored = "datastore-restored", "`datastore restore` replaced the datastore by a backup, with its audit";
    GateApproved = "gate-approved", "A gate of a run was approved";
    GateRejected = "gate-rejected", "A gate of a run was rejected";
    GrantsAdded = "grants-added", "Permissions were granted to a model, or to all models of a type";
    GrantsRemoved = "grants-removed", "Grants of a model, or of all models of a type, were removed";
    LocksReleased = "locks-released", "Locks were taken away from their calls by force";
    ModelCreated = "model-created", "A model was created";
    ModelDeleted = "model-deleted", "A model was deleted";
    ModelEdited = "model-edited", "`model edit` changed a definition";
    ModelUpgraded = "model-upgraded", "`model upgrade` wrote a definition for a later version of its type";
    PluginAdded = "plugin-added", "A plugin was added, or took the place of another version";
    PluginRemoved = "plugin-removed", "A plugin was removed";
    RunCancelled = "run-cancelled", "A run was cancelled";
    RunResumed = "run-resumed", "A run was resumed, or begun again from a step";
    RunStarted = "run-started", "A run was started";
    RunsDeleted = "runs-deleted", "`run gc` deleted the records of old runs";
    SecretDeleted = "secret-deleted", "A secret was deleted";
    SecretPut = "secret-put", "A secret was stored, or its value was replaced";
    SecretsRotated = "secrets-rotated", "The key of all secrets was replaced";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_unique_and_in_order() {
        let words: Vec<&str> = AuditWord::ALL.iter().map(|word| word.as_str()).collect();
        assert!(words.is_sorted_by(|one, next| one < next), "{words:?}");
    }
}
