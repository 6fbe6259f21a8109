//! Texts as they are compared: names, and words.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// A text without differences of case, width and accents, and without what takes no room.
pub fn fold(text: &str) -> String {
    let plain = text.nfkd().filter(|c| !is_combining_mark(*c) && !takes_no_room(*c));
    // Up and down again: one letter can have several small forms (`ς`, `ſ`), and one large one.
    let cased = plain.flat_map(char::to_uppercase).flat_map(char::to_lowercase);
    cased.nfkd().filter(|c| !is_combining_mark(*c)).collect()
}

/// Letters that a person's reason has at least: fewer are no sentence.
pub const REASON_LETTERS: usize = 10;

/// How many letters a text holds, in any script.
pub fn letters(text: &str) -> usize {
    text.chars().filter(|c| c.is_alphabetic()).count()
}

/// Whether a text can be a reason.
pub fn is_a_reason(text: &str) -> bool {
    letters(text) >= REASON_LETTERS
}

/// A hyphen that shows only at a line's end, joiners, and marks of direction: a word is not two because of them.
fn takes_no_room(c: char) -> bool {
    matches!(
        c,
        '\u{AD}'
            | '\u{61C}'
            | '\u{180E}'
            | '\u{200B}'..='\u{200F}'
            | '\u{202A}'..='\u{202E}'
            | '\u{2060}'..='\u{2064}'
            | '\u{2066}'..='\u{2069}'
            | '\u{FEFF}'
    )
}

/// Whether two printed names are the same, whatever their case, accents, punctuation and order of words.
pub fn same_name(one: &str, other: &str) -> bool {
    let words = |name: &str| {
        let folded = fold(name);
        let mut words: Vec<String> = folded
            .split(|c: char| !c.is_alphanumeric())
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect();
        words.sort_unstable();
        words
    };
    words(one) == words(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_has_letters_of_whatever_script() {
        for reason in ["Ten letters", "суд так решил", "1 court order"] {
            assert!(is_a_reason(reason), "{reason}");
        }
        for none in ["so", "1234567890 12", "          .", "nine lett"] {
            assert!(!is_a_reason(none), "{none}");
        }
    }

    #[test]
    fn a_name_is_the_same_however_it_is_printed() {
        for other in ["CASEY SAMPLE", "Sample, Casey", " casey  sámple ", "Casey\u{200b} Sample"] {
            assert!(same_name("Casey Sample", other), "{other}");
        }
        for other in ["Casey B. Sample", "Casey Samples", "", "Casey"] {
            assert!(!same_name("Casey Sample", other), "{other}");
        }
    }
}
