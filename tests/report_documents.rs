//! The printed documents, read back with poppler's `pdftotext` and `pdfimages` as a recipient would.
#![expect(clippy::expect_used, clippy::panic, reason = "a test may panic")]

use std::io::Write as _;
use std::process::Command;

use chrono::{DateTime, Utc};
use leadbroker::domain::Personal;
use leadbroker::report::document::MARKING;
use leadbroker::report::{
    CaseBlock, Comparison, Declined, Demographics, Derivative, Document, Examination,
    FeatureAgreement, Ground, Inconclusive, LeadSearch, LeadStatements, Letterhead,
    ManualSearchReport, NoMatch, Notice, NoticeStatements, Pdf, Picture, PictureLimits,
    ProbeReference, ReportError, Search, SecondReview, UnsuitableProbe, normalise, render, samples,
};

const DISCLAIMER: &str = "THIS IS NOT A POSITIVE IDENTIFICATION. IT IS AN INVESTIGATIVE LEAD ONLY, AND FURTHER INVESTIGATION IS NEEDED. THIS IS NOT PROBABLE CAUSE TO ARREST OR A REASON FOR DETENTION.";
const LEAD_VIABLE: &str = "The above investigative lead is deemed viable for further investigation based on a facial recognition search and morphological comparison. See the demographic information below:";
const NO_MATCH: &str = "Sample Unit has determined that the image(s) provided did not result in a possible match in the digital mugshot repository. A new facial recognition search request form must be completed if your agency wishes to provide additional images.";
const UNSUITABLE: &str = "Sample Unit has determined that no submitted image is suitable for a facial recognition search.";
const INCONCLUSIVE: &str = "Sample Unit can neither offer an investigative lead nor exclude one.";
const DECLINED: &str = "Sample Unit has declined the search for the reasons below.";
const SEAL: &str = "If LACRIS is notified to seal/destroy this record, it is your agency's responsibility to destroy this information in compliance with California's Department of Justice Criminal Offender Record Information (Information Bulletin 13-04-CJIS).";
const FOOTER: &str = "This document is the property of Sample Unit and is prepared for the limited purpose of information sharing. This information is designated U//LES and is shared in confidence. This document contains Personally Identifiable Information (PII) and must be handled in accordance with the LACRIS Policy and FBI CJIS Security Policy. It may be shared with other LE agencies but may not be posted within public view. This document must not be reclassified in any way, in whole or part. Questions about this document can be directed to fr-unit@unit.example.gov.";
const FURTHER: &str = "Generative AI was used to aid in the production of this work product.";
const PROBE_HASH: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
const LEAD_HASH: &str = "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752";
const SCRIPT: &str = "#panic(\"x\") [x] *not bold* $x$ `raw` <label> @ref // \\ #{1+1} _y_ = z";

fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("a time")
}

fn made_at() -> DateTime<Utc> {
    at("2026-11-21T08:30:00Z")
}

fn personal(text: &str) -> Personal<String> {
    Personal::from(text)
}

fn letterhead() -> Letterhead {
    Letterhead { unit: "Cal-ID / Facial Recognition Unit".to_owned(), logo: None }
}

fn case() -> CaseBlock {
    CaseBlock {
        fr_case_number: "FR-2026-000123".to_owned(),
        submitted_by: personal("Det. Jordan Sample"),
        date_searched: Some(at("2026-11-20T23:05:00Z")),
        investigating_agency: "Sample City Police (CA0194200)".to_owned(),
        face_reviewer: personal("Robin Example"),
        agency_case_number: personal("26-004417"),
    }
}

fn picture(jpeg: &[u8], sha256: &str, caption: &str) -> Picture {
    Picture {
        jpeg: Personal::new(normalise(jpeg, &PictureLimits::default()).expect("a sample image")),
        sha256: sha256.to_owned(),
        caption: personal(caption),
    }
}

