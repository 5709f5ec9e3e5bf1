//! `sedge import …`

pub(crate) mod swamp;

use super::commands;

commands! {
    Import {
        Swamp(swamp::ImportSwampArgs),
    }
}
