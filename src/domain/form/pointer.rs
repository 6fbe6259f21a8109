//! JSON pointers (RFC 6901).

/// Names that a sender invents are cut here, so that an error is no echo of the body.
const MAX_NAME: usize = 100;

/// The pointer to member `name` of what `at` points to.
pub(super) fn member(at: &str, name: &str) -> String {
    let mut pointer = String::with_capacity(at.len() + name.len().min(MAX_NAME) + 1);
    pointer.push_str(at);
    pointer.push('/');
    for (position, c) in name.chars().enumerate() {
        if position == MAX_NAME {
            pointer.push('…');
            break;
        }
        match c {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            _ => pointer.push(c),
        }
    }
    pointer
}

/// The pointer to item `index` of what `at` points to.
pub(super) fn index(at: &str, index: usize) -> String {
    format!("{at}/{index}")
}

/// The last name of a pointer, still escaped.
pub(super) fn last(at: &str) -> &str {
    at.rsplit('/').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped_and_cut() {
        assert_eq!(member("/a", "b~/c"), "/a/b~0~1c");
        assert_eq!(member("", &"x".repeat(5_000)).chars().count(), 102);
        assert_eq!(index("/images", 3), "/images/3");
        assert_eq!(last("/images/3/file_name"), "file_name");
    }
}
