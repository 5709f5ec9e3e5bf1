//! What several commands say alike.

use std::num::NonZeroU32;
use std::time::Duration;

use clap::Args;
use sedge_app::Settings;

/// Of commands that lock.
#[derive(Debug, Args)]
pub(crate) struct LockOptions {
    /// Wait so long for each lock [default: 60, or as sedge.yaml says] [env: SEDGE_LOCK_TIMEOUT]
    #[arg(long, env = "SEDGE_LOCK_TIMEOUT", hide_env = true, value_name = "SECONDS", value_parser = seconds)]
    lock_timeout: Option<Duration>,
}

/// Of commands that run methods.
#[derive(Debug, Args)]
pub(crate) struct RunOptions {
    #[command(flatten)]
    lock: LockOptions,
    /// Execute at most so many guests at once [default: 4 for each core, or as sedge.yaml says]
    #[arg(long, value_name = "N")]
    concurrency: Option<NonZeroU32>,
}

impl LockOptions {
    pub(crate) fn settings(&self) -> Settings {
        Settings {
            lock_timeout: self.lock_timeout,
            concurrency: None,
        }
    }
}

impl RunOptions {
    pub(crate) fn settings(&self) -> Settings {
        Settings {
            concurrency: self.concurrency,
            ..self.lock.settings()
        }
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok();
    seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| "it is no number of seconds, such as 60 or 0.5".to_owned())
}
