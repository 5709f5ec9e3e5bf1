//! Errors of downloads: their codes, their causes, and what to do next.

use sedge_api::problem::{ErrorCode, Help};
use sedge_model::limits::ComponentLimit;
use sedge_runtime::{FetchError, FetchFault};

use crate::plugin::error::allow_more;

/// The lowest status with which a server reports a fault of its own (RFC 9110, 15.6).
const SERVER_ERROR: u16 = 500;

/// The status of a server that has too many requests (RFC 6585, 4).
const TOO_MANY_REQUESTS: u16 = 429;

/// Returns the code of a download that failed.
pub(crate) fn download_code(error: &FetchError) -> ErrorCode {
    let is_redirected = error.redirected_to.is_some();
    match &error.fault {
        FetchFault::BadUrl | FetchFault::UserName | FetchFault::NotHttps if !is_redirected => {
            ErrorCode::BadInput
        }
        FetchFault::Status(status) if is_temporary(*status) => ErrorCode::DownloadFailed,
        FetchFault::TooLong { .. } | FetchFault::Stalled { .. } | FetchFault::Connection(_) => {
            ErrorCode::DownloadFailed
        }
        FetchFault::BadUrl
        | FetchFault::UserName
        | FetchFault::NotHttps
        | FetchFault::PrivateAddress { .. }
        | FetchFault::Redirects
        | FetchFault::BadRedirect
        | FetchFault::Status(_)
        | FetchFault::TooLarge { .. }
        | FetchFault::Untrusted(_) => ErrorCode::DownloadRefused,
    }
}

fn is_temporary(status: u16) -> bool {
    status >= SERVER_ERROR || status == TOO_MANY_REQUESTS
}

/// Returns the causes of a download that failed, with the URL at which it failed after a redirect.
pub(crate) fn download_causes(error: &FetchError) -> Vec<String> {
    let redirected = error.redirected_to.iter();
    let mut causes: Vec<String> = redirected
        .map(|to| format!("it was redirected to `{to}`"))
        .collect();
    causes.push(error.fault.to_string());
    causes
}

/// Returns what the user can do about a download that failed.
pub(crate) fn download_help(error: &FetchError) -> Vec<Help> {
    let text = match &error.fault {
        FetchFault::PrivateAddress { address, .. } => {
            return vec![
                Help::again("if the server is one of your own, allow its address")
                    .with("allowPrivateAddress", address.to_string()),
            ];
        }
        FetchFault::TooLarge { bytes_max } => {
            let row = ComponentLimit::Bytes.row();
            let units = row.units_for(bytes_max.saturating_mul(2));
            return allow_more(row.word(), units);
        }
        FetchFault::TooLong { limit } => {
            return allow_more("downloadSeconds", limit.as_secs().saturating_mul(2).max(1));
        }
        FetchFault::NotHttps => {
            "use a URL with `https://`, or download the component and name its file"
        }
        FetchFault::UserName => "download the component, and name its file",
        FetchFault::BadUrl | FetchFault::BadRedirect => "check the URL",
        FetchFault::Redirects => "name the URL to which it redirects in the end",
        FetchFault::Status(status) if is_temporary(*status) => "try again later",
        FetchFault::Status(_) => {
            "check the URL; a component that needs a login has to be downloaded by hand"
        }
        FetchFault::Untrusted(_) => {
            "if the server has an authority of your own, name the file of its certificate in the \
             variable SSL_CERT_FILE"
        }
        FetchFault::Stalled { .. } | FetchFault::Connection(_) => {
            "check the URL and the network, and try again"
        }
    };
    vec![Help::advice(text)]
}
