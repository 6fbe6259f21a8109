//! What the typesetter may read: three templates, the data and the pictures of one document, all
//! from memory. No package, no file, no system font, no clock.

use std::sync::LazyLock;

use typst::diag::{FileError, FileResult};
use typst::foundations::{Bytes, Datetime, Duration};
use typst::syntax::{FileId, RootedPath, Source, VirtualPath, VirtualRoot};
use typst::text::{Font, FontBook};
use typst::utils::LazyHash;
use typst::{Library, LibraryExt, World};
use typst_kit::fonts::FontStore;

use super::render::ReportError;

/// The typeface of all text, as the font book spells it.
pub(super) const TYPEFACE: &str = "libertinus serif";

const BASE: (&str, &str) = ("/base.typ", include_str!("../../templates/report/base.typ"));
const REPORT: (&str, &str) =
    ("/manual_search_report.typ", include_str!("../../templates/report/manual_search_report.typ"));
const NOTICE: (&str, &str) = ("/notice.typ", include_str!("../../templates/report/notice.typ"));

static FONTS: LazyLock<FontStore> = LazyLock::new(|| {
    let mut fonts = FontStore::new();
    fonts.extend(typst_kit::fonts::embedded());
    fonts
});
static LIBRARY: LazyLock<LazyHash<Library>> = LazyLock::new(|| LazyHash::new(Library::default()));
static SOURCES: LazyLock<Vec<Source>> = LazyLock::new(|| {
    [BASE, REPORT, NOTICE]
        .into_iter()
        .filter_map(|(path, text)| Some(Source::new(file_id(path).ok()?, text.to_owned())))
        .collect()
});

/// The fonts within the binary, loaded once.
pub(super) fn fonts() -> &'static FontStore {
    &FONTS
}

/// The identity of a file in memory.
fn file_id(path: &str) -> Result<FileId, ReportError> {
    let path = VirtualPath::new(path)
        .map_err(|_| ReportError::Template { message: format!("`{path}` is no path") })?;
    Ok(RootedPath::new(VirtualRoot::Project, path).intern())
}

/// Which template starts the document.
#[derive(Debug, Clone, Copy)]
pub(super) enum Template {
    Report,
    Notice,
}

/// All that one document is made from.
pub(super) struct DocumentWorld {
    main: FileId,
    files: Vec<(FileId, Bytes)>,
}

impl DocumentWorld {
    pub(super) fn new(
        template: Template,
        files: Vec<(&'static str, Vec<u8>)>,
    ) -> Result<Self, ReportError> {
        let main = match template {
            Template::Report => REPORT.0,
            Template::Notice => NOTICE.0,
        };
        Ok(Self {
            main: file_id(main)?,
            files: files
                .into_iter()
                .map(|(path, bytes)| Ok((file_id(path)?, Bytes::new(bytes))))
                .collect::<Result<_, ReportError>>()?,
        })
    }
}

impl World for DocumentWorld {
    fn library(&self) -> &LazyHash<Library> {
        &LIBRARY
    }

    fn book(&self) -> &LazyHash<FontBook> {
        FONTS.book()
    }

    fn main(&self) -> FileId {
        self.main
    }

    fn source(&self, id: FileId) -> FileResult<Source> {
        SOURCES.iter().find(|source| source.id() == id).cloned().ok_or(FileError::AccessDenied)
    }

    fn file(&self, id: FileId) -> FileResult<Bytes> {
        self.files
            .iter()
            .find(|(file, _)| *file == id)
            .map(|(_, bytes)| bytes.clone())
            .ok_or(FileError::AccessDenied)
    }

    fn font(&self, index: usize) -> Option<Font> {
        FONTS.font(index)
    }

    fn today(&self, _offset: Option<Duration>) -> Option<Datetime> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_the_given_files_can_be_read() {
        let world =
            DocumentWorld::new(Template::Notice, vec![("/data.json", b"{}".to_vec())]).unwrap();
        assert_eq!(world.file(file_id("/data.json").unwrap()).unwrap().as_slice(), b"{}");
        assert!(world.source(world.main()).is_ok());
        assert!(world.file(file_id("/etc/passwd").unwrap()).is_err());
        assert!(world.source(file_id("/etc/passwd").unwrap()).is_err());
        assert!(world.today(None).is_none());
        assert_eq!(SOURCES.len(), 3);
    }

    #[test]
    fn the_typeface_is_in_the_binary() {
        assert!(fonts().book().contains_family(TYPEFACE));
        assert!(fonts().book().contains_family("dejavu sans mono"));
    }
}
