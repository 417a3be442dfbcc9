//! One run at a time writes to a target folder.
//!
//! In: the folder. Out: the claim on it, for as long as the session lasts. Two runs on different databases may share a project:
//! the second one waits, if it may, or says that their files are going to mix. Who comes after a run that was killed removes the
//! files that it had begun.

use std::path::Path;
use std::time::Instant;

use crate::execute::event::{Event, NoteLevel};
use crate::files::{Claim, Files};

use super::lock_wait::PAUSE;
use super::session::Inputs;
use super::unfinished;

const FILE: &str = ".transform.lock";
const BEGUN: &str = ".tmp-";

/// What ends the claim when it is dropped; nothing where the folder cannot be claimed.
pub type Guard = Option<Box<dyn Send + Sync>>;

/// Claims the folder.
pub fn claim(inputs: &Inputs, folder: &Path) -> Guard {
    let started = Instant::now();
    let mut told = false;
    loop {
        // A folder that cannot be written to is told of by whoever writes to it.
        match inputs.files.claim(&folder.join(FILE)).ok()? {
            Claim::Ours { guard, after_crash } => {
                if after_crash || inputs.files.exists(&folder.join(unfinished::FILE)) {
                    clear(&*inputs.files, folder);
                }
                return Some(guard);
            }
            Claim::Taken { by } => {
                let who = by.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"));
                let say = |level, message: String| inputs.sink.emit(&Event::Note { level, message: &message });
                let shown = folder.display();
                let left = inputs.lock_wait.saturating_sub(started.elapsed());
                if left.is_zero() || inputs.cancel.is_cancelled() {
                    let ways = "wait for it with --lock-wait SECONDS, or choose another folder with --target-path";
                    say(NoteLevel::Warn, format!("{who} writes to {shown} too, the files of both runs mix: {ways}"));
                    return None;
                }
                if !told {
                    let seconds = inputs.lock_wait.as_secs();
                    say(NoteLevel::Info, format!("Waiting up to {seconds} s for {who}, which writes to {shown}"));
                    told = true;
                }
                std::thread::sleep(PAUSE.min(left));
            }
        }
    }
}

/// Removes what a killed run had begun to write.
fn clear(files: &dyn Files, folder: &Path) {
    for found in files.walk(folder).unwrap_or_default() {
        let begun = found.path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(BEGUN));
        if begun {
            let _ = files.remove_file(&found.path);
        }
    }
}
