//! The words of a mail. Text only, never HTML; the subject knows the unit's name and nothing else.
//! Pure: the templates are part of the program.

use serde::Serialize;
use tera::{Context, Tera};

use super::address::check_text;
use crate::domain::RequestId;

const ANSWER_SUBJECT: (&str, &str) =
    ("answer/subject.txt", include_str!("../../templates/mail/answer/subject.txt.tera"));
const ANSWER_BODY: (&str, &str) =
    ("answer/body.txt", include_str!("../../templates/mail/answer/body.txt.tera"));

/// A mail that could not be put into words.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// A template is wrong; only a faulty build has one.
    #[error("fill in the mail template {template}")]
    Template {
        /// Its name.
        template: &'static str,
        /// What is wrong with it.
        #[source]
        source: Box<tera::Error>,
    },
    /// The unit's name cannot stand in a header.
    #[error("put the unit's name into a subject: correct it in the registry")]
    Subject(#[source] super::address::BadHeader),
}

/// What the mail that carries a report or a notice says. It names no outcome: the document does.
#[derive(Debug, Clone, Serialize)]
pub struct AnswerMail {
    /// The unit's printed name.
    pub unit_name: String,
    /// Where to ask: a telephone number or an address of the unit.
    pub contact: String,
    /// The request.
    pub request: RequestId,
    /// The statement that stands on the document's banner.
    pub banner: String,
    /// How to check the document's seal.
    pub seal: String,
}

impl AnswerMail {
    /// An invented one, for checks and previews.
    pub fn sample() -> Self {
        Self {
            unit_name: "Sample Regional Unit".to_owned(),
            contact: "+1 555 0100".to_owned(),
            request: RequestId::new(uuid::Uuid::from_u128(7)),
            banner: "The attached document is an investigative aid. It is not an identification \
                     and not probable cause to arrest."
                .to_owned(),
            seal: "The document is sealed. Check the seal before you rely on it.".to_owned(),
        }
    }
}

/// The subject's context: what is not here cannot leak into a header.
#[derive(Serialize)]
struct Subject<'a> {
    unit_name: &'a str,
}

/// A mail in words. Only [`MailRenderer`] makes one.
#[derive(Clone, PartialEq, Eq)]
pub struct RenderedMail {
    subject: String,
    body: String,
}

impl RenderedMail {
    /// The outer subject, which travels in clear.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The text, which travels encrypted.
    pub fn body(&self) -> &str {
        &self.body
    }
}

impl std::fmt::Debug for RenderedMail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RenderedMail").field("subject", &self.subject).finish_non_exhaustive()
    }
}

/// The templates, loaded and tried once.
#[derive(Debug)]
pub struct MailRenderer {
    tera: Tera,
}

impl MailRenderer {
    /// Loads every template and fills each in with its sample, so that a faulty one ends the start
    /// and not a delivery.
    pub fn load() -> Result<Self, RenderError> {
        let mut tera = Tera::new();
        for (name, text) in [ANSWER_SUBJECT, ANSWER_BODY] {
            tera.add_raw_template(name, text).map_err(|source| fault(name, source))?;
        }
        let renderer = Self { tera };
        renderer.answer(&AnswerMail::sample())?;
        Ok(renderer)
    }

    /// The mail that carries a report or a notice.
    pub fn answer(&self, mail: &AnswerMail) -> Result<RenderedMail, RenderError> {
        check_text(&mail.unit_name).map_err(RenderError::Subject)?;
        let subject = self.fill(ANSWER_SUBJECT.0, &Subject { unit_name: &mail.unit_name })?;
        let subject = subject.trim_end().to_owned();
        check_text(&subject).map_err(RenderError::Subject)?;
        let body = self.fill(ANSWER_BODY.0, mail)?;
        Ok(RenderedMail { subject, body })
    }

    fn fill(
        &self,
        template: &'static str,
        context: &impl Serialize,
    ) -> Result<String, RenderError> {
        Context::from_serialize(context)
            .and_then(|context| self.tera.render(template, &context))
            .map_err(|source| fault(template, source))
    }
}

fn fault(template: &'static str, source: tera::Error) -> RenderError {
    RenderError::Template { template, source: Box::new(source) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_reads_so() {
        let mail = MailRenderer::load().unwrap().answer(&AnswerMail::sample()).unwrap();
        insta::assert_snapshot!(mail.subject(), @"A document from Sample Regional Unit");
        insta::assert_snapshot!(mail.body(), @r"
        Sample Regional Unit sends you the attached document for request r-00000000000000000000000000000007.

        The attached document is an investigative aid. It is not an identification and not probable cause to arrest.

        The document is sealed. Check the seal before you rely on it.

        Questions: +1 555 0100

        This message was sent by a machine. Replies to it are not read.
        ");
    }

    #[test]
    fn the_subject_says_the_unit_and_nothing_of_the_case() {
        let sample = AnswerMail::sample();
        let mail = MailRenderer::load().unwrap().answer(&sample).unwrap();
        assert!(!mail.subject().contains(&sample.request.to_string()));
        assert!(!format!("{mail:?}").contains(&sample.contact));
    }

    #[test]
    fn a_line_break_in_the_units_name_is_refused() {
        let mut mail = AnswerMail::sample();
        mail.unit_name = "Unit\r\nBcc: x@example.gov".to_owned();
        let refused = MailRenderer::load().unwrap().answer(&mail);
        assert!(matches!(refused, Err(RenderError::Subject(_))));
    }

    #[test]
    fn text_is_not_escaped_as_html() {
        let mut mail = AnswerMail::sample();
        mail.unit_name = "Smith & Sons <Unit>".to_owned();
        let mail = MailRenderer::load().unwrap().answer(&mail).unwrap();
        assert_eq!(mail.subject(), "A document from Smith & Sons <Unit>");
    }
}
