//! `docs graph`: the selected resources and their edges as Mermaid or dot.

use crate::base::NodeId;
use crate::cli::session::{Session, Step, Stop};
use crate::cli::settings::Settings;
use crate::docs::{dot, mermaid};
use crate::execute::event::Event;

/// Prints the diagram. Tests come along only when they are selected by a name or method of their own.
pub fn run(session: &Session, settings: &Settings) -> Step<u8> {
    let request = settings.selection_request().ok_or(Stop(2))?;
    let asked: Vec<String> = request.select.iter().flat_map(|s| s.split([' ', ','])).map(str::to_owned).collect();
    let selection = session.select(&request)?;
    let is_test = |id: &NodeId| id.as_str().starts_with("test.") || id.as_str().starts_with("unit_test.");
    let named = |id: &NodeId| {
        let own = session.project.nodes.get(id).map(|n| n.name.as_str());
        asked.iter().any(|word| word.contains("test") || own == Some(word.trim_matches('+')))
    };
    let ids: Vec<NodeId> = selection.iter().filter(|id| !is_test(id) || named(id)).cloned().collect();
    let text = match settings.text("output") {
        Some("dot") => dot(&session.project, &ids),
        _ => mermaid(&session.project, &ids),
    };
    session.inputs.sink.emit(&Event::Printed { message: &text });
    Ok(0)
}
