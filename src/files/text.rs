//! From bytes to text. In: the bytes of a file. Out: text as [`super::Files::read_text`] promises it.

use std::path::Path;

use super::FilesError;

/// Decodes the bytes of a text file: UTF-8, byte order mark dropped, `\r\n` turned into `\n`.
pub fn decode(path: &Path, bytes: Vec<u8>) -> Result<String, FilesError> {
    let mut text = String::from_utf8(bytes).map_err(|e| {
        let offset = e.utf8_error().valid_up_to();
        let valid = String::from_utf8_lossy(&e.as_bytes()[..offset]).into_owned();
        let line = valid.matches('\n').count() + 1;
        FilesError::NotUtf8 { path: path.to_path_buf(), offset, line, valid }
    })?;
    if text.starts_with('\u{feff}') {
        text.drain(..'\u{feff}'.len_utf8());
    }
    Ok(if text.contains("\r\n") { text.replace("\r\n", "\n") } else { text })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_mark_and_carriage_returns() {
        let read = |bytes: &[u8]| decode(Path::new("x.sql"), bytes.to_vec());
        assert_eq!(read(b"\xef\xbb\xbfselect 1\r\nfrom a\r").unwrap(), "select 1\nfrom a\r");
        match read(b"one\ntw\xff") {
            Err(FilesError::NotUtf8 { offset: 6, line: 2, .. }) => {}
            other => panic!("{other:?}"),
        }
    }
}
