//! Where a file can have many values. With it, a file that has them elsewhere is refused as soon as
//! they are read, and not after a tree was built of all of them.

/// The maximum number of values in the parts of a file that have few: names, tags, checks, unknown
/// keys.
///
/// The author of the file chooses the number, and reading a thousand takes about 0.3 ms and
/// 100 KiB. The largest known files have a few hundred values there.
pub(crate) const FEW_VALUES_MAX: usize = 10_000;

/// The maximum number of values in one value whose parts the author chooses: the arguments of a
/// model or of a method, or a step.
///
/// As with [`FEW_VALUES_MAX`], the author chooses the number. Reading so many takes about 50 ms.
/// Larger data belongs in a file that a plugin reads.
pub(crate) const FREE_VALUES_MAX: usize = 100_000;

/// The maximum length of a text in the parts of a file that have few values, in bytes.
///
/// The author of the file chooses the length, and the text would be copied. Descriptions and
/// prompts have a few KiB.
pub(crate) const SHORT_TEXT_BYTES_MAX: usize = 1 << 20;

/// The key whose value is merged into the map that it is a key of.
pub(super) const MERGE_KEY: &str = "<<";

/// How many values a part of a file can have.
#[derive(Debug)]
pub(crate) enum Outline {
    /// As many as the whole file.
    Any,
    /// At most [`FREE_VALUES_MAX`].
    Free,
    /// At most [`FEW_VALUES_MAX`], together with all other such parts of the file.
    Few,
    /// It is a list with any number of such items. In other forms, it has few values.
    List(&'static Outline),
    /// It has keys. In other forms, it has few values.
    Keys(&'static OutlineKeys),
}

/// The outline of a part with keys. Keys that are not in it have few values.
#[derive(Debug)]
pub(crate) struct OutlineKeys {
    /// The keys whose values have an outline of their own.
    pub(crate) keys: &'static [(&'static str, Outline)],
    /// The keys whose values are [`Outline::Free`].
    pub(crate) free: &'static [&'static str],
}

/// The form in which a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ValueForm {
    Single,
    List,
    Keys,
}

impl Outline {
    /// Returns the outline of a value that is written in a form.
    pub(super) fn in_form(&'static self, form: ValueForm) -> &'static Self {
        match (self, form) {
            (Self::List(_), ValueForm::Single | ValueForm::Keys)
            | (Self::Keys(_), ValueForm::Single | ValueForm::List) => &Self::Few,
            (Self::Any | Self::Free | Self::Few, _)
            | (Self::List(_), ValueForm::List)
            | (Self::Keys(_), ValueForm::Keys) => self,
        }
    }

    /// Returns the outline of the items, if it is the one of a list.
    pub(super) fn of_item(&'static self) -> &'static Self {
        match self {
            Self::List(item) => item,
            Self::Any | Self::Free | Self::Few | Self::Keys(_) => self,
        }
    }

    /// Returns the outline of the value of a key.
    pub(super) fn of_key(&'static self, key: &str) -> &'static Self {
        match self {
            Self::Keys(keys) => {
                let mut known = keys.keys.iter();
                let found = known.find(|(known, _)| *known == key);
                let is_free = || key == MERGE_KEY || keys.free.contains(&key);
                match found {
                    Some((_, outline)) => outline,
                    None if is_free() => &Self::Free,
                    None => &Self::Few,
                }
            }
            Self::Any | Self::Free | Self::Few | Self::List(_) => self,
        }
    }
}
