//! What a server answers, read with bounds. Pure.

use crate::mail::delivery::Reply;

/// Longest line of an answer (RFC 5321 permits 512; some servers send more).
pub(super) const LONGEST_LINE: usize = 1_000;
/// Longest answer of several lines.
pub(super) const LONGEST_ANSWER: usize = 64 * 1024;

/// One whole answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    /// The three digits.
    pub(super) code: u16,
    /// The text of each line, for `EHLO`'s keywords and the enhanced code only.
    pub(super) lines: Vec<String>,
}

impl Answer {
    /// What may be stored of it.
    pub(super) fn reply(&self) -> Reply {
        let enhanced = self.lines.first().and_then(|text| enhanced(self.code, text));
        Reply { code: self.code, enhanced }
    }

    /// The parameters of an `EHLO` keyword, if the server lists it.
    pub(super) fn keyword(&self, wanted: &str) -> Option<&str> {
        self.lines.iter().skip(1).find_map(|line| {
            let (name, parameters) = line.split_once(' ').unwrap_or((line, ""));
            name.eq_ignore_ascii_case(wanted).then_some(parameters)
        })
    }
}

/// An answer that is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NoAnswer;

/// Gathers the lines of one answer.
#[derive(Debug, Default)]
pub(super) struct Gatherer {
    code: Option<u16>,
    lines: Vec<String>,
    size: usize,
}

impl Gatherer {
    /// Takes one line without its line end; gives the answer after its last line.
    pub(super) fn line(&mut self, line: &[u8]) -> Result<Option<Answer>, NoAnswer> {
        self.size += line.len();
        if line.len() > LONGEST_LINE || self.size > LONGEST_ANSWER {
            return Err(NoAnswer);
        }
        let (digits, rest) = line.split_at_checked(3).ok_or(NoAnswer)?;
        let code = digits.iter().try_fold(0_u16, |sum, digit| {
            digit.is_ascii_digit().then(|| sum * 10 + u16::from(digit - b'0'))
        });
        let code = code.filter(|code| (200..600).contains(code)).ok_or(NoAnswer)?;
        if *self.code.get_or_insert(code) != code {
            return Err(NoAnswer);
        }
        let (is_last, text) = match rest.split_first() {
            None => (true, rest),
            Some((b' ', text)) => (true, text),
            Some((b'-', text)) => (false, text),
            Some(_) => return Err(NoAnswer),
        };
        self.lines.push(String::from_utf8_lossy(text).into_owned());
        Ok(is_last.then(|| Answer { code, lines: std::mem::take(&mut self.lines) }))
    }
}

/// The enhanced status code at the beginning of `text` (RFC 3463) if its class fits `code`.
fn enhanced(code: u16, text: &str) -> Option<String> {
    let word = text.split(' ').next()?;
    let parts: Vec<&str> = word.split('.').collect();
    let [class, subject, detail] = parts.as_slice() else {
        return None;
    };
    let is_number =
        |text: &str| (1..=3).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    let fits = class.parse() == Ok(code / 100)
        && class.len() == 1
        && is_number(subject)
        && is_number(detail);
    fits.then(|| word.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gather(lines: &[&[u8]]) -> Result<Option<Answer>, NoAnswer> {
        let mut gatherer = Gatherer::default();
        let mut last = Ok(None);
        for line in lines {
            last = gatherer.line(line);
        }
        last
    }

    #[test]
    fn an_answer_is_its_code_and_its_enhanced_code() {
        for (line, code, enhanced) in [
            (&b"250 2.0.0 ok, queued for r.sample@example.gov"[..], 250, Some("2.0.0")),
            (b"550 5.1.1 <r.sample@example.gov> unknown", 550, Some("5.1.1")),
            (b"550 2.1.1 classes differ", 550, None),
            (b"550 5.1.1234 x", 550, None),
            (b"550 5.r.sample x", 550, None),
            (b"250", 250, None),
            (b"250 \0\xff garbage", 250, None),
        ] {
            let answer = gather(&[line]).unwrap().unwrap();
            assert_eq!(
                answer.reply(),
                Reply { code, enhanced: enhanced.map(str::to_owned) },
                "{line:?}"
            );
        }
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        for line in [&b""[..], b"25", b"250x ok", b"abc ok", b"199 x", b"600 x", b"+25 x"] {
            assert_eq!(gather(&[line]), Err(NoAnswer), "{line:?}");
        }
        assert_eq!(gather(&[b"250-a", b"550 b"]), Err(NoAnswer));
        assert_eq!(gather(&[&[b'2'; 1001]]), Err(NoAnswer));
    }

    #[test]
    fn an_answer_without_end_ends() {
        let line = [&b"250-"[..], &[b'x'; 900]].concat();
        let mut gatherer = Gatherer::default();
        let refused = (0..100).find(|_| gatherer.line(&line).is_err());
        assert_eq!(refused, Some(LONGEST_ANSWER / line.len()));
    }

    #[test]
    fn keywords_are_found_without_regard_to_case_after_the_greeting_line() {
        let answer =
            gather(&[b"250-STARTTLS", b"250-auth PLAIN LOGIN", b"250 SIZE 1000"]).unwrap().unwrap();
        assert_eq!(answer.keyword("AUTH"), Some("PLAIN LOGIN"));
        assert_eq!(answer.keyword("SIZE"), Some("1000"));
        assert_eq!(answer.keyword("STARTTLS"), None, "the first line is the host's name");
    }
}