fn search(repository: &str) -> Search {
    Search {
        repository: repository.to_owned(),
        system: "Sample Face Search".to_owned(),
        vendor: "Sample Vendor".to_owned(),
        version: "4.2.1".to_owned(),
        searched_at: at("2026-11-20T23:05:00Z"),
    }
}

fn derivative() -> Derivative {
    Derivative {
        operation: "Crop to the face; brightness +15".to_owned(),
        tool: "Sample Image Tool 2.0".to_owned(),
        operator: personal("Robin Example"),
        parent_sha256: PROBE_HASH.to_owned(),
        sha256: LEAD_HASH.to_owned(),
    }
}

fn comparison(
    feature: &str,
    probe: &str,
    candidate: &str,
    agreement: FeatureAgreement,
) -> Comparison {
    Comparison {
        note: None,
        feature: feature.to_owned(),
        probe: personal(probe),
        candidate: personal(candidate),
        agreement,
    }
}

fn report() -> ManualSearchReport {
    ManualSearchReport {
        letterhead: letterhead(),
        statements: LeadStatements {
            disclaimer: DISCLAIMER.to_owned(),
            lead_viable: LEAD_VIABLE.to_owned(),
            seal: SEAL.to_owned(),
            footer: FOOTER.to_owned(),
            further: vec![FURTHER.to_owned()],
        },
        case: case(),
        probe: picture(
            &samples::probe(5).expect("a drawing"),
            PROBE_HASH,
            "Frame from the store's camera 3, November 19, 2026, 22:14",
        ),
        lead: picture(
            &samples::booking(5).expect("a drawing"),
            LEAD_HASH,
            "DMS booking photograph, March 2, 2024",
        ),
        demographics: Demographics {
            name: Some(personal("SAMPLE, CASEY")),
            date_of_birth: Some(personal("01/02/1990")),
            cdl: Some(personal("X0000000")),
            main_number: Some(personal("00000001")),
            sid: None,
            recent_booking_number: Some(personal("9000001")),
        },
        comments: Some(personal(&format!(
            "Last contact: 100 Example Street, Sample City.\n{SCRIPT}"
        ))),
        examination: examination(),
    }
}

fn examination() -> Examination {
    Examination {
        checklist: Some("version 1, SHA-256 00".to_owned()),
        other_sources: vec![personal("State driver records")],
        searches: vec![
            LeadSearch { search: search("DMS"), candidates: 50 },
            LeadSearch { search: search("CAFRI"), candidates: 25 },
        ],
        suitability: personal(
            "Frontal pose, 64 pixels between the eyes, some compression; suitable.",
        ),
        derivatives: vec![derivative()],
        comparisons: vec![
            comparison("Face shape", "Oval", "Oval", FeatureAgreement::Similar),
            comparison(
                "Ear, lobe",
                "Attached, left only visible",
                "Attached",
                FeatureAgreement::Similar,
            ),
            comparison("Beard", "Full", "None", FeatureAgreement::DifferentExplained),
            comparison(
                "Scar, left brow",
                "Too coarse to see",
                "Short scar",
                FeatureAgreement::NotComparable,
            ),
        ],
        second_review: SecondReview::Concurred {
            reviewer: personal("Alex Instance"),
            at: at("2026-11-21T07:10:00Z"),
        },
        audit_reference: "entry 4411 of 4412, checkpoint 2026-11-21".to_owned(),
    }
}

fn notice<T>(body: &str, finding: T) -> Box<Notice<T>> {
    Box::new(Notice {
        letterhead: letterhead(),
        statements: NoticeStatements {
            body: body.to_owned(),
            seal: SEAL.to_owned(),
            footer: FOOTER.to_owned(),
            further: vec![FURTHER.to_owned()],
        },
        case: case(),
        probes: vec![ProbeReference {
            caption: personal("Frame from the store's camera 3"),
            sha256: PROBE_HASH.to_owned(),
        }],
        comments: Some(personal("Call the unit to talk about better frames.")),
        second_review: Some(SecondReview::Waived {
            by: personal("Sam Supervisor"),
            reason: personal("No second reviewer was on duty."),
        }),
        audit_reference: "entry 4411 of 4412".to_owned(),
        finding,
    })
}

