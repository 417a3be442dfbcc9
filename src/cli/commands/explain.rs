//! `explain CODE`. In: a code. Out: its explanation on standard output.

use crate::cli::context::{CommandContext, CommandResult};
use crate::diag::{Code, codes, nearest};
use crate::execute::event::{Event, NoteLevel};

/// Prints what a code means.
pub fn run(cx: &CommandContext<'_>) -> CommandResult {
    let wanted = cx.settings.text("code").unwrap_or_default();
    if let Some(code) = Code::parse(wanted) {
        cx.print(&format!("{code}: {}\n\n{}", code.title(), code.explanation().trim_end()));
        return Ok(0);
    }
    let known = codes::ALL.iter().map(|(code, ..)| code.as_str());
    let message = match nearest(wanted, known).first() {
        Some(near) => format!("there is no code `{wanted}`; did you mean `{near}`?"),
        None => format!("there is no code `{wanted}`; codes look like {}", codes::REF_NOT_FOUND),
    };
    cx.events.emit(&Event::Note { level: NoteLevel::Error, message: &message });
    Ok(2)
}
