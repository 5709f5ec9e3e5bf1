//! Long answers of the host, which arrive in pages.

use std::iter;

/// Returns the items of all pages. `read` receives the place where the page begins, and returns its
/// items and the place where the next one begins. If it fails, the last item is its error.
///
/// A page can be empty although there is a next one.
pub(crate) fn paged<T, P, E>(
    mut read: impl FnMut(Option<&P>) -> Result<(Vec<T>, Option<P>), E>,
) -> impl Iterator<Item = Result<T, E>> {
    let mut page = Vec::new().into_iter();
    let mut next = None;
    let mut has_more = true;
    iter::from_fn(move || {
        while has_more && page.len() == 0 {
            match read(next.as_ref()) {
                Ok((items, after)) => {
                    has_more = after.is_some();
                    next = after;
                    page = items.into_iter();
                }
                Err(error) => {
                    has_more = false;
                    return Some(Err(error));
                }
            }
        }
        page.next().map(Ok)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads pages, each with the number of the next one. The page 9 is an error.
    fn read(pages: &[(&[u8], Option<usize>)]) -> Vec<Result<u8, &'static str>> {
        let all = paged(|at: Option<&usize>| {
            let at = at.copied().unwrap_or_default();
            let (items, next) = *pages.get(at).ok_or("it is broken")?;
            Ok((items.to_vec(), next))
        });
        all.take(10).collect()
    }

    #[test]
    fn items_continue_over_their_pages() {
        assert_eq!(read(&[(&[], None)]), []);
        assert_eq!(read(&[(&[1], None)]), [Ok(1)]);
        let pages: [(&[u8], _); 3] = [(&[1, 2], Some(1)), (&[], Some(2)), (&[3], None)];
        assert_eq!(read(&pages), [Ok(1), Ok(2), Ok(3)]);
    }

    #[test]
    fn items_end_with_the_error_of_a_page() {
        let pages: [(&[u8], _); 2] = [(&[1], Some(9)), (&[2], None)];
        assert_eq!(read(&pages), [Ok(1), Err("it is broken")]);
    }
}
