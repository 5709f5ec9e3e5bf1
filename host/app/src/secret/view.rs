//! Views of secrets.

use sedge_api::view::secret::{SecretState, SecretUse, SecretView, SecretWeakness};
use sedge_secrets::{ListedSecret, SecretInfo, Weakness};

use crate::views::time;

/// Returns the view of a secret whose value can be used.
pub(crate) fn secret_view(info: &SecretInfo, weakness: Option<Weakness>) -> SecretView {
    SecretView {
        state: if weakness.is_some() {
            SecretState::Weak
        } else {
            SecretState::Ok
        },
        weakness: weakness.map(weakness_view),
        reason: weakness.map(|it| it.to_string()),
        ..known(info)
    }
}

/// Returns the view of a secret in a list.
pub(crate) fn listed_view(secret: &ListedSecret) -> SecretView {
    let unknown = || unknown(secret.name.to_string());
    match (&secret.info, &secret.opened) {
        (Some(info), Ok(weakness)) => secret_view(info, *weakness),
        (info, Err(error)) => SecretView {
            reason: Some(error.to_string()),
            ..info.as_ref().map_or_else(unknown, known)
        },
        // A secret that can be opened can be read.
        (None, Ok(_)) => unknown(),
    }
}

/// Returns the view of a secret whose file can be read.
fn known(info: &SecretInfo) -> SecretView {
    SecretView {
        version: Some(info.version),
        created_at: Some(time(info.created_at)),
        updated_at: Some(time(info.updated_at)),
        sealed_at: Some(time(info.sealed_at)),
        by: Some(info.by.clone()),
        last_use: info.last_use.as_ref().map(|(at, by)| SecretUse {
            at: time(*at),
            by: by.clone(),
        }),
        ..unknown(info.name.to_string())
    }
}

/// Returns the view of a secret of which only the name is known.
fn unknown(name: String) -> SecretView {
    SecretView {
        name,
        state: SecretState::Closed,
        weakness: None,
        reason: None,
        version: None,
        created_at: None,
        updated_at: None,
        sealed_at: None,
        by: None,
        last_use: None,
    }
}

fn weakness_view(weakness: Weakness) -> SecretWeakness {
    match weakness {
        Weakness::Blank => SecretWeakness::Blank,
        Weakness::Short => SecretWeakness::Short,
        Weakness::Number => SecretWeakness::Number,
        Weakness::EverydayWord => SecretWeakness::EverydayWord,
    }
}