fn notices() -> [Document; 4] {
    let mut declined = notice(
        DECLINED,
        Declined {
            grounds: vec![Ground {
                clause: "LACRIS-FA-2a".to_owned(),
                reason: personal("The request rests on a lawful assembly alone."),
            }],
        },
    );
    declined.case.date_searched = None;
    [
        Document::NoMatchNotice(notice(
            NO_MATCH,
            NoMatch {
                searches: vec![search("DMS"), search("CAFRI")],
                suitability: personal("Suitable."),
                derivatives: vec![derivative()],
            },
        )),
        Document::UnsuitableProbeNotice(notice(
            UNSUITABLE,
            UnsuitableProbe {
                reasons: vec![
                    personal("Fewer than 20 pixels between the eyes."),
                    personal("Too dark."),
                ],
            },
        )),
        Document::InconclusiveNotice(notice(
            INCONCLUSIVE,
            Inconclusive {
                searches: vec![search("DMS")],
                suitability: personal("Marginal."),
                derivatives: Vec::new(),
            },
        )),
        Document::DeclinedNotice(declined),
    ]
}

fn printed(document: &Document) -> Pdf {
    let pdf = render(document, made_at()).expect("a document");
    // Built with this variable, the tests leave the documents there, to be looked at.
    if let Some(dir) = option_env!("LEADBROKER_KEEP_DOCUMENTS") {
        let path = format!("{dir}/{}.pdf", document.title());
        std::fs::write(path, pdf.bytes()).expect("a writable directory");
    }
    pdf
}

