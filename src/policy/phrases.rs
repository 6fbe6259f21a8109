//! Words side by side, found in what a person wrote, without regard to case, width and accents.

use std::ops::Range;

use crate::domain::plain_text::fold;

/// Fewer letters before a `*` would be every other word.
pub(super) const SHORTEST_STEM: usize = 3;
/// Most characters of an entry.
pub(super) const LONGEST: usize = 64;

/// A word of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    /// The word, folded.
    pub(super) word: String,
    /// Where it stands, in characters from 0.
    pub(super) at: Range<usize>,
}

/// An entry as it is compared: folded words, a space between them, each with its `*`. `None`: it is no entry.
pub(super) fn entry(written: &str) -> Option<String> {
    if written.chars().count() > LONGEST {
        return None;
    }
    let mut words = Vec::new();
    for part in written.split_whitespace() {
        let stem = part.strip_suffix('*');
        if stem.unwrap_or(part).contains('*') {
            return None;
        }
        let mut folded: Vec<String> =
            tokens(stem.unwrap_or(part)).into_iter().map(|token| token.word).collect();
        let last = folded.last_mut()?;
        if stem.is_some() {
            if last.chars().count() < SHORTEST_STEM {
                return None;
            }
            last.push('*');
        }
        words.append(&mut folded);
    }
    (!words.is_empty()).then(|| words.join(" "))
}

/// Where an entry's words stand side by side, as places in `tokens`.
pub(super) fn places(entry: &str, tokens: &[Token]) -> impl Iterator<Item = Range<usize>> {
    let words: Vec<String> = entry.split(' ').map(str::to_owned).collect();
    let count = words.len();
    let stands = move |window: &[Token]| {
        words.iter().zip(window).all(|(word, token)| match word.strip_suffix('*') {
            Some(stem) => token.word.starts_with(stem),
            None => token.word == *word,
        })
    };
    let windows = tokens.windows(count).enumerate();
    windows.filter(move |(_, window)| stands(window)).map(move |(first, _)| first..first + count)
}

/// The words of a text, folded. A percent sign is a word: `100%` is not `100`.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    let mut open = false;
    for (place, written) in text.chars().enumerate() {
        let folded = fold(written.encode_utf8(&mut [0; 4]));
        for c in folded.chars() {
            let apart = c == '%';
            if !apart && !c.is_alphanumeric() {
                open = false;
                continue;
            }
            match tokens.last_mut() {
                Some(last) if open && !apart => {
                    last.word.push(c);
                    last.at.end = place + 1;
                }
                Some(_) | None => {
                    tokens.push(Token { word: c.to_string(), at: place..place + 1 });
                }
            }
            open = !apart;
        }
    }
    tokens
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_word_knows_where_it_stands() {
        let text = "¡Él  es\u{200B}tá\u{AD}, 100%";
        let found: Vec<(String, Range<usize>)> =
            tokens(text).into_iter().map(|token| (token.word, token.at)).collect();
        let wanted = [("el", 1..3), ("esta", 5..10), ("100", 13..16), ("%", 16..17)];
        let wanted: Vec<_> = wanted.into_iter().map(|(word, at)| (word.to_owned(), at)).collect();
        assert_eq!(found, wanted);
        assert_eq!(tokens("5%5").len(), 3);
    }

    #[test]
    fn an_entry_is_found_everywhere_it_stands() {
        let text = tokens("It is him; IT  IS him. it was him");
        let found: Vec<_> = places("it is him", &text).collect();
        assert_eq!(found, [0..3, 3..6]);
        assert_eq!(places("hi*", &text).count(), 3);
        assert_eq!(entry("IT'S him"), Some("it s him".to_owned()));
    }

    proptest! {
        #[test]
        fn letters_one_by_one_fold_as_the_whole(text: String) {
            let joined: String = tokens(&text).into_iter().map(|token| token.word).collect();
            let whole: String =
                fold(&text).chars().filter(|c| c.is_alphanumeric() || *c == '%').collect();
            prop_assert_eq!(joined, whole);
        }
    }
}
