//! The users of this machine.

use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::ptr;

/// The size of the first buffer for an entry of the user database, in bytes.
const ENTRY_BYTES: usize = 1 << 10;

/// The size of the largest buffer for an entry of the user database, in bytes. The machine's
/// administrator chooses the entries; a larger one counts as missing.
const ENTRY_BYTES_MAX: usize = 1 << 20;

/// Returns the name of a user in the user database of the operating system; `None` if the database
/// has no such user, or cannot be read.
#[expect(
    unsafe_code,
    reason = "only the C library knows where the users of this machine are listed"
)]
pub(crate) fn user_name(uid: u32) -> Option<String> {
    let mut n_bytes = ENTRY_BYTES;
    while n_bytes <= ENTRY_BYTES_MAX {
        let mut buffer: Vec<libc::c_char> = vec![0; n_bytes];
        let mut entry = MaybeUninit::<libc::passwd>::zeroed();
        let mut found: *mut libc::passwd = ptr::null_mut();
        let (to, size) = (buffer.as_mut_ptr(), buffer.len());
        // SAFETY: `entry` and `found` are valid for one write, and `buffer` for `size` bytes. All
        // three live longer than the call.
        let status = unsafe { libc::getpwuid_r(uid, entry.as_mut_ptr(), to, size, &raw mut found) };
        match status {
            0 if found.is_null() => return None,
            0 => {
                // SAFETY: the call succeeded and found an entry, so it has written all of `entry`.
                let name = unsafe { entry.assume_init() }.pw_name;
                // SAFETY: the name is a text with its end in `buffer`, which still lives.
                let name = unsafe { CStr::from_ptr(name) };
                // ignored: a name that is not UTF-8 is not used in records.
                return name.to_str().ok().map(str::to_owned);
            }
            libc::ERANGE => n_bytes *= 2,
            libc::EINTR => {}
            _ => return None,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_of_the_system_has_a_name() {
        assert_eq!(user_name(0).as_deref(), Some("root"));
        assert_eq!(user_name(u32::MAX - 7), None);
    }
}