/// Runs a tool of poppler on the document.
fn poppler(tool: &str, arguments: &[&str], pdf: &[u8]) -> String {
    let file = {
        let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
        file.write_all(pdf).expect("a written file");
        file
    };
    let output = Command::new(tool)
        .args(arguments.iter().map(|argument| {
            if *argument == "FILE" { file.path().as_os_str() } else { (*argument).as_ref() }
        }))
        .output()
        .unwrap_or_else(|error| panic!("run `{tool}` ({error}); install poppler-utils"));
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{tool} failed: {complaint}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// The text as extracted, page by page, each run of white space as one space.
fn pages(pdf: &Pdf) -> Vec<String> {
    let text = poppler("pdftotext", &["FILE", "-"], pdf.bytes());
    let pages: Vec<String> = text
        .split_terminator('\u{c}')
        .map(|page| page.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(pages.len(), pdf.pages());
    pages
}

/// The rows of `pdfimages -list`.
fn images(pdf: &Pdf) -> usize {
    let list = poppler("pdfimages", &["-list", "FILE"], pdf.bytes());
    list.lines().skip(2).count()
}

fn lead() -> Document {
    Document::ManualSearchReport(Box::new(report()))
}

#[test]
fn a_report_carries_every_field_of_the_form_and_both_images() {
    let pdf = printed(&lead());
    let pages = pages(&pdf);
    assert_eq!(pages.len(), 2, "the official form on one page, the supplement on another");
    for text in [
        "Cal-ID / Facial Recognition Unit",
        "Manual Search Report",
        "Facial Recognition Case Number:",
        "FR-2026-000123",
        "Submitted by:",
        "Det. Jordan Sample",
        "Date Searched:",
        "November 20, 2026, 23:05 UTC",
        "Investigating Agency:",
        "Sample City Police (CA0194200)",
        "Face Reviewer:",
        "Robin Example",
        "Agency Case Number:",
        "26-004417",
        "Submitted Image (Probe)",
        "Investigative Lead Image",
        PROBE_HASH,
        LEAD_HASH,
        "Name:",
        "SAMPLE, CASEY",
        "Date of Birth:",
        "01/02/1990",
        "CDL:",
        "X0000000",
        "MAIN #:",
        "00000001",
        "SID:",
        "Not on record",
        "Recent booking number:",
        "9000001",
        "Comments:",
    ] {
        assert!(pages[0].contains(text), "`{text}` is missing in: {}", pages[0]);
    }
    assert_eq!(images(&pdf), 2);
}

#[test]
fn mandated_statements_are_printed_word_for_word() {
    let report = pages(&printed(&lead()));
    for statement in [DISCLAIMER, LEAD_VIABLE, SEAL, FOOTER] {
        assert!(report[0].contains(statement), "`{statement}` is missing in: {}", report[0]);
    }
    assert!(report[1].contains(DISCLAIMER), "the supplement, torn off, says it too");
    assert!(!report[0].contains(FURTHER) && report[1].contains(FURTHER), "in the supplement only");
    for (document, body) in notices().iter().zip([NO_MATCH, UNSUITABLE, INCONCLUSIVE, DECLINED]) {
        let text = pages(&printed(document)).join(" ");
        for statement in [body, SEAL, FOOTER, FURTHER] {
            assert!(text.contains(statement), "`{statement}` is missing in: {text}");
        }
    }
}

#[test]
fn the_supplement_stands_behind_the_official_block() {
    let pages = pages(&printed(&lead()));
    for text in [
        "Second review",
        "Alex Instance",
        "Repositories searched",
        "CAFRI",
        "Sample Face Search",
        "Sample Vendor",
        "4.2.1",
        "Candidates",
        "64 pixels between the eyes",
        "Crop to the face",
        "Sample Image Tool 2.0",
        "Morphological comparison",
        "Different, explained",
        "Not comparable",
        "Audit reference",
        "entry 4411 of 4412",
    ] {
        assert!(pages[1].contains(text), "`{text}` is missing in: {}", pages[1]);
        assert!(!pages[0].contains(text), "`{text}` is inside the official block");
    }
}

#[test]
fn a_notice_has_no_image_and_no_demographics() {
    for document in notices() {
        let pdf = printed(&document);
        let text = pages(&pdf).join(" ");
        assert_eq!(images(&pdf), 0);
        for absent in
            ["Date of Birth", "MAIN #", "CDL", "SID", "booking", "Lead Image", "Candidates"]
        {
            assert!(!text.contains(absent), "`{absent}` is in: {text}");
        }
        for present in
            [document.title(), "FR-2026-000123", "26-004417", PROBE_HASH, "Sam Supervisor"]
        {
            assert!(text.contains(present), "`{present}` is missing in: {text}");
        }
    }
}

#[test]
fn each_notice_says_what_it_is_for() {
    let expected =
        ["CAFRI", "20 pixels between the eyes", "no derivative image was made", "LACRIS-FA-2a"];
    for (document, text) in notices().iter().zip(expected) {
        let pages = pages(&printed(document)).join(" ");
        assert!(pages.contains(text), "`{text}` is missing in: {pages}");
    }
    let [.., declined] = notices();
    assert!(pages(&printed(&declined)).join(" ").contains("No search was made"));
}

/// Who differed is named, and who decided; nothing says that one of them came to another outcome than the one printed.
#[test]
fn a_difference_is_told_without_saying_who_concluded_what() {
    let (first, second) = (personal("Robin Example"), personal("Alex Instance"));
    let at = at("2026-11-21T07:10:00Z");
    let mut lead = report();
    lead.case.face_reviewer = personal("Jamie Decider");
    lead.examination.second_review = SecondReview::Adjudicated {
        first: first.clone(),
        second: second.clone(),
        adjudicator: personal("Jamie Decider"),
        at,
    };
    let pages_of_lead = pages(&printed(&Document::ManualSearchReport(Box::new(lead))));
    assert!(pages_of_lead[0].contains("Jamie Decider"), "{}", pages_of_lead[0]);
    for reviewer in ["Robin Example", "Alex Instance"] {
        assert!(!pages_of_lead[0].contains(reviewer), "{}", pages_of_lead[0]);
    }
    let mut divided = notice(
        INCONCLUSIVE,
        Inconclusive {
            searches: vec![search("DMS")],
            suitability: personal("Marginal."),
            derivatives: Vec::new(),
        },
    );
    divided.second_review = Some(SecondReview::Differed { first, second, at });
    let text_of_notice = pages(&printed(&Document::InconclusiveNotice(divided))).join(" ");
    assert!(text_of_notice.contains("therefore inconclusive"), "{text_of_notice}");
    for text in [&pages_of_lead[1], &text_of_notice] {
        assert!(
            text.contains("The first examination, by Robin Example, and the blind second review, by Alex Instance,"),
            "{text}"
        );
        assert!(text.contains("differed"), "{text}");
        assert!(!text.contains("came to"), "{text}");
    }
    let decided = "The adjudicator Jamie Decider examined and decided, November 21, 2026, 07:10 UTC. The result is the adjudicator's.";
    assert!(pages_of_lead[1].replace('\u{2019}', "'").contains(decided), "{}", pages_of_lead[1]);
}

#[test]
fn the_marking_is_at_the_top_and_at_the_bottom_of_every_page() {
    let mut long = report();
    long.comments = Some(Personal::new("A line of comment.\n".repeat(200)));
    let documents = [lead(), Document::ManualSearchReport(Box::new(long))];
    for document in documents.into_iter().chain(notices()) {
        for page in pages(&printed(&document)) {
            assert!(page.starts_with(MARKING), "top: {page}");
            assert_eq!(page.matches(MARKING).count(), 2, "top and bottom: {page}");
        }
    }
}

#[test]
fn the_same_document_gives_the_same_bytes() {
    let first = printed(&lead());
    let elsewhere = std::thread::spawn(|| printed(&lead())).join();
    assert_eq!(first, elsewhere.unwrap());
    let later = render(&lead(), made_at() + chrono::TimeDelta::minutes(1)).unwrap();
    assert_ne!(first.bytes(), later.bytes(), "the time of making is part of the document");
}

#[test]
fn what_people_write_is_text_and_never_a_program() {
    let page = pages(&printed(&lead())).remove(0);
    assert!(page.contains(SCRIPT), "{page}");
}

#[test]
fn a_document_declares_archival_and_accessible_conformance() {
    for document in [lead()].into_iter().chain(notices()) {
        let pdf = printed(&document);
        let metadata = poppler("pdfinfo", &["-meta", "FILE"], pdf.bytes());
        for mark in ["pdfaid:part>2<", "pdfaid:conformance>A<", "pdfuaid:part>1<", document.title()]
        {
            assert!(metadata.contains(mark), "`{mark}` is missing in: {metadata}");
        }
        let info = poppler("pdfinfo", &["FILE"], pdf.bytes());
        assert!(info.lines().any(|line| line.starts_with("Tagged:") && line.ends_with("yes")));
        assert!(info.lines().any(|line| line.starts_with("JavaScript:") && line.ends_with("no")));
        let fonts = poppler("pdffonts", &["FILE"], pdf.bytes());
        assert!(fonts.contains("LibertinusSerif"), "{fonts}");
    }
}

#[test]
fn long_text_in_any_script_is_printed_in_full() {
    let mut long = report();
    let letters: String = ('\u{21}'..'\u{3000}').step_by(3).collect();
    long.comments = Some(Personal::new(format!(
        "Łukasz Ωμέγα Жуковский é e\u{301} {}\n{letters}\n\u{1f600}\u{202e}\u{e000}\u{0} 王 {} END",
        "word ".repeat(100),
        "unbroken".repeat(120),
    )));
    let document = Document::ManualSearchReport(Box::new(long));
    let pages = pages(&render(&document, made_at()).unwrap()).join(" ");
    for text in ["Łukasz Ωμέγα Жуковский", "[U+1F600][U+202E][U+E000][U+0000] [U+738B]", "END"]
    {
        assert!(pages.contains(text), "`{text}` is missing");
    }
    let words = pages.matches("unbroken").count();
    assert!(words > 100, "an endless word stays on the page: {words}");
}

#[test]
fn ids_hashes_and_addresses_are_copied_as_they_are() {
    const REQUEST: &str = "r-01a1fea19bee71b987729a264aab31c0";
    const ADDRESS: &str = "facial-recognition-questions@regional-unit.example.gov";
    let mut report = report();
    report.case.fr_case_number = REQUEST.to_owned();
    report.case.agency_case_number = personal(LEAD_HASH);
    report.statements.footer = format!("{FOOTER} {ADDRESS}");
    report.comments = Some(personal(&format!("{ADDRESS} {PROBE_HASH}")));
    report.examination.checklist = Some(format!("version 1, SHA-256 {PROBE_HASH}"));
    report.examination.audit_reference = format!("{REQUEST}, checkpoint {LEAD_HASH}");
    let mut notice = notice(
        NO_MATCH,
        NoMatch {
            searches: vec![search("DMS")],
            suitability: personal("Frontal."),
            derivatives: vec![derivative()],
        },
    );
    notice.case.fr_case_number = REQUEST.to_owned();
    notice.statements.footer = format!("{FOOTER} {ADDRESS}");
    notice.audit_reference = format!("{REQUEST}, checkpoint {LEAD_HASH}");
    for document in
        [Document::ManualSearchReport(Box::new(report)), Document::NoMatchNotice(notice)]
    {
        let pdf = printed(&document);
        let text = poppler("pdftotext", &["-raw", "FILE", "-"], pdf.bytes());
        let unseen =
            |c: char| matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}');
        assert!(!text.contains(unseen), "{text:?}");
        // Where a line is full it may end, and that is all.
        let text = text.replace('\n', "");
        for whole in [REQUEST, ADDRESS, PROBE_HASH, LEAD_HASH] {
            assert!(text.contains(whole), "`{whole}` is missing in: {text}");
        }
        let again = render(&document, made_at()).unwrap();
        assert_eq!(again.bytes(), pdf.bytes(), "the same document is the same file");
    }
}

#[test]
fn a_logo_is_printed_and_a_bad_one_is_refused() {
    let mut with_logo = report();
    with_logo.letterhead.logo = Some(samples::booking(1).unwrap());
    assert_eq!(images(&printed(&Document::ManualSearchReport(Box::new(with_logo.clone())))), 3);
    with_logo.letterhead.logo = Some(b"<svg/>".to_vec());
    let refused = render(&Document::ManualSearchReport(Box::new(with_logo)), made_at());
    assert!(matches!(refused, Err(ReportError::Logo { .. })));
}

#[test]
fn a_picture_that_is_no_jpeg_is_refused_without_a_panic() {
    for bytes in [&b"%PDF"[..], b"\xFF\xD8\xFF\xE0 broken"] {
        let mut bad = report();
        bad.probe.jpeg = Personal::new(bytes.to_vec());
        let refused = render(&Document::ManualSearchReport(Box::new(bad)), made_at());
        assert!(
            matches!(refused, Err(ReportError::Picture { .. } | ReportError::Template { .. })),
            "{refused:?}"
        );
    }
}

#[test]
fn a_lead_without_a_recorded_search_and_comparison_is_not_printed() {
    let mut without_search = report();
    without_search.examination.searches.clear();
    let mut without_comparison = report();
    without_comparison.examination.comparisons.clear();
    for incomplete in [without_search, without_comparison] {
        let refused = render(&Document::ManualSearchReport(Box::new(incomplete)), made_at());
        assert!(matches!(refused, Err(ReportError::Incomplete { .. })), "{refused:?}");
    }
}
