//! `parse`: everything up to the manifest.

use std::collections::HashMap;

use crate::execute::event::{Event, NoteLevel};

use crate::cli::session::{Session, Step};

/// Writes the manifest of the parsed project.
pub fn run(session: &Session) -> Step<u8> {
    super::build::adapter_chosen(session);
    session.write_manifest(&HashMap::new(), &HashMap::new())?;
    let path = session.target_dir().join("manifest.json");
    let message = format!("Wrote {}", crate::files::slashed(&path));
    session.inputs.sink.emit(&Event::Note { level: NoteLevel::Info, message: &message });
    Ok(0)
}
